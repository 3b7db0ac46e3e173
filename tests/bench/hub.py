"""The tests' Hub as a process of its own, with one link that all connections share.

`python -m tests.bench.hub [HOST]` serves until its standard input ends.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests import hub_server
from tests.hub_server import HubServer

ROOT = Path(__file__).parent.parent.parent
# Seconds. A sender that wakes late may catch up by so much, so that the link is not slower than it says.
_CATCH_UP = 0.02


class BenchHub(HubServer):
    """Also knows a limit for all connections together, and when bytes of each repository's files left."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.link: float | None = None  # bytes per second over all connections
        self.first_bytes: dict[str, float] = {}  # repository: time.monotonic(), which all processes share
        self.last_bytes: dict[str, float] = {}
        self._free_at = 0.0
        self._line = threading.Lock()
        super().__init__(host)

    def wait_for_link(self, count: int) -> None:
        """Take the next free stretch of the shared link and wait until it is over."""
        if not self.link:
            return
        with self._line:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _CATCH_UP) + count / self.link
            wait = self._free_at - now
        self.closing.wait(max(0.0, wait))

    def stats(self) -> dict[str, Any]:
        """Short: it is asked for while things are measured."""
        return {
            "url": self.url,
            "served": self.bytes_served(),
            "first_bytes": self.first_bytes,
            "last_bytes": self.last_bytes,
        }


class _Handler(hub_server._Handler):
    def _push(self, stream: Any, position: int, count: int, flip_at: int) -> int:
        if not self.record.file:
            return super()._push(stream, position, count, flip_at)
        self.hub.wait_for_link(count)
        self.hub.first_bytes.setdefault(self.record.repo, time.monotonic())
        sent = super()._push(stream, position, count, flip_at)
        self.hub.last_bytes[self.record.repo] = time.monotonic()
        return sent


class HubProcess:
    """The Hub, from outside."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self._process = psutil.Process(pid)

    def cpu(self) -> float:
        """CPU seconds that it has used so far."""
        times = self._process.cpu_times()
        return times.user + times.system

    def control(self, verb: str, **fields: Any) -> Any:
        """One of HubServer's verbs: settings, fault, reset, repo, …; answers with `BenchHub.stats`."""
        request = urllib.request.Request(f"{self.url}/_control/{verb}", json.dumps(fields).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def pace(self, *, throttle: float | None = None, latency: float = 0, link: float | None = None) -> None:
        """How fast it answers: bytes per second of a connection, seconds, bytes per second of all."""
        self.control("settings", throttle=throttle, latency=latency, link=link)

    def add_repo(self, repo: str, folder: Path) -> None:
        """Serve the files of a folder."""
        self.control("repo", repo_id=repo, files=str(folder))


@contextlib.contextmanager
def running_hub(host: str = "127.0.0.1") -> Iterator[HubProcess]:
    """Start it at an address of this machine, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.hub", host],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield HubProcess(process.stdout.readline().strip(), process.pid)
    finally:
        process.stdin.close()
        process.wait(30)


def main() -> None:
    """Serve."""
    hub_server._Handler = _Handler
    with BenchHub(*sys.argv[1:]) as hub:
        print(hub.url, flush=True)
        while os.read(0, 1 << 16):
            continue


if __name__ == "__main__":
    main()
