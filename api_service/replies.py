"""What several routes share: models and operations with live progress, and the bell after a commit."""

from collections.abc import Sequence
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from api_service.parts import parts
from api_service.schemas.operations import progress_object
from shared import catalog, claims, events, model_facts, operations, presence, progress, registry
from shared.catalog import Catalog
from shared.nudges import Nudge, nudge_for
from shared.progress import Progress
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.tables import Model, ModelType, Operation, OperationStatus
from shared.task_names import TaskName, is_named
from shared.usage import Defaults

log = structlog.get_logger(__name__)

_UNLOADED = {"status": "unloaded", "precision": None, "loaded_at": None, "memory_bytes": None}


def announce(operation: Operation | None) -> None:
    """After the commit: claim the model, show the operation as pending, ring the bell.

    Neither Redis nor the broker has to be there: the sweep makes up for whatever fails here.
    """
    if operation is None:
        return
    log.info(
        "operation requested", operation=str(operation.id), kind=operation.kind, model=operation.model_id
    )
    here = parts()
    events.note_operations(here.redis, [operation])
    try:
        claims.take(here.redis, operation)
    except RedisError as error:
        log.warning("claim not set", operation=str(operation.id), error=type(error).__name__)
        return
    here.dispatcher.enqueue(nudge_for(operation))


def announce_cancel(operation: Operation) -> None:
    """After the commit: give the claim of a canceled one back; ring for a running one, or for a purge."""
    here = parts()
    log.info("cancel requested", operation=str(operation.id), status=str(operation.status))
    try:
        if operation.status is OperationStatus.CANCELED:
            claims.release(here.redis, operation)
    except RedisError as error:
        log.warning("claim not released", operation=str(operation.id), error=type(error).__name__)
    if operation.status is OperationStatus.CANCELED:
        events.note_operations(here.redis, [operation])
    if operation.status is OperationStatus.RUNNING or operation.purge_requested_at is not None:
        here.dispatcher.enqueue(Nudge(TaskName.CANCEL, operation))


def live_progress(found: Sequence[Operation], redis: Redis) -> dict[Any, Progress]:
    """The live progress of those that run; nothing when Redis is away (the rows still answer)."""
    running = [operation.id for operation in found if operation.status is OperationStatus.RUNNING]
    try:
        return progress.read(redis, running)
    except RedisError as error:
        log.warning("no live progress", error=type(error).__name__)
        return {}


def operation_bodies(
    found: Sequence[Operation], *, in_model_words: bool = False, redis: Redis | None = None
) -> list[dict[str, Any]]:
    """The progress object of each operation, with one round trip to Redis (`redis`: outside a request)."""
    live, waits = live_progress(found, redis or parts().redis), _waits(found, redis or parts().redis)
    return [
        progress_object(one, live.get(one.id), in_model_words=in_model_words, waiting_for=waits.get(one.id))
        for one in found
    ]


def _waits(found: Sequence[Operation], redis: Redis) -> dict[Any, str]:
    """Of pending ones that can only run on a volume that no worker serves: a sentence that says so."""
    bound = [one for one in found if one.status is OperationStatus.PENDING and is_named(one.volume)]
    if not bound:
        return {}
    try:
        workers = presence.workers_of_volumes(redis)
    except RedisError:
        return {}  # nobody can tell who lives
    return {
        one.id: f"No worker serves the volume {one.volume}; it begins when one does."
        for one in bound
        if not workers.get(one.volume)
    }


def model_bodies(
    session: Session,
    models: Sequence[Model],
    *,
    redis: Redis | None = None,
    secrets: SecretBox | None = None,
    settings: Settings | None = None,
    with_active: bool = True,
) -> list[dict[str, Any]]:
    """Models as the API shows them: one query and one round trip for all their operations.

    `with_active`: say what is under way. Outside a request the caller gives `redis`, `secrets`, `settings`.
    """
    box, said = secrets or parts().secrets, settings or parts().settings
    defaults, curated = Defaults.of(said), catalog.load(said.catalog_dir)
    active = operations.unfinished_of(session, [model.id for model in models]) if with_active else {}
    bodies = operation_bodies(list(active.values()), in_model_words=True, redis=redis)
    by_model = {body["model_id"]: body for body in bodies}
    former = registry.former_commits(session, [model.id for model in models])
    return [
        _model_body(model, by_model.get(model.id), box)
        | {"is_default": defaults.include(model), "catalog_id": _catalog_id(model, curated)}
        | {"former_commit": former.get(model.id)}
        for model in models
    ]


def _catalog_id(model: Model, curated: Catalog) -> str | None:
    found = curated.find(model.hf_repo, model.model_file, model.category) if model.hf_repo else None
    return found.id if found else None


def model_body(session: Session, model: Model) -> dict[str, Any]:
    """One model as the API shows it."""
    return model_bodies(session, [model])[0]


def _model_body(model: Model, active: dict[str, Any] | None, secrets: SecretBox) -> dict[str, Any]:
    columns = {
        column.key: getattr(model, column.key)
        for column in Model.__table__.columns
        if column.key not in ("manifest", "former", "facts")
    }
    local = model.type is ModelType.LOCAL
    unreadable = secrets.problem(model)
    return columns | {
        "error": model.error or (unreadable and unreadable.as_dict()),
        "has_api_key": model.api_key_encrypted is not None,
        "has_hf_token": model.hf_token_encrypted is not None,
        "connection": model.connection and model.connection | {"tested_at": model.connection_tested_at},
        "active_operation": active,
        "metadata": model_facts.from_json(model.facts) if local else None,
        "runtime": _UNLOADED if local else None,
    }
