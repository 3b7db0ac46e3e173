"""The connection to the Redis-compatible server, for what is happening (never for what is true)."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.settings import Settings

# Seconds. A request waits at most 5 s for Redis: two tries of connecting and asking.
SOCKET_TIMEOUT = 2


def connect(settings: Settings, *, decode: bool = True) -> Redis:
    """A client whose calls fail within seconds when Redis is away; replies are str, or bytes as they came."""
    assert settings.redis_url is not None, "Settings.from_env(needs=…) checks this at start"
    url = settings.redis_url.get_secret_value()
    # A bare rediss:// would accept any certificate.
    tls = {"ssl_cert_reqs": "required"} if url.startswith("rediss://") else {}
    return Redis.from_url(
        url,
        decode_responses=decode,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
        **tls,
    )
