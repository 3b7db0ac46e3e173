"""What there is room for: on the volume once the queue has arrived, and in the workers' machines."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from api_service.parts import parts
from api_service.replies import operation_bodies
from shared import fleet, queue, storage
from shared.fleet import Machine
from shared.tables import UNFINISHED, Operation


@dataclass(frozen=True)
class Capacity:
    """The workers' machines, and the bytes that one more download may take (None: not known)."""

    machines: Sequence[Machine]
    free_bytes: int | None

    def fits_memory(self, wanted: int | None) -> bool | None:
        """Whether a machine could load it; None: not known."""
        return None if wanted is None else fleet.fits(self.machines, wanted)

    def fits_disk(self, size: int, status: str) -> bool | None:
        """Whether the volume has room; what is here or in the queue takes no more. None: not known."""
        if status == "downloaded":
            return True
        if self.free_bytes is None:
            return None
        return self.free_bytes >= (size if status == "available" else 0)


def capacity() -> Capacity:
    """As workers told it last."""
    return Capacity(machines(), free_bytes())


def machines() -> list[Machine]:
    """The machines of live workers; while Redis is away, nothing of them is known."""
    try:
        return fleet.machines(parts().redis)
    except RedisError:
        return []


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
