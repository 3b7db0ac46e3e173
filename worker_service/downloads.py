"""Carry out a download: freeze the manifest, transfer, say what has come. A repair is one too.

What an update shares with it stands here as well.
"""

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from shared import attempts, model_facts, operations
from shared.errors import DownloadFailed, HubOffline
from shared.formats import MOST_NAMED, refuse_unsafe, unsafe_files
from shared.integrity import MOST_DAMAGED, Problem
from shared.manifests import Manifest, as_json, checksum, damaged_blobs, freeze, from_json, vouched_for
from shared.progress import Progress
from shared.tables import Model
from worker_service import adoptions, cache, facts
from worker_service.admission import admission
from worker_service.attempt import Attempt
from worker_service.checksums import Check
from worker_service.context import Context
from worker_service.holding import holding
from worker_service.runs import Ending, model_of, run
from worker_service.transfer import Transfer, has_blob, snapshot_path

# Looks at blobs that others replace all the time, before an attempt gives up.
_MOST_LOOKS = 5

log = structlog.get_logger(__name__)


def run_download(context: Context, operation_id: uuid.UUID) -> None:
    """Take the operation, if it still waits, and see it to an end of this attempt."""
    run(context, operation_id, _download)


def _download(context: Context, attempt: Attempt) -> Ending:
    model = model_of(context, attempt)
    token = context.token(model)
    manifest = manifest_of(context, attempt, lambda: _choose(context, attempt, model, token), model)
    fetch(context, attempt, manifest, token, damaged=model.damaged_files)
    columns, operation = columns_of(context, manifest, model), attempt.operation

    def write(session: Session, seen: Progress) -> None:
        attempts.complete_download(session, operation.id, operation.attempt, progress=seen, columns=columns)

    return Ending(write)


def _choose(context: Context, attempt: Attempt, model: Model, token: str | None) -> Manifest:
    with context.database.session() as session:
        plan = operations.get(session, attempt.operation.id).plan
    if plan and "adopt" in plan:
        return adoptions.manifest_of(context.settings.cache_dir, model, plan["adopt"])
    return choose(context, attempt, model, token)


def manifest_of(context: Context, attempt: Attempt, choice: Callable[[], Manifest], model: Model) -> Manifest:
    """What to fetch: frozen by the first attempt, the same for every later one.

    A repair's is frozen from the start: it brings the files that the model stands for.
    """
    with context.database.session() as session:
        frozen = operations.get(session, attempt.operation.id).manifest
    # A local model from the Hub has both.
    manifest = from_json(str(model.hf_repo), str(model.revision), frozen) if frozen else choice()
    if context.settings.safetensors_only:
        refuse_unsafe(file.path for file in manifest.files)
    if not frozen:
        with context.database.session() as session:
            operation = attempt.operation
            attempts.freeze(
                session,
                operation.id,
                operation.attempt,
                manifest=as_json(manifest),
                facts=model_facts.as_json(manifest.facts),
            )
    return manifest


def choose(
    context: Context, attempt: Attempt, model: Model, token: str | None, *, commit: str | None = None
) -> Manifest:
    """Ask the Hub for the files of a model at a commit, or at what its revision means now."""
    return attempt.interruptible(
        lambda: freeze(
            context.hub(token),
            repo=str(model.hf_repo),
            revision=str(model.revision),
            commit=commit,
            model_file=model.model_file,
            allow_patterns=model.allow_patterns,
            ignore_patterns=model.ignore_patterns,
        )
    )


