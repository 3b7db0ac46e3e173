"""A loopback Hub, an empty cache, and a transfer that loses its patience quickly."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.hub import Hub
from shared.manifests import Manifest, freeze
from tests.hub_server import HubServer
from worker_service.transfer import Patience, Transfer, TransferStopped, snapshot_path

REPO = "owner/name"
PIECE = 1 << 20
HASTY = Patience(read_timeout=0.4, tries=3, first_wait=0.02, longest_wait=0.1)


def some_bytes(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


class Workshop:
    """What a test needs to fetch something and to look at what came of it."""

    def __init__(self, hub: HubServer, cache: Path) -> None:
        self.hub = hub
        self.cache = cache
        self.token: str | None = None

    def manifest(self, **choice: Any) -> Manifest:
        asked = {"repo": REPO, "revision": "main"} | choice
        return freeze(Hub(self.hub.url, self.token, False), **asked)

    def transfer(self, manifest: Manifest | None = None, **options: Any) -> Transfer:
        defaults = {"connections": 4, "patience": HASTY, "piece_bytes": PIECE, "token": self.token}
        return Transfer(
            manifest or self.manifest(),
            cache_dir=self.cache,
            endpoint=self.hub.url,
            **{**defaults, **options},
        )

    def fetch(self, manifest: Manifest | None = None, **options: Any) -> Transfer:
        transfer = self.transfer(manifest, **options)
        transfer.run()
        return transfer

    def content(self, manifest: Manifest, path: str) -> bytes:
        return snapshot_path(self.cache, manifest.repo, manifest.commit, path).read_bytes()

    def published(self) -> list[str]:
        """Names of all blobs, links and refs in the cache."""
        found = self.cache.glob("models--*/**/*")
        return sorted(path.relative_to(self.cache).as_posix() for path in found if not path.is_dir())


class Background:
    """A transfer that runs in a thread, and how it ended."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.transfer.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not in time; it ended with {self.error!r}"
            time.sleep(0.005)

    def end(self, seconds: float = 20) -> BaseException | None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the transfer does not end"
        return self.error

    def stop(self) -> float:
        """Seconds that it took from the call to the end."""
        began = time.monotonic()
        self.transfer.stop()
        assert isinstance(self.end(), TransferStopped)
        return time.monotonic() - began


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def shop(hub: HubServer, tmp_path: Path) -> Workshop:
    return Workshop(hub, tmp_path / "cache")


@pytest.fixture
def background() -> Iterator[Callable[[Transfer], Background]]:
    started: list[Background] = []

    def start(transfer: Transfer) -> Background:
        started.append(Background(transfer))
        return started[-1]

    yield start
    for each in started:
        each.transfer.stop()
        each.end()


@pytest.fixture(autouse=True)
def _leaves_nothing_running() -> Iterator[None]:
    """After every test: no thread of a transfer and no open file of a cache."""
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("transfer-")] == []
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    opened = [os.readlink(link) for link in links if os.path.lexists(link)]
    assert [name for name in opened if ".weighbridge" in name or "/models--" in name] == []
