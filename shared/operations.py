"""The rules about operations that everybody shares: request, cancel, look up, end.

What only the worker that holds one may do stands in attempts.py; sweep.py heals what is lost.

Locks are always taken in one order, the model's row before the operation's, so no two rules deadlock.
`now` is Postgres's everywhere: no rule compares clocks of two machines.
"""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.errors import (
    ModelNotDownloaded,
    ModelNotFound,
    NotALocalModel,
    NotFromTheHub,
    OperationConflict,
    OperationNotFound,
    ValidationError,
)
from shared.metrics import GIVEN_BACK, after_commit, metrics
from shared.tables import (
    UNFINISHED,
    DownloadStatus,
    Model,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
)
from shared.volumes import home_of

# What a person may stop; a delete can't be taken back.
CANCELABLE = (OperationKind.DOWNLOAD, OperationKind.UPDATE, OperationKind.VERIFY)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Requested(StrEnum):
    """How a request ended."""

    CREATED = "created"  # a new operation stands in the queue
    ACTIVE = "active"  # the same was asked for already and is on its way
    DONE = "done"  # nothing to do: the files are there


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
    last = latest_download(session, model_id)
    operation, outcome = _request(session, model, OperationKind.DOWNLOAD, active, requested_by, request_id)
    if outcome is Requested.CREATED:
        model.download_status, model.error = DownloadStatus.PENDING, None
        if model.damaged_files and model.manifest:
            _pin(operation, model.manifest, model.damaged_files)
        elif last is not None and operation.volume == last.volume:
            # What an earlier download left is still there, and the bar begins where it stopped.
            operation.bytes_done, operation.bytes_total = last.bytes_done, last.bytes_total
        session.flush()
        session.refresh(operation)
    return operation, outcome


def _pin(operation: Operation, manifest: dict[str, Any], damaged: list[dict[str, Any]]) -> None:
    """A repair brings the files that the model stands for, wherever its revision has moved since."""
    sizes = {file["oid"]: file["size"] for file in manifest["files"]}
    paths = {file["path"] for file in damaged}
    wrong = {file["oid"] for file in manifest["files"] if file["path"] in paths}
    operation.manifest, operation.files_total = manifest, len(manifest["files"])
    operation.bytes_total = sum(sizes.values())
    operation.bytes_done = operation.bytes_total - sum(sizes[oid] for oid in wrong)


def request_delete(
    session: Session, model_id: int, *, requested_by: str, request_id: str | None
) -> tuple[Operation, Requested]:
    """Ask for a model's files to be removed, and its row last. Raises ModelNotFound, OperationConflict."""
    model = lock_model(session, model_id)
    return _request(
        session, model, OperationKind.DELETE, unfinished(session, model_id), requested_by, request_id
    )


def request_verify(
    session: Session, model_id: int, *, requested_by: str, request_id: str | None
) -> tuple[Operation, Requested]:
    """Ask for a model's files to be held against their checksums.

    Raises ModelNotFound, OperationConflict and what `check_is_here` raises.
    """
    model = lock_model(session, model_id)
    active = unfinished(session, model_id)
    if active is None:
        check_is_here(model)
    return _request(session, model, OperationKind.VERIFY, active, requested_by, request_id)


def request_update(
    session: Session, model_id: int, *, commit: str | None, requested_by: str, request_id: str | None
) -> tuple[Operation, Requested]:
    """Ask for a model to stand for `commit` (the former one: to return), or what its revision means now.

    Raises ModelNotFound, ValidationError, OperationConflict and what `check_is_here` raises.
    """
    model = lock_model(session, model_id)
    active, plan = unfinished(session, model_id), {"commit": commit} if commit else None
    if active is None:
        check_is_here(model)
        if commit not in (None, model.commit_hash) and _COMMIT.fullmatch(str(model.revision)):
            raise ValidationError({"commit_hash": ["The model's revision is one commit for good."]})
    elif active.kind is OperationKind.UPDATE and active.plan != plan:
        raise conflict(active)
    operation, outcome = _request(session, model, OperationKind.UPDATE, active, requested_by, request_id)
    if outcome is Requested.CREATED and plan:
        operation.plan = plan
        session.flush()
        session.refresh(operation)
    return operation, outcome


def check_is_here(model: Model) -> None:
    """Raise NotALocalModel, NotFromTheHub or ModelNotDownloaded unless files from the Hub are here."""
    if model.type is not ModelType.LOCAL:
        raise NotALocalModel("This model is hosted; it has no files.")
    if model.source is not ModelSource.HUGGINGFACE:
        raise NotFromTheHub()
    if not model.downloaded:
        raise ModelNotDownloaded()


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
        model_id=model.id,
        kind=kind,
        volume=home_of(session, model, latest_download(session, model.id)),
        requested_by=requested_by,
        request_id=request_id,
        nudged_at=func.now(),
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
    what = "for this model" if active.model_id else "already"
    return OperationConflict(
        f"A {active.kind} is active {what}.", operation_id=str(active.id), operation=str(active.kind)
    )


