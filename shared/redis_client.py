"""The connection to the Redis-compatible server, for what is happening (never for what is true)."""

import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

from shared.metrics import count_redis
from shared.settings import Settings

# Seconds. A request is answered within 5 s, whether Redis answers or not: it waits once.
SOCKET_TIMEOUT = 2
# Seconds for which a Redis that hangs is asked nothing more, so that a request's other calls wait no more.
SILENCE = 2

T = TypeVar("T")


def connect(settings: Settings, *, decode: bool = True, beside: Redis | None = None) -> Redis:
    """A client whose calls fail within seconds when Redis is away; replies are str, or bytes as they came.

    One `beside` another has the same patience: what one has waited for in vain the other need not.
    """
    assert settings.redis_url is not None, "Settings.from_env(needs=…) checks this at start"
    url = settings.redis_url.get_secret_value()
    # A bare rediss:// would accept any certificate.
    tls = {"ssl_cert_reqs": "required"} if url.startswith("rediss://") else {}
    return Redis.from_url(
        url,
        decode_responses=decode,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        retry=beside.get_retry() if beside else _Patience(),
        health_check_interval=30,
        **tls,
    )


class _Patience(Retry):
    """One more try where a connection was cut (Redis has restarted); none where Redis hangs.

    Shared by all connections of a client.
    """

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 1, (ConnectionError,))
        self._silent_until = 0.0

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        if time.monotonic() < self._silent_until:
            raise TimeoutError("Redis did not answer just now.")
        try:
            return super().call_with_retry(do, fail, is_retryable, with_failure_count)
        except TimeoutError as error:
            self._silent_until = time.monotonic() + SILENCE
            count_redis(error)
            raise
        except ConnectionError as error:
            count_redis(error)
            raise
