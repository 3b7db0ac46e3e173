"""The rules about operations: request, begin, heartbeat, finish, cancel, and the sweep that heals.

Locks are always taken in one order, the model's row before the operation's, so no two rules deadlock.
`now` is Postgres's everywhere: no rule compares clocks of two machines.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from shared.errors import (
    DownloadFailed,
    FilesGone,
    ModelNotFound,
    NotALocalModel,
    OperationConflict,
    OperationNotFound,
    WeighbridgeError,
)
from shared.progress import Progress
from shared.tables import (
    UNFINISHED,
    DownloadStatus,
    Model,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
)
from shared.task_names import TASK_QUEUES, QueueName, TaskName

# Seconds after which a pending operation that nobody took is nudged again, and an unheard purge too.
NUDGE_AFTER = 10
# Seconds before the second attempt after a failure that may pass; doubled for each further one.
BACKOFF_BASE = 2
BACKOFF_MOST = 300

_NUDGED_BY = {OperationKind.DOWNLOAD: TaskName.DOWNLOAD, OperationKind.DELETE: TaskName.DELETE}


class Requested(StrEnum):
    """How a request ended."""

    CREATED = "created"  # a new operation stands in the queue
    ACTIVE = "active"  # the same was asked for already and is on its way
    DONE = "done"  # nothing to do: the files are there


class OperationLost(Exception):
    """Another attempt holds the operation now (or it has ended); the caller must stop at once."""


@dataclass(frozen=True)
class Nudge:
    """A bell to ring: the task to send for an operation."""

    task: TaskName
    operation: Operation


@dataclass(frozen=True)
class Swept:
    """What a sweep found: bells to ring again, and all unfinished operations, whose claims want renewing."""

    nudges: list[Nudge]
    unfinished: list[Operation]


def nudge_for(operation: Operation) -> Nudge:
    """The bell that makes a worker look at a pending operation."""
    return Nudge(_NUDGED_BY[operation.kind], operation)


def nudge_after_stop(operation: Operation) -> Nudge | None:
    """The bell for an operation whose attempt ended early: somebody goes on, or drops its bytes."""
    if operation.status is OperationStatus.PENDING:
        return nudge_for(operation)
    return Nudge(TaskName.CANCEL, operation) if operation.purge_requested_at is not None else None


# Asking


def request_download(
    session: Session, model_id: int, *, requested_by: str, request_id: str | None
) -> tuple[Operation, Requested]:
    """Ask for a model's files. Raises ModelNotFound, NotALocalModel, OperationConflict."""
    model = lock_model(session, model_id)
    if model.type is not ModelType.LOCAL:
        raise NotALocalModel()
    active = unfinished(session, model_id)
    if active is None and model.downloaded:
        return _already_done(session, model, requested_by), Requested.DONE
    operation, outcome = _request(session, model, OperationKind.DOWNLOAD, active, requested_by, request_id)
    if outcome is Requested.CREATED:
        model.download_status, model.error = DownloadStatus.PENDING, None
    return operation, outcome


def request_delete(
    session: Session, model_id: int, *, requested_by: str, request_id: str | None
) -> tuple[Operation, Requested]:
    """Ask for a model's files to be removed, and its row last. Raises ModelNotFound, OperationConflict."""
    model = lock_model(session, model_id)
    return _request(
        session, model, OperationKind.DELETE, unfinished(session, model_id), requested_by, request_id
    )


def _request(
    session: Session,
    model: Model,
    kind: OperationKind,
    active: Operation | None,
    requested_by: str,
    request_id: str | None,
) -> tuple[Operation, Requested]:
    if active is not None and active.kind is kind:
        return active, Requested.ACTIVE
    if active is not None:
        raise conflict(active)
    operation = Operation(
        model_id=model.id, kind=kind, requested_by=requested_by, request_id=request_id, nudged_at=func.now()
    )
    session.add(operation)
    session.flush()
    session.refresh(operation)
    return operation, Requested.CREATED


