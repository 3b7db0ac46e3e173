"""Which volume has what, where workers have volumes of their own.

A volume's name is WEIGHBRIDGE_VOLUME of its workers. Without one they share a volume that goes by the path of
their cache; whatever that path is or was, it means the same one volume.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, func, or_, select
from sqlalchemy.orm import Session

from shared.tables import Model, Operation, OperationStatus, Volume
from shared.task_names import is_named

# A volume that no worker has looked at for so long is served by nobody: twice the longest pause of a sweep.
SEEN_LATELY = timedelta(seconds=120)


def known(session: Session) -> list[Volume]:
    """Every volume that a worker ever looked at, until it is forgotten; the newest path without a name."""
    rows = session.scalars(select(Volume).order_by(Volume.name)).all()
    named = [volume for volume in rows if is_named(volume.name)]
    paths = [volume for volume in rows if not is_named(volume.name)]
    return sorted(paths, key=lambda volume: volume.seen_at)[-1:] + named


def place_of(volumes: Sequence[Volume], name: str | None) -> Volume | None:
    """Of the known volumes the one that a row means; None where it is not known which, or it is forgotten."""
    if is_named(name):
        return next((volume for volume in volumes if volume.name == name), None)
    # A row that says nothing is older than the second volume.
    only = volumes[0] if len(volumes) == 1 else None
    return next((volume for volume in volumes if not is_named(volume.name)), only)


def is_served(session: Session, name: str) -> bool:
    """A worker has looked at the volume lately."""
    lately = func.now() - SEEN_LATELY
    is_same = Volume.name == name if is_named(name) else Volume.name.startswith("/")
    return session.scalar(select(Volume.name).where(is_same, Volume.seen_at > lately).limit(1)) is not None


def served(session: Session) -> list[Volume]:
    """The volumes that workers have looked at lately; all known ones where there are none."""
    limit: Any = session.scalar(select(func.now() - SEEN_LATELY))
    found = known(session)
    return [volume for volume in found if volume.seen_at > limit] or found


def volume_with_room(session: Session, size: int, *, but: str) -> str | None:
    """Of the other volumes that somebody serves the one with most room, if it is enough."""
    others = [volume for volume in served(session) if not may_work(but, volume.name)]
    best = max(others, key=lambda volume: volume.available_bytes, default=None)
    return best.name if best is not None and best.available_bytes >= size else None


def may_work(own: str | None, wanted: str | None) -> bool:
    """Whether a worker of the volume `own` may take what has to run on `wanted` (None: anywhere)."""
    if own is None or wanted is None:
        return True
    return own == wanted if is_named(own) or is_named(wanted) else True


def key(column: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """SQL: the name of a row's volume; null for the one that has none."""
    return case((column.startswith("/"), None), else_=column)


def is_on(column: SQLColumnExpression[Any], name: str) -> ColumnElement[bool]:
    """SQL: a row is of this volume. What says nothing is of the one without a name."""
    return column == name if is_named(name) else key(column).is_(None)


def may_be_on(column: SQLColumnExpression[Any], name: Any) -> ColumnElement[bool]:
    """SQL: a row is not known to be of another volume with a name: whoever removes files lets it count.

    `name`: a volume's, or a column with one.
    """
    return or_(key(column).is_(None), column == name)


def may_be_there(name: str | None, volume: str) -> bool:
    """`may_be_on` of one value."""
    return not is_named(name) or name == volume


def home_of(session: Session, model: Model, last: Operation | None) -> str | None:
    """Where an operation on the model has to run; None: anywhere.

    That is where its files are, and for want of them where its `last` download has left bytes, as long as
    somebody serves that volume.
    """
    if model.volume or model.downloaded or model.damaged_files:
        return model.volume
    if last is None or last.volume is None or last.status is OperationStatus.COMPLETED:
        return None
    # One that brought nothing, such as for want of room, may as well begin elsewhere.
    return last.volume if last.bytes_done and is_served(session, last.volume) else None
