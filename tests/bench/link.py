"""How much of a shared link downloads use, one or several at a time, through the whole service."""

import sys
import time
from pathlib import Path

from tests.bench import results
from tests.bench.hub import HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.service import Service, running_service
from tests.bench.transfer import MIB, sparse, volume

AT_A_TIME = (1, 2) if IS_SMALL else (1, 2, 4, 8)
LINK = 120e6  # bytes per second: what Gigabit Ethernet carries
THROTTLE = 20e6  # of each connection
LATENCY = 0.03
_TOTAL = (64 if IS_SMALL else 1536) * MIB


def main() -> None:
    """Print the table; about 1 minute."""
    report = results.Report("link")
    link = f"link of {LINK / 1e6:.0f} MB/s, {THROTTLE / 1e6:.0f} MB/s per connection, 30 ms"
    report.head(link, "MB/s", "of the link, first byte to last", "POST to last byte")
    found = {}
    with volume() as folder, running_hub() as hub:
        settings = {"WEIGHBRIDGE_DOWNLOAD_CONCURRENCY": str(max(AT_A_TIME))}
        with running_service(hub.url, cache=folder / "hub", **settings) as service:
            for count in AT_A_TIME:
                rate, whole = found[count] = _downloads(service, hub, folder, count)
                what = f"{count} at a time, {_TOTAL // MIB} MiB in all"
                shares = (f"{100 * rate / LINK:.1f} %", f"{100 * whole / LINK:.1f} %")
                report.line(what, f"{rate / 1e6:.1f}", *shares)
    results.keep("link", "efficiency", {"link": LINK, "found": found})
    report.close()


def _downloads(service: Service, hub: HubProcess, folder: Path, count: int) -> tuple[float, float]:
    """Bytes per second while bytes came, and from the first request on."""
    repos = [f"bench/link-{count}-{number}" for number in range(count)]
    models = []
    for repo in repos:
        sparse(folder / repo / "file-000.safetensors", _TOTAL // count)
        hub.add_repo(repo, folder / repo)
        models.append(service.api.register(repo))
    hub.control("settings", first_bytes={}, last_bytes={})
    hub.control("reset")
    hub.pace(throttle=THROTTLE, latency=LATENCY, link=LINK)
    began = time.monotonic()
    for model in models:
        service.api.call("POST", f"/api/models/{model}/download")
    for model in models:
        end = service.api.wait_status(model, "Downloaded", "Failed", pause=0.1)
        if end["status"] == "Failed":
            sys.exit(f"a download failed: {end}")
    stats = hub.control("stats")
    first, last = min(stats["first_bytes"].values()), max(stats["last_bytes"].values())
    return stats["served"] / (last - first), stats["served"] / (last - began)