def _already_done(session: Session, model: Model, requested_by: str) -> Operation:
    """The operation that brought the files, or a completed one that says they were there from the start."""
    done = latest_download(session, model.id)
    if done is not None and done.status is OperationStatus.COMPLETED:
        return done
    size = model.file_size_bytes or 0
    operation = Operation(
        model_id=model.id,
        kind=OperationKind.DOWNLOAD,
        status=OperationStatus.COMPLETED,
        bytes_done=size,
        bytes_total=size,
        bytes_reused=size,
        requested_by=requested_by,
        finished_at=func.now(),
    )
    session.add(operation)
    session.flush()
    session.refresh(operation)
    return operation


def conflict(active: Operation) -> OperationConflict:
    """The refusal that names the operation in the way."""
    return OperationConflict(
        f"A {active.kind} is active for this model.", operation_id=str(active.id), operation=str(active.kind)
    )


def cancel(session: Session, model_id: int, *, purge: bool) -> tuple[Operation | None, bool]:
    """Ask for a model's download to stop: (operation, whether something was active).

    A pending one is canceled at once; a running one learns of it from the flag or its next heartbeat.
    With nothing active the last download is returned, None when there never was one.
    Raises ModelNotFound, NotALocalModel, OperationConflict (a delete is active: it can't be taken back).
    """
    model = lock_model(session, model_id)
    if model.type is not ModelType.LOCAL:
        raise NotALocalModel()
    operation = unfinished(session, model_id)
    if operation is not None and operation.kind is not OperationKind.DOWNLOAD:
        raise conflict(operation)
    active = operation is not None
    operation = lock_operation(session, operation.id) if operation else latest_download(session, model_id)
    if operation is None:
        return None, False
    if purge and operation.status is not OperationStatus.COMPLETED:
        operation.purge_requested_at = func.now()
    if operation.status in (OperationStatus.PENDING, OperationStatus.PAUSED):
        _end(session, model, operation, OperationStatus.CANCELED)
    elif operation.status is OperationStatus.RUNNING and operation.cancel_requested_at is None:
        operation.cancel_requested_at = func.now()
    session.flush()
    session.refresh(operation)
    return operation, active


# Doing


def begin(session: Session, operation_id: uuid.UUID, *, worker: str, lease_seconds: int) -> Operation | None:
    """Take a pending operation that is due and raise its attempt; None when there is nothing to do.

    pending -> running, or pending -> canceled when somebody has wished so meanwhile.
    """
    model, operation = _lock_both(session, operation_id)
    if operation is None or operation.status is not OperationStatus.PENDING or not _due(session, operation):
        return None
    if operation.cancel_requested_at is not None:
        _end(session, model, operation, OperationStatus.CANCELED)
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
    if session.execute(_fenced(operation_id, attempt).values(**values)).rowcount != 1:  # type: ignore[attr-defined]
        raise OperationLost(str(operation_id))


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
    _end(session, model, operation, OperationStatus.COMPLETED)


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
    _end(session, None, operation, OperationStatus.COMPLETED)
    if model is not None:
        session.delete(model)


def stop_canceled(session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress) -> None:
    """running -> canceled, bytes kept. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    _end(session, model, operation, OperationStatus.CANCELED)


def give_back(session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress) -> None:
    """running -> pending: this worker drains, another one goes on at once. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    _back_to_pending(model, operation, error=None, wait=0)


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
    if error.transient and operation.failures < max_attempts and operation.cancel_requested_at is None:
        wait = max(_backoff(operation.failures), float(error.facts.get("retry_after") or 0))
        _back_to_pending(model, operation, error=error.as_dict(), wait=wait)
    else:
        _end(session, model, operation, OperationStatus.FAILED, error=error.as_dict())
    session.flush()
    return operation


def files_are_gone(session: Session, model_id: int) -> bool:
    """A downloaded model's files have vanished from the volume: say so in its row. False: no longer true."""
    model = lock_model(session, model_id)
    if not model.downloaded or unfinished(session, model_id) is not None:
        return False
    model.downloaded, model.downloaded_at = False, None
    model.download_status = DownloadStatus.NOT_DOWNLOADED
    model.error = FilesGone().as_dict()
    return True


