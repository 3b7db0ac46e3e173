"""The sweep: it heals what was lost, from the rows alone. Any number of sweepers may run at once."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from shared.errors import DownloadFailed, FilesGone
from shared.integrity import Problem, named
from shared.metrics import LEASE_EXPIRED, after_commit, metrics
from shared.nudges import NUDGED_BY, Nudge, nudge_for
from shared.operations import (
    back_to_pending,
    end,
    lock_both,
    now,
    unfinished,
)
from shared.tables import UNFINISHED, DownloadStatus, Model, Operation, OperationKind, OperationStatus
from shared.task_names import TASK_QUEUES, TaskName
from shared.volumes import key

# Seconds after which a pending operation that nobody took is nudged again, and an unheard purge too.
NUDGE_AFTER = 10
# Seconds for which an ended operation may still have something in Redis: longer than a claim lives.
ENDED_LATELY = 600


@dataclass(frozen=True)
class Swept:
    """What a sweep found: bells to ring again, all unfinished operations, whose claims want renewing, those
    that it took from workers that are silent, and those that ended lately, whose claims want dropping."""

    nudges: list[Nudge]
    unfinished: list[Operation]
    revived: list[Operation]
    ended: list[Operation]


def sweep(session: Session, *, max_attempts: int, slack: Callable[[set[str]], Collection[str]]) -> Swept:
    """Heal what was lost. Any number of sweepers may run at once.

    Returns running operations whose lease ran out to pending (or ends them), and repeats nudges that nobody
    took, but only on slack queues, which are empty: where messages wait, a repeat would only pile up. `slack`
    says which of these queues are.
    """
    tried = [
        _revive(session, operation_id, max_attempts) for operation_id in session.scalars(_expired()).all()
    ]
    session.flush()
    nudges = [nudge_for(operation) for operation in _nudge_again(session, _waiting(), _BY_KIND, slack)]
    purges = _nudge_again(session, _unpurged(), _queue(str(TASK_QUEUES[TaskName.CANCEL])), slack)
    nudges += [Nudge(TaskName.CANCEL, operation) for operation in purges]
    unfinished = session.scalars(select(Operation).where(Operation.status.in_(UNFINISHED)))
    ended = session.scalars(_ended_lately())
    return Swept(nudges, list(unfinished), [operation for operation in tried if operation], list(ended))


def _revive(session: Session, operation_id: uuid.UUID, max_attempts: int) -> Operation | None:
    model, operation = lock_both(session, operation_id, skip_locked=True)
    if (
        operation is None
        or operation.status is not OperationStatus.RUNNING
        or not _silent(session, operation)
    ):
        return None
    after_commit(session, metrics().leases_expired.labels(operation.kind).inc)
    operation.failures += 1
    if operation.failures >= max_attempts and operation.cancel_requested_at is None:
        detail = f"Its worker died in each of the last {operation.failures} attempts."
        remedy = None if operation.kind is OperationKind.DOWNLOAD else "Ask for it again."
        error = DownloadFailed(detail, remedy=remedy)
        end(session, model, operation, OperationStatus.FAILED, error=error.as_dict())
    else:
        back_to_pending(session, model, operation, reason=LEASE_EXPIRED)
    return operation


def _queue(common: Any) -> Any:
    """SQL: `queue_of` an operation whose kind waits on this queue where it may run anywhere."""
    return func.concat(common, "." + key(Operation.volume))


_BY_KIND = _queue(
    case({kind: str(TASK_QUEUES[task]) for kind, task in NUDGED_BY.items()}, value=Operation.kind)
)


def _nudge_again(
    session: Session, due: Any, queue: Any, slack: Callable[[set[str]], Collection[str]]
) -> Sequence[Operation]:
    waiting = set(session.scalars(due.with_only_columns(queue).distinct()))
    if not waiting:
        return []
    again = due.where(queue.in_(slack(waiting)))
    operations = session.scalars(again.with_for_update(skip_locked=True)).all()
    for operation in operations:
        operation.nudged_at = func.now()
    session.flush()
    return operations


def _expired() -> Any:
    return select(Operation.id).where(
        Operation.status == OperationStatus.RUNNING, Operation.lease_until < func.now()
    )


def _ended_lately() -> Any:
    return select(Operation).where(Operation.finished_at > func.now() - timedelta(seconds=ENDED_LATELY))


def _waiting() -> Any:
    return select(Operation).where(
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


def _silent(session: Session, operation: Operation) -> bool:
    return operation.lease_until is None or operation.lease_until < now(session)


def files_are_gone(session: Session, model_id: int, *, missing: Collection[str] = ()) -> bool:
    """A downloaded model's files have vanished from the volume: say so in its row. False: no longer true.

    `missing` are the names of those that are gone. They count as damaged: the next download is a repair then,
    and brings the same commit again, not what the revision means by that time.
    """
    model = session.get(Model, model_id, with_for_update=True)
    if model is None or not model.downloaded or unfinished(session, model_id) is not None:
        return False
    model.downloaded, model.downloaded_at = False, None
    model.download_status = DownloadStatus.NOT_DOWNLOADED
    model.error = FilesGone().as_dict()
    model.damaged_files = named([{"path": path, "problem": str(Problem.MISSING)} for path in missing]) or None
    return True
