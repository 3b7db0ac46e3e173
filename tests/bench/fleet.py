"""What more workers bring: the same work for each, behind a line of its own, with 1, 2, 4 and 8 of them."""

import statistics
import sys
from contextlib import ExitStack
from typing import Any

import psutil

from tests.bench import results
from tests.bench.hub import HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.transfer import MIB, sparse, volume
from tests.bench.workers import Fleet, Lines, lines_work, running_fleet

COUNTS = (1, 2) if IS_SMALL else (1, 2, 4, 8)
# Bytes per second of one worker's line: so slow that two cores carry eight of them.
LINE = 3e6
_EACH = 2  # downloads of each worker, one at a time
# 20 s of a line. All begin at the same moment, and what a beginning costs (0.15 s of a core) falls on two
# cores for all workers together, which is nothing that more machines would share: it has to stay small.
_SIZE = (2 if IS_SMALL else 60) * MIB
_ROUNDS = 1 if IS_SMALL else 2
# Where there are no namespaces, the Hub paces each connection, and a download has so many of them.
_CONNECTIONS = 8


def main() -> None:
    """Print the table; about 7 minutes."""
    with_lines = lines_work()
    report = results.Report("fleet", results.SCALING)
    line = "a line of its own" if with_lines else "the Hub's pace"
    report.head(
        *(f"workers, {LINE / 1e6:.0f} MB/s each by {line}", "MB/s of all", "of the lines", "× one worker"),
        *("per worker, of one worker's", "cores busy"),
    )
    found: dict[int, Any] = {}
    with ExitStack() as stack:
        lines = stack.enter_context(Lines(LINE)) if with_lines else None
        hub = stack.enter_context(running_hub(Lines.HUB if lines else "127.0.0.1"))
        if not lines:
            hub.pace(throttle=LINE / _CONNECTIONS)
        folder = stack.enter_context(volume())
        settings = {"WEIGHBRIDGE_CONNECTIONS_PER_FILE": str(_CONNECTIONS)}
        fleet = stack.enter_context(running_fleet(hub.url, cache=folder / "hub", **settings))
        running = 0
        for count in COUNTS:
            for number in range(running, count):
                fleet.start_worker(
                    f"w{number}", "downloads", at_a_time=1, within=lines.add() if lines else ()
                )
            running = count
            rounds = [_round(fleet, hub, folder, f"{count}-{turn}", count) for turn in range(_ROUNDS)]
            rate, busy = (statistics.median(each) for each in zip(*rounds, strict=True))
            found[count] = {"rate": rate, "busy": busy, "rounds": rounds}
            alone = found[COUNTS[0]]["rate"]
            report.line(
                *(
                    f"{count}",
                    f"{rate / 1e6:.2f}",
                    f"{100 * rate / LINE / count:.1f} %",
                    f"{rate / alone:.2f}",
                ),
                *(f"{rate / alone / count:.3f}", f"{busy:.2f} of {psutil.cpu_count()}"),
            )
    report.close()
    results.keep("fleet", "throughput", {"line": LINE, "with_lines": with_lines, "found": found})
    part = found[COUNTS[-1]]["rate"] / found[1]["rate"] / COUNTS[-1]
    if not IS_SMALL and part < 0.95:
        sys.exit(f"{COUNTS[-1]} workers bring {part:.3f} of {COUNTS[-1]} times one")


def _round(fleet: Fleet, hub: HubProcess, folder: Any, name: str, workers: int) -> tuple[float, float]:
    """Bytes per second from the first start to the last end, and how many cores were busy meanwhile."""
    models = []
    for number in range(workers * _EACH):
        repo = f"bench/fleet-{name}-{number}"
        sparse(folder / repo / "file-000.safetensors", _SIZE)
        hub.add_repo(repo, folder / repo)
        models.append(fleet.api.register(repo))
    psutil.cpu_percent()
    for model in models:
        fleet.api.call("POST", f"/api/models/{model}/download")
    fleet.wait_downloaded(models, seconds=20 * _EACH * _SIZE / LINE + 60)
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    [(seconds,)] = fleet.rows(
        "select extract(epoch from max(finished_at) - min(started_at)) from operations"
        " where model_id = any(%s)",
        models,
    )
    return len(models) * _SIZE / float(seconds), busy
