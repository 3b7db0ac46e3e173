"""`python -m worker_service.alive`: whether the worker of this container lives (0) or hangs (1, and why)."""

import sys
from pathlib import Path

from shared.settings import Settings, SettingsError
from worker_service.heartbeat import longest_silence, silence


def main() -> None:
    """The command."""
    try:
        settings = Settings.from_env()
        complaint = problem(settings.heartbeat_file, longest=longest_silence(settings.sweep_seconds))
    except (SettingsError, OSError) as error:
        sys.exit(f"Whether the worker lives can't be told:\n{error}")
    if complaint:
        sys.exit(complaint)


def problem(file: Path | None, *, longest: float) -> str | None:
    """What is wrong with the worker that touches this file; None: nothing."""
    if file is None:
        return "WEIGHBRIDGE_HEARTBEAT_FILE is not set: set it for the worker and for this command."
    seconds = silence(file)
    if seconds is None:
        return f"The worker has not touched {file} yet."
    if seconds > longest:
        return f"The worker has not touched {file} for {seconds:.0f} s; {longest:.0f} s are the most."
    return None


if __name__ == "__main__":
    main()
