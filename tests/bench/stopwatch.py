"""`python -I -S stopwatch.py RESULT COMMAND…`: what a command and its descendants cost, as JSON in a file.

A process of its own and a small one: Linux counts what the parent had before `exec` into the child's peak.
"""

import json
import os
import sys
import time


def main() -> int:
    """Run the command; its exit code is ours."""
    result, *command = sys.argv[1:]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    cost = {
        "wall": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss << 10,
    }
    with open(result, "w", encoding="utf-8") as file:
        json.dump(cost, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
