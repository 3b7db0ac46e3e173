"""Carry out a download: begin, freeze the manifest, transfer, complete; and each way to end early."""

import hashlib
import uuid
from functools import partial
from typing import Any

import structlog
from celery import current_app

from shared import attempts, events, operations
from shared.attempts import OperationLost
from shared.broker import ring
from shared.errors import DownloadFailed, ModelNotFound, WeighbridgeError
from shared.formats import MOST_NAMED, refuse_unsafe, unsafe_files
from shared.hub import RemoteFile
from shared.progress import Progress
from shared.tables import Model, Operation
from worker_service.admission import admission
from worker_service.attempt import Attempt, AttemptStopped, Stop, tidy
from worker_service.context import Context
from worker_service.transfer import Manifest, Transfer, TransferStopped, freeze, snapshot_path

log = structlog.get_logger(__name__)


def run_download(context: Context, operation_id: uuid.UUID) -> None:
    """Take the operation, if it still waits, and see it to an end of this attempt."""
    with context.database.session() as session:
        operation = attempts.begin(
            session, operation_id, worker=context.worker, lease_seconds=context.settings.lease_seconds
        )
        model = session.get(Model, operation.model_id) if operation else None
    if operation is None:
        log.debug("nothing to do", operation=str(operation_id))
        return
    with structlog.contextvars.bound_contextvars(
        request_id=operation.request_id, operation=str(operation.id), model=operation.model_id
    ):
        _run(context, operation, model)


def _run(context: Context, operation: Operation, model: Model | None) -> None:
    log.info("download started", attempt=operation.attempt)
    events.note_operations(context.redis, [operation])
    attempt = Attempt(context, operation)
    try:
        _attempt(context, attempt, model)
    except OperationLost:
        log.warning("download lost to another attempt", attempt=operation.attempt)
        return
    tidy(context, operation)


def _attempt(context: Context, attempt: Attempt, model: Model | None) -> None:
    with attempt:
        try:
            if model is None:
                raise ModelNotFound()
            facts = _fetch(context, attempt, model)
        except (AttemptStopped, TransferStopped):
            _stopped(context, attempt)
        except OperationLost:
            raise
        except WeighbridgeError as error:
            _failed(context, attempt, error)
        except Exception as error:
            # Whatever it was, the row must say so; the log has the trace.
            log.exception("download broke")
            _failed(
                context, attempt, DownloadFailed(f"An unexpected {type(error).__name__} ended the download.")
            )
        else:
            _completed(context, attempt, facts)


def _fetch(context: Context, attempt: Attempt, model: Model) -> dict[str, Any]:
    token = context.token(model)
    manifest = _manifest(context, attempt, model, token)
    transfer = Transfer(
        manifest,
        cache_dir=context.settings.cache_dir,
        endpoint=context.settings.hf_endpoint,
        token=token,
        connections=context.settings.connections_per_file,
        reserve_bytes=context.settings.disk_reserve_bytes,
        admission=partial(admission, context, attempt.operation),
        still_mine=attempt.still_mine,
        owner=attempt.name,
        is_lost=attempt.is_lost,
    )
    attempt.watch(lambda: _progress(transfer), transfer.stop)
    transfer.run()
    return _facts(context, manifest, model)


def _manifest(context: Context, attempt: Attempt, model: Model, token: str | None) -> Manifest:
    """What to fetch: frozen by the first attempt, the same for every later one."""
    with context.database.session() as session:
        frozen = operations.get(session, attempt.operation.id).manifest
    repo, revision = str(model.hf_repo), str(model.revision)  # a local model from the Hub has both
    if frozen:
        files = tuple(RemoteFile(**file) for file in frozen["files"])
        return Manifest(repo, revision, frozen["commit"], files)
    manifest = attempt.interruptible(
        lambda: freeze(
            context.hub(token),
            repo=repo,
            revision=revision,
            model_file=model.model_file,
            allow_patterns=model.allow_patterns,
            ignore_patterns=model.ignore_patterns,
        )
    )
    if context.settings.safetensors_only:
        refuse_unsafe(file.path for file in manifest.files)
    with context.database.session() as session:
        attempts.freeze(session, attempt.operation.id, attempt.operation.attempt, manifest=_as_json(manifest))
    return manifest


def _as_json(manifest: Manifest) -> dict[str, Any]:
    files = [
        {"path": file.path, "size": file.size, "oid": file.oid, "is_lfs": file.is_lfs}
        for file in manifest.files
    ]
    return {"commit": manifest.commit, "files": files}


def _progress(transfer: Transfer) -> Progress:
    seen = transfer.snapshot()
    return Progress(
        phase=seen.phase,
        bytes_done=seen.bytes_done,
        bytes_total=seen.bytes_total,
        bytes_reused=seen.bytes_reused,
        files_done=seen.files_done,
        files_total=seen.files_total,
        current_file=seen.current_file or "",
        stalled=int(seen.stalled_seconds),
    )


def _facts(context: Context, manifest: Manifest, model: Model) -> dict[str, Any]:
    """The model's columns after its files have arrived."""
    path = manifest.files[0].path if model.model_file else None
    return {
        "commit_hash": manifest.commit,
        "local_path": str(snapshot_path(context.settings.cache_dir, manifest.repo, manifest.commit, path)),
        "file_size_bytes": manifest.total_bytes,
        "checksum": checksum(manifest),
        "manifest": _as_json(manifest),
        "unsafe_files": unsafe_files(file.path for file in manifest.files)[:MOST_NAMED],
    }


def checksum(manifest: Manifest) -> str:
    """`sha256:` of the one LFS file; of several (or of a small file, which the Hub knows by its git id) the
    sha256 of the lines `<oid>  <path>` in path order, as sha256sum would list them."""
    if len(manifest.files) == 1 and manifest.files[0].is_lfs:
        return f"sha256:{manifest.files[0].oid}"
    lines = "".join(
        f"{file.oid}  {file.path}\n" for file in sorted(manifest.files, key=lambda file: file.path)
    )
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _completed(context: Context, attempt: Attempt, facts: dict[str, Any]) -> None:
    operation, seen = attempt.operation, attempt.current()
    with context.database.session() as session:
        attempts.complete_download(session, operation.id, operation.attempt, progress=seen, facts=facts)
    log.info("download finished", attempt=operation.attempt, bytes=seen.bytes_done, reused=seen.bytes_reused)


def _stopped(context: Context, attempt: Attempt) -> None:
    operation, seen = attempt.operation, attempt.current()
    if attempt.stop is Stop.LOST:
        raise OperationLost(str(operation.id))
    with context.database.session() as session:
        end = attempts.stop_canceled if attempt.stop is Stop.CANCELED else attempts.give_back
        end(session, operation.id, operation.attempt, progress=seen)
        after = operations.get(session, operation.id)
    log.info("download stopped", why=str(attempt.stop), bytes=seen.bytes_done)
    nudge = operations.nudge_after_stop(after)
    if nudge is not None:
        ring(current_app, nudge)


def _failed(context: Context, attempt: Attempt, error: WeighbridgeError) -> None:
    operation = attempt.operation
    with context.database.session() as session:
        after = attempts.fail(
            session,
            operation.id,
            operation.attempt,
            error=error,
            progress=attempt.current(),
            max_attempts=context.settings.max_attempts,
        )
    log.warning("download failed", code=error.code, detail=error.detail, status=str(after.status))
