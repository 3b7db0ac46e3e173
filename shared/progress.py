"""The live progress of operations: a Redis hash each, `weighbridge:task:{operation_id}`.

Losing it loses a progress bar: what lasts (status, bytes at the last heartbeat) stands in the row.
"""

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from redis import Redis
from redis.client import Pipeline

from shared import events

# A day: long enough for a dashboard that comes back tomorrow (S2-41).
PROGRESS_SECONDS = 24 * 3600
# The wish to cancel only has to outlive the moment until the worker looks (12 times a second).
CANCEL_SECONDS = 3600


# By the server's clock, so that workers' clocks need not agree; drops what was silent for a minute.
_SHOW_RUNNING = """
local now = redis.call('time')[1]
redis.call('zadd', KEYS[1], now, ARGV[1])
redis.call('zremrangebyscore', KEYS[1], '-inf', now - 60)
"""
# Of a Redis that lost its data in between, too: what is written anew must not stay for ever.
_STILL_RUNNING = """
redis.call('zadd', KEYS[1], redis.call('time')[1], ARGV[1])
if redis.call('ttl', KEYS[2]) < ARGV[2] / 2 then redis.call('expire', KEYS[2], ARGV[2]) end
"""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What an attempt says about itself, 4 times a second at most. Sizes in bytes, times in seconds."""

    attempt: int = 0
    phase: str = "resolving"
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_reused: int = 0
    speed: int = 0  # bytes per second over the last seconds
    eta: int | None = None
    stalled: int = 0
    files_done: int = 0
    files_total: int = 0
    current_file: str = ""
    updated_at: str = ""  # RFC 3339


def key(operation_id: uuid.UUID) -> str:
    """The Redis key of an operation's progress."""
    return f"weighbridge:task:{operation_id}"


def cancel_key(operation_id: uuid.UUID) -> str:
    """The Redis key that asks a running operation to stop."""
    return f"weighbridge:cancel:{operation_id}"


class Beside(Protocol):
    """What else is asked in the round trip of the progress."""

    def ask(self, pipeline: Pipeline) -> None:
        """Put commands into the pipeline."""

    def hear(self, replies: list[Any]) -> None:
        """Take their replies."""


def write(
    redis: Redis,
    operation_id: uuid.UUID,
    progress: Progress,
    beside: Beside | None = None,
    *,
    is_listed: bool = False,
) -> bool:
    """Publish the progress and learn, in the same round trip, whether somebody wishes to cancel.

    `is_listed`: it was published before, and `stay_listed` is called every other second.
    """
    pipeline = redis.pipeline(transaction=False)
    pipeline.hset(key(operation_id), mapping={k: "" if v is None else v for k, v in asdict(progress).items()})
    if not is_listed:
        pipeline.expire(key(operation_id), PROGRESS_SECONDS)
        pipeline.eval(_SHOW_RUNNING, 1, events.RUNNING, str(operation_id))
    return _is_unwanted(pipeline, operation_id, beside)


def stay_listed(redis: Redis, operation_id: uuid.UUID, beside: Beside | None = None) -> bool:
    """Keep an operation on the list of what runs, and its progress from expiring; learns what `write` does.

    One write, in place of one of the progress: both together are no more than there are samples.
    """
    pipeline = redis.pipeline(transaction=False)
    name, listed = str(operation_id), key(operation_id)
    pipeline.eval(_STILL_RUNNING, 2, events.RUNNING, listed, name, PROGRESS_SECONDS)
    return _is_unwanted(pipeline, operation_id, beside)


def _is_unwanted(pipeline: Pipeline, operation_id: uuid.UUID, beside: Beside | None) -> bool:
    pipeline.exists(cancel_key(operation_id))
    ours = len(pipeline)
    if beside:
        beside.ask(pipeline)
    replies = pipeline.execute()
    if beside:
        beside.hear(replies[ours:])
    return bool(replies[ours - 1])


def read(redis: Redis, operation_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Progress]:
    """The progress of each operation that has one, in one round trip."""
    wanted = list(operation_ids)
    if not wanted:
        return {}
    pipeline = redis.pipeline(transaction=False)
    for operation_id in wanted:
        pipeline.hgetall(key(operation_id))
    found = zip(wanted, pipeline.execute(), strict=True)
    return {operation_id: _parse(hash_) for operation_id, hash_ in found if hash_}


def ask_to_cancel(redis: Redis, operation_id: uuid.UUID) -> None:
    """Raise the flag that the worker looks at 12 times a second."""
    redis.set(cancel_key(operation_id), "1", ex=CANCEL_SECONDS)


def is_unwanted(redis: Redis, operation_id: uuid.UUID) -> bool:
    """Whether somebody wishes to cancel."""
    return bool(redis.exists(cancel_key(operation_id)))


def forget_wishes(redis: Redis, operation_ids: Iterable[uuid.UUID]) -> None:
    """Lower the flags that these ended operations may have left."""
    keys = [cancel_key(operation_id) for operation_id in operation_ids]
    if keys:
        redis.delete(*keys)


_KINDS = {field.name: field.type for field in fields(Progress)}


def _parse(hash_: dict[str, str]) -> Progress:
    known: dict[str, Any] = {}
    for name, text in hash_.items():
        if name in _KINDS:
            known[name] = text if _KINDS[name] is str else (int(text) if text else None)
    return Progress(**known)
