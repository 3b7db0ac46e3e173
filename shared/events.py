"""What happened, for pages that watch: a capped Redis stream of small notes, and the list of what runs.

A note names what changed and not how; who reads it looks the rows up. Losing the stream loses no fact.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from shared.manifests import FETCHING
from shared.tables import Operation, OperationKind, OperationStatus

STREAM = "weighbridge:events"
# Some minutes of a busy installation: enough for a page that lost its connection to catch up.
MOST_KEPT = 2000
RUNNING = "weighbridge:running"
# Seconds after which a running download that shows no progress is off the list.
RUNNING_SECONDS = 5

log = structlog.get_logger(__name__)


class EventType(StrEnum):
    """What a note may tell."""

    MODEL_CREATED = "model.created"
    MODEL_UPDATED = "model.updated"
    MODEL_DELETED = "model.deleted"
    DOWNLOAD_QUEUED = "download.queued"  # asked for, or back in the queue
    DOWNLOAD_STARTED = "download.started"
    DOWNLOAD_PAUSED = "download.paused"
    DOWNLOAD_COMPLETED = "download.completed"
    DOWNLOAD_FAILED = "download.failed"
    DOWNLOAD_CANCELED = "download.canceled"
    STORAGE_CHANGED = "storage.changed"  # a scan found something else on the volume than the one before


@dataclass(frozen=True)
class Note:
    """An event as it stands in the stream; `id` is the stream's and grows."""

    id: str
    type: EventType
    model_id: int | None
    operation_id: uuid.UUID | None


_OF_STATUS = {
    OperationStatus.PENDING: EventType.DOWNLOAD_QUEUED,
    OperationStatus.RUNNING: EventType.DOWNLOAD_STARTED,
    OperationStatus.PAUSED: EventType.DOWNLOAD_PAUSED,
    OperationStatus.COMPLETED: EventType.DOWNLOAD_COMPLETED,
    OperationStatus.FAILED: EventType.DOWNLOAD_FAILED,
    OperationStatus.CANCELED: EventType.DOWNLOAD_CANCELED,
}


def note_model(redis: Redis, kind: EventType, model_id: int) -> None:
    """After the commit: a model was created, updated or deleted. Never raises: it is only a note."""
    _add(redis, {"type": kind.value, "model": model_id})


def note_storage(redis: Redis) -> None:
    """After the commit: the volume holds something else than before. Never raises: it is only a note."""
    _add(redis, {"type": EventType.STORAGE_CHANGED.value})


def note_operations(redis: Redis, operations: Iterable[Operation]) -> None:
    """After the commit: these have a new status; what brings no files is told as what became of its model.

    An update is told as a download, and its model too once that stands for another commit. What works on the
    volume as a whole is no event of a model. Never raises: it is only a note.
    """
    for operation in operations:
        if operation.kind in FETCHING:
            kind = _OF_STATUS[operation.status]
            _add(redis, {"type": kind.value, "model": operation.model_id, "operation": str(operation.id)})
        has_switched = (operation.kind, operation.status) == (OperationKind.UPDATE, OperationStatus.COMPLETED)
        if operation.model_id is not None and (operation.kind not in FETCHING or has_switched):
            is_gone = (operation.kind, operation.status) == (OperationKind.DELETE, OperationStatus.COMPLETED)
            kind = EventType.MODEL_DELETED if is_gone else EventType.MODEL_UPDATED
            note_model(redis, kind, operation.model_id)


def last_id(redis: Redis) -> str:
    """The id of the newest note; `0-0` when there is none."""
    newest: Any = redis.xrevrange(STREAM, count=1)
    return str(newest[0][0]) if newest else "0-0"


def since(redis: Redis, note_id: str) -> list[Note]:
    """The notes after an id, in order."""
    entries: Any = redis.xrange(STREAM, min=f"({note_id}")
    return [_note(*entry) for entry in entries]


def reaches_back_to(redis: Redis, note_id: str) -> bool:
    """Whether no note after this id has been dropped from the stream."""
    oldest: Any = redis.xrange(STREAM, count=1)
    return bool(oldest) and _order(str(oldest[0][0])) <= _order(note_id)


def is_note_id(text: str) -> bool:
    """Whether a text has the form of a note's id."""
    parts = text.split("-")
    return len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) <= 19 for part in parts)


def running(redis: Redis) -> list[uuid.UUID]:
    """The downloads that have shown progress in the last seconds."""
    now = int(redis.time()[0])
    members: Any = redis.zrangebyscore(RUNNING, now - RUNNING_SECONDS, "+inf")
    return [uuid.UUID(member) for member in members]


def _add(redis: Redis, fields: Any) -> None:
    try:
        redis.xadd(STREAM, fields, maxlen=MOST_KEPT, approximate=True)
    except RedisError as error:
        log.warning("event not noted", type=fields["type"], error=type(error).__name__)


def _note(note_id: str, fields: dict[str, str]) -> Note:
    model, operation = fields.get("model"), fields.get("operation")
    return Note(
        note_id,
        EventType(fields["type"]),
        int(model) if model else None,
        uuid.UUID(operation) if operation else None,
    )


def _order(note_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in note_id.split("-"))
