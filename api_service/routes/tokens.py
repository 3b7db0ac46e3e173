"""/api/tokens: what machines call with."""

from collections.abc import Mapping
from typing import Any

from flask import Response, g

from api_service.blueprint import Blueprint
from api_service.parts import audited, parts
from api_service.schemas.auth import NewTokenSchema, TokenCreateSchema, TokenSchema
from shared import api_tokens, users
from shared.audit import Action
from shared.callers import ADMINISTRATOR
from shared.tables import ApiToken, Role

blueprint = Blueprint("tokens", __name__, url_prefix="/api/tokens", description="API tokens")

_COLUMNS = TokenSchema().fields.keys() - {"owner"}


@blueprint.get("", role=Role.VIEWER)
@blueprint.response(200, TokenSchema(many=True))
def list_tokens() -> Any:
    """One's own tokens, the newest first; an admin sees everybody's. Never a token itself."""
    with parts().database.session() as session:
        names = {user.id: user.name for user in users.everybody(session)}
        return [_body(token, names) for token in api_tokens.seen_by(session, g.caller)]


@blueprint.post("", role=Role.VIEWER)
@blueprint.arguments(TokenCreateSchema)
@blueprint.response(201, NewTokenSchema)
def create_token(fields: dict[str, Any]) -> Any:
    """Make a token for oneself, with one's own role at most. It is shown this once."""
    with parts().database.session() as session:
        token, secret = api_tokens.create(session, by=g.caller, **fields)
        told = {"name": token.name, "prefix": token.prefix, "role": token.role}
        ends = token.expires_at.isoformat() if token.expires_at else None
        audited(session, Action.TOKEN_CREATED, **told, expires_at=ends)
        return _body(token, {g.caller.user_id: g.caller.name}) | {"token": secret}


@blueprint.delete("/<int:token_id>", role=Role.VIEWER)
@blueprint.response(204)
def revoke_token(token_id: int) -> Any:
    """End a token of one's own, an admin anybody's; and the sessions that were opened with it."""
    with parts().database.session() as session:
        token = api_tokens.revoke(session, token_id, by=g.caller)
        audited(session, Action.TOKEN_REVOKED, name=token.name, prefix=token.prefix)
    return Response(status=204)


def _body(token: ApiToken, names: Mapping[int | None, str]) -> dict[str, Any]:
    owner = ADMINISTRATOR if token.user_id is None else names[token.user_id]
    return {name: getattr(token, name) for name in _COLUMNS} | {"owner": owner}
