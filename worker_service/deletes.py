"""Carry out a delete: the files go first, inside the cache root, and the row goes last."""

import uuid

import structlog

from shared import attempts
from shared.attempts import OperationLost
from shared.errors import WeighbridgeError
from shared.progress import Progress
from shared.tables import Model, Operation
from worker_service import cache
from worker_service.attempt import Attempt, Stop, tidy
from worker_service.context import Context
from worker_service.manifests import asked_for, needed_by_others

log = structlog.get_logger(__name__)


def run_delete(context: Context, operation_id: uuid.UUID) -> None:
    """Take the delete, if it still waits, and see it to an end."""
    with context.database.session() as session:
        operation = attempts.begin(
            session, operation_id, worker=context.worker, lease_seconds=context.settings.lease_seconds
        )
    if operation is None:
        return
    with structlog.contextvars.bound_contextvars(
        request_id=operation.request_id, operation=str(operation.id), model=operation.model_id
    ):
        try:
            _attempt(context, operation)
        except OperationLost:
            log.warning("delete lost to another attempt", attempt=operation.attempt)
            return
        tidy(context, operation)


def _attempt(context: Context, operation: Operation) -> None:
    with Attempt(context, operation) as attempt:
        try:
            freed = _remove(context, operation)
        except WeighbridgeError as error:
            _failed(context, operation, error)
            return
        if attempt.stop is Stop.LOST:
            raise OperationLost(str(operation.id))
    with context.database.session() as session:
        attempts.complete_delete(session, operation.id, operation.attempt)
    log.info("delete finished", bytes=freed)


def _remove(context: Context, operation: Operation) -> int:
    cache_dir = context.settings.cache_dir
    with context.database.session() as session:
        attempts.files_go(session, operation.id, operation.attempt)
        model = session.get(Model, operation.model_id)
        if model is None or not model.hf_repo:
            return 0
        repo, manifest = model.hf_repo, model.manifest
        asked, needed = asked_for(session, model.id), needed_by_others(session, model)
    freed = cache.remove(cache_dir, repo, manifest, needed) if manifest else 0
    return freed + cache.drop_unfinished(cache_dir, repo, asked, needed)


def _failed(context: Context, operation: Operation, error: WeighbridgeError) -> None:
    with context.database.session() as session:
        attempts.fail(
            session,
            operation.id,
            operation.attempt,
            error=error,
            progress=Progress(),
            max_attempts=context.settings.max_attempts,
        )
    log.warning("delete failed", code=error.code, detail=error.detail)