def purged(session: Session, operation_id: uuid.UUID) -> None:
    """The partial bytes of an ended operation are gone."""
    gone = update(Operation).where(Operation.id == operation_id, Operation.status.not_in(UNFINISHED))
    session.execute(gone.values(purge_requested_at=None, bytes_done=0))


# Healing


def sweep(session: Session, *, max_attempts: int, slack: Collection[QueueName]) -> Swept:
    """Heal what was lost. Any number of sweepers may run at once.

    Returns running operations whose lease ran out to pending (or ends them), and repeats nudges that nobody
    took, but only on the `slack` queues, which are empty: where messages wait, a repeat would only pile up.
    """
    for operation_id in session.scalars(_expired()).all():
        _revive(session, operation_id, max_attempts)
    session.flush()
    kinds = [kind for kind, task in _NUDGED_BY.items() if TASK_QUEUES[task] in slack]
    nudges = [nudge_for(operation) for operation in _nudge_again(session, _waiting(kinds))]
    if TASK_QUEUES[TaskName.CANCEL] in slack:
        nudges += [Nudge(TaskName.CANCEL, operation) for operation in _nudge_again(session, _unpurged())]
    unfinished = session.scalars(select(Operation).where(Operation.status.in_(UNFINISHED)))
    return Swept(nudges, list(unfinished))


def _revive(session: Session, operation_id: uuid.UUID, max_attempts: int) -> None:
    model, operation = _lock_both(session, operation_id, skip_locked=True)
    if (
        operation is None
        or operation.status is not OperationStatus.RUNNING
        or not _silent(session, operation)
    ):
        return
    operation.failures += 1
    if operation.cancel_requested_at is not None:
        _end(session, model, operation, OperationStatus.CANCELED)
    elif operation.failures >= max_attempts:
        error = DownloadFailed(f"Its worker died in each of the last {operation.failures} attempts.")
        _end(session, model, operation, OperationStatus.FAILED, error=error.as_dict())
    else:
        _back_to_pending(model, operation, error=None, wait=0)


def _nudge_again(session: Session, due: Any) -> Sequence[Operation]:
    operations = session.scalars(due.with_for_update(skip_locked=True)).all()
    for operation in operations:
        operation.nudged_at = func.now()
    session.flush()
    return operations


def _expired() -> Any:
    return select(Operation.id).where(
        Operation.status == OperationStatus.RUNNING, Operation.lease_until < func.now()
    )


def _waiting(kinds: Collection[OperationKind]) -> Any:
    return select(Operation).where(
        Operation.kind.in_(kinds),
        Operation.status == OperationStatus.PENDING,
        or_(Operation.not_before.is_(None), Operation.not_before <= func.now()),
        _unheard(),
    )


def _unpurged() -> Any:
    return select(Operation).where(
        Operation.purge_requested_at.is_not(None), Operation.status.not_in(UNFINISHED), _unheard()
    )


def _unheard() -> Any:
    silence = func.now() - timedelta(seconds=NUDGE_AFTER)
    return or_(Operation.nudged_at.is_(None), Operation.nudged_at < silence)


# Looking


def lock_model(session: Session, model_id: int) -> Model:
    """The model's row, locked until the transaction ends. Raises ModelNotFound."""
    model = session.scalar(
        select(Model).where(Model.id == model_id).with_for_update().execution_options(populate_existing=True)
    )
    if model is None:
        raise ModelNotFound()
    return model


def lock_operation(session: Session, operation_id: uuid.UUID) -> Operation:
    """The operation's row, locked until the transaction ends. Raises OperationNotFound."""
    operation = session.scalar(_locked(operation_id))
    if operation is None:
        raise OperationNotFound()
    return operation


def get(session: Session, operation_id: uuid.UUID) -> Operation:
    """The operation. Raises OperationNotFound."""
    operation = session.get(Operation, operation_id)
    if operation is None:
        raise OperationNotFound()
    return operation


def unfinished(session: Session, model_id: int) -> Operation | None:
    """The one operation of a model that has not ended."""
    return session.scalar(
        select(Operation).where(Operation.model_id == model_id, Operation.status.in_(UNFINISHED))
    )


