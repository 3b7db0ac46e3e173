"""What the worker that holds an operation may do with it: every write is fenced by its attempt.

A write that finds another attempt, or an ended operation, raises OperationLost: the caller must stop at once.
"""

import random
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session, undefer

from shared import references
from shared.errors import InsufficientDisk, WeighbridgeError
from shared.integrity import Damage, error_of, named
from shared.manifests import FETCHING, hold_repo
from shared.operations import back_to_pending, end, lock_both, now, unfinished_of
from shared.progress import Progress
from shared.tables import UNFINISHED, DownloadStatus, Model, Operation, OperationKind, OperationStatus, Result
from shared.volumes import may_be_there, may_work, volume_with_room

# Seconds before the second attempt after a failure that may pass; doubled for each further one.
BACKOFF_BASE = 2
BACKOFF_MOST = 300
# However long the Hub asks us to stay away, we look again after so many seconds.
ASKED_WAIT_MOST = 3600


class OperationLost(Exception):
    """Another attempt holds the operation now (or it has ended); the caller must stop at once."""


def begin(
    session: Session,
    operation_id: uuid.UUID,
    *,
    worker: str,
    lease_seconds: int,
    volume: str | None = None,
) -> Operation | None:
    """pending -> running, if it is due, and its attempt is raised; None when there is nothing to do.

    `volume`: the worker's own. What has to run on another one is left alone; what may run anywhere belongs to
    this one from now on, with the bytes that it brings.
    """
    model, operation = lock_both(session, operation_id)
    if operation is None or operation.status is not OperationStatus.PENDING or not _due(session, operation):
        return None
    if not may_work(volume, operation.volume):
        return None
    operation.status = OperationStatus.RUNNING
    operation.attempt += 1
    operation.worker, operation.volume = worker, volume or operation.volume
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
        # Bytes that moved mean that the failures before were not this download's last word. (What begins anew
        # with each attempt, as a verify does, moves without getting any further.)
        moved = Operation.kind.in_(FETCHING) & (Operation.bytes_done < progress.bytes_done)
        values["failures"] = case((moved, 0), else_=Operation.failures)
    row = session.execute(
        _fenced(operation_id, attempt).values(**values).returning(Operation.cancel_requested_at)
    )
    found = row.one_or_none()
    if found is None:
        raise OperationLost(str(operation_id))
    return found[0] is not None


def limit_of(session: Session, operation_id: uuid.UUID) -> int | None:
    """Bytes per second that the download may take; None: it has no limit of its own, or is gone."""
    return session.scalar(select(Operation.max_bytes_per_second).where(Operation.id == operation_id))


def others_that_fetch(session: Session, operation_id: uuid.UUID) -> int:
    """How many downloads run beside this one, on whatever worker."""
    running = select(func.count()).where(
        Operation.status == OperationStatus.RUNNING,
        Operation.kind.in_(FETCHING),
        Operation.id != operation_id,
    )
    return session.scalar(running) or 0


def freeze(
    session: Session,
    operation_id: uuid.UUID,
    attempt: int,
    *,
    manifest: dict[str, Any],
    facts: dict[str, Any] | None = None,
) -> None:
    """Keep what is to be fetched, so that later attempts fetch the same. Raises OperationLost.

    `facts`: what the Hub says of the model, kept where nothing better is known of it yet.
    A removal that is at the repository is waited for: what stands there afterwards stays for this download.
    """
    of_operation = select(Model.hf_repo).join(Operation, Operation.model_id == Model.id)
    repo = session.scalar(of_operation.where(Operation.id == operation_id))
    if repo is not None:
        hold_repo(session, repo)
    total = sum(file["size"] for file in manifest["files"])
    values = {"manifest": manifest, "bytes_total": total, "files_total": len(manifest["files"])}
    _write(session, operation_id, attempt, **values)
    if facts:
        unknown = Model.facts.is_(None), Operation.id == operation_id, Operation.model_id == Model.id
        # No edit by anybody, so `updated_at` stays.
        session.execute(update(Model).where(*unknown).values(facts=facts, updated_at=Model.updated_at))


def measure(
    session: Session, operation_id: uuid.UUID, attempt: int, *, bytes_total: int, files_total: int
) -> None:
    """How much there is to do, of what fetches nothing. Raises OperationLost."""
    _write(session, operation_id, attempt, bytes_total=bytes_total, files_total=files_total)


