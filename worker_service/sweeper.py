"""Every worker's own timer: it heals what was lost. Any number of them may run, so there is none to lose."""

import math
import random
import threading
import time
from datetime import timedelta

import structlog
from celery import Celery
from redis.exceptions import RedisError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared import (
    adoption,
    audit,
    claims,
    events,
    fleet,
    presence,
    progress,
    row_counts,
    sessions,
    storage,
    sweep,
    turns,
    volumes,
)
from shared.broker import ring
from shared.errors import ServiceUnavailable
from shared.events import EventType
from shared.manifests import from_json
from shared.metrics import metrics
from shared.nudges import Nudge, nudge_for
from shared.operations import unfinished
from shared.tables import IDEMPOTENCY_KEPT, DownloadStatus, IdempotencyKey, Model, ModelSource, Operation
from worker_service import cache, clean_ups, facts
from worker_service.context import Context
from worker_service.heartbeat import Heartbeat
from worker_service.machine import Gauge
from worker_service.transfer import published_files
from worker_service.volume import claim_found, note_volume, scan_volume

# Seconds between looks for downloaded models whose files are gone, and for outworn idempotency keys.
LOOK_AT_FILES = 60
# Part of a period before another round may begin: less than the shortest wait of a timer, so that a worker
# that is alone always finds that its turn has come.
ROUND = 0.75

log = structlog.get_logger(__name__)


class Sweeper:
    """The timer thread of one worker: says that the worker lives and on what machine, sweeps, rings again."""

    def __init__(self, context: Context, app: Celery, *, worker: str, queues: list[str]) -> None:
        """`worker` is this worker's name, `queues` what it consumes."""
        self._context, self._app = context, app
        self._worker, self._queues = worker, queues
        self._gauge = Gauge(worker)
        self._heartbeat = Heartbeat(context.settings.heartbeat_file)
        self._ended = threading.Event()
        self._looked_at_files = time.monotonic()
        self._scanned = -math.inf
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep is at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and take this worker off the list of live ones."""
        self._ended.set()
        try:
            presence.leave(self._context.redis, self._worker, self._queues)
            fleet.leave(self._context.redis, self._worker)
        except RedisError as error:
            log.debug("not signed off", error=type(error).__name__)

    def _run(self) -> None:
        period = self._context.settings.sweep_seconds
        while True:
            # Stores that are away are nothing that a restart would mend, so the sweep may fail.
            self._heartbeat.beat()
            self._try()
            # Jitter, so that many workers do not all sweep in the same moment.
            if self._ended.wait(period * random.uniform(0.8, 1.2)):
                return

    def _try(self) -> None:
        try:
            self.sweep()
        except (RedisError, ServiceUnavailable) as error:
            log.warning("sweep skipped", error=type(error).__name__)
        except Exception:
            # The timer is what heals everything else: it must outlive any surprise.
            log.exception("sweep broke")

    def sweep(self) -> None:
        """One round: what only this worker can tell, and what is anybody's, if its turn has come.

        Raises ServiceUnavailable, RedisError: then the next round does it.
        """
        context, period = self._context, self._context.settings.sweep_seconds
        # The rows first: what they say must be true while Redis is away, too.
        if self._is_turn("sweep", period):
            self._heal()
        presence.beat(context.redis, self._worker, self._queues)
        fleet.note(context.redis, self._gauge.read())
        if self._is_turn(f"look {context.volume}", period):
            note_volume(context)
        self._scan()
        if time.monotonic() - self._looked_at_files > LOOK_AT_FILES:
            self._looked_at_files = time.monotonic()
            if self._is_turn("forget", LOOK_AT_FILES):
                forget_outworn(context)
            if self._is_turn(f"files {context.volume}", LOOK_AT_FILES):
                mark_missing(context)
                for nudge in take_back(context):
                    ring(self._app, nudge)
        metrics().last_sweep.set_to_current_time()

    def _is_turn(self, chore: str, period: float) -> bool:
        with self._context.database.session() as session:
            return turns.take(session, chore, seconds=period * ROUND)

    def _heal(self) -> None:
        redis, settings = self._context.redis, self._context.settings
        with self._context.database.session() as session:
            found = sweep.sweep(session, max_attempts=settings.max_attempts, slack=self._slack)
        # Left where Redis was away at their end, or renewed by a sweep that saw them unfinished just before.
        claims.drop(redis, found.ended)
        progress.forget_wishes(redis, [operation.id for operation in found.ended])
        claims.renew(redis, found.unfinished)
        events.note_operations(redis, found.revived)
        for nudge in found.nudges:
            log.info("nudged again", operation=nudge.operation_id, task=str(nudge.task))
            ring(self._app, nudge)

    def _scan(self) -> None:
        """Every few minutes, and when somebody waits for it whose nudge was lost; a new worker sooner."""
        context = self._context
        with context.database.session() as session:
            is_wanted = storage.is_scan_wanted(session, context.volume)
        is_new = self._scanned == -math.inf
        if is_wanted or time.monotonic() - self._scanned > context.settings.scan_seconds:
            self._scanned = time.monotonic()
            period = context.settings.sweep_seconds if is_new or is_wanted else context.settings.scan_seconds
            if not self._is_turn(f"scan {context.volume}", period):
                return
            claim_found(context)
            scan_volume(context, on_step=self._heartbeat.beat)
            facts.fill_in(context)
            clean_up = clean_ups.evict(context)
            if clean_up is not None:
                ring(self._app, clean_up)

    def _slack(self, queues: set[str]) -> set[str]:
        """Those that are empty; none while Redis is away, when nobody would hear a bell."""
        try:
            return {queue for queue in queues if not self._context.redis.llen(f"weighbridge:{queue}")}
        except RedisError:
            return set()


def forget_outworn(context: Context) -> None:
    """Idempotency keys older than a day answer nobody, sessions that ran out open nothing, old events go."""
    outworn = delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - IDEMPOTENCY_KEPT)
    with context.database.session() as session:
        session.execute(outworn)
        sessions.forget_ended(session)
        audit.forget_before(session, timedelta(days=context.settings.audit_days))
        row_counts.add_up(session)


def mark_missing(context: Context) -> None:
    """Downloaded models whose files are gone from this worker's volume are not downloaded any more."""
    wanted = select(Model.id, Model.local_path).where(
        Model.downloaded.is_(True), Model.source == ModelSource.HUGGINGFACE
    )
    with context.database.session() as session:
        others = any(volume.name != context.volume for volume in volumes.known(session))
        # A row that says nothing may be of another volume, where there is one.
        is_here = volumes.is_on if others else volumes.may_be_on
        wanted = wanted.where(is_here(Model.volume, context.volume))
        rows = session.execute(wanted).all()
    for model_id, path in rows:
        if not cache.is_there(path or ""):
            with context.database.session() as session:
                model, cache_dir = session.get(Model, model_id), context.settings.cache_dir
                missing = cache.missing_names(cache_dir, str(model.hf_repo), model.manifest) if model else ()
                gone = sweep.files_are_gone(session, model_id, missing=missing)
            if gone:
                events.note_model(context.redis, EventType.MODEL_UPDATED, model_id)
                log.warning("files gone", model=model_id, path=path)


