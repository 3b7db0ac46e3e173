"""The progress object: the one shape of an operation, in every reply."""

from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from api_service.schemas.base import MAX_ID, Instant, PageQuery, ReplySchema
from api_service.schemas.errors import FailureSchema
from shared.progress import Progress
from shared.tables import DownloadStatus, Operation, OperationKind, OperationStatus, Result

# The same states in the words of a model (what people see) instead of those of a task.
MODEL_WORDS = {
    OperationStatus.PENDING: DownloadStatus.PENDING,
    OperationStatus.RUNNING: DownloadStatus.DOWNLOADING,
    OperationStatus.PAUSED: DownloadStatus.PAUSED,
    OperationStatus.COMPLETED: DownloadStatus.DOWNLOADED,
    OperationStatus.FAILED: DownloadStatus.FAILED,
    OperationStatus.CANCELED: DownloadStatus.CANCELED,
}

PHASES = ("resolving", "transferring", "verifying", "publishing")


class OperationSchema(ReplySchema):
    """Progress of an operation. Sizes in bytes, speed in bytes per second, times in seconds."""

    task_id = fields.String(allow_none=True)
    model_id = fields.Integer(
        allow_none=True, metadata={"description": "null: it is about the volume as a whole."}
    )
    operation = fields.String(validate=validate.OneOf(list(OperationKind)))
    status = fields.String(
        validate=validate.OneOf([*DownloadStatus, *OperationStatus]),
        metadata={"description": "Under a model one of its download words, under a task one of its states."},
    )
    phase = fields.String(
        allow_none=True,
        validate=validate.OneOf(PHASES),
        metadata={"description": "null unless it runs."},
    )
    bytes_downloaded = fields.Integer(metadata={"description": "On the volume, whoever brought them."})
    bytes_total = fields.Integer(allow_none=True, metadata={"description": "null while resolving."})
    bytes_reused = fields.Integer(
        metadata={"description": "Were there before this attempt and are not fetched again."}
    )
    percent = fields.Float()
    speed_bytes_per_second = fields.Integer()
    eta_seconds = fields.Integer(allow_none=True)
    stalled_seconds = fields.Integer()
    files_done = fields.Integer()
    files_total = fields.Integer()
    current_file = fields.String(allow_none=True)
    attempt = fields.Integer()
    result = fields.String(
        allow_none=True,
        validate=validate.OneOf(list(Result)),
        metadata={"description": "What it came to, where `completed` alone does not say it."},
    )
    bytes_freed = fields.Integer(
        allow_none=True, metadata={"description": "Of the volume; null where nothing was to be removed."}
    )
    max_bytes_per_second = fields.Integer(
        allow_none=True, metadata={"description": "Its own limit; null: none but the one of all downloads."}
    )
    volume = fields.String(
        allow_none=True,
        metadata={"description": "The volume where it runs, or has to; null: any, or there was only one."},
    )
    waiting_for = fields.String(
        allow_none=True,
        metadata={"description": "What a pending one waits for beside its turn: its volume has no worker."},
    )
    started_at = fields.DateTime(allow_none=True)
    updated_at = fields.DateTime(allow_none=True)
    error = fields.Nested(FailureSchema, allow_none=True)


class OperationQuery(PageQuery):
    """Filters of the history."""

    model_id = fields.Integer(validate=validate.Range(min=1, max=MAX_ID))
    kind = fields.Enum(OperationKind, by_value=True)
    status = fields.Enum(OperationStatus, by_value=True)
    since = Instant(metadata={"description": "Asked for at this time or later (RFC 3339)."})
    sort = fields.String(load_default="-createdAt", validate=validate.OneOf(["createdAt", "-createdAt"]))


def progress_object(
    operation: Operation,
    live: Progress | None,
    *,
    in_model_words: bool = False,
    waiting_for: str | None = None,
) -> dict[str, Any]:
    """The progress object of an operation: the row's truth, with the live bytes of its running attempt."""
    words = MODEL_WORDS if in_model_words and operation.kind is OperationKind.DOWNLOAD else {}
    running = operation.status is OperationStatus.RUNNING
    moving = live if running and live and live.attempt == operation.attempt else None
    return {
        "task_id": str(operation.id),
        "model_id": operation.model_id,
        "operation": operation.kind,
        "status": words.get(operation.status, operation.status),
        "attempt": operation.attempt,
        "result": operation.result,
        "bytes_freed": operation.bytes_freed,
        "max_bytes_per_second": operation.max_bytes_per_second,
        "volume": operation.volume,
        "waiting_for": waiting_for,
        "started_at": operation.started_at,
        "updated_at": operation.updated_at,
        "error": operation.error,
    } | (_moving(moving) if moving else _resting(operation))


def no_download(model_id: int) -> dict[str, Any]:
    """The progress object of a model whose files nobody ever asked for."""
    nobody = Operation(
        model_id=model_id, kind=OperationKind.DOWNLOAD, status=OperationStatus.PENDING, attempt=0
    )
    nobody.bytes_done = nobody.bytes_reused = nobody.files_done = nobody.files_total = 0
    return progress_object(nobody, None) | {
        "task_id": None,
        "status": DownloadStatus.NOT_DOWNLOADED,
        "bytes_total": 0,
    }


def _moving(live: Progress) -> dict[str, Any]:
    return {
        "phase": live.phase,
        "bytes_downloaded": live.bytes_done,
        "bytes_total": live.bytes_total,
        "bytes_reused": live.bytes_reused,
        "percent": percent(live.bytes_done, live.bytes_total),
        "speed_bytes_per_second": live.speed,
        "eta_seconds": live.eta,
        "stalled_seconds": live.stalled,
        "files_done": live.files_done,
        "files_total": live.files_total,
        "current_file": live.current_file or None,
        "updated_at": datetime.fromisoformat(live.updated_at),
    }


def _resting(operation: Operation) -> dict[str, Any]:
    done = operation.status is OperationStatus.COMPLETED
    return {
        "phase": (operation.phase or "resolving") if operation.status is OperationStatus.RUNNING else None,
        "bytes_downloaded": operation.bytes_done,
        "bytes_total": operation.bytes_total,
        "bytes_reused": operation.bytes_reused,
        "percent": 100.0 if done else percent(operation.bytes_done, operation.bytes_total),
        "speed_bytes_per_second": 0,
        "eta_seconds": 0 if done else None,
        "stalled_seconds": 0,
        "files_done": operation.files_done,
        "files_total": operation.files_total,
        "current_file": None,
    }


def percent(done: int, total: int | None) -> float:
    """Whole and one decimal, 0 to 100; 0 while the total is not known."""
    return round(min(100.0, 100 * done / total), 1) if total else 0.0
