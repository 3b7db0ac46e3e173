"""/api/models: the register."""

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Response
from sqlalchemy import BigInteger, Select, bindparam, func, or_, select

from api_service import providers
from api_service.blueprint import Blueprint
from api_service.errors import usage_facts
from api_service.pages import PAGINATION_HEADERS, is_deep, paged, rows_of_page
from api_service.parts import asked_by, audited, parts
from api_service.rendered import version
from api_service.replies import announce, model_body, operation_bodies
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.models import (
    DeleteQuery,
    ModelCreateSchema,
    ModelPatchSchema,
    ModelQuery,
    ModelSchema,
    TestConnectionResultSchema,
    TestConnectionSchema,
    UsageSchema,
)
from api_service.schemas.operations import OperationSchema
from shared import events, operations, registry
from shared.audit import Action, changed_fields
from shared.errors import ModelNotFound
from shared.events import EventType
from shared.operations import Requested
from shared.registry import Limits
from shared.tables import Model, ModelSource, ModelType, Role
from shared.usage import Defaults, allow_delete, usage

blueprint = Blueprint("models", __name__, url_prefix="/api/models", description="The register of models")

_COLUMNS = {
    "name": func.lower(Model.name),
    "createdAt": Model.created_at,
    "updatedAt": Model.updated_at,
    "lastUsedAt": Model.last_used_at,
    "downloadedAt": Model.downloaded_at,
    "fileSizeBytes": Model.file_size_bytes,
    "type": Model.type,
    "category": Model.category,
    "downloadStatus": Model.download_status,
    "provider": Model.provider,
    "hfRepo": func.lower(Model.hf_repo),
}
# Filters by what is known of a model: where it stands in `facts`, and how it is compared.
_FACTS = {
    "architecture": ("architecture",),
    "family": ("family",),
    "quantization": ("quantization", "method"),
    "license": ("license",),
}
_COUNTS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "hidden_size": ("hidden_size", operator.eq),
    "min_context_length": ("context_length", operator.ge),
    "min_parameter_count": ("parameter_count", operator.ge),
    "max_parameter_count": ("parameter_count", operator.le),
}
_ONE = select(*version()).where(Model.id == bindparam("model"))


@blueprint.get("", role=Role.VIEWER)
@blueprint.arguments(ModelQuery, location="query")
@blueprint.response(200, ModelSchema(many=True), headers=PAGINATION_HEADERS)
def list_models(query: dict[str, Any]) -> Any:
    """List models: filtered, sorted and paged by the server."""
    here, page, page_size = parts(), query.pop("page"), query.pop("page_size")
    wanted = _wanted(deep=is_deep(page, page_size), **query)
    with here.database.reading() as connection:
        found, header = rows_of_page(connection, wanted, page=page, page_size=page_size)
    texts = here.rendered.texts(here.database, found)
    return Response(
        b"[" + b",".join(texts) + b"]", mimetype="application/json", headers={"X-Pagination": header}
    )


