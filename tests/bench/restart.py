"""All workers are restarted in turn in the middle of 20 downloads: what is lost, and what is sent again."""

import hashlib
import sys
import time
from pathlib import Path

from tests.bench import results
from tests.bench.hub import HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.transfer import MIB, volume
from tests.bench.workers import Fleet, counted_sources, running_fleet
from worker_service.transfer.fetch import BUFFER_BYTES

WORKERS = 2 if IS_SMALL else 8
AT_A_TIME = 2
DOWNLOADS = 6 if IS_SMALL else 20
CONNECTIONS = 4
# Of each connection, in bytes per second: downloads outlast the restart of all workers.
_PACE = 300e3
_SIZE = (8 if IS_SMALL else 48) * MIB


def main() -> None:
    """Print the table; about 3 minutes."""
    with volume() as folder, running_hub() as hub:
        hub.pace(throttle=_PACE)
        repos = counted_sources(hub, folder / "source", "restart", count=DOWNLOADS, size=_SIZE)
        settings = {"WEIGHBRIDGE_CONNECTIONS_PER_FILE": str(CONNECTIONS)}
        with running_fleet(hub.url, cache=folder / "hub", **settings) as fleet:
            names = [f"w{number}" for number in range(WORKERS)]
            for name in names:
                fleet.start_worker(name, "downloads", at_a_time=AT_A_TIME)
            models = [fleet.api.register(repo) for repo in repos]
            began = time.monotonic()
            for model in models:
                fleet.api.call("POST", f"/api/models/{model}/download")
            ends, rolled, done = _roll(fleet, names, models)
            fleet.wait_downloaded(models, seconds=300)
            seconds = time.monotonic() - began
            _tell(fleet, hub, folder, repos, models, ends=ends, rolled=rolled, done=done, seconds=seconds)


def _roll(fleet: Fleet, names: list[str], models: list[int]) -> tuple[list[float], float, int]:
    """Stop each and start the next; seconds to each end and in all, and what was there already by then."""
    time.sleep(2)  # they run, and each has some bytes
    began, ends = time.monotonic(), []
    for name in names:
        ends.append(fleet.stop(name))
        fleet.start_worker(f"{name}-new", "downloads", at_a_time=AT_A_TIME)
    rolled = time.monotonic() - began
    [(done,)] = fleet.rows("select count(*) from models where id = any(%s) and downloaded", models)
    return ends, rolled, done


def _tell(
    fleet: Fleet,
    hub: HubProcess,
    folder: Path,
    repos: list[str],
    models: list[int],
    *,
    ends: list[float],
    rolled: float,
    done: int,
    seconds: float,
) -> None:
    [(operations, completed, attempts, given_back)] = fleet.rows(
        "select count(*), count(*) filter (where status = 'completed'), sum(attempt),"
        " count(*) filter (where attempt > 1) from operations where model_id = any(%s)",
        models,
    )
    wrong = [repo for repo in repos if not _is_right(folder, repo)]
    served, needed = hub.control("stats")["served"], DOWNLOADS * _SIZE
    # What each connection of each stopped download had received and not written.
    bound = WORKERS * AT_A_TIME * CONNECTIONS * BUFFER_BYTES
    report = results.Report("restart", results.SCALING)
    report.head(f"{DOWNLOADS} downloads of {_SIZE // MIB} MiB, all {WORKERS} workers restarted in turn", "")
    report.line("from SIGTERM to the end of a worker, worst", f"{max(ends):.1f} s")
    report.line("all restarted after", f"{rolled:.0f} s")
    report.line("downloads that were there by then; all there after", f"{done}; {seconds:.0f} s")
    report.line(
        "operations asked for, completed, lost", f"{DOWNLOADS}, {completed}, {operations - completed}"
    )
    report.line("operations that went on elsewhere; attempts in all", f"{given_back}; {attempts}")
    report.line("files with wrong bytes", str(len(wrong)))
    report.line("bytes served / bytes of the files", f"{served / needed:.4f}")
    report.line("served twice", f"{(served - needed) / MIB:.2f} MiB (bound: {bound / MIB:.0f} MiB)")
    report.close()
    results.keep("restart", "rolling", {"served": served, "needed": needed, "ends": ends, "bound": bound})
    if wrong or operations != DOWNLOADS or completed != DOWNLOADS or served - needed > bound:
        sys.exit("the rolling restart lost something")


def _is_right(folder: Path, repo: str) -> bool:
    """Whether the cache has exactly the bytes of the source, under the name that every client looks for."""
    found = list(folder.glob(f"hub/models--{repo.replace('/', '--')}/snapshots/*/model.safetensors"))
    source = folder / "source" / repo / "model.safetensors"
    return [_sum(path) for path in found] == [_sum(source)]


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