def cancel(session: Session, model_id: int, *, purge: bool) -> tuple[Operation | None, bool]:
    """Ask for a model's download, update or verify to stop: (operation, whether something was active).

    A pending one is canceled at once; a running one learns of it from the flag or its next heartbeat.
    With nothing active the last download is returned, None when there never was one.
    Raises ModelNotFound, NotALocalModel, OperationConflict (a delete is active: it can't be taken back).
    """
    model = lock_model(session, model_id)
    if model.type is not ModelType.LOCAL:
        raise NotALocalModel()
    operation = unfinished(session, model_id)
    if operation is not None and operation.kind not in CANCELABLE:
        raise conflict(operation)
    active = operation is not None
    operation = lock_operation(session, operation.id) if operation else latest_download(session, model_id)
    if operation is None:
        return None, False
    brings_files = operation.kind is not OperationKind.VERIFY
    if purge and brings_files and operation.status is not OperationStatus.COMPLETED:
        operation.purge_requested_at = func.now()
    if operation.status in (OperationStatus.PENDING, OperationStatus.PAUSED):
        end(session, model, operation, OperationStatus.CANCELED)
    elif operation.status is OperationStatus.RUNNING and operation.cancel_requested_at is None:
        operation.cancel_requested_at = func.now()
    session.flush()
    session.refresh(operation)
    return operation, active


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
    operation: Operation | None = session.scalar(_locked(operation_id))
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
    return {operation.model_id: operation for operation in rows if operation.model_id is not None}


def latest_download(session: Session, model_id: int) -> Operation | None:
    """The download of a model that was asked for last."""
    return session.scalar(
        select(Operation)
        .where(Operation.model_id == model_id, Operation.kind == OperationKind.DOWNLOAD)
        .order_by(Operation.created_at.desc())
        .limit(1)
    )


# What the rules above share


def _locked(operation_id: uuid.UUID, *, skip_locked: bool = False) -> Any:
    row = select(Operation).where(Operation.id == operation_id)
    return row.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)


def lock_both(
    session: Session, operation_id: uuid.UUID, *, skip_locked: bool = False
) -> tuple[Model | None, Operation | None]:
    """The operation's model and the operation, locked in this order; None where a row is gone.

    With `skip_locked` (None, None) also when somebody else works on the model. An operation on the volume as
    a whole has no model.
    """
    found = session.execute(select(Operation.model_id).where(Operation.id == operation_id)).one_or_none()
    if found is None:
        return None, None
    model_id = found[0]
    if model_id is None:
        return None, session.scalar(_locked(operation_id, skip_locked=skip_locked))
    row = select(Model).where(Model.id == model_id).execution_options(populate_existing=True)
    model = session.scalar(row.with_for_update(skip_locked=skip_locked))
    if model is None and skip_locked and session.get(Model, model_id) is not None:
        return None, None  # somebody is at it; the next sweep looks again
    return model, session.scalar(_locked(operation_id))


def now(session: Session) -> datetime:
    """Postgres's clock, the only one that rules compare with."""
    return session.scalar(select(func.now()))  # type: ignore[return-value]


def back_to_pending(
    session: Session,
    model: Model | None,
    operation: Operation,
    *,
    error: dict[str, Any] | None = None,
    wait: float = 0,
    reason: str = GIVEN_BACK,
) -> None:
    """running -> pending, due in `wait` seconds; running -> canceled when somebody has wished so."""
    if operation.cancel_requested_at is not None:
        end(session, model, operation, OperationStatus.CANCELED)
        return
    counter, why = metrics().operation_retries, error["code"] if error else reason
    after_commit(session, counter.labels(operation.kind, why).inc)
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


def end(
    session: Session,
    model: Model | None,
    operation: Operation,
    status: OperationStatus,
    *,
    error: dict[str, Any] | None = None,
) -> None:
    """Any unfinished state -> `status`, and the model gets the word for it."""
    operation.status, operation.error = status, error
    operation.finished_at, operation.lease_until, operation.not_before = func.now(), None, None
    if model is not None and operation.kind is OperationKind.DOWNLOAD:
        model.download_status, model.error = _WORDS[status], error
    code = error["code"] if error else ""
    after_commit(session, metrics().operations_finished.labels(operation.kind, status, code).inc)
    session.flush()
