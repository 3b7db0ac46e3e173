"""/api/storage: the volume, as far as the rows know it."""

import threading
import time
from typing import Any

from api_service.blueprint import Blueprint
from api_service.parts import parts
from api_service.room import still_needed, unfinished_downloads
from api_service.schemas.storage import StorageQuery, StorageSchema
from shared import storage
from shared.operations import Nudge
from shared.storage import Counted
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
    return storage_body(is_new=query["refresh"])


def storage_body(*, is_new: bool = False) -> dict[str, Any]:
    """The volume as the rows know it; of a big register what is counted may be older, unless `is_new`."""
    counted = parts().counted.get(is_new=is_new)
    with parts().database.session() as session:
        volume = storage.last_look(session)
        unfinished = unfinished_downloads(session)
    reserved = still_needed(unfinished)
    return _of_volume(volume, reserved) | {
        "reserved_bytes": reserved,
        "model_count": counted.model_count,
        "quota_bytes": parts().settings.cache_quota_bytes,
        "cache": {
            "total_bytes": volume.cache_bytes if volume else None,
            "managed_bytes": counted.managed_bytes,
            "unmanaged_bytes": _unmanaged_bytes(volume, counted),
            "unmanaged_repo_count": counted.unmanaged_repo_count,
            "partial_bytes": volume.partial_bytes if volume else None,
        },
    }


def _unmanaged_bytes(volume: Volume | None, counted: Counted) -> int | None:
    if volume is None or volume.scanned_at is None:
        return None
    return max(0, (volume.cache_bytes or 0) - counted.managed_bytes)


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
