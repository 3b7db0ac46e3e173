"""How exactly the bandwidth governor keeps a limit: the largest deviation over any 10 s of a real transfer.

`python -m tests.bench.governor [seconds]`: one transfer for each limit, then two that share one
through Redis. Bytes are counted where the engine reads them.
"""

import multiprocessing
import resource
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from redis import Redis
from sqlalchemy.orm import Session

from deploy.local.valkey import EmbeddedValkey
from shared.hub import Hub
from shared.manifests import freeze
from shared.settings import Settings
from tests.hub_server import HubServer
from worker_service.attempt import SAMPLES_PER_SECOND
from worker_service.bandwidth import Bandwidth
from worker_service.transfer import Transfer, TransferStopped
from worker_service.transfer.governor import Governor

WINDOW = 10.0
STEP = 0.05
LIMITS = (100_000, 1_000_000, 20_000_000, 50_000_000)
SHARED = 40_000_000

Series = list[tuple[float, float]]


def main() -> None:
    """Print a table: for each limit the mean and the worst 10 s."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    print(f"{seconds:.0f} s for each limit, 16 connections a download, worst of all {WINDOW:.0f} s windows\n")
    print("| limit (bytes/s) | downloads | mean | lowest 10 s | highest 10 s | CPU |")
    print("| --- | --- | --- | --- | --- | --- |")
    for limit in LIMITS:
        governor = Governor()
        governor.limit(limit)
        _row(limit, [governor], seconds)
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder), durable=False) as valkey:
        redis = Redis.from_url(valkey.url, decode_responses=True)
        with _sharing(redis) as one, _sharing(redis) as other:
            _row(SHARED, [one, other], seconds)


@contextmanager
def _sharing(redis: Redis) -> Iterator[Governor]:
    """What an attempt does: begin, and ask 4 times a second."""
    settings = Settings.model_validate({"WEIGHBRIDGE_MAX_BYTES_PER_SECOND": SHARED})
    context = SimpleNamespace(settings=settings, redis=redis, database=MagicMock())
    paced, ended = _WithoutRows(context, SimpleNamespace(id=uuid.uuid4())), threading.Event()

    def ask() -> None:
        while not ended.wait(1 / SAMPLES_PER_SECOND):
            pipeline = redis.pipeline(transaction=False)
            paced.ask(pipeline)
            paced.hear(pipeline.execute())

    governor, thread = paced.begin(), threading.Thread(target=ask)
    thread.start()
    yield governor
    ended.set()
    thread.join()
    paced.leave()


class _WithoutRows(Bandwidth):
    def _read(self, _session: Session) -> None:
        """There is no database: nothing else runs, and nobody changes the limit."""


def _row(limit: int, governors: Sequence[Governor], seconds: float) -> None:
    series, cpu = _measure(governors, limit, seconds)
    (began, first), (ended, last) = series[0], series[-1]
    mean = (last - first) / (ended - began) / limit - 1
    later = series[round(WINDOW / STEP) :]
    speeds = [(b - a) / (until - since) for (since, a), (until, b) in zip(series, later, strict=False)]
    low, high = min(speeds) / limit - 1, max(speeds) / limit - 1
    deviations = f"{mean:+.2%} | {low:+.2%} | {high:+.2%}"
    print(f"| {limit:,} | {len(governors)} | {deviations} | {cpu:.1%} |", flush=True)


def _measure(governors: Sequence[Governor], limit: int, seconds: float) -> tuple[Series, float]:
    """Bytes that all have read, every 50 ms from the first one on; and the CPU that it took, of one core."""
    pipe, far_end = multiprocessing.Pipe()
    size = round(limit * seconds * 1.2)
    hub = multiprocessing.Process(target=_serve, args=(far_end, len(governors), size))
    hub.start()
    with tempfile.TemporaryDirectory() as cache:
        url = pipe.recv()
        transfers = [_transfer(url, Path(cache), *each) for each in enumerate(governors)]
        threads = [threading.Thread(target=_run, args=(transfer,)) for transfer in transfers]
        for thread in threads:
            thread.start()
        before = _cpu_seconds()
        series = _watch(lambda: sum(each.taken for each in governors), seconds)
        cpu = (_cpu_seconds() - before) / seconds
        for transfer in transfers:
            transfer.stop()
        for thread in threads:
            thread.join()
    pipe.send(None)
    hub.join()
    return series, cpu


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _watch(taken: Callable[[], float], seconds: float) -> Series:
    pause, before = threading.Event(), taken()
    while taken() == before:
        pause.wait(0.001)
    began = time.monotonic()
    series: Series = []
    while not series or series[-1][0] < began + seconds:
        pause.wait(max(0.0, began + len(series) * STEP - time.monotonic()))
        series.append((time.monotonic(), taken()))
    return series


def _run(transfer: Transfer) -> None:
    try:
        transfer.run()
    except TransferStopped:
        return
    raise AssertionError("the transfer ended too early to be measured")


def _transfer(url: str, cache: Path, number: int, governor: Governor) -> Transfer:
    manifest = freeze(Hub(url, None, False), repo=f"owner/{number}", revision="main")
    return Transfer(manifest, cache_dir=cache, endpoint=url, token=None, connections=16, governor=governor)


def _serve(pipe: Any, repos: int, size: int) -> None:
    """The Hub, in a process of its own: a file of its own for each transfer."""
    with HubServer() as hub, tempfile.TemporaryDirectory() as folder:
        for number in range(repos):
            path = Path(folder) / f"{number}.safetensors"
            with path.open("wb") as file:
                file.write(b"%d" % number)
                file.truncate(size)
            hub.add_repo(f"owner/{number}", {"model.safetensors": path})
        pipe.send(hub.url)
        pipe.recv()


if __name__ == "__main__":
    main()
