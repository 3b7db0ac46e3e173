"""/api/storage: the volume, as far as the rows know it."""

import threading
import time
from typing import Any, TypeGuard

from api_service.blueprint import Blueprint
from api_service.parts import parts
from api_service.room import still_needed, unfinished_downloads
from api_service.schemas.storage import StorageQuery, StorageSchema
from shared import storage
from shared.operations import Nudge
from shared.tables import Role, Volume
from shared.task_names import TaskName

blueprint = Blueprint("storage", __name__, url_prefix="/api/storage", description="The volume")

# How long `refresh` waits for a scan, and how often it looks for one.
WAIT_SECONDS = 10
LOOK_SECONDS = 0.05


@blueprint.get("", role=Role.VIEWER)
@blueprint.arguments(StorageQuery, location="query")
@blueprint.response(200, StorageSchema)
def get_storage(query: dict[str, Any]) -> Any:
    """How full the volume is, and how full it will be once the queue has arrived."""
    if query["refresh"]:
        _wait_for_scan()
    return storage_body()


def storage_body() -> dict[str, Any]:
    """The volume as the rows know it."""
    with parts().database.session() as session:
        volume = storage.last_look(session)
        count, managed = storage.downloaded(session)
        unmanaged_count = storage.unmanaged_count(session, volume.path) if _is_scanned(volume) else None
        unfinished = unfinished_downloads(session)
    reserved = still_needed(unfinished)
    return _of_volume(volume, reserved) | {
        "reserved_bytes": reserved,
        "model_count": count,
        "quota_bytes": parts().settings.cache_quota_bytes,
        "cache": {
            "total_bytes": volume.cache_bytes if volume else None,
            "managed_bytes": managed,
            "unmanaged_bytes": max(0, volume.cache_bytes - managed) if _is_scanned(volume) else None,
            "unmanaged_repo_count": unmanaged_count,
            "partial_bytes": volume.partial_bytes if volume else None,
        },
    }


def _is_scanned(volume: Volume | None) -> TypeGuard[Volume]:
    return volume is not None and volume.scanned_at is not None


def _wait_for_scan() -> None:
    """Ask for a scan and wait for one that began after that; the age tells where none came in time."""
    here, pause = parts(), threading.Event()
    with here.database.session() as session:
        asked = storage.request_scan(session)
    if asked is None:
        return
    here.dispatcher.enqueue(Nudge(TaskName.SCAN))
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        with here.database.session() as session:
            volume = storage.last_look(session)
        if volume and volume.scanned_at and volume.scanned_at >= asked:
            return
        pause.wait(LOOK_SECONDS)


def _of_volume(volume: Volume | None, reserved: int) -> dict[str, Any]:
    if volume is None:
        return dict.fromkeys(
            (
                "total_bytes",
                "used_bytes",
                "available_bytes",
                "available_after_queue_bytes",
                "seen_at",
                "scanned_at",
            )
        )
    return {
        "total_bytes": volume.total_bytes,
        "used_bytes": volume.total_bytes - volume.available_bytes,
        "available_bytes": volume.available_bytes,
        "available_after_queue_bytes": volume.available_bytes - reserved,
        "seen_at": volume.seen_at,
        "scanned_at": volume.scanned_at,
    }
