import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from shared import attempts, bandwidth_shares
from shared.bandwidth_shares import SHARES
from shared.settings import Settings
from shared.tables import Operation, OperationKind
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import some_bytes
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service import bandwidth
from worker_service.attempt import Attempt
from worker_service.bandwidth import Bandwidth
from worker_service.context import Context
from worker_service.transfer.governor import Governor

LIMIT = 32_000_000
MIB = 1 << 20


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, {"model.safetensors": some_bytes(10 * MIB)})
        yield found


@pytest.fixture
def bench(settings: Settings, redis: Any, hub: HubServer) -> Iterator[Workbench]:
    with workbench(settings, hub, max_bytes_per_second=LIMIT) as found:
        yield found


class Paced:
    """One running download, as the sampler and the heartbeat of its attempt see to it."""

    def __init__(self, context: Context, operation: Operation) -> None:
        self.id, self._context = operation.id, context
        self.bandwidth = Bandwidth(context, operation)
        self.governor = self.bandwidth.begin()

    @property
    def rate(self) -> float | None:
        return self.governor.rate

    def sample(self, *, is_heard: bool = True) -> None:
        pipeline = self._context.redis.pipeline(transaction=False)
        self.bandwidth.ask(pipeline)
        if is_heard:
            self.bandwidth.hear(pipeline.execute())

    def beat(self) -> None:
        with self._context.database.session() as session:
            self.bandwidth.beat(session)


