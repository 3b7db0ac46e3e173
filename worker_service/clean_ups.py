"""Carry out a clean-up: each item of its plan is looked at again under its locks, and then goes."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import attempts, clean_up, events, operations, storage
from shared.clean_up_items import ItemKind
from shared.errors import ModelNotFound, OperationConflict
from shared.events import EventType
from shared.manifests import asked_for, awaited, needed_by_others, needed_of_repo
from shared.nudges import Nudge
from shared.progress import Progress
from shared.tables import UNFINISHED, DownloadStatus, Model, Operation, Result
from shared.task_names import TaskName
from shared.usage import Defaults
from shared.volumes import may_be_on, may_be_there
from worker_service import cache
from worker_service.attempt import Attempt, AttemptStopped
from worker_service.context import Context
from worker_service.holding import holding
from worker_service.runs import Ending, run
from worker_service.transfer import purge_partials

log = structlog.get_logger(__name__)

# Whatever a plan that nobody has asked for calls unused: only the order of the last use counts for a quota.
_ANY_TIME = timedelta(days=36_500)


def run_clean_up(context: Context, operation_id: uuid.UUID) -> None:
    """Take the clean-up, if it still waits, and see it to an end of this attempt."""
    run(context, operation_id, _clean_up)


def evict(context: Context) -> Nudge | None:
    """Ask for what the quota's plan names, where the operator wants that; the bell to ring."""
    settings = context.settings
    if settings.cache_quota_bytes is None or not settings.cache_evict:
        return None
    with context.database.session() as session:
        if clean_up.unfinished(session, context.volume) is not None:
            return None
        found = clean_up.plan(
            session,
            unused=_ANY_TIME,
            quota_bytes=settings.cache_quota_bytes,
            defaults=Defaults.of(settings),
            volume=context.volume,
        )
        if not found.quota or not found.quota.evict:
            return None
        chosen = clean_up.choose(found, found.quota.evict, confirmed=True)
        try:
            operation = clean_up.request(session, chosen, requested_by="quota", request_id=None)
        except OperationConflict:
            return None
    log.info("quota exceeded", over=found.quota.over_bytes, items=len(chosen), operation=str(operation.id))
    return Nudge(TaskName.CLEAN_UP, operation)


class _Work:
    """How far a clean-up is. Bytes are those of the plan; what was really freed is told apart."""

    def __init__(self, items: list[Mapping[str, Any]]) -> None:
        self.items = items
        self.done = 0
        self.freed = 0
        self.has_removed = False  # what frees nothing is gone all the same: its bytes have another name

    def snapshot(self) -> Progress:
        return Progress(
            bytes_done=sum(item["bytes"] for item in self.items[: self.done]),
            bytes_total=sum(item["bytes"] for item in self.items),
            files_done=self.done,
            files_total=len(self.items),
        )


def _clean_up(context: Context, attempt: Attempt) -> Ending:
    operation = attempt.operation
    with context.database.session() as session:
        plan = operations.get(session, operation.id).plan
    work = _Work(list((plan or {}).get("items", ())))
    attempt.watch(work.snapshot, lambda: None)
    for item in work.items:
        if attempt.stopping.is_set():
            raise AttemptStopped()
        attempt.still_mine()
        names = _names(context, item)
        work.freed += (freed := _carry_out(context, operation, item))
        work.has_removed |= freed > 0 or _names(context, item) < names
        work.done += 1

    def write(session: Session, seen: Progress) -> None:
        result = Result.REMOVED if work.has_removed else Result.NOT_INSTALLED
        attempts.complete(
            session, operation.id, operation.attempt, progress=seen, result=result, bytes_freed=work.freed
        )

    return Ending(write)


# The repository's name -> the session that holds it, and the beat that asks whether this attempt still may.
Hold = Callable[[str], AbstractContextManager[tuple[Session, Callable[[], None]]]]


def _carry_out(context: Context, operation: Operation, item: Mapping[str, Any]) -> int:
    """One item; bytes freed. What no longer holds is left alone."""

    def fence(session: Session) -> None:
        attempts.check(session, operation.id, operation.attempt)

    freed = _RULES[ItemKind(item["kind"])](context, partial(holding, context, ask=fence), item)
    log.info("item cleaned up", item=item["id"], bytes=freed)
    return freed


