"""What the worker that holds an operation may do with it: every write is fenced by its attempt.

A write that finds another attempt, or an ended operation, raises OperationLost: the caller must stop at once.
"""

import random
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from shared.errors import WeighbridgeError
from shared.operations import back_to_pending, end, lock_both, now
from shared.progress import Progress
from shared.tables import UNFINISHED, DownloadStatus, Model, Operation, OperationKind, OperationStatus

# Seconds before the second attempt after a failure that may pass; doubled for each further one.
BACKOFF_BASE = 2
BACKOFF_MOST = 300
# However long the Hub asks us to stay away, we look again after so many seconds.
ASKED_WAIT_MOST = 3600


class OperationLost(Exception):
    """Another attempt holds the operation now (or it has ended); the caller must stop at once."""


def begin(session: Session, operation_id: uuid.UUID, *, worker: str, lease_seconds: int) -> Operation | None:
    """pending -> running, if it is due, and its attempt is raised; None when there is nothing to do."""
    model, operation = lock_both(session, operation_id)
    if operation is None or operation.status is not OperationStatus.PENDING or not _due(session, operation):
        return None
    operation.status = OperationStatus.RUNNING
    operation.attempt += 1
    operation.worker = worker
    operation.lease_until = func.now() + timedelta(seconds=lease_seconds)
    operation.started_at = func.coalesce(Operation.started_at, func.now())
    operation.not_before, operation.error = None, None
    if model is not None and operation.kind is OperationKind.DOWNLOAD:
        model.download_status = DownloadStatus.DOWNLOADING
    session.flush()
    session.refresh(operation)
    return operation


def heartbeat(
    session: Session,
    operation_id: uuid.UUID,
    attempt: int,
    *,
    lease_seconds: int,
    progress: Progress | None = None,
) -> bool:
    """Prolong the lease and keep the bytes in the row; True when somebody wishes to cancel.

    Raises OperationLost when this attempt holds the operation no longer.
    """
    values: dict[str, Any] = {"lease_until": func.now() + timedelta(seconds=lease_seconds)}
    if progress is not None:
        values |= _lasting(progress)
        # Bytes that moved mean that the failures before were not this download's last word.
        moved = Operation.bytes_done < progress.bytes_done
        values["failures"] = case((moved, 0), else_=Operation.failures)
    row = session.execute(
        _fenced(operation_id, attempt).values(**values).returning(Operation.cancel_requested_at)
    )
    found = row.one_or_none()
    if found is None:
        raise OperationLost(str(operation_id))
    return found[0] is not None


def freeze(session: Session, operation_id: uuid.UUID, attempt: int, *, manifest: dict[str, Any]) -> None:
    """Keep what is to be fetched, so that later attempts fetch the same. Raises OperationLost."""
    total = sum(file["size"] for file in manifest["files"])
    values = {"manifest": manifest, "bytes_total": total, "files_total": len(manifest["files"])}
    _write(session, operation_id, attempt, **values)


def admit(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """This attempt's bytes have their room on the volume from now on. Raises OperationLost."""
    _write(session, operation_id, attempt, admitted_attempt=attempt)


def check(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """The fence: raise OperationLost unless this attempt still holds the operation."""
    held = select(Operation.id).where(*_held(operation_id, attempt))
    if session.scalar(held) is None:
        raise OperationLost(str(operation_id))


def complete_download(
    session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress, facts: dict[str, Any]
) -> None:
    """running -> completed; `facts` are the model's new columns. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in (_lasting(progress) | {"failures": 0}).items():
        setattr(operation, name, value)
    if model is not None:
        for name, value in facts.items():
            setattr(model, name, value)
        model.downloaded, model.downloaded_at = True, func.now()
    end(session, model, operation, OperationStatus.COMPLETED)


def files_go(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """Before a delete touches the volume: from now on the model is not downloaded. Raises OperationLost."""
    model, _operation = _hold(session, operation_id, attempt)
    if model is not None:
        model.download_status, model.downloaded, model.downloaded_at = (
            DownloadStatus.NOT_DOWNLOADED,
            False,
            None,
        )


def complete_delete(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """running -> completed, and the model's row goes last. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    end(session, None, operation, OperationStatus.COMPLETED)
    if model is not None:
        session.delete(model)


def stop_canceled(session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress) -> None:
    """running -> canceled, bytes kept. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    end(session, model, operation, OperationStatus.CANCELED)


def give_back(session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress) -> None:
    """running -> pending: this worker drains, another one goes on at once. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    back_to_pending(session, model, operation)


def fail(
    session: Session,
    operation_id: uuid.UUID,
    attempt: int,
    *,
    error: WeighbridgeError,
    progress: Progress,
    max_attempts: int,
) -> Operation:
    """running -> failed; or -> pending after a pause, when the error may pass and attempts are left.

    Raises OperationLost.
    """
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    operation.failures += 1
    if error.transient and operation.failures < max_attempts:
        asked = min(ASKED_WAIT_MOST, float(error.facts.get("retry_after") or 0))
        wait = max(_backoff(operation.failures), asked)
        back_to_pending(session, model, operation, error=error.as_dict(), wait=wait)
    else:
        end(session, model, operation, OperationStatus.FAILED, error=error.as_dict())
    session.flush()
    return operation


def purged(session: Session, operation_id: uuid.UUID) -> None:
    """The partial bytes of an ended operation are gone."""
    gone = update(Operation).where(Operation.id == operation_id, Operation.status.not_in(UNFINISHED))
    session.execute(gone.values(purge_requested_at=None, bytes_done=0))


def _hold(session: Session, operation_id: uuid.UUID, attempt: int) -> tuple[Model | None, Operation]:
    model, operation = lock_both(session, operation_id)
    if operation is None or operation.attempt != attempt or operation.status is not OperationStatus.RUNNING:
        raise OperationLost(str(operation_id))
    return model, operation


def _held(operation_id: uuid.UUID, attempt: int) -> tuple[Any, ...]:
    return (
        Operation.id == operation_id,
        Operation.attempt == attempt,
        Operation.status == OperationStatus.RUNNING,
    )


def _write(session: Session, operation_id: uuid.UUID, attempt: int, **values: Any) -> None:
    if session.execute(_fenced(operation_id, attempt).values(**values)).rowcount != 1:  # type: ignore[attr-defined]
        raise OperationLost(str(operation_id))


def _fenced(operation_id: uuid.UUID, attempt: int) -> Any:
    return update(Operation).where(*_held(operation_id, attempt)).execution_options(synchronize_session=False)


def _due(session: Session, operation: Operation) -> bool:
    return operation.not_before is None or operation.not_before <= now(session)


def _backoff(failures: int) -> float:
    """Seconds; at random within a quarter, so that what failed together does not come back together."""
    return min(BACKOFF_MOST, BACKOFF_BASE * 2.0 ** min(failures - 1, 30)) * random.uniform(0.75, 1.0)


def _lasting(progress: Progress) -> dict[str, Any]:
    return {
        "phase": progress.phase,
        "bytes_done": progress.bytes_done,
        "bytes_reused": progress.bytes_reused,
        "files_done": progress.files_done,
    }
