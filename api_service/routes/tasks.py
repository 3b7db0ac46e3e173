"""Operations by their own id, and their history."""

import uuid
from typing import Any

from sqlalchemy import select

from api_service.blueprint import Blueprint
from api_service.pages import PAGINATION_HEADERS, page_of
from api_service.parts import parts
from api_service.replies import operation_bodies
from api_service.schemas.operations import OperationQuery, OperationSchema
from shared import operations
from shared.tables import Operation, Role

blueprint = Blueprint("tasks", __name__, url_prefix="/api", description="Operations")


@blueprint.get("/tasks/<uuid:operation_id>", role=Role.VIEWER)
@blueprint.response(200, OperationSchema)
def get_task(operation_id: uuid.UUID) -> Any:
    """The progress of one operation, in its own words."""
    with parts().database.session() as session:
        operation = operations.get(session, operation_id)
    return operation_bodies([operation])[0]


@blueprint.get("/operations", role=Role.VIEWER)
@blueprint.arguments(OperationQuery, location="query")
@blueprint.response(200, OperationSchema(many=True), headers=PAGINATION_HEADERS)
def list_operations(query: dict[str, Any]) -> Any:
    """The history: everything that was ever asked for, the newest first."""
    wanted = select(Operation)
    for name, column in {
        "model_id": Operation.model_id,
        "kind": Operation.kind,
        "status": Operation.status,
    }.items():
        if name in query:
            wanted = wanted.where(column == query[name])
    if "since" in query:
        wanted = wanted.where(Operation.created_at >= query["since"])
    newest_first = query["sort"].startswith("-")
    order = Operation.created_at.desc() if newest_first else Operation.created_at.asc()
    with parts().database.session() as session:
        found, header = page_of(
            session, wanted.order_by(order, Operation.id), page=query["page"], page_size=query["page_size"]
        )
    return operation_bodies(found), {"X-Pagination": header}
