"""/api/users: the people who may sign in."""

from typing import Any

from flask import Response

from api_service.blueprint import Blueprint
from api_service.parts import audited, parts
from api_service.schemas.auth import UserCreateSchema, UserPatchSchema, UserSchema
from api_service.schemas.errors import ProblemSchema
from shared import users
from shared.audit import Action, changed_fields
from shared.tables import Role, User

blueprint = Blueprint("users", __name__, url_prefix="/api/users", description="People")

_SECRET = frozenset({"password"})


@blueprint.get("", role=Role.ADMIN)
@blueprint.response(200, UserSchema(many=True))
def list_users() -> Any:
    """Everybody who may sign in, by name."""
    with parts().database.session() as session:
        return [_body(user) for user in users.everybody(session)]


@blueprint.post("", role=Role.ADMIN)
@blueprint.arguments(UserCreateSchema)
@blueprint.response(201, UserSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def create_user(fields: dict[str, Any]) -> Any:
    """Add a user with a first password, which they can change."""
    with parts().database.session() as session:
        user = users.create(session, **fields)
        audited(session, Action.USER_CREATED, user=user.name, role=user.role)
        return _body(user), {"Location": f"/api/users/{user.id}"}


@blueprint.get("/<int:user_id>", role=Role.ADMIN)
@blueprint.response(200, UserSchema)
def get_user(user_id: int) -> Any:
    """One user."""
    with parts().database.session() as session:
        return _body(users.get(session, user_id))


@blueprint.patch("/<int:user_id>", role=Role.ADMIN)
@blueprint.arguments(UserPatchSchema, required=False)
@blueprint.response(200, UserSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def change_user(fields: dict[str, Any], user_id: int) -> Any:
    """Change name, role or password, lock or unlock. It holds at once, also for sessions and tokens."""
    with parts().database.session() as session:
        user = users.change(session, user_id, fields)
        audited(session, Action.USER_CHANGED, user=user.name, **changed_fields(fields, secret=_SECRET))
        return _body(user)


@blueprint.delete("/<int:user_id>", role=Role.ADMIN)
@blueprint.response(204)
def delete_user(user_id: int) -> Any:
    """Delete a user, with sessions and tokens."""
    with parts().database.session() as session:
        user = users.remove(session, user_id)
        audited(session, Action.USER_DELETED, user=user.name)
    return Response(status=204)


def _body(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in UserSchema().fields.keys() - {"has_password"}} | {
        "has_password": user.password_hash is not None
    }
