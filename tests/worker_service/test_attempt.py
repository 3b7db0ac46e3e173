"""What an attempt tells Redis while it works."""

import uuid
from typing import Any

from shared import events, progress
from shared.tables import Operation
from worker_service.attempt import LISTED_EVERY, Attempt
from worker_service.context import Context

WRITES = ("hset", "expire", "zadd", "zrem", "zremrangebyscore", "set", "del", "hdel", "hincrby")


def _written(context: Context) -> int:
    stats: Any = context.redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in WRITES)


def test_a_sample_is_one_write_and_the_download_stays_on_the_list(context: Context) -> None:
    operation = Operation(id=uuid.uuid4(), attempt=1)
    attempt = Attempt(context, operation)
    attempt._show(0)
    context.redis.delete(events.RUNNING)
    before = _written(context)
    for sample in range(1, 2 * LISTED_EVERY + 1):
        assert not attempt._show(sample)
    assert _written(context) - before == 2 * LISTED_EVERY
    assert events.running(context.redis) == [operation.id]
    assert progress.read(context.redis, [operation.id])[operation.id].attempt == 1
    assert context.redis.ttl(progress.key(operation.id)) > 0


def test_a_wish_to_cancel_is_seen_without_a_sample(context: Context) -> None:
    operation_id = uuid.uuid4()
    assert not progress.is_unwanted(context.redis, operation_id)
    progress.ask_to_cancel(context.redis, operation_id)
    before = _written(context)
    assert progress.is_unwanted(context.redis, operation_id)
    assert _written(context) == before
    progress.forget_wishes(context.redis, [operation_id])
    assert not progress.is_unwanted(context.redis, operation_id)
