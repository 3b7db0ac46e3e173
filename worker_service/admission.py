"""Room on the volume is given out to one download at a time, so that all that run find theirs.

A download that was admitted keeps its room until its attempt ends: what it has not taken yet, no other gets.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import attempts
from shared.tables import Model, Operation, OperationStatus
from shared.volumes import may_be_on
from worker_service.context import Context
from worker_service.transfer import bytes_to_take, has_blob

# Postgres's advisory lock of the admission to the volume that all share; any number that no other lock of
# ours has.
_LOCK = 0x77656967


@contextmanager
def admission(context: Context, operation: Operation, missing: frozenset[str]) -> Iterator[Callable[[], int]]:
    """Hold everybody else's admission; yields what other admitted downloads will still take (bytes).

    `missing` are the blobs that this download brings: whoever takes their room first, it is taken once. Left
    without an error, the download is admitted. Raises ServiceUnavailable, OperationLost.
    """
    with context.database.session() as session:
        session.execute(select(func.pg_advisory_xact_lock(_lock(context.settings.volume))))
        yield lambda: reserved(session, context, missing, but=operation.id)
        attempts.admit(session, operation.id, operation.attempt)


def _lock(volume: str | None) -> Any:
    return func.hashtextextended(f"weighbridge admission {volume}", 0) if volume else _LOCK


def reserved(
    session: Session, context: Context, missing: frozenset[str], *, but: uuid.UUID | None = None
) -> int:
    """Bytes that admitted downloads of this volume (all `but` one) will still take, beside the `missing`."""
    cache_dir = context.settings.cache_dir
    admitted = select(Model.hf_repo, Operation.manifest).where(
        Model.id == Operation.model_id,
        Operation.id.is_distinct_from(but),
        Operation.status == OperationStatus.RUNNING,
        Operation.admitted_attempt == Operation.attempt,
        Operation.manifest.is_not(None),
        may_be_on(Operation.volume, context.volume),
    )
    coming = {
        file["oid"]: file["size"]
        for repo, manifest in session.execute(admitted)
        for file in manifest["files"]
        if file["oid"] not in missing and not has_blob(cache_dir, repo, file["oid"], file["size"])
    }
    return sum(bytes_to_take(cache_dir, oid, size) for oid, size in coming.items())
