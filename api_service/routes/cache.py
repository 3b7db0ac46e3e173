"""/api/cache: what the cache holds, whoever brought it, and what could go from there."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy.orm import Session, undefer

from api_service.blueprint import Blueprint
from api_service.pages import PAGINATION_HEADERS, page_of
from api_service.parts import asked_by, audited, parts
from api_service.replies import announce, model_body, operation_bodies
from api_service.schemas.cache import (
    AdoptSchema,
    CacheDeleteQuery,
    CachedRepoSchema,
    CacheQuery,
    CleanUpSchema,
    PlanQuery,
    PlanSchema,
)
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.models import ModelSchema
from api_service.schemas.operations import OperationSchema
from shared import adoption, clean_up, events, links, registry, storage, volumes
from shared.audit import Action, changed_fields
from shared.clean_up_items import Item, ItemKind, Plan
from shared.errors import ConfirmationRequired, RepoInUse
from shared.events import EventType
from shared.manifests import oids
from shared.registry import Limits
from shared.tables import CachedRepo, Model, Operation, Role
from shared.usage import Defaults

blueprint = Blueprint("cache", __name__, url_prefix="/api/cache", description="What the cache holds")

_COLUMNS = {
    "repo": func.lower(CachedRepo.repo),
    "sizeBytes": CachedRepo.size_bytes,
    "lastUsedAt": CachedRepo.accessed_at,
    "modifiedAt": CachedRepo.modified_at,
    "fileCount": CachedRepo.file_count,
}


@blueprint.get("/repos", role=Role.VIEWER)
@blueprint.arguments(CacheQuery, location="query")
@blueprint.response(200, CachedRepoSchema(many=True), headers=PAGINATION_HEADERS)
def list_repos(query: dict[str, Any]) -> Any:
    """Every repository of the cache as the last scan saw it, managed or not."""
    with parts().database.session() as session:
        known = [volume.name for volume in volumes.known(session)]
        wanted = _filtered(storage.cached_repos(known), query)
        found, header = page_of(session, wanted, page=query["page"], page_size=query["page_size"])
        return _bodies(session, found), {"X-Pagination": header}


@blueprint.delete("/repos", role=Role.ADMIN)
@blueprint.arguments(CacheDeleteQuery, location="query")
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def delete_repo(query: dict[str, Any]) -> Any:
    """Remove a repository that no model of the register has. Not there: 200, and nothing is done."""
    repo = query["repo"]
    with parts().database.session() as session:
        found = storage.cached_repo(session, repo, query.get("volume"))
        models = storage.models_of(session, found.volume if found else "", [repo]).get(repo, [])
        if models:
            raise RepoInUse(models=[{"id": model.id, "name": model.name} for model in models])
        size = _freed_with(session, found) if found else 0
        if found and not query["confirm"]:
            raise ConfirmationRequired(f"This removes {repo} from the volume.", freed_bytes=size)
        audited(session, Action.CLEAN_UP_REQUESTED, repo=repo, bytes=size)
        if found is None:
            operation = clean_up.nothing_to_do(session, **asked_by())
        else:
            item = Item(
                id=f"repo:{repo}",
                kind=ItemKind.UNUSED_REPO,
                repo=repo,
                volume=found.volume,
                bytes=size,
                reason="Asked for by name.",
                suggested=False,
            )
            operation = clean_up.request(session, [item], **asked_by())
    return _asked(operation, is_new=found is not None)


@blueprint.post("/adopt", role=Role.ADMIN)
@blueprint.arguments(AdoptSchema)
@blueprint.response(201, ModelSchema)
@blueprint.alt_response(200, schema=ModelSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def adopt(fields: dict[str, Any]) -> Any:
    """Make a model of files that some client has downloaded: each byte is verified, none is fetched.

    A model of them that is registered and not downloaded is taken as it is, as after a restore.
    """
    here = parts()
    with here.database.session() as session:
        model, operation = adoption.adopt(
            session, fields, secrets=here.secrets, limits=Limits.of(here.settings), **asked_by()
        )
        audited(session, Action.REPOSITORY_ADOPTED, model=model, **changed_fields(fields, secret=frozenset()))
        is_new = model.created_at == operation.created_at  # in this very transaction
    events.note_model(here.redis, EventType.MODEL_CREATED if is_new else EventType.MODEL_UPDATED, model.id)
    announce(operation)
    with here.database.session() as session:
        body = model_body(session, registry.get(session, model.id))
    return body, 201 if is_new else 200, {"Location": f"/api/models/{model.id}"}


@blueprint.get("/clean-up", role=Role.VIEWER)
@blueprint.arguments(PlanQuery, location="query")
@blueprint.response(200, PlanSchema)
def get_plan(query: dict[str, Any]) -> Any:
    """What could go: half files, old commits, what nobody used for so long, what the quota would evict."""
    with parts().database.session() as session:
        return _plan(session, query["unused_days"])


@blueprint.post("/clean-up", role=Role.ADMIN)
@blueprint.arguments(CleanUpSchema)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def ask_for_clean_up(fields: dict[str, Any]) -> Any:
    """Carry out items of the plan. Each is looked at again, and what is in use by then stays."""
    with parts().database.session() as session:
        found = _plan(session, fields["unused_days"])
        chosen = clean_up.choose(found, fields["items"], confirmed=fields["confirm"])
        freed = sum(item.bytes for item in chosen)
        audited(session, Action.CLEAN_UP_REQUESTED, items=[item.id for item in chosen], bytes=freed)
        operation = clean_up.request(session, chosen, **asked_by())
    return _asked(operation, is_new=True)


def _plan(session: Session, unused_days: int) -> Plan:
    settings = parts().settings
    return clean_up.plan(
        session,
        unused=timedelta(days=unused_days),
        quota_bytes=settings.cache_quota_bytes,
        defaults=Defaults.of(settings),
    )


def _asked(operation: Operation, *, is_new: bool) -> Any:
    announce(operation if is_new else None)
    return operation_bodies([operation])[0], 202 if is_new else 200


def _freed_with(session: Session, repo: CachedRepo) -> int:
    linked = links.elsewhere(session, repo.volume, repo.repo, repo.blobs)
    return repo.size_bytes - sum(repo.blobs[oid][0] for oid in linked)


def _filtered(wanted: Select[CachedRepo], query: dict[str, Any]) -> Select[CachedRepo]:
    if "managed" in query:
        managed = storage.is_managed()
        wanted = wanted.where(managed if query["managed"] else ~managed)
    if "volume" in query:
        wanted = wanted.where(CachedRepo.volume == query["volume"])
    if "q" in query:
        wanted = wanted.where(CachedRepo.repo.icontains(query["q"], autoescape=True))
    column = _COLUMNS[query["sort"].lstrip("-")]
    order = column.desc() if query["sort"].startswith("-") else column.asc()
    return wanted.order_by(order.nulls_last(), CachedRepo.repo, CachedRepo.volume).options(
        undefer(CachedRepo.blobs)
    )


def _bodies(session: Session, found: Sequence[CachedRepo]) -> list[dict[str, Any]]:
    """One query for the models of each volume."""
    models = {
        name: storage.models_of(session, name, [repo.repo for repo in found if repo.volume == name])
        for name in {repo.volume for repo in found}
    }
    return [_body(repo, models[repo.volume].get(repo.repo, [])) for repo in found]


def _body(repo: CachedRepo, models: Sequence[Model]) -> dict[str, Any]:
    kept = [manifest for model in models for manifest in storage.kept_manifests(model)]
    commits = {manifest["commit"] for manifest in kept}
    used = [at for at in (repo.accessed_at, *(model.last_used_at for model in models)) if at]
    return {
        "repo": repo.repo,
        "volume": repo.volume,
        "size_bytes": repo.size_bytes,
        "managed_bytes": sum(repo.blobs.get(oid, [0])[0] for oid in oids(kept)),
        "file_count": repo.file_count,
        "is_managed": bool(models),
        "models": [{"id": model.id, "name": model.name} for model in models],
        "last_used_at": max(used, default=None),
        "modified_at": repo.modified_at,
        "seen_at": repo.read_at,
        "revisions": [_revision(revision, commits) for revision in repo.revisions],
    }


def _revision(revision: dict[str, Any], in_use: set[str]) -> dict[str, Any]:
    return revision | {
        "commit_hash": revision["commit"],
        "modified_at": datetime.fromtimestamp(revision["modified_at"], UTC),
        "is_in_use": revision["commit"] in in_use,
    }