@blueprint.post("", role=Role.ADMIN)
@blueprint.arguments(ModelCreateSchema)
@blueprint.response(201, ModelSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def create_model(fields: dict[str, Any]) -> Any:
    """Register a model; a local one with `downloadNow` starts its download too."""
    here, operation = parts(), None
    with here.database.session() as session:
        model = registry.register(session, fields, secrets=here.secrets, limits=Limits.of(here.settings))
        audited(session, Action.MODEL_CREATED, model=model, **_told(fields))
        if fields.get("download_now") and not model.downloaded:
            operation, _created = operations.request_download(session, model.id, **asked_by())
    events.note_model(here.redis, EventType.MODEL_CREATED, model.id)
    announce(operation)
    with here.database.session() as session:
        body = model_body(session, registry.get(session, model.id))
    return body, {"Location": f"/api/models/{model.id}"}


@blueprint.get("/<int:model_id>", role=Role.VIEWER)
@blueprint.response(200, ModelSchema)
def get_model(model_id: int) -> Any:
    """One model; never a secret."""
    here = parts()
    with here.database.reading() as connection:
        found = connection.execute(_ONE, {"model": model_id}).all()
    texts = here.rendered.texts(here.database, found)
    if not texts:
        raise ModelNotFound()
    return Response(texts[0], mimetype="application/json")


@blueprint.patch("/<int:model_id>", role=Role.ADMIN)
@blueprint.arguments(ModelPatchSchema(partial=True), required=False)
@blueprint.response(200, ModelSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def change_model(fields: dict[str, Any], model_id: int) -> Any:
    """Change the given fields; an absent secret stays, a string replaces it, null removes it."""
    here, operation = parts(), None
    limits = Limits.of(here.settings)
    with here.database.session() as session:
        model = registry.change(session, model_id, fields, secrets=here.secrets, limits=limits)
        audited(session, Action.MODEL_CHANGED, model=model, **_told(fields))
        if fields.get("download_now") and not model.downloaded:
            registry.check_download(model, limits)
            operation, _created = operations.request_download(session, model_id, **asked_by())
    events.note_model(here.redis, EventType.MODEL_UPDATED, model_id)
    announce(operation)
    with here.database.session() as session:
        return model_body(session, registry.get(session, model_id))


@blueprint.delete("/<int:model_id>", role=Role.ADMIN)
@blueprint.arguments(DeleteQuery, location="query")
@blueprint.response(204)
@blueprint.alt_response(202, schema=OperationSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def delete_model(query: dict[str, Any], model_id: int) -> Any:
    """Take a model out of the register; with `deleteLocalFile` the worker removes its files first."""
    here, operation, outcome = parts(), None, None
    with here.database.session() as session:
        model = allow_delete(
            session, model_id, confirmed=query["confirm"], defaults=Defaults.of(here.settings)
        )
        audited(session, Action.MODEL_DELETED, model=model, delete_local_file=query["delete_local_file"])
        on_our_volume = model.type is ModelType.LOCAL and model.source is ModelSource.HUGGINGFACE
        if query["delete_local_file"] and on_our_volume:
            operation, outcome = operations.request_delete(session, model_id, **asked_by())
        else:
            registry.remove(session, model)
    if operation is None:
        events.note_model(here.redis, EventType.MODEL_DELETED, model_id)
        return Response(status=204)
    announce(operation if outcome is Requested.CREATED else None)
    return OperationSchema().dump(operation_bodies([operation])[0]), 202


@blueprint.get("/<int:model_id>/usage", role=Role.VIEWER)
@blueprint.response(200, UsageSchema)
def get_usage(model_id: int) -> Any:
    """Can it be deleted, what would that free, who uses it."""
    here = parts()
    with here.database.session() as session:
        model = registry.get(session, model_id)
        return usage_facts(usage(session, model, defaults=Defaults.of(here.settings)))


@blueprint.post("/test-connection", role=Role.ADMIN)
@blueprint.arguments(TestConnectionSchema)
@blueprint.response(200, TestConnectionResultSchema)
def test_connection(fields: dict[str, Any]) -> Any:
    """Ask a provider for its models or deployments: says whether address and key work, spends no token.

    With modelId and nothing that differs from what is stored, the model keeps the outcome as `connection`.
    """
    here = parts()
    with here.database.session() as session:
        target = providers.target(session, fields, secrets=here.secrets)
        tested = registry.get(session, fields["model_id"]) if "model_id" in fields else None
        audited(session, Action.CONNECTION_TESTED, model=tested, **_told(fields))
    result = providers.test_connection(target, here.door)  # outside a session: the provider may take its time
    if target.stored is not None:
        outcome = {name: result[name] for name in ("ok", "latency_ms", "error")}
        with here.database.session() as session:
            is_kept = registry.keep_outcome(
                session, fields["model_id"], connection=target.stored, outcome=outcome
            )
        if is_kept:
            events.note_model(here.redis, EventType.MODEL_UPDATED, fields["model_id"])
    return result


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return changed_fields(fields, secret=registry.SECRET_FIELDS)


@lru_cache(maxsize=256)
def _wanted(*, deep: bool, **query: Any) -> Select[Any]:
    # To build a query takes as long as to ask it, and most lists are asked for again and again.
    return paged(_sorted(_filtered(query), query["sort"]).with_only_columns(*version()), deep=deep)


def _filtered(query: dict[str, Any]) -> Select[Model]:
    wanted = select(Model)
    same = {
        "type": Model.type,
        "category": Model.category,
        "status": Model.download_status,
        "is_active": Model.is_active,
        "hf_repo": Model.hf_repo,
        "volume": Model.volume,
        "name": Model.name,
    }
    for name, column in same.items():
        if name in query:
            wanted = wanted.where(column == query[name])
    if "installed" in query:
        wanted = wanted.where(func.coalesce(Model.downloaded, False) == query["installed"])
    for name, path in _FACTS.items():
        if name in query:
            wanted = wanted.where(func.lower(Model.facts[path].as_string()) == query[name].lower())
    for name, (fact, compare) in _COUNTS.items():
        if name in query:
            wanted = wanted.where(compare(Model.facts[fact].as_string().cast(BigInteger), query[name]))
    if "q" in query:
        searched = (Model.name, Model.hf_repo, Model.model_file)
        wanted = wanted.where(or_(*(column.icontains(query["q"], autoescape=True) for column in searched)))
    return wanted


def _sorted(wanted: Select[Model], sort: str) -> Select[Model]:
    column = _COLUMNS[sort.lstrip("-")]
    # Rows without a value come last both ways; the id makes the order of equals stable.
    order = column.desc() if sort.startswith("-") else column.asc()
    return wanted.order_by(order.nulls_last(), Model.id)
