"""What the volume has room for, once the queue has arrived."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from api_service.parts import parts
from api_service.replies import operation_bodies
from shared import queue, storage
from shared.tables import UNFINISHED, Operation


def unfinished_downloads(session: Session) -> Sequence[Operation]:
    """The downloads that still take room, or will."""
    return session.scalars(queue.downloads().where(Operation.status.in_(UNFINISHED))).all()


def still_needed(unfinished: Sequence[Operation]) -> int:
    """Bytes that unfinished downloads have yet to fetch, where their size is known."""
    bodies = operation_bodies(unfinished)
    return sum(
        max(0, body["bytes_total"] - body["bytes_downloaded"]) for body in bodies if body["bytes_total"]
    )


def free_bytes() -> int | None:
    """What one more download may take: what the queue and the reserve leave; None: no worker has looked."""
    with parts().database.session() as session:
        volume = storage.last_look(session)
        unfinished = unfinished_downloads(session)
    if volume is None:
        return None
    return volume.available_bytes - still_needed(unfinished) - parts().settings.disk_reserve_bytes
