"""`python -m deploy.local`."""

import signal
import sys


def main() -> int:
    """Run the launcher."""
    # Until the launcher handles it, Ctrl-C shall end us without a traceback: so this precedes its import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from deploy.local import launcher

    return launcher.main()


if __name__ == "__main__":
    sys.exit(main())