def admit(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """This attempt's bytes have their room on the volume from now on. Raises OperationLost."""
    _write(session, operation_id, attempt, admitted_attempt=attempt)


def check(session: Session, operation_id: uuid.UUID, attempt: int) -> None:
    """The fence: raise OperationLost unless this attempt still holds the operation."""
    held = select(Operation.id).where(*_held(operation_id, attempt))
    if session.scalar(held) is None:
        raise OperationLost(str(operation_id))


def complete_download(
    session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress, columns: dict[str, Any]
) -> None:
    """running -> completed; `columns` are the model's new ones. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    for name, value in (_lasting(progress) | {"failures": 0}).items():
        setattr(operation, name, value)
    if model is not None:
        _set(model, columns)
        model.downloaded, model.downloaded_at = True, func.now()
        model.verified_at, model.damaged_files = func.now(), None
    end(session, model, operation, OperationStatus.COMPLETED)


def complete_verify(
    session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress, damage: Damage
) -> list[int]:
    """running -> completed, intact or damaged; the models that are not downloaded any more for that.

    Raises OperationLost.
    """
    sharing = _lock_sharing(session, damage) if damage.paths else []
    model, operation = _hold(session, operation_id, attempt)
    # The same file on another volume is another file.
    here = operation.volume
    sharing = [one for one in sharing if here is None or may_be_there(one.volume, here)]
    _set(operation, _lasting(progress))
    operation.result = Result.DAMAGED if damage.paths else Result.INTACT
    end(session, None, operation, OperationStatus.COMPLETED)
    if model is None:
        return []
    if not damage.paths:
        model.verified_at, model.damaged_files = func.now(), None
        return []
    # What another operation is at work on is left to the next verify: it may well be bringing the files anew,
    # and nobody writes about a model but who holds its operation.
    busy = unfinished_of(session, [other.id for other in sharing])
    marked = [one for one in sharing if one.id == model.id or one.id not in busy]
    return [one.id for one in marked if _mark(one, damage)]


def _lock_sharing(session: Session, damage: Damage) -> Sequence[Model]:
    """The downloaded models of the repository, in id order: two verifies never wait for each other."""
    rows = select(Model).where(Model.hf_repo == damage.repo, Model.downloaded.is_(True)).order_by(Model.id)
    rows = rows.options(undefer(Model.manifest)).execution_options(populate_existing=True)
    return session.scalars(rows.with_for_update()).all()


def _mark(model: Model, damage: Damage) -> bool:
    damaged = damage.of(model.manifest) if model.manifest else []
    if damaged:
        model.damaged_files, model.error = named(damaged), error_of(damaged)
        model.downloaded, model.downloaded_at = False, None
        model.download_status = DownloadStatus.FAILED
    return bool(damaged)


def complete_update(
    session: Session, operation_id: uuid.UUID, attempt: int, *, progress: Progress, columns: dict[str, Any]
) -> None:
    """running -> completed, and the model stands for another commit: `columns` are its new ones.

    What it stood for before is its `former`. Raises OperationLost.
    """
    model, operation = _hold(session, operation_id, attempt)
    _set(operation, _lasting(progress) | {"failures": 0, "result": Result.UPDATED})
    end(session, model, operation, OperationStatus.COMPLETED)
    if model is not None:
        model.former = {
            "commit": model.commit_hash,
            "manifest": model.manifest,
            "replaced_at": now(session).isoformat(),
            "size_bytes": model.file_size_bytes,
        }
        _set(model, columns)
        model.verified_at = func.now()


def complete(
    session: Session,
    operation_id: uuid.UUID,
    attempt: int,
    *,
    progress: Progress,
    result: Result,
    bytes_freed: int | None = None,
) -> None:
    """running -> completed, of an operation that leaves the models' rows alone. Raises OperationLost."""
    _model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    operation.result, operation.bytes_freed = result, bytes_freed
    end(session, None, operation, OperationStatus.COMPLETED)


def files_go(
    session: Session, operation_id: uuid.UUID, attempt: int, *, there: dict[str, Any]
) -> dict[str, Any]:
    """Before a delete touches the volume: from now on the model is not downloaded, and none can forbid it.

    `there`: was_there and bytes, what the delete finds on the volume. Returns what its first attempt found.
    Raises OperationLost; ModelInUse when somebody said meanwhile that the model must stay.
    """
    model, operation = _hold(session, operation_id, attempt)
    if operation.plan is None:
        if model is not None:
            references.refuse_if_blocked(session, model.id)
        operation.plan = there
    if model is not None:
        model.download_status, model.downloaded, model.downloaded_at = (
            DownloadStatus.NOT_DOWNLOADED,
            False,
            None,
        )
    return operation.plan or there


def complete_delete(
    session: Session, operation_id: uuid.UUID, attempt: int, *, result: Result, bytes_freed: int
) -> None:
    """running -> completed, and the model's row goes last. Raises OperationLost."""
    model, operation = _hold(session, operation_id, attempt)
    operation.result, operation.bytes_freed = result, bytes_freed
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

    A download that has brought nothing and finds no room goes to another volume that has some.
    Raises OperationLost.
    """
    model, operation = _hold(session, operation_id, attempt)
    for name, value in _lasting(progress).items():
        setattr(operation, name, value)
    operation.failures += 1
    elsewhere = _with_room(session, operation, error) if operation.failures < max_attempts else None
    if elsewhere is not None:
        back_to_pending(session, model, operation, error=error.as_dict())
        operation.volume = elsewhere
    elif error.transient and operation.failures < max_attempts:
        asked = min(ASKED_WAIT_MOST, float(error.facts.get("retry_after") or 0))
        wait = max(_backoff(operation.failures), asked)
        back_to_pending(session, model, operation, error=error.as_dict(), wait=wait)
    else:
        end(session, model, operation, OperationStatus.FAILED, error=error.as_dict())
    session.flush()
    return operation


def _with_room(session: Session, operation: Operation, error: WeighbridgeError) -> str | None:
    is_new = operation.kind is OperationKind.DOWNLOAD and not operation.bytes_done
    if not (is_new and isinstance(error, InsufficientDisk) and operation.volume and operation.bytes_total):
        return None
    return volume_with_room(session, operation.bytes_total, but=operation.volume)


def purged(session: Session, operation_id: uuid.UUID) -> None:
    """The partial bytes of an ended operation are gone."""
    gone = update(Operation).where(Operation.id == operation_id, Operation.status.not_in(UNFINISHED))
    session.execute(gone.values(purge_requested_at=None, bytes_done=0))


def _hold(session: Session, operation_id: uuid.UUID, attempt: int) -> tuple[Model | None, Operation]:
    model, operation = lock_both(session, operation_id)
    if operation is None or operation.attempt != attempt or operation.status is not OperationStatus.RUNNING:
        raise OperationLost(str(operation_id))
    return model, operation


def _set(row: Model | Operation, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


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
