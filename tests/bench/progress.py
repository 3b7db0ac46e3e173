"""What it costs to show the progress of a download: CPU beside the download's own, and writes to Redis.

`python -m tests.bench.progress [rounds]`: downloads of 1 GiB at full speed with and without an attempt around
them, in turn; then an attempt around a transfer that does nothing more, which shows its cost without the
noise of a download; then the commands that Redis was sent meanwhile.
"""

import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from shared import attempts, operations
from shared.hub import Hub
from shared.manifests import Manifest, freeze
from shared.settings import Settings
from shared.tables import Model, ModelSource, ModelType
from tests.conftest import make_settings, migrate
from tests.hub_server import HubServer
from worker_service.attempt import Attempt
from worker_service.context import Context
from worker_service.downloads import _progress
from worker_service.transfer import Transfer

SIZE = 1 << 30
CONNECTIONS = 16
WATCHED_SECONDS = 30
SMALL_FILES = 500
# What changes nothing in Redis, and what only carries other commands.
READS = frozenset(("exists", "get", "hgetall", "time", "ttl", "eval", "evalsha", "info", "ping"))


def main() -> None:
    """Print a table of the CPU seconds and one of the commands."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with _stores() as settings, _hub() as url:
        one = freeze(Hub(url, None, False), repo="owner/one", revision="main")
        many = freeze(Hub(url, None, False), repo="owner/many", revision="main")
        without, beside = [], []
        for _ in range(rounds):
            without.append(_apart(_download, url, one, None))
            beside.append(_apart(_download, url, one, settings))
        plain, shown = statistics.median(without), statistics.median(beside)
        print("| 1 GiB at full speed | CPU seconds (median) | from | to |\n| --- | --- | --- | --- |")
        for name, each in (("without progress", without), ("with progress", beside)):
            print(f"| {name} | {statistics.median(each):.3f} | {min(each):.3f} | {max(each):.3f} |")
        print(f"\nwith / without: {shown / plain - 1:+.1%}\n")
        for name, manifest in (("one file", one), (f"{SMALL_FILES} files", many)):
            assert settings.redis_url
            redis = Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True)
            redis.config_resetstat()
            cpu = _apart(_watch, url, manifest, settings) / WATCHED_SECONDS
            print(f"watching alone, {name}: {cpu:.3%} of a core; {_commands(redis)}")


def _commands(redis: Redis) -> str:
    stats: Any = redis.info("commandstats")
    calls = Counter({name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()})
    of_interest = {name: count for name, count in calls.items() if name in READS or "|" not in name}
    writes = sum(count for name, count in of_interest.items() if name not in READS | _SETTING_UP)
    each = ", ".join(f"{name} {count / WATCHED_SECONDS:.2f}" for name, count in sorted(of_interest.items()))
    return f"{writes / WATCHED_SECONDS:.2f} writes a second ({each})"


_SETTING_UP = frozenset(("hello", "select", "client", "config", "auth"))


def _apart(work: Callable[..., float], *given: Any) -> float:
    """CPU seconds of this work in a process of its own."""
    pipe, far_end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_tell, args=(far_end, work, given))
    process.start()
    told = float(pipe.recv())
    process.join()
    return told


def _tell(pipe: Any, work: Callable[..., float], given: Any) -> None:
    pipe.send(work(*given))


def _download(url: str, manifest: Manifest, settings: Settings | None) -> float:
    with tempfile.TemporaryDirectory(dir=_ROOMY) as cache:
        transfer = _transfer(url, manifest, Path(cache))
        if settings is None:
            began = _cpu_seconds()
            transfer.run()
            return _cpu_seconds() - began
        with _attempt(settings) as attempt:
            began = _cpu_seconds()
            with attempt:
                attempt.watch(lambda: _progress(transfer), transfer.stop)
                transfer.run()
            return _cpu_seconds() - began


def _watch(url: str, manifest: Manifest, settings: Settings) -> float:
    """An attempt around a transfer that stands still, for a while."""
    with tempfile.TemporaryDirectory(dir=_ROOMY) as cache, _attempt(settings) as attempt:
        transfer = _transfer(url, manifest, Path(cache))
        transfer._prepare()
        began = _cpu_seconds()
        with attempt:
            attempt.watch(lambda: _progress(transfer), transfer.stop)
            threading.Event().wait(WATCHED_SECONDS)
        return _cpu_seconds() - began


_ROOMY = "/dev/shm" if os.path.isdir("/dev/shm") else None


def _transfer(url: str, manifest: Manifest, cache: Path) -> Transfer:
    return Transfer(manifest, cache_dir=cache, endpoint=url, token=None, connections=CONNECTIONS)


@contextmanager
def _attempt(settings: Settings) -> Iterator[Attempt]:
    context = Context.make(settings)
    with context.database.session() as session:
        facts = {"hf_repo": f"owner/{uuid.uuid4()}", "revision": "main", "downloaded": False}
        model = Model(name=str(uuid.uuid4()), type=ModelType.LOCAL, source=ModelSource.HUGGINGFACE, **facts)
        session.add(model)
        session.flush()
        asked = operations.request_download(session, model.id, requested_by="bench", request_id=None)[0]
    with context.database.session() as session:
        begun = attempts.begin(session, asked.id, worker="bench", lease_seconds=30)
    assert begun
    yield Attempt(context, begun)
    context.database.dispose()
    context.redis.close()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _stores() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        place = Path(folder)
        with (
            EmbeddedPostgres(place, durable=False) as postgres,
            EmbeddedValkey(place, durable=False) as valkey,
        ):
            migrate(postgres.url, "upgrade", "head")
            yield make_settings(
                DATABASE_URL=postgres.url, REDIS_URL=valkey.url, WEIGHBRIDGE_DATA_DIR=str(place / "data")
            )


@contextmanager
def _hub() -> Iterator[str]:
    """The Hub, in a process of its own."""
    pipe, far_end = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(far_end,))
    process.start()
    yield pipe.recv()
    pipe.send(None)
    process.join()


def _serve(pipe: Any) -> None:
    with HubServer() as hub, tempfile.TemporaryDirectory(dir=_ROOMY) as folder:
        path = Path(folder) / "model.safetensors"
        with path.open("wb") as file:
            file.truncate(SIZE)
        hub.add_repo("owner/one", {"model.safetensors": path})
        hub.add_repo("owner/many", {f"{n}.json": os.urandom(2_000) for n in range(SMALL_FILES)})
        pipe.send(hub.url)
        pipe.recv()


if __name__ == "__main__":
    main()