def unfinished_of(session: Session, model_ids: Sequence[int]) -> dict[int, Operation]:
    """The unfinished operation of each model that has one, in one query."""
    rows = session.scalars(
        select(Operation).where(Operation.model_id.in_(model_ids), Operation.status.in_(UNFINISHED))
    )
    return {operation.model_id: operation for operation in rows}


def latest_download(session: Session, model_id: int) -> Operation | None:
    """The download of a model that was asked for last."""
    return session.scalar(
        select(Operation)
        .where(Operation.model_id == model_id, Operation.kind == OperationKind.DOWNLOAD)
        .order_by(Operation.created_at.desc())
        .limit(1)
    )


# What the rules above share


def _locked(operation_id: uuid.UUID) -> Any:
    row = select(Operation).where(Operation.id == operation_id)
    return row.with_for_update().execution_options(populate_existing=True)


def _lock_both(
    session: Session, operation_id: uuid.UUID, *, skip_locked: bool = False
) -> tuple[Model | None, Operation | None]:
    model_id = session.scalar(select(Operation.model_id).where(Operation.id == operation_id))
    if model_id is None:
        return None, None
    row = select(Model).where(Model.id == model_id).execution_options(populate_existing=True)
    model = session.scalar(row.with_for_update(skip_locked=skip_locked))
    if model is None and skip_locked and session.get(Model, model_id) is not None:
        return None, None  # somebody is at it; the next sweep looks again
    return model, session.scalar(_locked(operation_id))


def _hold(session: Session, operation_id: uuid.UUID, attempt: int) -> tuple[Model | None, Operation]:
    model, operation = _lock_both(session, operation_id)
    if operation is None or operation.attempt != attempt or operation.status is not OperationStatus.RUNNING:
        raise OperationLost(str(operation_id))
    return model, operation


def _held(operation_id: uuid.UUID, attempt: int) -> tuple[Any, ...]:
    return (
        Operation.id == operation_id,
        Operation.attempt == attempt,
        Operation.status == OperationStatus.RUNNING,
    )


def _fenced(operation_id: uuid.UUID, attempt: int) -> Any:
    return update(Operation).where(*_held(operation_id, attempt)).execution_options(synchronize_session=False)


def _due(session: Session, operation: Operation) -> bool:
    return operation.not_before is None or operation.not_before <= _now(session)


def _silent(session: Session, operation: Operation) -> bool:
    return operation.lease_until is None or operation.lease_until < _now(session)


def _now(session: Session) -> datetime:
    return session.scalar(select(func.now()))  # type: ignore[return-value]


def _backoff(failures: int) -> float:
    return float(min(BACKOFF_MOST, BACKOFF_BASE * 2 ** (failures - 1)))


def _lasting(progress: Progress) -> dict[str, Any]:
    return {
        "phase": progress.phase,
        "bytes_done": progress.bytes_done,
        "bytes_reused": progress.bytes_reused,
        "files_done": progress.files_done,
    }


def _back_to_pending(
    model: Model | None, operation: Operation, *, error: dict[str, Any] | None, wait: float
) -> None:
    operation.status, operation.error = OperationStatus.PENDING, error
    operation.lease_until, operation.worker, operation.nudged_at = None, None, None
    operation.not_before = func.now() + timedelta(seconds=wait) if wait else None
    if model is not None and operation.kind is OperationKind.DOWNLOAD:
        model.download_status = DownloadStatus.PENDING


_WORDS = {
    OperationStatus.COMPLETED: DownloadStatus.DOWNLOADED,
    OperationStatus.FAILED: DownloadStatus.FAILED,
    OperationStatus.CANCELED: DownloadStatus.CANCELED,
}


def _end(
    session: Session,
    model: Model | None,
    operation: Operation,
    status: OperationStatus,
    *,
    error: dict[str, Any] | None = None,
) -> None:
    operation.status, operation.error = status, error
    operation.finished_at, operation.lease_until, operation.not_before = func.now(), None, None
    if model is not None and operation.kind is OperationKind.DOWNLOAD:
        model.download_status, model.error = _WORDS[status], error
    session.flush()