class Line:
    """Lets downloads read, by a clock of its own: as fast as it gives each of them, or as they may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 100.0
        self._taken: dict[Governor, float] = defaultdict(float)
        monkeypatch.setattr(bandwidth, "time", SimpleNamespace(monotonic=lambda: self._now))
        monkeypatch.setattr(Governor, "taken", property(lambda governor: round(self._taken[governor])))

    def read(self, gives: dict[Paced, float]) -> None:
        """For 3 s, with a sample each quarter of a second."""
        for _ in range(12):
            self._now += 0.25
            for download, speed in gives.items():
                self._taken[download.governor] += min(speed, download.rate or speed) / 4
                download.sample()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


def _begun(bench: Workbench, name: str, limit: int | None = None, context: Context | None = None) -> Paced:
    """A download that runs, and its bandwidth."""
    operation_id = bench.ask(OperationKind.DOWNLOAD, bench.add(name, model_file=f"{name}.gguf"))
    _set_limit(bench, operation_id, limit)
    with bench.context.database.session() as session:
        operation = attempts.begin(session, operation_id, worker="w", lease_seconds=30)
    assert operation is not None
    return Paced(context or bench.context, operation)


def _set_limit(bench: Workbench, operation_id: uuid.UUID, limit: int | None) -> None:
    with bench.context.database.session() as session:
        row = update(Operation).where(Operation.id == operation_id)
        session.execute(row.values(max_bytes_per_second=limit))


def _without_limit(bench: Workbench, **told: Any) -> Context:
    settings = bench.context.settings.model_copy(update={"max_bytes_per_second": None} | told)
    return Context(settings, bench.context.database, bench.context.redis, bench.context.secrets)


def test_the_fleet_shares_its_limit(bench: Workbench) -> None:
    one, other = _begun(bench, "one"), _begun(bench, "other")
    for _ in range(2):
        one.sample()
        other.sample()
    assert (one.rate, other.rate) == (LIMIT / 2, LIMIT / 2)
    other.bandwidth.leave()
    one.sample()
    assert one.rate == LIMIT


def test_what_a_slow_download_leaves_another_takes(bench: Workbench, line: Line) -> None:
    slow, fast = _begun(bench, "slow"), _begun(bench, "fast")
    line.read({slow: 2_000_000, fast: LIMIT})
    assert slow.rate == pytest.approx(2_000_000 * bandwidth.HEADROOM, rel=0.01)
    assert fast.rate == pytest.approx(LIMIT - (slow.rate or 0), rel=0.01)
    line.read({slow: LIMIT, fast: LIMIT})
    assert (slow.rate, fast.rate) == (LIMIT / 2, LIMIT / 2)


def test_the_lower_of_both_limits_holds_and_the_rest_is_for_others(bench: Workbench, line: Line) -> None:
    small, other = _begun(bench, "small", limit=1_000_000), _begun(bench, "other")
    assert small.rate == 1_000_000
    line.read({small: LIMIT, other: LIMIT})
    assert (small.rate, other.rate) == (1_000_000, LIMIT - 1_000_000)


def test_without_any_limit_the_governor_is_open_and_no_share_is_asked_for(bench: Workbench) -> None:
    one = _begun(bench, "one", context=_without_limit(bench))
    one.sample()
    one.beat()
    assert one.rate is None
    assert not bench.context.redis.exists(SHARES)


def test_a_new_limit_is_heard_with_the_next_sample(bench: Workbench) -> None:
    one = _begun(bench, "one", limit=50_000, context=_without_limit(bench))
    for limit in (1_000_000, None):
        bandwidth_shares.tell(bench.context.redis, one.id, limit)
        one.sample()
        assert one.rate == limit


def test_a_new_limit_of_which_redis_told_nothing_comes_with_the_heartbeat(bench: Workbench) -> None:
    one = _begun(bench, "one", context=_without_limit(bench))
    for limit in (1_000_000, None):
        _set_limit(bench, one.id, limit)
        one.beat()
        assert one.rate == limit


def test_while_redis_is_away_the_last_share_holds(bench: Workbench) -> None:
    one, other = _begun(bench, "one"), _begun(bench, "other")
    for _ in range(2):
        one.sample()
        other.sample()
    one.sample(is_heard=False)
    one.beat()
    assert one.rate == LIMIT / 2


def test_who_never_heard_of_redis_takes_an_equal_part(bench: Workbench) -> None:
    _begun(bench, "one")
    other = _begun(bench, "other")
    other.sample(is_heard=False)
    assert other.rate == LIMIT / 2


def test_when_a_window_begins_while_redis_is_away_shares_follow(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = "* 8MB"
    context = _without_limit(bench, bandwidth_schedule=schedule)
    one, other = _begun(bench, "one", context=context), _begun(bench, "other", context=context)
    for _ in range(2):
        one.sample()
        other.sample()
    for limit, share in ((4_000_000, 2_000_000), (None, None), (4_000_000, 4_000_000 / 2)):
        monkeypatch.setattr(bandwidth, "limit_at", lambda *_, limit=limit, **__: limit)
        one.beat()
        one.sample(is_heard=False)
        assert one.rate == share


def test_what_brings_no_files_asks_for_nothing(bench: Workbench) -> None:
    operation_id = bench.ask(OperationKind.VERIFY, bench.here())
    bench.context.redis.delete(SHARES)
    bench.run(operation_id)
    assert not bench.context.redis.exists(SHARES)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_download_that_runs_follows_its_new_limit_and_gives_its_share_back(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    begun = threading.Event()
    begin = Bandwidth.begin
    monkeypatch.setattr(Bandwidth, "begin", lambda self: (begin(self), begun.set())[0])
    operation_id = bench.ask(OperationKind.DOWNLOAD, bench.add())
    _set_limit(bench, operation_id, 10_000)  # a quarter of an hour
    thread = threading.Thread(target=bench.run, args=(operation_id,))
    thread.start()
    assert begun.wait(10)
    _set_limit(bench, operation_id, None)
    if is_told:
        bandwidth_shares.tell(bench.context.redis, operation_id, None)
    thread.join(20)
    assert bench.operation(operation_id).status == "completed"
    assert bench.context.redis.hget(SHARES, "+count") in (None, "0")


def test_an_attempt_that_breaks_gives_its_share_back(bench: Workbench) -> None:
    one = _begun(bench, "one")
    with bench.context.database.session() as session:
        attempt = Attempt(bench.context, session.get_one(Operation, one.id))
    with pytest.raises(ZeroDivisionError):
        _break(attempt, bench.context.redis)
    assert bench.context.redis.hget(SHARES, "+count") == "0"


def _break(attempt: Attempt, redis: Any) -> None:
    with attempt:
        attempt.bandwidth.begin()
        pipeline = redis.pipeline(transaction=False)
        attempt.bandwidth.ask(pipeline)
        pipeline.execute()
        assert redis.hget(SHARES, "+count") == "1"
        raise ZeroDivisionError
