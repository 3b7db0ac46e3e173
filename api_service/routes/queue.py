"""/api/downloads: the queue."""

import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from flask import Response
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from api_service.blueprint import Blueprint
from api_service.pages import PAGINATION_HEADERS, page_of
from api_service.parts import asked_by, audited, parts
from api_service.replies import announce, announce_cancel, operation_bodies
from api_service.schemas.downloads import (
    DownloadChangeSchema,
    DownloadRequestSchema,
    DownloadsQuery,
    QueueItemSchema,
    QueueSchema,
)
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.operations import OperationSchema
from shared import bandwidth_shares, events, operations, queue, registry
from shared.audit import Action, changed_fields
from shared.catalog import Entry
from shared.catalog_models import models_of
from shared.errors import ModelAlreadyExists
from shared.events import EventType
from shared.operations import Requested
from shared.queue import Section
from shared.registry import Limits
from shared.tables import Model, ModelType, Operation, OperationKind, Role

log = structlog.get_logger(__name__)

blueprint = Blueprint("queue", __name__, url_prefix="/api/downloads", description="The download queue")


@blueprint.get("", role=Role.VIEWER)
@blueprint.arguments(DownloadsQuery, location="query")
@blueprint.response(200, QueueItemSchema(many=True), headers=PAGINATION_HEADERS)
def list_downloads(query: dict[str, Any]) -> Any:
    """Every download that was ever asked for, the newest first."""
    wanted = queue.downloads().order_by(Operation.created_at.desc(), Operation.id)
    if "status" in query:
        wanted = wanted.where(Operation.status == query["status"])
    with parts().database.session() as session:
        found, header = page_of(session, wanted, page=query["page"], page_size=query["page_size"])
        return _items(session, found), {"X-Pagination": header}


@blueprint.get("/queue", role=Role.VIEWER)
@blueprint.response(200, QueueSchema)
def get_queue() -> Any:
    """What runs, waits, is paused or failed, and what finished within a day."""
    with parts().database.session() as session:
        found = queue.sections(session)
        items = _items(session, [operation for section in found.values() for operation in section])
    by_id = {item["task_id"]: item for item in items}
    body = {section: [by_id[str(one.id)] for one in found[section]] for section in Section}
    for position, item in enumerate(body[Section.QUEUED], start=1):
        item["position"] = position
    return body


@blueprint.post("", role=Role.OPERATOR)
@blueprint.arguments(DownloadRequestSchema)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def ask(fields: dict[str, Any]) -> Any:
    """Fetch a file, a repository or an entry of the catalog; registers the model if need be.

    On its way or here already: 200.
    """
    here = parts()
    with here.database.session() as session:
        model_id, is_new = _model_id(session, fields)
        operation, outcome = _request(session, model_id)
    if is_new:
        events.note_model(here.redis, EventType.MODEL_CREATED, model_id)
    return _asked(operation, outcome)


@blueprint.post("/<uuid:operation_id>/retry", role=Role.OPERATOR)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def retry(operation_id: uuid.UUID) -> Any:
    """Ask again for what failed or was canceled: a new operation, which goes on from the bytes kept."""
    with parts().database.session() as session:
        failed = queue.get(session, operation_id)
        operation, outcome = _request(session, failed.model_id, again=failed)
    return _asked(operation, outcome)


