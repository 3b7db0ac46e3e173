"""What the Hub has said, kept in Redis: asked again after FRESH seconds, and shown as stale while it is away.

Kept is the Hub's own answer, which is read anew each time, by the reader of a new one. Nobody sees what
another token may see: the key holds a keyed hash of the token (and of the rest of the question), never the
token. Without Redis the Hub is asked each time.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from redis import Redis
from redis.exceptions import RedisError

from api_service.hub_breaker import HubBreaker
from shared.errors import HubOffline, HubRateLimited, HubUnavailable, WeighbridgeError
from shared.hub import Hub

T = TypeVar("T")
# Seconds.
FRESH = 5 * 60
KEPT = 24 * 60 * 60
# Redis evicts nothing, so what is kept is bounded: characters of an answer, and answers; the oldest go first.
LARGEST = 512 * 1024
MOST = 200
INDEX = "weighbridge:hub-answers"
_AWAY = (HubUnavailable, HubRateLimited, HubOffline)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What the Hub said, and when; `stale`: it can't be asked now."""

    said: T
    fetched_at: datetime
    stale: bool = False


class HubAnswers:
    """Shared by all processes that have the same Redis and the same keys."""

    def __init__(self, redis: Redis, breaker: HubBreaker, *, key: str) -> None:
        """`key`: the secret of the hashes."""
        self._redis = redis
        self._breaker = breaker
        self._secret = key.encode()

    def ask(
        self,
        hub: Hub,
        question: tuple[str, ...],
        fetch: Callable[[], Any],
        read: Callable[[Any], T],
        *,
        fresh: float | Callable[[T], float] | None = None,
        kept: int = KEPT,
    ) -> Answer[T]:
        """The answer to a question, kept or new; through the circuit breaker.

        `fetch` asks the Hub and gives JSON, `read` makes sense of it; both may raise the errors of a Hub.
        An answer counts for `fresh` seconds (by default FRESH; it may depend on the answer) and is forgotten
        after `kept`. What the Hub refuses is not kept, and neither is what it said before.
        """
        key = self._key(hub, question)
        before = self._kept(key, read)
        if before:
            seconds = fresh(before.said) if callable(fresh) else FRESH if fresh is None else fresh
            if abs(time.time() - before.fetched_at.timestamp()) < seconds:
                return before

        def ask() -> tuple[Any, T]:
            said = fetch()
            return said, read(said)

        try:
            said, meaning = self._breaker.call(ask)
        except _AWAY:
            if before is None:
                raise
            return Answer(before.said, before.fetched_at, stale=True)
        except WeighbridgeError:
            self._forget(key)
            raise
        return Answer(meaning, self._keep(key, said, kept))

    def _key(self, hub: Hub, question: tuple[str, ...]) -> str:
        whole = json.dumps([hub.endpoint, hub.token, *question])
        digest = hmac.new(self._secret, whole.encode(), hashlib.sha256).hexdigest()
        return f"weighbridge:hub-answer:{question[0]}:{digest}"

    def _kept(self, key: str, read: Callable[[Any], T]) -> Answer[T] | None:
        try:
            text = self._redis.get(key)
            told = json.loads(text) if text else None
            if told is None:
                return None
            return Answer(read(told["said"]), datetime.fromtimestamp(told["at"], UTC))
        except (RedisError, WeighbridgeError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            # Redis is away, or this is no answer of this version's: as if there were none.
            return None

    def _keep(self, key: str, said: Any, kept: int) -> datetime:
        """Keep an answer, if it is not too long; gives the time."""
        now = time.time()
        # Redis is away, or it nests too deep to be written: then it is not kept.
        with suppress(RedisError, ValueError, RecursionError):
            text = json.dumps({"at": now, "said": said})
            if len(text) <= LARGEST:
                self._write(key, text, now, kept)
        return datetime.fromtimestamp(now, UTC)

    def _write(self, key: str, text: str, now: float, kept: int) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(key, text, ex=kept)
        pipeline.zadd(INDEX, {key: now})
        pipeline.expire(INDEX, KEPT)
        pipeline.zrange(INDEX, 0, -MOST - 1)
        oldest = pipeline.execute()[-1]
        if oldest:
            self._drop(*oldest)

    def _forget(self, key: str) -> None:
        with suppress(RedisError):  # it expires by itself
            self._drop(key)

    def _drop(self, *keys: str) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(*keys)
        pipeline.zrem(INDEX, *keys)
        pipeline.execute()
