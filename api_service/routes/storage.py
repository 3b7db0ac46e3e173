"""/api/storage: the volumes, as far as the rows know them."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response
from redis.exceptions import RedisError

from api_service.blueprint import Blueprint
from api_service.parts import audited, parts
from api_service.room import needs, unfinished_downloads
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.storage import StorageQuery, StorageSchema, VolumeQuery
from shared import events, presence, storage, volumes, volumes_lost
from shared.audit import Action
from shared.events import EventType
from shared.nudges import Nudge
from shared.storage import Downloaded
from shared.tables import Role, Volume
from shared.task_names import TaskName, is_named

blueprint = Blueprint("storage", __name__, url_prefix="/api/storage", description="The volume")

# How long `refresh` waits for a scan, and how often it looks for one.
WAIT_SECONDS = 10
LOOK_SECONDS = 0.05


@blueprint.get("", role=Role.VIEWER)
@blueprint.arguments(StorageQuery, location="query")
@blueprint.response(200, StorageSchema)
def get_storage(query: dict[str, Any]) -> Any:
    """How full the volumes are, and how full they will be once the queue has arrived."""
    if query["refresh"]:
        _wait_for_scan()
    return storage_body(is_new=query["refresh"])


@blueprint.delete("/volumes", role=Role.ADMIN)
@blueprint.arguments(VolumeQuery, location="query")
@blueprint.response(204)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def forget_volume(query: dict[str, Any]) -> Any:
    """Forget a volume that is lost for good: its models are not downloaded any more, no file is touched.

    What waits for it may run elsewhere from now on. Refused while a worker serves it.
    """
    here = parts()
    with here.database.session() as session:
        forgotten = volumes_lost.forget(session, query["name"])
        audited(session, Action.VOLUME_FORGOTTEN, volume=query["name"], models=len(forgotten.models))
    for model_id in forgotten.models:
        events.note_model(here.redis, EventType.MODEL_UPDATED, model_id)
    events.note_operations(here.redis, forgotten.operations)
    events.note_storage(here.redis)
    return Response(status=204)


def storage_body(*, is_new: bool = False) -> dict[str, Any]:
    """All volumes as the rows know them; of a big register what is counted may be older, unless `is_new`."""
    read = parts().counted.get(is_new=is_new)
    downloaded = read.downloaded
    with parts().database.session() as session:
        known, counted = volumes.known(session), volumes.served(session)
        unfinished = unfinished_downloads(session)
    needed = needs(unfinished)
    reserved = sum(size for _name, size in needed)
    is_scanned = bool(counted) and all(volume.scanned_at for volume in counted)
    held = sum(volume.cache_bytes or 0 for volume in counted)
    all_of_them = sum(downloaded.values(), Downloaded())
    lost = [volume for volume in known if volume not in counted]
    managed = all_of_them.bytes - sum(one.bytes for volume in lost for one in _of(known, volume, downloaded))
    quota = parts().settings.cache_quota_bytes
    return _together(counted, reserved) | {
        "reserved_bytes": reserved,
        "model_count": all_of_them.count,
        "quota_bytes": quota if quota is None else quota * max(1, len(counted)),
        "cache": {
            "total_bytes": held if is_scanned else None,
            "managed_bytes": managed,
            "unmanaged_bytes": max(0, held - managed) if is_scanned else None,
            "unmanaged_repo_count": sum(read.unmanaged.get(volume.name, 0) for volume in counted)
            if is_scanned
            else None,
            "partial_bytes": sum(volume.partial_bytes for volume in counted) if counted else None,
        },
        "volumes": _each(known, downloaded, needed),
    }


def _each(
    known: Sequence[Volume],
    downloaded: Mapping[str | None, Downloaded],
    needed: Sequence[tuple[str | None, int]],
) -> list[dict[str, Any]]:
    workers = _workers()
    return [
        {
            "name": volume.name,
            "total_bytes": volume.total_bytes,
            "used_bytes": volume.total_bytes - volume.available_bytes,
            "available_bytes": volume.available_bytes,
            "reserved_bytes": sum(
                size for name, size in needed if name and volumes.place_of(known, name) is volume
            ),
            "cache_bytes": volume.cache_bytes,
            "models": sum(one.count for one in _of(known, volume, downloaded)),
            "workers": None
            if workers is None
            else workers.get(volume.name if is_named(volume.name) else None, 0),
            "seen_at": volume.seen_at,
        }
        for volume in known
    ]


def _of(
    known: Sequence[Volume], volume: Volume, downloaded: Mapping[str | None, Downloaded]
) -> list[Downloaded]:
    return [one for name, one in downloaded.items() if volumes.place_of(known, name) is volume]


def _workers() -> dict[str | None, int] | None:
    try:
        return presence.workers_of_volumes(parts().redis)
    except RedisError:
        return None


def _wait_for_scan() -> None:
    """Ask for scans and wait until each began after that; the age tells where none came in time."""
    here, pause = parts(), threading.Event()
    with here.database.session() as session:
        asked = storage.request_scan(session)
    for name in asked:
        here.dispatcher.enqueue(Nudge(TaskName.SCAN, volume=name))
    until = time.monotonic() + WAIT_SECONDS
    while asked and time.monotonic() < until:
        with here.database.session() as session:
            scanned = {volume.name: volume.scanned_at for volume in volumes.known(session)}
        # One that is forgotten meanwhile is not waited for.
        if all(name not in scanned or _is_since(scanned[name], asked[name]) for name in asked):
            return
        pause.wait(LOOK_SECONDS)


def _is_since(scanned: datetime | None, asked: datetime) -> bool:
    return scanned is not None and scanned >= asked


def _together(counted: Sequence[Volume], reserved: int) -> dict[str, Any]:
    if not counted:
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
    total = sum(volume.total_bytes for volume in counted)
    available = sum(volume.available_bytes for volume in counted)
    scans = [volume.scanned_at for volume in counted]
    return {
        "total_bytes": total,
        "used_bytes": total - available,
        "available_bytes": available,
        "available_after_queue_bytes": available - reserved,
        "seen_at": min(volume.seen_at for volume in counted),
        "scanned_at": None if None in scans else min(at for at in scans if at),
    }
