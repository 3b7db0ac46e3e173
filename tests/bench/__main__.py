"""`make bench`: measures, and prints the tables of docs/benchmarks.md. Ends nothing that it did not start.

`make bench ARGS="transfer:a:unthrottled scan"` runs parts; `SIZE=small` tries the harness, not the machine.
"""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

from tests.bench import api, fleet, large, link, moments, restart, rows, scan, start, transfer, unit
from tests.bench.hub import ROOT


@dataclass(frozen=True)
class Part:
    """A part of the benchmarks; `minutes` that it takes on two cores at full size."""

    work: Callable[..., None]
    minutes: int


def main() -> None:
    """Run the parts that are named, each with what follows its colon; all without a name."""
    wanted = [word.split(":") for word in sys.argv[1:]] or [[name] for name in PARTS]
    if unknown := [part for part, *_ in wanted if part not in PARTS]:
        sys.exit(f"no such part: {', '.join(unknown)}; one of {', '.join(PARTS)}")
    # What is open is closed: a part holds gigabytes of memory, and a service runs.
    signal.signal(signal.SIGTERM, _ended)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n", flush=True)
    missed: list[str] = []
    for name, *details in wanted:
        part = PARTS[name]
        print(f"{name}: about {part.minutes} min, less where a detail is chosen", file=sys.stderr, flush=True)
        missed += _missed(name, part, details)
    sys.exit("\n".join(missed) or None)


def _missed(name: str, part: Part, details: list[str]) -> list[str]:
    """Run a part; what it did not reach, or why it ended. The others run all the same."""
    try:
        part.work(*details)
    except SystemExit as end:
        print(f"{name}: {end.code}", file=sys.stderr, flush=True)
        return [f"{name}: {end.code}"]
    return []


def _ended(*_: object) -> Never:
    raise KeyboardInterrupt


def _script(name: str) -> Callable[..., None]:
    """A part that is a program of its own; the details are its arguments."""

    def run(*details: str) -> None:
        command = [sys.executable, "-m", f"tests.bench.{name}", *details]
        if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(f"it ended with {code}")

    return run


PARTS = {
    "start": Part(start.main, 1),
    "scan": Part(scan.main, 1),
    "transfer": Part(transfer.main, 30),
    "moments": Part(moments.main, 6),
    "link": Part(link.main, 2),
    "rows": Part(rows.main, 4),
    "api": Part(api.main, 4),
    "governor": Part(_script("governor"), 2),
    "progress": Part(_script("progress"), 2),
    "fleet": Part(fleet.main, 8),
    "restart": Part(restart.main, 3),
    "large": Part(large.main, 6),
    "unit": Part(unit.main, 3),
}


if __name__ == "__main__":
    main()