def take_back(context: Context) -> list[Nudge]:
    """Models whose files were gone and are there again, as after a volume was mounted late: they are read.

    Returns the bells to ring.
    """
    lost = Model.download_status == DownloadStatus.NOT_DOWNLOADED, Model.damaged_files.is_not(None)
    wanted = select(Model.id, Model.local_path).where(
        Model.source == ModelSource.HUGGINGFACE, *lost, volumes.may_be_on(Model.volume, context.volume)
    )
    with context.database.session() as session:
        rows = session.execute(wanted.order_by(Model.id)).all()
    nudges = []
    for model_id in (model_id for model_id, path in rows if cache.is_there(path or "")):
        with context.database.session() as session:
            operation = _take_back(session, context, model_id)
        if operation is not None:
            nudges.append(nudge_for(operation))
            log.info("files are back", model=model_id, operation=str(operation.id))
    return nudges


def _take_back(session: Session, context: Context, model_id: int) -> Operation | None:
    model = session.get(Model, model_id, with_for_update=True)
    # Somebody may have asked for a download meanwhile.
    if model is None or not model.manifest or not model.damaged_files or unfinished(session, model_id):
        return None
    manifest = from_json(str(model.hf_repo), str(model.revision), model.manifest)
    if not published_files(context.settings.cache_dir, manifest.repo, manifest.commit, manifest.files):
        return None
    return adoption.take_over(
        session, model, manifest.commit, volume=context.settings.volume, requested_by="sweep"
    )
