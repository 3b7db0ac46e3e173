"""References: which services use a model, by their own word."""

from typing import Any

from flask import Response

from api_service.blueprint import Blueprint
from api_service.parts import audited, parts
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.references import ReferenceRequestSchema, ReferenceSchema
from shared import events, references, registry
from shared.audit import Action, changed_fields
from shared.events import EventType
from shared.tables import ModelReference, Role

blueprint = Blueprint("references", __name__, url_prefix="/api/models", description="Who uses a model")

# A name may hold slashes, written as they are or as %2F; a consumer holds none.
_ONE = "/<int:model_id>/references/<consumer>/<path:name>"


@blueprint.get("/<int:model_id>/references", role=Role.VIEWER)
@blueprint.response(200, ReferenceSchema(many=True))
def list_references(model_id: int) -> Any:
    """Every reference of a model by consumer and name, those too that have expired."""
    with parts().database.session() as session:
        return [_body(*found) for found in references.listed(session, model_id)]


@blueprint.put(_ONE, role=Role.OPERATOR)
@blueprint.arguments(ReferenceRequestSchema)
@blueprint.response(200, ReferenceSchema)
@blueprint.alt_response(201, schema=ReferenceSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def set_reference(fields: dict[str, Any], model_id: int, consumer: str, name: str) -> Any:
    """Say that a service uses the model, in place of what it said before: 200, or 201 for a new reference.

    Refused with 409 OPERATION_CONFLICT once a delete of the model takes its files.
    """
    here = parts()
    with here.database.session() as session:
        reference, is_new = references.put(session, model_id, consumer, name, **fields)
        told = changed_fields(fields, secret=frozenset())
        model = registry.get(session, model_id)
        audited(session, Action.REFERENCE_SET, model=model, consumer=consumer, name=name, **told)
    events.note_model(here.redis, EventType.MODEL_UPDATED, model_id)
    return _body(reference, False), 201 if is_new else 200


@blueprint.delete(_ONE, role=Role.OPERATOR)
@blueprint.response(204)
def remove_reference(model_id: int, consumer: str, name: str) -> Any:
    """Take a reference back; one that is not there: 204 as well."""
    here = parts()
    with here.database.session() as session:
        is_gone = references.remove(session, model_id, consumer, name)
        if is_gone:
            model = registry.get(session, model_id)
            audited(session, Action.REFERENCE_REMOVED, model=model, consumer=consumer, name=name)
    if is_gone:
        events.note_model(here.redis, EventType.MODEL_UPDATED, model_id)
    return Response(status=204)


def _body(reference: ModelReference, is_expired: bool) -> dict[str, Any]:
    names = ReferenceSchema().fields.keys() - {"is_expired"}
    return {name: getattr(reference, name) for name in names} | {"is_expired": is_expired}
