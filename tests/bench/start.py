"""How long `make run` takes until it is ready, from a fresh clone and once everything is there."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 3


def main() -> None:
    """Print the table."""
    print(f"| `make run` until “Weighbridge is ready” | seconds (median of {ROUNDS}) |\n| --- | --- |")
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder:
        os.chmod(folder, 0o755)
        firsts = [_first(Path(folder) / str(number)) for number in range(ROUNDS)]
        clone = Path(folder) / "0"
        seconds = [_until_ready(clone) for _ in range(ROUNDS)]
    print(f"| first: a fresh clone with an empty home, packages fetched from the index | {_median(firsts)} |")
    print(f"| second: everything is there | {_median(seconds)} |")


def _first(clone: Path) -> float:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    return _until_ready(clone)


def _until_ready(clone: Path) -> float:
    """Seconds from the command to the line that says so; then Ctrl-C, and it must end well."""
    home = clone / ".home"
    home.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHBRIDGE_")}
    env |= {"HOME": str(home), "PORT": "18473", "LOG_LEVEL": "WARNING"}
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "run"], cwd=clone, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith("Weighbridge is ready"):
            break
    else:
        sys.exit("make run ended before it was ready")
    took = time.monotonic() - began
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    return took


def _median(values: list[float]) -> str:
    return f"{sorted(values)[len(values) // 2]:.1f}"
