"""`python -m tests.bench.job KIND HUB REPO TARGET RESULT`: one download in a process like a worker's.

Apart from what the process costs as a whole, RESULT says (JSON) what the download alone cost in it: a worker
runs already when one begins. KIND: weighbridge, snapshot_download, or floor: receive, write and hash the
one file in the plainest loop there is.
"""

import hashlib
import http.client
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

BLOCK = 1 << 20


def main() -> None:
    """Import what the download needs, then measure it."""
    kind, hub, repo, target, result = sys.argv[1:]
    work = {"weighbridge": _weighbridge, "snapshot_download": _snapshot_download, "floor": _floor}[kind]
    download = work(hub, repo, Path(target))
    Path("/proc/self/clear_refs").write_text("5")  # the peak from now on
    idle, cpu, began = _memory("VmRSS"), time.process_time(), time.monotonic()
    download()
    cost = {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu, "peak": _memory("VmHWM")}
    Path(result).write_text(json.dumps(cost | {"over_idle": cost["peak"] - idle}))


def _weighbridge(hub: str, repo: str, target: Path) -> Callable[[], None]:
    from shared.hub import Hub
    from shared.manifests import freeze
    from worker_service.transfer import Transfer

    connections = int(os.environ["CONNECTIONS"])

    def download() -> None:
        manifest = freeze(Hub(hub, None, offline=False), repo=repo, revision="main")
        Transfer(manifest, cache_dir=target, endpoint=hub, token=None, connections=connections).run()

    return download


def _snapshot_download(hub: str, repo: str, target: Path) -> Callable[[], None]:
    from huggingface_hub import snapshot_download

    return lambda: _nothing(snapshot_download(repo, endpoint=hub, cache_dir=target))


def _nothing(_: object) -> None:
    return


def _floor(hub: str, repo: str, target: Path) -> Callable[[], None]:
    url = f"{hub}/{repo}/resolve/main/file-000.safetensors"

    def download() -> None:
        answer = _answer(url)
        if answer.status == http.client.FOUND:
            answer = _answer(answer.headers["Location"])
        assert answer.fp
        assert answer.length
        buffer, digest, done = memoryview(bytearray(BLOCK)), hashlib.sha256(), 0
        file = os.open(target / "file", os.O_CREAT | os.O_WRONLY)
        while done < answer.length:
            count = answer.fp.readinto1(buffer)  # type: ignore[attr-defined]
            os.pwrite(file, buffer[:count], done)
            digest.update(buffer[:count])
            done += count
        os.close(file)
        assert digest.hexdigest() == answer.headers["ETag"].strip('"')

    return download


def _answer(url: str) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    return connection.getresponse()


def _memory(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) << 10


if __name__ == "__main__":
    main()
