"""Ring the worker's bell: a send-only Celery. The row says what to do; the sweep repeats a lost nudge."""

import structlog
from celery import Celery
from redis import Redis
from redis.exceptions import RedisError

from shared.broker import celery_options, ring
from shared.nudges import Nudge
from shared.settings import Settings

log = structlog.get_logger(__name__)


class Dispatcher:
    """Sends nudges; made once for a process."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        """Nothing is connected before the first nudge."""
        self._redis = redis
        self._celery = Celery("weighbridge-api", set_as_current=False)
        self._celery.conf.update(celery_options(settings))

    def enqueue(self, nudge: Nudge) -> bool:
        """Ring after the commit. False when the broker is away: the sweep will ring instead."""
        try:
            self._redis.ping()  # a publish to a broker that hangs takes longer than a request may
        except RedisError as error:
            log.warning("nudge lost", operation=nudge.operation_id, error=type(error).__name__)
            return False
        return ring(self._celery, nudge)