@blueprint.patch("/<uuid:operation_id>", role=Role.OPERATOR)
@blueprint.arguments(DownloadChangeSchema)
@blueprint.response(200, OperationSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def change(fields: dict[str, Any], operation_id: uuid.UUID) -> Any:
    """Change a download that has not ended; one that runs follows within half a second."""
    with parts().database.session() as session:
        operation = queue.change(session, operation_id, fields)
        if fields:
            model = session.get(Model, operation.model_id)
            told = changed_fields(fields, secret=frozenset())
            audited(session, Action.DOWNLOAD_CHANGED, model=model, operation=str(operation_id), **told)
    if "max_bytes_per_second" in fields:
        _tell_limit(operation)
    return operation_bodies([operation])[0]


@blueprint.delete("/<uuid:operation_id>", role=Role.OPERATOR)
@blueprint.response(204)
def clear(operation_id: uuid.UUID) -> Any:
    """Cancel what has not ended, and clear it from the queue view; the history keeps it."""
    with parts().database.session() as session:
        canceled = queue.dismiss(session, operation_id)
        action = Action.DOWNLOAD_CANCELED if canceled else Action.DOWNLOAD_CLEARED
        model = session.get(Model, queue.get(session, operation_id).model_id)
        audited(session, action, model=model, operation=str(operation_id))
    if canceled is not None:
        announce_cancel(canceled)
    return Response(status=204)


def _tell_limit(operation: Operation) -> None:
    """After the commit: without Redis the worker's next heartbeat brings the limit from the row."""
    try:
        bandwidth_shares.tell(parts().redis, operation.id, operation.max_bytes_per_second)
    except RedisError as error:
        log.warning("limit not told", operation=str(operation.id), error=type(error).__name__)


def _request(
    session: Session, model_id: int, *, again: Operation | None = None
) -> tuple[Operation, Requested]:
    """Ask for a download; `again`: for what this one was asked for, which may be an update."""
    if again is not None and again.kind is OperationKind.UPDATE:
        action, commit = Action.UPDATE_REQUESTED, (again.plan or {}).get("commit")
        operation, outcome = operations.request_update(session, model_id, commit=commit, **asked_by())
    else:
        action = Action.DOWNLOAD_REQUESTED
        operation, outcome = operations.request_download(session, model_id, **asked_by())
    if outcome is Requested.CREATED:
        model = registry.get(session, model_id)
        registry.check_download(model, Limits.of(parts().settings))
        audited(session, action, model=model)
    return operation, outcome


def _asked(operation: Operation, outcome: Requested) -> Any:
    created = outcome is Requested.CREATED
    announce(operation if created else None)
    return operation_bodies([operation])[0], 202 if created else 200


def _model_id(session: Session, fields: dict[str, Any], *, tries: int = 3) -> tuple[int, bool]:
    """The model of the request, and whether it had to be registered."""
    entry = parts().catalog.get(fields["catalog_id"]) if "catalog_id" in fields else None
    asked = _of_entry(entry) if entry else fields
    repo, revision, file = asked["hf_repo"], asked.get("revision") or "main", asked.get("model_file")
    known = registry.find_same(session, repo=repo, revision=revision, file=file)
    if entry and known is None:
        # What is here at another revision is what the catalog shows as installed.
        known = next((model for model in models_of(session, [entry]).values() if model.downloaded), None)
    if known is not None:
        return known.id, False
    wanted = {
        "type": ModelType.LOCAL,
        "name": registry.free_name(session, repo=repo, file=file, preferred=entry and entry.name),
        "hf_repo": repo,
        "revision": revision,
        "model_file": file,
    }
    if entry:
        wanted |= asked
    try:
        model = registry.register(
            session, wanted, secrets=parts().secrets, limits=Limits.of(parts().settings)
        )
        told = fields | ({"hf_repo": repo, "model_file": file} if entry else {})
        audited(session, Action.MODEL_CREATED, model=model, **changed_fields(told, secret=frozenset()))
        return model.id, True
    except ModelAlreadyExists:
        # Somebody has taken the name or asked for the same file in this very moment: look again.
        if tries == 1:
            raise
        return _model_id(session, fields, tries=tries - 1)


def _of_entry(entry: Entry) -> dict[str, Any]:
    """What an entry of the catalog is registered with."""
    return {
        "category": entry.category,
        "hf_repo": entry.repo,
        "revision": entry.revision,
        "model_file": entry.filename,
        "allow_patterns": list(entry.allow_patterns) if entry.allow_patterns else None,
        "ignore_patterns": list(entry.ignore_patterns) if entry.ignore_patterns else None,
    }


def _items(session: Session, found: Sequence[Operation]) -> list[dict[str, Any]]:
    """Queue items: one query for all their models, one round trip for all their progress."""
    wanted = select(Model).where(Model.id.in_({operation.model_id for operation in found}))
    models = {model.id: model for model in session.scalars(wanted)}
    return [body | _of_model(models.get(body["model_id"])) for body in operation_bodies(found)]


def _of_model(model: Model | None) -> dict[str, Any]:
    return {
        "model_name": model.name if model else None,
        "repo": model.hf_repo if model else None,
        "filename": model.model_file if model else None,
        "revision": model.revision if model else None,
        "position": None,
    }
