"""/api/storage: the volume, as far as the rows know it."""

from collections.abc import Sequence
from typing import Any

from api_service.blueprint import Blueprint
from api_service.parts import parts
from api_service.replies import operation_bodies
from api_service.schemas.storage import StorageSchema
from shared import queue, storage
from shared.tables import UNFINISHED, Operation, Role, Volume

blueprint = Blueprint("storage", __name__, url_prefix="/api/storage", description="The volume")


@blueprint.get("", role=Role.VIEWER)
@blueprint.response(200, StorageSchema)
def get_storage() -> Any:
    """How full the volume is, and how full it will be once the queue has arrived."""
    with parts().database.session() as session:
        volume = storage.last_look(session)
        count, managed = storage.downloaded(session)
        unfinished = session.scalars(queue.downloads().where(Operation.status.in_(UNFINISHED))).all()
    reserved = _still_needed(unfinished)
    return _of_volume(volume, reserved) | {
        "reserved_bytes": reserved,
        "model_count": count,
        "cache": {
            "total_bytes": None,
            "managed_bytes": managed,
            "unmanaged_bytes": None,
            "unmanaged_repo_count": None,
            "partial_bytes": volume.partial_bytes if volume else None,
        },
    }


def _still_needed(unfinished: Sequence[Operation]) -> int:
    bodies = operation_bodies(unfinished)
    return sum(
        max(0, body["bytes_total"] - body["bytes_downloaded"]) for body in bodies if body["bytes_total"]
    )


def _of_volume(volume: Volume | None, reserved: int) -> dict[str, Any]:
    if volume is None:
        return dict.fromkeys(
            ("total_bytes", "used_bytes", "available_bytes", "available_after_queue_bytes", "scanned_at")
        )
    return {
        "total_bytes": volume.total_bytes,
        "used_bytes": volume.total_bytes - volume.available_bytes,
        "available_bytes": volume.available_bytes,
        "available_after_queue_bytes": volume.available_bytes - reserved,
        "scanned_at": volume.seen_at,
    }
