"""/api/catalog: the curated models and what of them is here; no question to the Hub."""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from typing import Any

from sqlalchemy.orm import Session

from api_service.blueprint import Blueprint
from api_service.parts import parts
from api_service.replies import operation_bodies
from api_service.schemas.catalog import CatalogEntrySchema, CatalogQuery, FeaturedSchema
from shared import operations, quantization
from shared.catalog import Entry
from shared.catalog_models import models_of
from shared.hub_names import PUBLIC_ENDPOINT
from shared.tables import Model, Role

blueprint = Blueprint("catalog", __name__, url_prefix="/api", description="The curated catalog")

_FEATURED = ("id", "name", "description", "category", "repo", "filename", "download_bytes")


@blueprint.get("/catalog", role=Role.VIEWER)
@blueprint.arguments(CatalogQuery, location="query")
@blueprint.response(200, CatalogEntrySchema(many=True))
def list_catalog(query: dict[str, Any]) -> Any:
    """The curated entries by category, name and id, each with what of it is here."""
    entries = [entry for entry in parts().catalog.entries if _is_wanted(entry, query)]
    with parts().database.session() as session:
        found = _registered(session, entries)
    bodies = [_body(entry) | found[entry.id] for entry in entries]
    wanted = query.get("installed")
    return [body for body in bodies if wanted is None or body["installed"] == wanted]


@blueprint.get("/featured-models", role=Role.VIEWER)
@blueprint.response(200, FeaturedSchema)
def get_featured() -> Any:
    """Entries of the catalog to begin with, and the day on which this list changed."""
    catalog = parts().catalog
    with parts().database.session() as session:
        found = _registered(session, [feature.entry for feature in catalog.featured])
    models = [
        {name: getattr(feature.entry, name) for name in _FEATURED}
        | found[feature.entry.id]
        | {
            "tags": feature.tags,
            "size_category": feature.size_category,
            "links": links_of(feature.entry),
            "metadata": {
                "downloads": None,
                "likes": None,
                "model_type": feature.entry.category,
                "family": feature.entry.family,
            },
        }
        for feature in catalog.featured
    ]
    return {"models": models, "last_updated": catalog.last_updated}


def _is_wanted(entry: Entry, query: dict[str, Any]) -> bool:
    return query.get("category") in (None, entry.category) and entry.matches(query.get("q", ""))


def _body(entry: Entry) -> dict[str, Any]:
    said = {one.name: getattr(entry, one.name) for one in fields_of(entry)}
    return said | {"links": links_of(entry), "ratings": quantization.ratings(None, entry.ratings)}


def links_of(entry: Entry) -> dict[str, str | None]:
    """Where to read on about an entry."""
    # For a person's browser: the mirror that HF_ENDPOINT may name has no pages.
    own = f"{PUBLIC_ENDPOINT}/{entry.repo}"
    return {"huggingface": own, "paper": entry.links.get("paper"), "homepage": entry.links.get("homepage")}


def _registered(session: Session, entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """What is known of each entry's model: one query for the models, one for their operations."""
    models = models_of(session, entries)
    active = operations.unfinished_of(session, [model.id for model in models.values()])
    bodies = operation_bodies(list(active.values()), in_model_words=True)
    by_model = {body["model_id"]: body for body in bodies}
    return {entry.id: _facts(models.get(entry.id), by_model) for entry in entries}


def _facts(model: Model | None, active: dict[int, dict[str, Any]]) -> dict[str, Any]:
    if model is None:
        model = Model(downloaded=False)
    return {
        "installed": bool(model.downloaded),
        "download_status": model.download_status,
        "size_on_disk_bytes": (model.file_size_bytes or 0) if model.downloaded else 0,
        "model_id": model.id,
        "active_operation": active.get(model.id) if model.id else None,
    }