def fetch(
    context: Context,
    attempt: Attempt,
    manifest: Manifest,
    token: str | None,
    *,
    damaged: list[dict[str, Any]] | None = None,
) -> None:
    """Bring what is missing of a manifest into the cache, verified. `damaged`: what a verify found."""
    _drop_wrong(context, attempt, manifest, damaged)
    cache_dir = context.settings.cache_dir
    here = all(has_blob(cache_dir, manifest.repo, file.oid, file.size) for file in manifest.files)
    if context.settings.hf_hub_offline and not here:
        raise HubOffline()
    transfer = Transfer(
        manifest,
        cache_dir=cache_dir,
        endpoint=context.settings.hf_endpoint,
        token=token,
        connections=context.settings.connections_per_file,
        reserve_bytes=context.settings.disk_reserve_bytes,
        admission=partial(admission, context, attempt.operation),
        still_mine=attempt.still_mine,
        owner=attempt.name,
        is_lost=attempt.is_lost,
        # What is damaged here may be the same file under another name: a repair takes nobody's word.
        vouches=partial(_right_elsewhere, context) if damaged is None else lambda _: (),
        governor=attempt.bandwidth.begin(),
    )
    attempt.watch(lambda: _progress(transfer), transfer.stop)
    transfer.run()


def _drop_wrong(
    context: Context, attempt: Attempt, manifest: Manifest, damaged: list[dict[str, Any]] | None
) -> None:
    """Blobs that are here already and that nobody vouches for are read first, and those that are wrong go."""
    doubted = _doubted(context, manifest, damaged)
    for _ in range(_MOST_LOOKS):
        wrong = _wrong_blobs(context, attempt, manifest, doubted)
        if not wrong:
            return
        with holding(context, manifest.repo) as (session, _beat):
            attempts.check(session, attempt.operation.id, attempt.operation.attempt)
            freed = cache.drop_wrong_blobs(context.settings.cache_dir, manifest.repo, wrong)
        log.warning("wrong bytes dropped", blobs=sorted(wrong), bytes=freed)
        # Again: what somebody has put in the place of one meanwhile was left there.
        doubted = set(wrong)
    raise DownloadFailed("Files of the cache change while they are looked at.")


def _doubted(context: Context, manifest: Manifest, damaged: list[dict[str, Any]] | None) -> set[str]:
    """Blobs whose bytes may be wrong: of a repair those that a verify named, else what no model has."""
    if damaged is None or len(damaged) >= MOST_DAMAGED:
        with context.database.session() as session:
            return {file.oid for file in manifest.files} - vouched_for(session, manifest.repo, context.volume)
    corrupt = {file["path"] for file in damaged if file["problem"] == Problem.CORRUPT}
    return {file.oid for file in manifest.files if file.path in corrupt}


def _right_elsewhere(context: Context, repo: str) -> set[str]:
    """What the models of another repository vouch for; a blob that is damaged anywhere is read first."""
    with context.database.session() as session:
        return vouched_for(session, repo, context.volume) - damaged_blobs(session)


def _wrong_blobs(
    context: Context, attempt: Attempt, manifest: Manifest, doubted: set[str]
) -> Mapping[str, os.stat_result]:
    files = {file.oid: file for file in manifest.files if file.oid in doubted}
    check = Check(context.settings.cache_dir, manifest, files=files.values())
    known = attempt.operation.bytes_done

    def seen() -> Progress:
        # Never less than what earlier attempts have brought: bytes that grow are what forgives failures.
        looked = check.snapshot()
        return replace(
            looked,
            bytes_done=max(known, looked.bytes_done),
            bytes_total=manifest.total_bytes,
            files_done=0,
            files_total=len(manifest.files),
        )

    attempt.watch(seen, check.stop)
    return check.wrong_blobs()


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


def columns_of(context: Context, manifest: Manifest, model: Model) -> dict[str, Any]:
    """The model's columns after its files have arrived."""
    path = manifest.files[0].path if model.model_file else None
    return {
        "commit_hash": manifest.commit,
        "local_path": str(snapshot_path(context.settings.cache_dir, manifest.repo, manifest.commit, path)),
        "file_size_bytes": manifest.total_bytes,
        "volume": context.volume,
        "checksum": checksum(manifest),
        "manifest": as_json(manifest),
        "facts": model_facts.as_json(facts.from_files(context, manifest, facts.kept(context, model.id))),
        "unsafe_files": unsafe_files(file.path for file in manifest.files)[:MOST_NAMED],
    }
