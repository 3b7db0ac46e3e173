"""How soon a download begins and how soon it stops, through the whole service; and what a kill -9 costs."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import results
from tests.bench.clients import CONNECTIONS, Case, Place, environment
from tests.bench.hub import ROOT, HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.service import Service, running_service, wait_for
from tests.bench.table import quantile
from tests.bench.transfer import MIB, sparse, volume

CYCLES = 3 if IS_SMALL else 40
KILLS = 2 if IS_SMALL else 10
_SIZE = 64 * MIB
_SLOW = 500e3  # bytes per second of a connection: slow enough that none ends by itself
_KILLED = Case(1, (128 if IS_SMALL else 512) * MIB, ".safetensors")


def main() -> None:
    """Print the tables; about 4 minutes."""
    with volume() as folder, running_hub() as hub:
        _moments(hub, folder)
        _kills(hub, folder)


def _moments(hub: HubProcess, folder: Path) -> None:
    report = results.Report("moments")
    report.head(f"through the whole service, {CYCLES} times", "median ms", "95 % ms", "worst ms")
    kept: dict[str, Any] = {}
    with running_service(hub.url, cache=folder / "hub") as service:
        for name, latency, is_stalled in (
            ("", 0.0, False),
            (", Hub 30 ms away", 0.03, False),
            (", Hub stalled", 0.0, True),
        ):
            hub_is = {"latency": latency, "is_stalled": is_stalled}
            cycles = [_cycle(service, hub, folder, **hub_is) for _ in range(CYCLES)]
            for what, values in (
                ("POST to first byte", [first for first, _ in cycles]),
                ("cancel to stopped", [last for _, last in cycles]),
            ):
                kept[what + name] = values
                report.line(what + name, *(f"{1000 * quantile(values, part):.0f}" for part in (0.5, 0.95, 1)))
    results.keep("moments", "service", kept)
    report.close()


def _cycle(
    service: Service, hub: HubProcess, folder: Path, *, latency: float, is_stalled: bool
) -> tuple[float, float]:
    """Seconds from the POST until a byte leaves the Hub, and from the cancel until the service says so."""
    repo = f"bench/moment-{time.monotonic_ns()}"
    sparse(folder / "source" / repo / "file-000.safetensors", _SIZE)
    hub.add_repo(repo, folder / "source" / repo)
    hub.control("reset")
    hub.pace(throttle=_SLOW, latency=latency)
    if is_stalled:
        hub.control("fault", kind="stall", path_glob=f"{repo}/*", times=None, after_bytes=100_000)
    model = service.api.register(repo)
    began = time.monotonic()
    service.api.call("POST", f"/api/models/{model}/download")
    first = wait_for(lambda: hub.control("stats")["first_bytes"].get(repo), "the first byte", pause=0.02)
    # Anywhere between two looks of the sampler, and late enough that a stalled Hub is silent.
    time.sleep(random.uniform(1.0, 1.5))
    asked = time.monotonic()
    service.api.call("POST", f"/api/models/{model}/cancel-download")
    service.api.wait_status(model, "Canceled", pause=0.01)
    stopped = time.monotonic()
    service.api.call("POST", f"/api/models/{model}/cancel-download", {"purge": True})
    hub.control("release")
    return first - began, stopped - asked


def _kills(hub: HubProcess, folder: Path) -> None:
    """A process with a download is killed in the middle; the next one goes on."""
    again = []
    sparse(folder / "source/killed/file-000.safetensors", _KILLED.size)
    hub.add_repo("bench/killed", folder / "source/killed")
    hub.pace(throttle=5e6)
    rng = random.Random(1)
    for _ in range(KILLS):
        place = Place(hub.url, "bench/killed", _KILLED, folder / "run")
        env = environment(place)
        (place.folder / "target").mkdir()
        hub.control("reset")
        until = rng.uniform(0.1, 0.9) * _KILLED.size
        first = _job(place, env)
        wait_for(lambda until=until: hub.control("stats")["served"] >= until, "bytes", pause=0.01)
        first.kill()
        if first.wait() != -signal.SIGKILL:
            sys.exit("the download was over before it could be killed")
        if _job(place, env).wait():
            sys.exit("the download after a kill failed")
        again.append(hub.control("stats")["served"] - _KILLED.size)
        subprocess.run(["rm", "-rf", str(place.folder)], check=True)
    results.keep("moments", "kills", {"again": again, "size": _KILLED.size, "connections": CONNECTIONS})
    worst = max(again) / MIB
    report = results.Report("kills")
    report.head(f"kill -9 in the middle of {_KILLED.size // MIB} MiB, {KILLS} times", "MiB")
    report.line("sent again by the Hub, median", f"{quantile(again, 0.5) / MIB:.1f}")
    report.line("worst", f"{worst:.1f}")
    report.line(f"worst, of each of {CONNECTIONS} connections", f"{worst / CONNECTIONS:.2f}")
    report.close()


def _job(place: Place, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.bench.job", "weighbridge", place.hub, place.repo),
            *(str(place.folder / "target"), str(place.folder / "job.json")),
        ],
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )
