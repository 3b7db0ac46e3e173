"""Carry out a cancel: raise the flag for a running operation, drop the partial bytes of an ended one."""

import uuid

import structlog

from shared import attempts, operations, progress
from shared.errors import OperationNotFound
from shared.tables import UNFINISHED, OperationStatus
from worker_service.context import Context
from worker_service.transfer import purge_partials

log = structlog.get_logger(__name__)


def carry_out_cancel(context: Context, operation_id: uuid.UUID) -> None:
    """Re-read the row and do what it says; twice is the same as once."""
    try:
        with context.database.session() as session:
            operation = operations.get(session, operation_id)
            manifest = operation.manifest
    except OperationNotFound:
        return
    if operation.status is OperationStatus.RUNNING and operation.cancel_requested_at is not None:
        progress.ask_to_cancel(context.redis, operation_id)
    if operation.purge_requested_at is None or operation.status in UNFINISHED:
        return
    oids = [file["oid"] for file in manifest["files"]] if manifest else []
    freed = purge_partials(context.settings.cache_dir, oids)
    with context.database.session() as session:
        attempts.purged(session, operation_id)
    log.info(
        "partial bytes dropped", operation=str(operation_id), bytes=freed, request_id=operation.request_id
    )