def _names(context: Context, item: Mapping[str, Any]) -> int:
    return cache.count_names(context.settings.cache_dir, item["repo"]) if item["repo"] else 0


def _partial(context: Context, hold: Hold, item: Mapping[str, Any]) -> int:
    cache_dir = context.settings.cache_dir
    if item["model_id"] is None:
        with context.database.session() as session:
            return purge_partials(cache_dir, set(item["blobs"]) - awaited(session, context.volume))
    with hold(item["repo"]) as (session, beat):
        model = session.get(Model, item["model_id"])
        if model is None or operations.unfinished(session, model.id) is not None:
            return 0
        asked, needed = asked_for(session, model.id), needed_of_repo(session, item["repo"], context.volume)
        return cache.drop_unfinished(cache_dir, item["repo"], asked, needed, beat=beat)


def _old_revision(context: Context, hold: Hold, item: Mapping[str, Any]) -> int:
    repo, commit = item["repo"], item["commit_hash"]
    if item["model_id"] is not None:
        with context.database.session() as session:
            _forget_former(session, context, item["model_id"], commit)
    with hold(repo) as (session, beat):
        needed = needed_of_repo(session, repo, context.volume)
        if any(manifest["commit"] == commit for manifest in needed):
            return 0
        return cache.drop_revision(context.settings.cache_dir, repo, commit, needed, beat=beat)


def _forget_former(session: Session, context: Context, model_id: int, commit: str) -> None:
    """No way back to this commit any more; not while an operation may be on that way."""
    try:
        model = operations.lock_model(session, model_id)
    except ModelNotFound:
        return
    is_here = may_be_there(model.volume, context.volume)
    if operations.unfinished(session, model_id) is not None or not is_here:
        return
    if (model.former or {}).get("commit") == commit:
        model.former = None


def _unused_model(context: Context, hold: Hold, item: Mapping[str, Any]) -> int:
    with context.database.session() as session:
        if not _let_go(session, context, item["model_id"]):
            return 0
    events.note_model(context.redis, EventType.MODEL_UPDATED, item["model_id"])
    with hold(item["repo"]) as (session, beat):
        model = session.get(Model, item["model_id"])
        if model is None or model.downloaded or operations.unfinished(session, model.id) is not None:
            return 0
        needed = needed_by_others(session, model, context.volume)
        kept = storage.kept_manifests(model)
        cache_dir = context.settings.cache_dir
        freed = sum(cache.remove(cache_dir, item["repo"], one, needed, beat=beat) for one in kept)
        model.former = model.volume = None
    return freed


def _let_go(session: Session, context: Context, model_id: int) -> bool:
    """From now on the model is not downloaded; False where it must stay. Again the same: True.

    Under the row's lock, as a delete: whoever says by then that it uses the model keeps it.
    """
    try:
        model = operations.lock_model(session, model_id)
    except ModelNotFound:
        return False
    # It may have come to another volume since the plan was made.
    is_here = may_be_there(model.volume, context.volume)
    if not is_here or clean_up.is_protected(session, model, Defaults.of(context.settings)):
        return False
    if model.downloaded:
        model.downloaded, model.downloaded_at = False, None
        model.download_status, model.error = DownloadStatus.NOT_DOWNLOADED, None
    return True


def _unused_repo(context: Context, hold: Hold, item: Mapping[str, Any]) -> int:
    repo = item["repo"]
    with hold(repo) as (session, beat):
        coming = session.scalar(_models_about_to(repo, context.volume))
        if needed_of_repo(session, repo, context.volume) or coming is not None:
            return 0
        beat()
        return cache.drop_repo(context.settings.cache_dir, repo)


def _models_about_to(repo: str, volume: str) -> Any:
    """A model whose unfinished operation may rely on what is there, though it has no manifest yet."""
    busy = select(Operation.model_id).where(
        Operation.status.in_(UNFINISHED), may_be_on(Operation.volume, volume)
    )
    return select(Model.id).where(Model.hf_repo == repo, Model.id.in_(busy)).limit(1)


_RULES = {
    ItemKind.PARTIAL: _partial,
    ItemKind.OLD_REVISION: _old_revision,
    ItemKind.UNUSED_MODEL: _unused_model,
    ItemKind.UNUSED_REPO: _unused_repo,
}
