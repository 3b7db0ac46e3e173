"""The download of a model: start, cancel, status."""

from typing import Any

from api_service.blueprint import Blueprint
from api_service.parts import asked_by, audited, parts
from api_service.replies import announce, announce_cancel, operation_bodies
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.models import CancelSchema
from api_service.schemas.operations import OperationSchema, no_download
from shared import operations, queue, registry
from shared.audit import Action
from shared.errors import NotALocalModel
from shared.operations import Requested
from shared.registry import Limits
from shared.tables import ModelType, OperationStatus, Role

blueprint = Blueprint("downloads", __name__, url_prefix="/api/models", description="Downloads of models")


@blueprint.post("/<int:model_id>/download", role=Role.OPERATOR)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def start_download(model_id: int) -> Any:
    """Start the download; one that runs, or files that are there already, are answered with 200."""
    here = parts()
    with here.database.session() as session:
        operation, outcome = operations.request_download(session, model_id, **asked_by())
        if outcome is Requested.CREATED:
            model = registry.get(session, model_id)
            registry.check_download(model, Limits.of(here.settings))
            audited(session, Action.DOWNLOAD_REQUESTED, model=model)
    if outcome is not Requested.CREATED:
        return operation_bodies([operation])[0], 200
    announce(operation)
    return operation_bodies([operation])[0]


@blueprint.post("/<int:model_id>/cancel-download", role=Role.OPERATOR)
@blueprint.arguments(CancelSchema, required=False)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def cancel_download(fields: dict[str, Any], model_id: int) -> Any:
    """Stop the download, update or verify within a second and keep its bytes; with `purge` they go too."""
    with parts().database.session() as session:
        operation, active = operations.cancel(session, model_id, purge=fields["purge"])
        if operation is not None and (active or fields["purge"]):
            model = registry.get(session, model_id)
            audited(session, Action.DOWNLOAD_CANCELED, model=model, purge=fields["purge"])
    if operation is None:
        return no_download(model_id), 200
    announce_cancel(operation)
    return operation_bodies([operation])[0], 202 if active else 200


@blueprint.get("/<int:model_id>/download-status", role=Role.VIEWER)
@blueprint.response(200, OperationSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def download_status(model_id: int) -> Any:
    """The progress of the last download, in the model's words."""
    with parts().database.reading() as connection:
        found = queue.latest_of(connection, model_id)
    if found.model_type is not ModelType.LOCAL:
        raise NotALocalModel()
    if found.id is None:
        return no_download(model_id)
    body = operation_bodies([found], in_model_words=True)[0]
    if found.status is OperationStatus.COMPLETED and not found.model_downloaded:
        # What it brought is gone or damaged since; the model says so.
        body |= {"status": found.model_status, "error": found.model_error}
    return body
