"""The queue view of downloads: what runs, waits, needs attention, and what ended lately."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from shared import operations
from shared.errors import ModelNotFound, OperationEnded, OperationNotFound
from shared.manifests import FETCHING
from shared.tables import UNFINISHED, Model, Operation, OperationKind, OperationStatus, Result

# How long a finished download is news.
FINISHED_FOR = timedelta(hours=24)
# Failed and completed ones that the view shows, the latest.
MOST_ENDED = 200


class Section(StrEnum):
    """Where an operation stands in the queue view; canceled ones stand at their model only."""

    ACTIVE = "active"
    QUEUED = "queued"
    PAUSED = "paused"
    FAILED = "failed"
    COMPLETED = "completed"


_SECTIONS = {
    OperationStatus.RUNNING: Section.ACTIVE,
    OperationStatus.PENDING: Section.QUEUED,
    OperationStatus.PAUSED: Section.PAUSED,
    OperationStatus.FAILED: Section.FAILED,
    OperationStatus.COMPLETED: Section.COMPLETED,
}


def downloads() -> Select[Operation]:
    """Every download and update that was ever asked for: what brings files."""
    return select(Operation).where(Operation.kind.in_(FETCHING))


# Nothing is asked more often: queries that are built once, without objects of rows that nobody writes to.
_SHOWN = [column for column in Operation.__table__.columns if column.key not in ("manifest", "plan")]
_LATEST = (
    select(
        Model.type.label("model_type"),
        Model.downloaded.label("model_downloaded"),
        Model.download_status.label("model_status"),
        Model.error.label("model_error"),
        *_SHOWN,
    )
    .outerjoin(Operation, (Operation.model_id == Model.id) & (Operation.kind == OperationKind.DOWNLOAD))
    .where(Model.id == bindparam("model"))
    .order_by(Operation.created_at.desc())
    .limit(1)
)
_UNDER_WAY = select(*_SHOWN).where(
    Operation.model_id.in_(bindparam("models", expanding=True)), Operation.status.in_(UNFINISHED)
)


def latest_of(asked: Connection, model_id: int) -> Row[Any]:
    """The columns of the download of a model that was asked for last, all null where there is none, beside
    model_type, model_downloaded, model_status and model_error of its model. Raises ModelNotFound.
    """
    found = asked.execute(_LATEST, {"model": model_id}).one_or_none()
    if found is None:
        raise ModelNotFound()
    return found


def under_way(asked: Connection, model_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """The unfinished operations of these models, as columns; `operations.unfinished_of` gives the objects."""
    return asked.execute(_UNDER_WAY, {"models": model_ids}).all()


def sections(session: Session) -> dict[Section, list[Operation]]:
    """The queue: waiting ones in the order in which they will be taken, ended ones the latest first."""
    found: dict[Section, list[Operation]] = {section: [] for section in Section}
    for operation in [*_unfinished(session), *_ended(session)]:
        found[_SECTIONS[operation.status]].append(operation)
    return found


def dismiss(session: Session, operation_id: uuid.UUID) -> Operation | None:
    """Clear a download from the queue: cancel it if it has not ended. The canceled one, else None.

    Raises OperationNotFound.
    """
    operation = get(session, operation_id)
    canceled = None
    if operation.status in UNFINISHED and operation.model_id is not None:
        canceled, _active = operations.cancel(session, operation.model_id, purge=False)
    operation.dismissed_at = func.now()
    session.flush()
    return canceled


def change(session: Session, operation_id: uuid.UUID, fields: Mapping[str, Any]) -> Operation:
    """Set columns of a download that has not ended, whether it runs or not.

    Raises OperationNotFound, OperationEnded.
    """
    get(session, operation_id)
    row = select(Operation).where(Operation.id == operation_id).with_for_update()
    operation = session.scalars(row.execution_options(populate_existing=True)).one()
    if operation.status not in UNFINISHED:
        raise OperationEnded()
    for name, value in fields.items():
        setattr(operation, name, value)
    session.flush()
    session.refresh(operation)
    return operation


def get(session: Session, operation_id: uuid.UUID) -> Operation:
    """A download or update by its id. Raises OperationNotFound, for what brings no files too."""
    operation = operations.get(session, operation_id)
    if operation.kind not in FETCHING:
        raise OperationNotFound()
    return operation


def _unfinished(session: Session) -> Sequence[Operation]:
    waiting = downloads().where(Operation.status.in_(UNFINISHED))
    return session.scalars(waiting.order_by(Operation.priority.desc(), Operation.created_at)).all()


def _ended(session: Session) -> Sequence[Operation]:
    newer = aliased(Operation)
    asked_again = (
        select(newer.id)
        .where(
            newer.model_id == Operation.model_id,
            newer.kind.in_(FETCHING),
            newer.created_at > Operation.created_at,
        )
        .exists()
    )
    # Two questions, as each has an index of its own; together they would be answered by reading all there is.
    of_status = {
        OperationStatus.FAILED: (),
        OperationStatus.COMPLETED: (
            Operation.finished_at > func.now() - FINISHED_FOR,
            Operation.result.is_distinct_from(Result.UP_TO_DATE),  # it brought nothing
        ),
    }
    found: list[Operation] = []
    for status, more in of_status.items():
        shown = downloads().where(
            Operation.status == status, Operation.dismissed_at.is_(None), *more, ~asked_again
        )
        found += session.scalars(shown.order_by(Operation.finished_at.desc()).limit(MOST_ENDED))
    # One that ended between the questions stands among the unfinished as it was seen there.
    ended = [operation for operation in found if operation.finished_at is not None]
    return sorted(ended, key=attrgetter("finished_at"), reverse=True)[:MOST_ENDED]
