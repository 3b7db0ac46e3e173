"""The worker's look at the volume, for the API, which never mounts it."""

import os
from collections.abc import Set
from pathlib import Path

import structlog

from shared import storage
from shared.storage import Look
from worker_service.context import Context
from worker_service.manifests import awaited
from worker_service.transfer import allocated_bytes, half_files, partial_bytes

log = structlog.get_logger(__name__)


def note_volume(context: Context) -> None:
    """Look at the volume and keep what is there. Raises ServiceUnavailable.

    A volume that can't be looked at just now keeps its last row, whose age tells.
    """
    cache_dir = context.settings.cache_dir
    try:
        with context.database.session() as session:
            queued = awaited(session)
        seen = look(cache_dir, queued)
    except OSError as error:
        log.warning("volume not seen", path=str(cache_dir), error=error.strerror)
        return
    with context.database.session() as session:
        storage.note(session, str(cache_dir), seen)


def look(cache_dir: Path, queued: Set[str]) -> Look:
    """Measure the volume; `queued` are the blobs that unfinished downloads bring. Raises OSError.

    A half file takes the room of the whole file at once. What a queued one has not filled yet counts as
    available, since it is counted among the bytes that are still to come.
    """
    there = half_files(cache_dir)
    taken = {oid: allocated_bytes(cache_dir, oid) for oid in there}
    coming = there & queued
    set_aside = max(0, sum(taken[oid] for oid in coming) - partial_bytes(cache_dir, coming))
    # The first download makes the folder; until then its place is on the volume of what is there.
    volume = os.statvfs(next(folder for folder in (cache_dir, *cache_dir.parents) if folder.exists()))
    return Look(
        total_bytes=volume.f_blocks * volume.f_frsize,
        available_bytes=volume.f_bavail * volume.f_frsize + set_aside,
        partial_bytes=sum(taken.values()),
    )
