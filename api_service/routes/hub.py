"""/api/hub: what the Hub has, before anything is registered."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api_service.blueprint import Blueprint
from api_service.parts import hub_as, parts
from api_service.schemas.hub import RepoPreviewSchema, RepoQuery, RepoRefSchema, ResolveQuery
from shared import registry
from shared.errors import ValidationError
from shared.hub import Hub
from shared.hub_names import parse_repo
from shared.hub_preview import RepoPreview, Variant
from shared.tables import DownloadStatus, Model, ModelSource, Role

blueprint = Blueprint("hub", __name__, url_prefix="/api/hub", description="What the Hub has")

_STATUS = {
    DownloadStatus.DOWNLOADED: "downloaded",
    DownloadStatus.PENDING: "downloading",
    DownloadStatus.DOWNLOADING: "downloading",
}
# By model file (None: the whole repository) the id and status of the model.
_Registered = Mapping[str | None, tuple[int, DownloadStatus | None]]


@blueprint.get("/resolve", role=Role.VIEWER)
@blueprint.arguments(ResolveQuery, location="query")
@blueprint.response(200, RepoRefSchema)
def resolve(query: dict[str, Any]) -> Any:
    """Take a name or link apart into repository, revision and file; the Hub is not asked."""
    try:
        return parse_repo(query["input"], endpoint=parts().settings.hf_endpoint)
    except ValueError as error:
        raise ValidationError({"input": [str(error)]}) from None


@blueprint.get("/repo", role=Role.VIEWER)
@blueprint.arguments(RepoQuery, location="query")
@blueprint.response(200, RepoPreviewSchema)
def preview_repo(query: dict[str, Any]) -> Any:
    """Preview a repository: its facts, and the files to choose from with one that is recommended."""
    hub = _hub(query.get("model_id"))
    # Outside a session: the Hub may take its time.
    preview = parts().hub_breaker.call(lambda: hub.preview(query["repo"], query["revision"]))
    with parts().database.session() as session:
        registered = _registered(session, preview)
    return vars(preview) | {"variants": [_variant(each, registered) for each in preview.variants]}


def _hub(model_id: int | None) -> Hub:
    if model_id is None:
        return hub_as(None)
    with parts().database.session() as session:
        return hub_as(registry.get(session, model_id))


def _registered(session: Session, preview: RepoPreview) -> _Registered:
    wanted = select(Model.model_file, Model.id, Model.download_status).where(
        Model.source == ModelSource.HUGGINGFACE,
        Model.hf_repo == preview.repo,
        Model.revision == preview.revision,
    )
    return {file: (model_id, status) for file, model_id, status in session.execute(wanted)}


def _variant(variant: Variant, registered: _Registered) -> dict[str, Any]:
    model_id, status = registered.get(variant.filename, (None, None))
    return vars(variant) | {
        "files": len(variant.file_names),
        "status": _STATUS.get(status, "available") if status else "available",
        "model_id": model_id,
        # Known once a worker has told of its machine.
        "fits": None,
        "memory_bytes": None,
        "ratings": None,
    }
