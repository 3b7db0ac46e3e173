"""How many requests the API answers, with the load generator beside it on the same cores."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.bench import results, rows, tools
from tests.bench.hub import HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.service import Service, running_service
from tests.bench.transfer import GIB, volume

CONNECTIONS = 16
SECONDS = int(os.environ.get("SECONDS_EACH") or (1 if IS_SMALL else 10))
ROUNDS = 1 if IS_SMALL else 3
MODELS = 1000
_REPO = "bench/slow"


def main() -> None:
    """Print the table; about 3 minutes."""
    report = results.Report("api")
    what = f"API, {CONNECTIONS} connections, token checked"
    report.head(what, f"requests/s (median of {ROUNDS})", "p50 ms", "p99 ms")
    program = tools.wrk()
    if program is None:
        report.line("wrk: not here, and not to be had", "", "", "")
        return
    with volume() as folder, running_hub() as hub, running_service(hub.url, cache=folder / "hub") as service:
        rows.fill(service.database_url, first=1, last=MODELS)
        token = service.api.call("POST", "/api/tokens", {"name": "bench", "role": "viewer"})["token"]
        some = service.api.call("GET", "/api/models?pageSize=1")[0]["id"]
        found = {}

        def measure(what: str, path: str) -> None:
            loads = sorted(_load(program, service.url + path, token) for _ in range(ROUNDS))
            rate, median, slow = found[what] = loads[ROUNDS // 2]
            report.line(what, f"{rate:.0f}", f"{median:.1f}", f"{slow:.1f}")

        measure("liveness (nobody is asked: gunicorn and Flask alone)", "/healthz")
        measure("readiness (Postgres and Redis asked, no token looked at)", "/readyz")
        measure(f"list of 50 of {MODELS:,} models", "/api/models?pageSize=50")
        measure("one model", f"/api/models/{some}")
        measure("download-status, finished", f"/api/models/{some}/download-status")
        running = _start_slow(service, hub, folder)
        measure("download-status, running", f"/api/models/{running}/download-status")
        measure("the list with the running one in it", "/api/models?pageSize=50")
        service.api.call("POST", f"/api/models/{running}/cancel-download", {"purge": True})
        results.keep("api", "load", {"seconds": SECONDS, "rounds": ROUNDS, "found": found})
    report.close()


def _start_slow(service: Service, hub: HubProcess, folder: Path) -> int:
    """A download that outlasts us and costs next to nothing."""
    source = folder / "slow"
    source.mkdir()
    with (source / "file-000.safetensors").open("wb") as file:
        file.truncate(GIB)
    hub.add_repo(_REPO, source)
    hub.pace(link=500e3, throttle=50e3)
    model = service.api.register(_REPO)
    service.api.call("POST", f"/api/models/{model}/download")
    service.api.wait_status(model, "Downloading")
    return model


def _load(program: Path, url: str, token: str) -> tuple[float, float, float]:
    """Requests a second, and the median and the 99th percentile of their milliseconds."""
    done = subprocess.run(
        [
            *(str(program), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"),
            *("-H", f"Authorization: Bearer {token}", url),
        ],
        env={"PATH": os.environ["PATH"], **tools.libraries(program)},
        capture_output=True,
        text=True,
        check=False,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if done.returncode or not rate or "Non-2xx" in done.stdout:
        sys.exit(f"wrk failed:\n{done.stdout}{done.stderr}")
    return float(rate[1]), _latency(done.stdout, 50), _latency(done.stdout, 99)


def _latency(text: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text)
    if not found:
        sys.exit(f"wrk told no latencies:\n{text}")
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]
