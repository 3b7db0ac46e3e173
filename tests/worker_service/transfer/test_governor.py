import random
import threading
from typing import Any

import pytest

from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import TransferStopped
from worker_service.transfer.governor import CREDIT_SECONDS, Governor
from worker_service.transfer.halt import Halt

MIB = 1 << 20


class Time(Halt):
    """A clock that only sleeping moves; whoever sleeps wakes up to `late` seconds too late."""

    def __init__(self, *, late: float = 0.0) -> None:
        super().__init__()
        self.now = 100.0
        self._late = late
        self._chance = random.Random(7)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.check()
        self.now += seconds + self._chance.uniform(0, self._late)


def _read(governor: Governor, halt: Time, *, until: float, fill: float = 1.0) -> list[tuple[float, int]]:
    """When how many bytes were read; `fill`: the part of what is taken that has arrived."""
    read = []
    while halt.now < until:
        taken = governor.take(MIB, halt)
        there = max(1, round(taken * fill))
        governor.give_back(taken - there)
        read.append((halt.now, there))
    return read


def _per_10_seconds(read: list[tuple[float, int]], *, began: float, end: float) -> list[float]:
    """Bytes per second over every 10 s that begin at a tenth of a second."""
    starts = [began + step / 10 for step in range(round((end - began - 10) * 10))]
    return [sum(count for at, count in read if start <= at < start + 10) / 10 for start in starts]


@pytest.mark.parametrize("late", [0.0, 0.03])
@pytest.mark.parametrize("rate", [10_000, 1_000_000, 20_000_000, 200_000_000])
def test_over_any_10_seconds_the_rate_is_kept_within_5_percent(rate: int, late: float) -> None:
    halt = Time(late=late)
    governor = Governor(clock=halt.clock)
    governor.limit(rate)
    read = _read(governor, halt, until=125)
    for speed in _per_10_seconds(read, began=100, end=125):
        assert speed == pytest.approx(rate, rel=0.05)


def test_bytes_that_had_not_arrived_may_be_read_later() -> None:
    halt = Time()
    governor = Governor(clock=halt.clock)
    governor.limit(1_000_000)
    read = _read(governor, halt, until=120, fill=0.1)
    assert sum(count for _, count in read) == pytest.approx(20_000_000, rel=0.01)
    assert governor.taken == sum(count for _, count in read)


def test_what_was_not_used_is_not_saved_up() -> None:
    halt = Time()
    governor = Governor(clock=halt.clock)
    governor.limit(1_000_000)
    halt.now += 3600
    read = _read(governor, halt, until=halt.now + 1)
    assert sum(count for _, count in read) == pytest.approx(1_000_000 * (1 + CREDIT_SECONDS), rel=0.05)


def test_another_rate_holds_at_once() -> None:
    halt = Time()
    governor = Governor(clock=halt.clock)
    governor.limit(1_000_000)
    _read(governor, halt, until=110)
    for rate in (10_000_000, 100_000):
        governor.limit(rate)
        began = halt.now
        read = _read(governor, halt, until=began + 10)
        assert sum(count for _, count in read) == pytest.approx(rate * 10, rel=0.05)


def test_rates_that_change_all_the_time_are_no_way_around_them() -> None:
    halt = Time()
    governor = Governor(clock=halt.clock)
    read = []
    for step in range(200):
        governor.limit(20_000 if step % 2 else 10_000)
        read += _read(governor, halt, until=100 + (step + 1) / 10)
    assert sum(count for _, count in read) == pytest.approx(15_000 * 20, rel=0.05)


def test_without_a_rate_everything_passes_and_nothing_is_counted() -> None:
    halt = Time()
    governor = Governor(clock=halt.clock)
    assert {governor.take(MIB, halt) for _ in range(1000)} == {MIB}
    governor.give_back(5)
    assert (halt.now, governor.taken) == (100.0, 0)
    governor.limit(1_000_000)
    governor.limit(None)
    assert governor.take(MIB, halt) == MIB


def test_the_halt_ends_every_wait() -> None:
    halt, governor = Halt(), Governor()
    governor.limit(1)
    governor.take(MIB, halt)  # an hour's worth
    ended = []

    def wait() -> None:
        with pytest.raises(TransferStopped):
            governor.take(MIB, halt)
        ended.append(True)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    halt.pull()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 8


def test_every_byte_of_a_transfer_passes_the_governor(hub: HubServer, shop: Workshop) -> None:
    files = {"a.safetensors": some_bytes(2 * PIECE), "config.json": b"{}"}
    hub.add_repo(REPO, files)
    governor = Governor()
    governor.limit(500_000_000)
    shop.fetch(governor=governor)
    assert governor.taken == sum(map(len, files.values()))


def test_a_transfer_that_waits_for_its_rate_stops_and_one_that_may_goes_on(
    hub: HubServer, shop: Workshop, background: Any
) -> None:
    hub.add_repo(REPO, {"model.safetensors": some_bytes(10 * PIECE)})
    governor = Governor()
    governor.limit(10_000)  # a quarter of an hour
    first = background(shop.transfer(governor=governor))
    first.until(lambda: first.transfer.snapshot().bytes_done > 0)
    first.stop()
    second = background(shop.transfer(governor=governor))
    second.until(lambda: second.transfer.snapshot().bytes_done > 0)
    governor.limit(None)
    assert second.end() is None
