"""Carry out a cancel: raise the flag for a running operation, drop the bytes of an ended one."""

import uuid

import structlog

from shared import attempts, operations, progress
from shared.errors import OperationNotFound
from shared.manifests import asked_for, needed_of_repo
from shared.tables import UNFINISHED, Model, Operation, OperationStatus
from shared.volumes import may_work
from worker_service import cache
from worker_service.attempt import about
from worker_service.context import Context
from worker_service.holding import holding

log = structlog.get_logger(__name__)


def carry_out_cancel(context: Context, operation_id: uuid.UUID) -> None:
    """Re-read the row and do what it says; twice is the same as once."""
    try:
        with context.database.session() as session:
            operation = operations.get(session, operation_id)
    except OperationNotFound:
        return
    with about(operation, "cancel"):
        _carry_out(context, operation)


def _carry_out(context: Context, operation: Operation) -> None:
    if operation.status is OperationStatus.RUNNING and operation.cancel_requested_at is not None:
        progress.ask_to_cancel(context.redis, operation.id)
    is_here = may_work(context.volume, operation.volume)
    if operation.purge_requested_at is not None and operation.status not in UNFINISHED and is_here:
        _purge(context, operation)


def _purge(context: Context, operation: Operation) -> None:
    with context.database.session() as session:
        model = session.get(Model, operation.model_id)
    freed = _drop_kept(context, model.id, model.hf_repo) if model is not None and model.hf_repo else 0
    with context.database.session() as session:
        attempts.purged(session, operation.id)
    log.info("kept bytes dropped", bytes=freed)


def _drop_kept(context: Context, model_id: int, repo: str) -> int:
    with holding(context, repo) as (session, beat):
        model = session.get(Model, model_id)
        # A newer download of the model goes on from these bytes.
        if model is None or operations.unfinished(session, model_id):
            return 0
        # What the model has stays: an update that was canceled has brought the rest.
        needed = needed_of_repo(session, repo, context.volume, but=None if model.downloaded else model_id)
        asked = asked_for(session, model_id)
        return cache.drop_unfinished(context.settings.cache_dir, repo, asked, needed, beat=beat)
