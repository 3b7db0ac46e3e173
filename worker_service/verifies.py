"""Carry out a verify: every byte of a model's files is held against the checksums of its manifest."""

import uuid

import structlog
from sqlalchemy.orm import Session

from shared import attempts, events
from shared.errors import ModelNotDownloaded
from shared.events import EventType
from shared.manifests import Manifest, from_json
from shared.progress import Progress
from shared.tables import Model
from worker_service.attempt import Attempt
from worker_service.checksums import Check
from worker_service.context import Context
from worker_service.runs import Ending, model_of, run

log = structlog.get_logger(__name__)


def run_verify(context: Context, operation_id: uuid.UUID) -> None:
    """Take the operation, if it still waits, and see it to an end of this attempt."""
    run(context, operation_id, _verify)


def _verify(context: Context, attempt: Attempt) -> Ending:
    model = model_of(context, attempt)
    check = Check(context.settings.cache_dir, _manifest(context, model))
    operation = attempt.operation
    totals = {"bytes_total": check.bytes_total, "files_total": check.files_total}
    with context.database.session() as session:
        attempts.measure(session, operation.id, operation.attempt, **totals)
    attempt.watch(check.snapshot, check.stop)
    damage = check.run()
    marked: list[int] = []

    def write(session: Session, seen: Progress) -> None:
        marked.extend(
            attempts.complete_verify(session, operation.id, operation.attempt, progress=seen, damage=damage)
        )

    def tell() -> None:
        if damage.paths:
            log.warning("files damaged", files=dict(list(damage.paths.items())[:20]), models=marked)
        for model_id in marked:
            events.note_model(context.redis, EventType.MODEL_UPDATED, model_id)

    return Ending(write, tell)


def _manifest(context: Context, model: Model) -> Manifest:
    with context.database.session() as session:
        kept = session.get_one(Model, model.id).manifest
    if kept is None:
        raise ModelNotDownloaded()
    return from_json(str(model.hf_repo), str(model.revision), kept)
