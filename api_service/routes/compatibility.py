"""Is a model what a service needs?"""

from typing import Any

from api_service.blueprint import Blueprint
from api_service.parts import parts
from api_service.schemas.base import camel
from api_service.schemas.compatibility import CompatibilitySchema, RequirementsSchema
from shared import compatibility, registry
from shared.tables import Role

blueprint = Blueprint(
    "compatibility", __name__, url_prefix="/api/models", description="Is a model what a service needs?"
)


@blueprint.post("/<int:model_id>/compatibility", role=Role.VIEWER)
@blueprint.arguments(RequirementsSchema)
@blueprint.response(200, CompatibilitySchema)
def check(requirements: dict[str, Any], model_id: int) -> Any:
    """Hold a model against requirements; nothing is changed."""
    with parts().database.session() as session:
        model = registry.get(session, model_id)
        checks = compatibility.check(model, requirements)
    return {
        "model_id": model_id,
        "compatible": compatibility.is_compatible(checks),
        "checks": [vars(one) | {"requirement": camel(one.requirement)} for one in checks],
    }
