"""Carry out a delete: the files go first, inside the cache root, and the row goes last.

Until its files go a consumer may still forbid it; from then on nobody can. What other models of the
repository need is looked at once more while the repository is held: no download comes to rely on what goes.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared import attempts, tracing
from shared.attempts import OperationLost
from shared.errors import WeighbridgeError
from shared.manifests import ManifestJson, asked_for, needed_of_repo, oids
from shared.progress import Progress
from shared.storage import kept_manifests
from shared.tables import Model, Operation, Result
from worker_service import cache
from worker_service.attempt import Attempt, Stop, about, tidy
from worker_service.context import Context
from worker_service.holding import holding

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Files:
    """What a model may have on the volume."""

    repo: str
    kept: Sequence[ManifestJson]  # what it stands for, and what it stood for before its last update
    asked: Sequence[ManifestJson]  # what its downloads were to bring, the ended ones too

    @property
    def oids(self) -> set[str]:
        return oids((*self.kept, *self.asked))


def run_delete(context: Context, operation_id: uuid.UUID) -> None:
    """Take the delete, if it still waits, and see it to an end."""
    with context.database.session() as session:
        operation = attempts.begin(
            session,
            operation_id,
            worker=context.worker,
            lease_seconds=context.settings.lease_seconds,
            volume=context.volume,
        )
    if operation is None:
        return
    with about(operation):
        try:
            _attempt(context, operation)
        except OperationLost:
            log.warning("delete lost to another attempt", attempt=operation.attempt)
            return
        tidy(context, operation)


def _attempt(context: Context, operation: Operation) -> None:
    with Attempt(context, operation) as attempt:
        try:
            result, freed = _remove(context, operation)
        except WeighbridgeError as error:
            _failed(context, operation, error)
            return
        if attempt.stop is Stop.LOST:
            raise OperationLost(str(operation.id))
    with context.database.session() as session:
        attempts.complete_delete(session, operation.id, operation.attempt, result=result, bytes_freed=freed)
    log.info("delete finished", result=str(result), bytes=freed)


def _remove(context: Context, operation: Operation) -> tuple[Result, int]:
    """Look, ask for the last time whether it may be, unlink: what was done, and the bytes that it freed."""
    files, found = _look(context, operation)
    with context.database.session() as session:
        there = attempts.files_go(session, operation.id, operation.attempt, there=found)
    if files is None:
        return Result.NOT_INSTALLED, 0
    freed = _unlink(context, operation, files)
    # An earlier attempt that was killed could not tell what it had removed.
    left = cache.bytes_there(context.settings.cache_dir, files.repo, files.oids)
    freed = max(freed, there["bytes"] - left)
    return Result.REMOVED if there["was_there"] or freed else Result.NOT_INSTALLED, freed


def _look(context: Context, operation: Operation) -> tuple[_Files | None, dict[str, Any]]:
    """What the model may have on the volume, and what of it is there."""
    with context.database.session() as session:
        model = session.get(Model, operation.model_id)
        if model is None or not model.hf_repo:
            return None, {"was_there": False, "bytes": 0}
        files = _Files(model.hf_repo, kept_manifests(model), asked_for(session, model.id))
        needed = oids(needed_of_repo(session, files.repo, context.volume, but=model.id))
    cache_dir = context.settings.cache_dir
    # A canceled download of files that others have brought has left nothing of its own.
    was_there = cache.has_names(cache_dir, files.repo, files.kept) or cache.any_there(
        cache_dir, files.repo, files.oids - needed
    )
    return files, {"was_there": was_there, "bytes": cache.bytes_there(cache_dir, files.repo, files.oids)}


def _unlink(context: Context, operation: Operation, files: _Files) -> int:
    cache_dir = context.settings.cache_dir
    with holding(
        context, files.repo, ask=lambda session: attempts.check(session, operation.id, operation.attempt)
    ) as (session, beat):
        needed = needed_of_repo(session, files.repo, context.volume, but=operation.model_id)
        freed = sum(
            cache.remove(cache_dir, files.repo, manifest, needed, beat=beat) for manifest in files.kept
        )
        return freed + cache.drop_unfinished(cache_dir, files.repo, files.asked, needed, beat=beat)


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
    tracing.failed(error.code)
    log.warning("delete failed", code=error.code, detail=error.detail)
