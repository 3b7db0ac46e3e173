"""Carry out an update: the files of another commit are fetched beside the present ones.

Then the model switches. Before that nothing of it is touched: what ends an update early leaves it as it was.
"""

import uuid
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from shared import attempts, operations
from shared.errors import CachePermissionDenied, ServiceUnavailable
from shared.manifests import Manifest, ManifestJson, from_json, needed_of_repo
from shared.progress import Progress
from shared.tables import Model, Result
from worker_service import cache
from worker_service.attempt import Attempt
from worker_service.context import Context
from worker_service.downloads import choose, columns_of, fetch, manifest_of
from worker_service.holding import holding
from worker_service.runs import Ending, model_of, run

log = structlog.get_logger(__name__)


def run_update(context: Context, operation_id: uuid.UUID) -> None:
    """Take the operation, if it still waits, and see it to an end of this attempt."""
    run(context, operation_id, _update)


class _UpToDate(Exception):
    """The model stands for the commit that was asked for."""


def _update(context: Context, attempt: Attempt) -> Ending:
    model = model_of(context, attempt)
    token, operation = context.token(model), attempt.operation
    with context.database.session() as session:
        plan, former = operations.get(session, operation.id).plan, session.get_one(Model, model.id).former
    asked = plan["commit"] if plan else None
    choice = partial(_choose, context, attempt, model, token, asked=asked, former=former)

    def end_up_to_date(session: Session, seen: Progress) -> None:
        attempts.complete(session, operation.id, operation.attempt, progress=seen, result=Result.UP_TO_DATE)

    def switch(session: Session, seen: Progress) -> None:
        attempts.complete_update(session, operation.id, operation.attempt, progress=seen, columns=columns)

    try:
        manifest = manifest_of(context, attempt, choice, model)
    except _UpToDate:
        return Ending(end_up_to_date)
    fetch(context, attempt, manifest, token)
    columns = columns_of(context, manifest, model)
    return Ending(switch, partial(_drop_older, context, manifest.repo, former and former["manifest"]))


def _choose(
    context: Context,
    attempt: Attempt,
    model: Model,
    token: str | None,
    *,
    asked: str | None,
    former: dict[str, Any] | None,
) -> Manifest:
    """The files of the commit that was asked for. What the model has stood for needs no word of the Hub."""
    if asked is not None and asked == model.commit_hash:
        raise _UpToDate
    if former and asked == former["commit"]:
        return from_json(str(model.hf_repo), str(model.revision), former["manifest"])
    chosen = choose(context, attempt, model, token, commit=asked)
    if chosen.commit == model.commit_hash:
        raise _UpToDate
    return chosen


def _drop_older(context: Context, repo: str, manifest: ManifestJson | None) -> None:
    """Of what an earlier update had replaced, the files that nobody needs any more.

    The update is done: if this fails, or its worker dies, a clean-up names them as an old revision.
    """
    if manifest is None:
        return
    try:
        with holding(context, repo) as (session, beat):
            needed = needed_of_repo(session, repo, context.volume)
            freed = cache.remove(context.settings.cache_dir, repo, manifest, needed, beat=beat)
    except (CachePermissionDenied, ServiceUnavailable) as error:
        log.warning("older files stay", code=error.code, detail=error.detail)
    else:
        log.info("older files dropped", commit=manifest["commit"], bytes=freed)
