import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from api_service.hub_breaker import HubBreaker
from shared.errors import HubUnavailable, RepoNotFound
from shared.redis_client import connect
from shared.settings import Settings
from tests.stack import wait_for

pytestmark = pytest.mark.usefixtures("redis")  # which empties it first


@pytest.fixture
def make(settings: Settings) -> Iterator[Callable[..., HubBreaker]]:
    """A breaker as each API process has one."""
    clients: list[Redis] = []

    def made(**options: Any) -> HubBreaker:
        clients.append(connect(settings, decode=False))
        return HubBreaker(clients[-1], **{"failure_threshold": 3, "recovery_seconds": 60} | options)

    yield made
    for client in clients:
        client.close()


class Hub:
    """Counts how often it is asked; fails while it is `down`."""

    def __init__(self) -> None:
        self.asked, self.down = 0, True

    def __call__(self) -> str:
        self.asked += 1
        if self.down:
            raise HubUnavailable("down")
        return "here"


def _fail(breaker: HubBreaker, hub: Hub, times: int) -> None:
    for _ in range(times):
        with pytest.raises(HubUnavailable):
            breaker.call(hub)


def test_a_hub_that_answers_is_asked_each_time(make: Callable[..., HubBreaker]) -> None:
    breaker, hub = make(), Hub()
    hub.down = False
    assert [breaker.call(hub) for _ in range(5)] == ["here"] * 5
    assert (breaker.look()["state"], breaker.look()["failures"], hub.asked) == ("CLOSED", 0, 5)


def test_after_failures_in_a_row_the_hub_is_left_alone(make: Callable[..., HubBreaker]) -> None:
    breaker, hub = make(), Hub()
    _fail(breaker, hub, 3)
    with pytest.raises(HubUnavailable, match=r"3 times in a row; it is asked again in \d+ s") as refused:
        breaker.call(hub)
    assert hub.asked == 3
    assert 55 <= refused.value.facts["retry_after"] <= 60
    look = breaker.look()
    assert (look["state"], look["failures"], look["failure_threshold"]) == ("OPEN", 3, 3)
    assert 55 <= look["retry_after_seconds"] <= 60


def test_the_processes_of_the_api_share_what_they_know(make: Callable[..., HubBreaker]) -> None:
    first, second, hub = make(), make(), Hub()
    _fail(first, hub, 2)
    _fail(second, hub, 1)
    _fail(first, hub, 1)
    assert hub.asked == 3
    assert second.look()["state"] == "OPEN"


def test_a_refusal_of_the_hub_is_an_answer(make: Callable[..., HubBreaker]) -> None:
    breaker, hub = make(), Hub()

    def refuse() -> None:
        raise RepoNotFound

    _fail(breaker, hub, 2)
    with pytest.raises(RepoNotFound):
        breaker.call(refuse)
    _fail(breaker, hub, 2)
    assert (breaker.look()["state"], hub.asked) == ("CLOSED", 4)


def test_after_the_recovery_time_one_answer_closes_the_circuit(make: Callable[..., HubBreaker]) -> None:
    breaker, hub = make(recovery_seconds=0.5), Hub()
    _fail(breaker, hub, 3)
    wait_for("the recovery time", lambda: breaker.look()["state"] == "HALF_OPEN", seconds=5)
    assert breaker.look()["retry_after_seconds"] is None
    hub.down = False
    assert breaker.call(hub) == "here"
    assert (breaker.look()["state"], breaker.look()["failures"]) == ("CLOSED", 0)


def test_after_the_recovery_time_one_failure_opens_it_again(make: Callable[..., HubBreaker]) -> None:
    breaker, hub = make(recovery_seconds=1), Hub()
    _fail(breaker, hub, 3)
    wait_for("the recovery time", lambda: breaker.look()["state"] == "HALF_OPEN", seconds=5)
    _fail(breaker, hub, 1)
    assert hub.asked == 4
    assert breaker.look()["state"] == "OPEN"


def test_a_hub_that_hangs_holds_up_nobody_else(make: Callable[..., HubBreaker]) -> None:
    breaker, release = make(), threading.Event()
    slow = threading.Thread(target=lambda: breaker.call(lambda: release.wait(30)))
    slow.start()
    try:
        began = datetime.now(UTC)
        assert breaker.call(lambda: "here") == "here"
        assert datetime.now(UTC) - began < timedelta(seconds=20)
        assert slow.is_alive()
    finally:
        release.set()
        slow.join()


def test_without_redis_the_hub_is_asked(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:9/0")})
    breaker, hub = HubBreaker(connect(away, decode=False), failure_threshold=1, recovery_seconds=60), Hub()
    _fail(breaker, hub, 3)
    assert hub.asked == 3
    assert breaker.look()["state"] == "CLOSED"


def test_a_redis_that_was_emptied_closes_the_circuit(make: Callable[..., HubBreaker], redis: Any) -> None:
    breaker, hub = make(), Hub()
    _fail(breaker, hub, 3)
    redis.flushdb()
    hub.down = False
    assert breaker.call(hub) == "here"
