"""What there is room for: on the volume once the queue has arrived, and in the workers' machines."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from api_service.parts import parts
from api_service.replies import operation_bodies
from shared import fleet, queue, volumes
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


def needs(unfinished: Sequence[Operation]) -> list[tuple[str | None, int]]:
    """Where each unfinished download has to run (None: anywhere), and the bytes that it has yet to fetch.

    Those whose size is not known are left out.
    """
    bodies = operation_bodies(unfinished)
    return [
        (body["volume"], max(0, body["bytes_total"] - body["bytes_downloaded"]))
        for body in bodies
        if body["bytes_total"]
    ]


def still_needed(unfinished: Sequence[Operation]) -> int:
    """Bytes that unfinished downloads have yet to fetch, where their size is known."""
    return sum(size for _volume, size in needs(unfinished))


def free_bytes() -> int | None:
    """What one more download may take: what the queue and the reserve leave on the volume that has most.

    None: no worker has looked. What may run anywhere is counted where most is left.
    """
    with parts().database.session() as session:
        known, unfinished = volumes.served(session), unfinished_downloads(session)
    if not known:
        return None
    free = {volume.name: volume.available_bytes for volume in known}
    for name, size in sorted(needs(unfinished), key=lambda need: (need[0] is None, -need[1])):
        place = volumes.place_of(known, name)
        if place is not None or name is None:
            free[place.name if place and name else max(free, key=lambda one: free[one])] -= size
    return max(free.values()) - parts().settings.disk_reserve_bytes
