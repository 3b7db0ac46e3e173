"""The broker as both services use it: where it is, how long anybody waits for it, and how a bell is rung."""

from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from shared.nudges import Nudge
from shared.redis_client import SOCKET_TIMEOUT
from shared.settings import Settings

log = structlog.get_logger(__name__)


def ring(app: Celery, nudge: Nudge) -> bool:
    """Send the nudge's task, with nothing but the operation's id (if it is about one), after the commit.

    False when the broker is away: the row says what to do, and a sweep will ring instead.
    """
    operation_id = nudge.operation_id
    args = [operation_id] if operation_id else []
    try:
        app.send_task(nudge.task, args=args, task_id=operation_id, queue=nudge.queue, retry=False)
    except OperationalError as error:
        log.warning("nudge lost", operation=operation_id, task=str(nudge.task), error=type(error).__name__)
        return False
    return True


def celery_options(settings: Settings) -> dict[str, Any]:
    """Options for a Celery app that carries operation ids over Redis and keeps no results."""
    assert settings.redis_url is not None, "Settings.from_env(needs=…) checks this at start"
    return {
        "broker_url": broker_url(settings.redis_url.get_secret_value()),
        "broker_transport_options": {
            "global_keyprefix": "weighbridge:",
            # A publish to a Redis that hangs must not hold a request (measured: 45 s without these).
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            "max_retries": 1,
            "interval_start": 0,
        },
        "broker_connection_timeout": SOCKET_TIMEOUT,
        "broker_connection_retry_on_startup": True,
        # None: for ever. After Celery's own 100 tries (50 minutes) the worker would end.
        "broker_connection_max_retries": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_create_missing_queues": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
    }


def broker_url(redis_url: str) -> str:
    """kombu's spelling of a Redis URL: a Unix socket is redis+socket://, rediss:// checks certificates."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        database = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
        return f"redis+socket://{path}?virtual_host={database}"
    if redis_url.startswith("rediss://") and "ssl_cert_reqs" not in redis_url:
        return f"{redis_url}{'&' if '?' in redis_url else '?'}ssl_cert_reqs=CERT_REQUIRED"
    return redis_url
