"""Carry out a delete: the files go first, inside the cache root, and the row goes last."""

import uuid
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import attempts, claims
from shared.attempts import OperationLost
from shared.errors import WeighbridgeError
from shared.progress import Progress
from shared.tables import Model, Operation, OperationKind
from worker_service import cache
from worker_service.attempt import Attempt, Stop
from worker_service.context import Context
from worker_service.transfer import purge_partials

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
            claims.release(context.redis, operation)
        except OperationLost:
            log.warning("delete lost to another attempt", attempt=operation.attempt)
        except RedisError as error:
            log.warning("claim left to expire", error=type(error).__name__)


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
    with context.database.session() as session:
        attempts.files_go(session, operation.id, operation.attempt)
        model = session.get(Model, operation.model_id)
        if model is None or not model.hf_repo:
            return 0
        repo, manifest = model.hf_repo, model.manifest
        needed, partial = _still_needed(session, model), _partial_oids(session, model)
    freed = cache.remove(context.settings.cache_dir, repo, manifest, needed) if manifest else 0
    return freed + purge_partials(context.settings.cache_dir, partial)


def _still_needed(session: Session, model: Model) -> list[dict[str, Any]]:
    """The manifests of the other downloaded models of the same repository."""
    others = select(Model.manifest).where(
        Model.hf_repo == model.hf_repo,
        Model.id != model.id,
        Model.downloaded.is_(True),
        Model.manifest.is_not(None),
    )
    return [manifest for manifest in session.scalars(others) if manifest]


def _partial_oids(session: Session, model: Model) -> list[str]:
    """Every blob that a download of this model may have left half done."""
    asked = select(Operation.manifest).where(
        Operation.model_id == model.id,
        Operation.kind == OperationKind.DOWNLOAD,
        Operation.manifest.is_not(None),
    )
    return sorted(
        {file["oid"] for manifest in session.scalars(asked) if manifest for file in manifest["files"]}
    )


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
