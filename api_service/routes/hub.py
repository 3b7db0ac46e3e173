"""/api/hub: what the Hub has, before anything is registered."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api_service import hub_choices, hub_estimates
from api_service.blueprint import Blueprint
from api_service.hub_choices import Registered
from api_service.hub_looks import LOOK_SECONDS, asking_model, facts_of, look_at
from api_service.parts import hub_as, parts
from api_service.room import capacity
from api_service.schemas.hub import (
    AccessQuery,
    AccessSchema,
    EstimateQuery,
    FoundRepoSchema,
    MemoryEstimateSchema,
    RepoPreviewSchema,
    RepoQuery,
    RepoRefSchema,
    ResolveQuery,
    SearchQuery,
)
from shared import hub_access
from shared.errors import ValidationError
from shared.hub import read_found
from shared.hub_names import parse_repo
from shared.hub_preview import RepoPreview
from shared.tables import Model, ModelSource, Role

blueprint = Blueprint("hub", __name__, url_prefix="/api/hub", description="What the Hub has")

# Seconds for which an answer counts. Who has just accepted a license tries again at once.
ACCESS_FRESH = 5.0
ACCESS_KEPT = 5
STALE_HEADER = {
    "X-Hub-Stale": {
        "description": "true: the Hub can't be asked now; this is what it said within the last 24 h.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    }
}


@blueprint.get("/resolve", role=Role.VIEWER)
@blueprint.arguments(ResolveQuery, location="query")
@blueprint.response(200, RepoRefSchema)
def resolve(query: dict[str, Any]) -> Any:
    """Take a name or link apart into repository, revision and file; the Hub is not asked."""
    try:
        return parse_repo(query["input"], endpoint=parts().settings.hf_endpoint)
    except ValueError as error:
        raise ValidationError({"input": [str(error)]}) from None


@blueprint.get("/search", role=Role.VIEWER)
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, FoundRepoSchema(many=True), headers=STALE_HEADER)
def search(query: dict[str, Any]) -> Any:
    """Find repositories by a part of their name, the most downloaded first, while a person types."""
    hub, text, limit = hub_as(None).within(LOOK_SECONDS), query["q"], query["limit"]
    question = ("search", text, str(limit))
    answer = parts().hub_answers.ask(hub, question, lambda: hub.search(text, limit), read_found)
    return answer.said, {"X-Hub-Stale": str(answer.stale).lower()}


@blueprint.get("/repo", role=Role.VIEWER)
@blueprint.arguments(RepoQuery, location="query")
@blueprint.response(200, RepoPreviewSchema)
def preview_repo(query: dict[str, Any]) -> Any:
    """Preview a repository: its facts, and the files to choose from with one that is recommended.

    What the Hub says counts for 5 minutes; while it is away, for 24 hours, as `stale`.
    """
    # Outside a session: the Hub may take its time.
    hub = hub_as(asking_model(query))
    answer = look_at(hub, query["repo"], query["revision"])
    look = answer.said
    facts = facts_of(hub, look, hub_choices.representative(look))
    with parts().database.session() as session:
        registered = _registered(session, look.preview)
    here = capacity()
    return {
        **vars(look.preview),
        **{name: getattr(facts, name) for name in _OF_FACTS},
        "requires_trust_remote_code": bool(facts.requires_trust_remote_code),
        "dimensions": facts,
        "variants": hub_choices.variants(look, facts, registered, here),
        "estimated_sizes": hub_choices.estimated_sizes(facts, here),
        "estimate_context_length": hub_choices.context_of(facts),
        "stale": answer.stale,
        "fetched_at": answer.fetched_at,
    }


# What the preview has of its own, and the files may know better.
_OF_FACTS = ("architecture", "family", "parameter_count", "context_length", "quantization", "dtype")


@blueprint.get("/access", role=Role.VIEWER)
@blueprint.arguments(AccessQuery, location="query")
@blueprint.response(200, AccessSchema)
def check_access(query: dict[str, Any]) -> Any:
    """Ask whether a repository's files could be fetched now; if not, say why, and what solves it.

    A gate is no error here: it is the answer. What the Hub says counts for 5 seconds.
    """
    repo, model = query["repo"], asking_model(query)
    hub = hub_as(model).within(LOOK_SECONDS)
    answer = parts().hub_answers.ask(
        hub,
        ("access", repo),
        lambda: asdict(hub.access(repo)),
        hub_access.read,
        fresh=ACCESS_FRESH,
        kept=ACCESS_KEPT,
    )
    own = model is not None and model.hf_token_encrypted is not None
    source = "model" if own else "server" if hub.token is not None else None
    return asdict(answer.said) | {"repo": repo, "link": f"{hub.endpoint}/{repo}", "token_source": source}


@blueprint.get("/estimate-memory", role=Role.VIEWER)
@blueprint.arguments(EstimateQuery, location="query")
@blueprint.response(200, MemoryEstimateSchema)
def estimate_memory(query: dict[str, Any]) -> Any:
    """Estimate the memory that a file, or a repository at several precisions, takes once it is loaded.

    docs/memory.md has the formula, and what it does not know.
    """
    hub = hub_as(asking_model(query))
    answer = look_at(hub, query["repo"], query["revision"])
    look, filename, asked = answer.said, query.get("filename"), query.get("context_length")
    if filename is None:
        facts = facts_of(hub, look, hub_choices.representative(look))
        sizes = hub_estimates.sizes_of(look, facts)
    else:
        weights = hub_estimates.weights_of(look, filename, authenticated=hub.token is not None)
        facts = facts_of(hub, look, weights.header_of)
        sizes = {weights.precision: weights.size_bytes}
    return {
        "repo": look.preview.repo,
        "revision": look.preview.revision,
        "filename": filename,
        "context_length": hub_choices.context_of(facts, asked),
        "cache_type": query["cache_type"],
        "parameter_count": facts.parameter_count,
        "estimates": hub_estimates.estimates(
            sizes, facts, context_length=asked, cache_type=query["cache_type"]
        ),
        "stale": answer.stale,
        "fetched_at": answer.fetched_at,
    }


def _registered(session: Session, preview: RepoPreview) -> Registered:
    wanted = select(Model.model_file, Model.id, Model.download_status).where(
        Model.source == ModelSource.HUGGINGFACE,
        Model.hf_repo == preview.repo,
        Model.revision == preview.revision,
    )
    return {file: (model_id, status) for file, model_id, status in session.execute(wanted)}
