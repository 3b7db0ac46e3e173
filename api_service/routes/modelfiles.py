"""/api/modelfiles: the register and the volume, by repository; no question to the Hub in the list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import Session

from api_service.blueprint import Blueprint
from api_service.hub_choices import representative, status_of
from api_service.hub_estimates import weights_of
from api_service.hub_looks import asking_model, facts_of, look_at
from api_service.pages import PAGINATION_HEADERS, page_of
from api_service.parts import hub_as, parts
from api_service.replies import operation_bodies
from api_service.room import machines
from api_service.routes.catalog import links_of
from api_service.routes.storage import storage_body
from api_service.schemas.modelfiles import (
    MetadataQuery,
    ModelFileMetadataSchema,
    ModelFilesQuery,
    ModelFilesSchema,
)
from shared import fleet, memory, model_facts, operations, quantization, volumes
from shared.catalog import Entry
from shared.fleet import Machine
from shared.model_facts import Facts
from shared.tables import CachedRepo, Category, Model, ModelSource, Role

blueprint = Blueprint(
    "modelfiles",
    __name__,
    url_prefix="/api/modelfiles",
    description="The register and the volume, by repository",
)


@blueprint.get("", role=Role.VIEWER)
@blueprint.arguments(ModelFilesQuery, location="query")
@blueprint.response(200, ModelFilesSchema, headers=PAGINATION_HEADERS)
def list_model_files(query: dict[str, Any]) -> Any:
    """What is on the volume and in the register, grouped by repository; `include=storage`: the volume too."""
    with parts().database.session() as session:
        names = [volume.name for volume in volumes.known(session)]
        named = _named(names, query.get("q"))
        repos, header = page_of(session, named, page=query["page"], page_size=query["page_size"])
        repositories = _repositories(session, names, repos)
    body = {
        "repositories": repositories,
        "storage": storage_body() if query.get("include") == "storage" else None,
    }
    return body, {"X-Pagination": header}


@blueprint.get("/metadata", role=Role.VIEWER)
@blueprint.arguments(MetadataQuery, location="query")
@blueprint.response(200, ModelFileMetadataSchema)
def get_metadata(query: dict[str, Any]) -> Any:
    """The facts of a repository, or of one of its files: the register's where it has any, else the Hub's."""
    repo, filename = query["repo"], query.get("filename")
    with parts().database.session() as session:
        known = _known(session, repo, filename)
    source, stale = "register", False
    if known == Facts():
        source, (known, stale) = "hub", _said_by_hub(query, repo, filename)
    made_small = known.quantization or quantization.from_file_name(filename or "")
    entry = parts().catalog.find(repo, filename)
    return vars(known) | {
        "repo": repo,
        "filename": filename,
        "quantization": made_small,
        "ratings": quantization.ratings(made_small, entry.ratings if entry else None),
        "source": source,
        "stale": stale,
    }


def _known(session: Session, repo: str, filename: str | None) -> Facts:
    """What the models of the repository say together, those that are here first."""
    wanted = select(Model.facts).where(
        Model.source == ModelSource.HUGGINGFACE, Model.hf_repo == repo, Model.facts.is_not(None)
    )
    if filename is not None:
        wanted = wanted.where(Model.model_file == filename)
    said = session.scalars(wanted.order_by(Model.downloaded.desc(), Model.id))
    found = [model_facts.from_json(facts) for facts in said]
    known = model_facts.merged(*found)
    # Several files of one repository differ in how small they were made, and so in their size.
    differ = len({facts.quantization for facts in found if facts.quantization}) > 1
    return replace(known, quantization=None, weights_bytes=None) if differ else known


def _said_by_hub(query: dict[str, Any], repo: str, filename: str | None) -> tuple[Facts, bool]:
    hub = hub_as(asking_model(query))
    answer = look_at(hub, repo, "main")
    path = representative(answer.said)
    if filename is not None:
        path = weights_of(answer.said, filename, authenticated=hub.token is not None).header_of
    return facts_of(hub, answer.said, path), answer.stale


def _named(names: Sequence[str], q: str | None) -> Select[str]:
    """The names of all repositories, in the order of the alphabet."""
    registered = select(Model.hf_repo.label("repo")).where(Model.source == ModelSource.HUGGINGFACE)
    both = union(registered, select(CachedRepo.repo).where(CachedRepo.volume.in_(names))).subquery()
    wanted = select(both.c.repo).order_by(both.c.repo)
    return wanted.where(both.c.repo.icontains(q, autoescape=True)) if q else wanted


def _repositories(session: Session, names: Sequence[str], repos: Sequence[str]) -> list[dict[str, Any]]:
    """Whatever their number: one query for the models, one for their operations, one for the volume."""
    of_hub = select(Model).where(Model.source == ModelSource.HUGGINGFACE, Model.hf_repo.in_(repos))
    models = session.scalars(of_hub.order_by(Model.model_file.nulls_first(), Model.revision)).all()
    active = operations.unfinished_of(session, [model.id for model in models])
    progress = {
        body["model_id"]: body for body in operation_bodies(list(active.values()), in_model_words=True)
    }
    sizes = (
        select(CachedRepo.repo, func.sum(CachedRepo.size_bytes))
        .where(CachedRepo.volume.in_(names), CachedRepo.repo.in_(repos))
        .group_by(CachedRepo.repo)
    )
    on_disk = {row[0]: int(row[1]) for row in session.execute(sizes)}
    known = machines()
    entries = {entry.repo: entry for entry in reversed(parts().catalog.entries)}
    by_repo: dict[str, list[Model]] = {repo: [] for repo in repos}
    for model in models:
        by_repo[str(model.hf_repo)].append(model)
    return [
        {
            "repo": repo,
            "is_managed": any(model.downloaded for model in found),
            "size_on_disk_bytes": on_disk.get(repo, 0),
            "metadata": _repository_facts(repo, found, entries.get(repo)),
            "variants": [_variant(model, progress.get(model.id), known) for model in found],
        }
        for repo, found in by_repo.items()
    ]


def _repository_facts(repo: str, models: Sequence[Model], entry: Entry | None) -> dict[str, Any]:
    """What the models say of their repository, and the catalog where it has the repository."""
    curated = entry or Entry(id="", name="", category=Category.LLM, repo=repo)
    known = model_facts.merged(*(model_facts.from_json(model.facts) for model in models))
    return {
        "description": curated.description or None,
        "family": known.family or curated.family,
        "architecture": known.architecture,
        "parameter_count": known.parameter_count or curated.parameter_count,
        "license": known.license or curated.license,
        "tags": known.tags or curated.tags,
        "base_model": known.base_model,
        "links": links_of(curated),
    }


def _variant(model: Model, active: dict[str, Any] | None, known: Sequence[Machine]) -> dict[str, Any]:
    facts = model_facts.from_json(model.facts)
    needs = memory.of_model(model, facts)
    made_small = facts.quantization or quantization.from_file_name(model.model_file or "")
    entry = parts().catalog.find(model.hf_repo, model.model_file, model.category)
    return {
        "model_id": model.id,
        "name": model.name,
        "filename": model.model_file,
        "revision": model.revision,
        "category": model.category,
        "size_bytes": model.file_size_bytes,
        "status": status_of(model.download_status),
        "progress": active,
        "memory_bytes": needs.total_bytes if needs else None,
        "memory_unknown": needs.unknown if needs else ("weights",),
        "fits_memory": fleet.fits(known, needs.total_bytes) if needs else None,
        "ratings": quantization.ratings(made_small, entry.ratings if entry else None),
        "metadata": facts,
    }
