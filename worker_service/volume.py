"""The worker's look at the volume, for the API, which never mounts it."""

import os
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shared import events, storage, volumes
from shared.manifests import awaited
from shared.storage import Look
from shared.tables import Model, ModelSource
from worker_service import cache, scan
from worker_service.context import Context
from worker_service.scan import Known
from worker_service.transfer import allocated_bytes, half_files, partial_bytes, touched_at

log = structlog.get_logger(__name__)


def note_volume(context: Context) -> None:
    """Look at the volume and keep what is there. Raises ServiceUnavailable.

    A volume that can't be looked at just now keeps its last row, whose age tells.
    """
    cache_dir = context.settings.cache_dir
    try:
        with context.database.session() as session:
            queued = awaited(session, context.volume)
        seen = look(cache_dir, queued)
    except OSError as error:
        log.warning("volume not seen", path=str(cache_dir), error=error.strerror)
        return
    with context.database.session() as session:
        storage.note(session, context.volume, seen)


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


def _nothing() -> None:
    """What is done at each step unless somebody wants to know."""


def claim_found(context: Context) -> None:
    """Say of models whose files are here that they are: their rows are older than this volume's name.

    Raises ServiceUnavailable.
    """
    if context.settings.volume is None:
        return
    cache_dir = str(context.settings.cache_dir)
    unsaid = select(Model.id, Model.local_path).where(
        or_(Model.downloaded.is_(True), Model.damaged_files.is_not(None)),
        Model.source == ModelSource.HUGGINGFACE,
        volumes.key(Model.volume).is_(None),
        Model.local_path.startswith(f"{cache_dir}/", autoescape=True),
    )
    with context.database.session() as session:
        rows = session.execute(unsaid).all()
    found = [model_id for model_id, path in rows if cache.is_there(path or "")]
    if not found:
        return
    still = Model.id.in_(found), volumes.key(Model.volume).is_(None)
    with context.database.session() as session:
        session.execute(
            update(Model).where(*still).values(volume=context.volume, updated_at=Model.updated_at)
        )
    log.info("models are on this volume", volume=context.volume, models=len(found))


def scan_volume(context: Context, *, on_step: Callable[[], None] = _nothing) -> None:
    """Look at what the cache holds and keep it; `on_step` hears now and then that it goes on.

    Raises ServiceUnavailable. Scanners of one volume take turns, so that the rows never go back to what an
    earlier one saw. Who had to wait while a whole scan began and ended has its answer: many that end at once
    share one look.
    """
    cache_dir = context.settings.cache_dir
    with context.database.session() as session:
        asked = storage.clock(session)
        storage.hold(session, context.volume)
        if storage.was_scanned_since(session, context.volume, asked):
            return
        began = storage.clock(session)
        known = {
            repo: Known(folders, read_at.timestamp())
            for repo, folders, read_at in storage.known(session, context.volume)
        }
        try:
            found = scan.scan(cache_dir, known, beat=_Beat(session, on_step))
            half = _half_files(cache_dir)
        except OSError as error:
            log.warning("cache not scanned", path=str(cache_dir), error=error.strerror)
            return
        storage.keep_scan(
            session,
            context.volume,
            began=began,
            changed=[vars(repo) for repo in found.changed],
            gone=found.gone,
            half_files=half,
        )
    if found.changed or found.gone:
        events.note_storage(context.redis)


class _Beat:
    """A first scan of a slow volume takes its time: Postgres hears of it, and keeps the turn for it."""

    def __init__(self, session: Session, on_step: Callable[[], None]) -> None:
        self._session, self._on_step = session, on_step
        self._last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._last > 1:
            self._session.execute(select(1))
            self._on_step()
            self._last = time.monotonic()


def _half_files(cache_dir: Path) -> list[dict[str, Any]]:
    return [
        {"oid": oid, "bytes": allocated_bytes(cache_dir, oid), "modified_at": touched_at(cache_dir, oid)}
        for oid in sorted(half_files(cache_dir))
    ]
