"""The circuit breaker around the Hub's metadata: a Hub that fails again and again is left alone for a while.

CLOSED -> OPEN after so many failures in a row; OPEN -> HALF_OPEN when the recovery time has passed; HALF_OPEN
-> CLOSED when the Hub answers, else -> OPEN again. Its state stands in Redis, for all API processes; without
Redis it counts as closed. Workers don't ask it: their attempts are few and far between by their own back-off.
"""

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import pybreaker
from redis import Redis
from redis.exceptions import RedisError

from shared.errors import HubUnavailable

T = TypeVar("T")
_NAMESPACE = "weighbridge:hub"
# pybreaker logs a trace for each command that a Redis that is away does not take; health says it once.
logging.getLogger("pybreaker").setLevel(logging.CRITICAL)


class BreakerState(StrEnum):
    """Whether the Hub is asked."""

    CLOSED = "CLOSED"  # it is
    OPEN = "OPEN"  # it is not: it has failed too often in a row
    HALF_OPEN = "HALF_OPEN"  # the next question decides


class HubBreaker:
    """Shared by all processes that have the same Redis."""

    def __init__(self, redis: Redis, *, failure_threshold: int, recovery_seconds: float) -> None:
        """`redis` must not decode its replies. It is first asked when the Hub is."""
        self._redis = redis
        self._threshold = failure_threshold
        self._recovery = timedelta(seconds=recovery_seconds)

    def call(self, ask: Callable[[], T]) -> T:
        """What `ask` returns or raises; HubUnavailable at once while the circuit is open."""
        try:
            breaker = self._breaker()
        except RedisError:
            return ask()
        try:
            answer: T = breaker.call(ask)
        except pybreaker.CircuitBreakerError:
            raise self._refusal() from None
        return answer

    def look(self) -> dict[str, Any]:
        """How it stands, for people."""
        state, failures, wait = BreakerState.CLOSED, 0, 0
        try:
            breaker = self._breaker()
            failures, wait = breaker.fail_counter, self._seconds_left()
            if breaker.current_state != pybreaker.STATE_CLOSED:
                state = BreakerState.OPEN if wait else BreakerState.HALF_OPEN
        except RedisError:
            failures = 0
        return {
            "state": state,
            "failures": failures,
            "failure_threshold": self._threshold,
            "recovery_seconds": self._recovery.total_seconds(),
            "retry_after_seconds": wait if state is BreakerState.OPEN else None,
        }

    def _breaker(self) -> pybreaker.CircuitBreaker:
        """One for each call: the library's own lock lets a breaker make only one call at a time."""
        return pybreaker.CircuitBreaker(
            fail_max=self._threshold,
            reset_timeout=self._recovery.total_seconds(),
            # The Hub that says no is a Hub that answers.
            exclude=[lambda error: not isinstance(error, HubUnavailable)],
            state_storage=self._storage(),
            throw_new_error_on_trip=False,
        )

    def _storage(self) -> pybreaker.CircuitRedisStorage:
        return pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, self._redis, namespace=_NAMESPACE)

    def _seconds_left(self) -> int:
        opened_at = self._storage().opened_at
        left = opened_at + self._recovery - datetime.now(UTC) if opened_at else timedelta()
        return max(0, math.ceil(left.total_seconds()))

    def _refusal(self) -> HubUnavailable:
        wait = max(1, self._seconds_left())
        return HubUnavailable(
            f"The Hub has not answered as it should {self._threshold} times in a row; "
            f"it is asked again in {wait} s.",
            retry_after=wait,
        )
