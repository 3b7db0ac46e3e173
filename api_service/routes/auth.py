"""Signing in to the dashboard, and out again."""

from typing import Any

from flask import Response, g, request

from api_service import auth
from api_service.blueprint import Blueprint
from api_service.errors import Unauthenticated
from api_service.parts import parts
from api_service.schemas.auth import LoginSchema, MeSchema
from shared import sessions

blueprint = Blueprint("auth", __name__, url_prefix="/api/auth", description="Access")


@blueprint.post("/login")
@blueprint.arguments(LoginSchema)
@blueprint.response(200, MeSchema)
@blueprint.doc(security=[])
def login(fields: dict[str, Any]) -> Any:
    """Open a session with a token: the answer sets an HttpOnly cookie and names the CSRF token."""
    here = parts()
    token = auth.admin_token(here.settings)
    if not auth.same(fields["token"], token):
        raise Unauthenticated()
    with here.database.session() as session:
        g.cookie = sessions.open_session(session, caller=auth.CALLER, credential=token)
        g.session_ends = sessions.find(session, g.cookie, credential=token).expires_at
    g.caller = auth.CALLER
    return _me(), {"Set-Cookie": _cookie(g.cookie, sessions.LIFETIME.total_seconds())}


@blueprint.post("/logout")
@blueprint.response(204)
def logout() -> Any:
    """End the session; its cookie is worth nothing from now on."""
    if g.cookie:
        with parts().database.session() as session:
            sessions.close_session(session, g.cookie)
    answer = Response(status=204)
    answer.headers["Set-Cookie"] = _cookie("", 0)
    return answer


@blueprint.get("/me")
@blueprint.response(200, MeSchema)
def me() -> Any:
    """Who is calling, and what a page needs to go on."""
    return _me()


def _me() -> dict[str, Any]:
    return {
        "name": g.caller,
        "role": "admin",
        "via": "session" if g.cookie else "token",
        "csrf_token": sessions.csrf_token(g.cookie) if g.cookie else None,
        "expires_at": g.session_ends if g.cookie else None,
    }


def _cookie(value: str, seconds: float) -> str:
    jar = Response()
    jar.set_cookie(
        auth.COOKIE, value, max_age=int(seconds), httponly=True, samesite="Strict", secure=request.is_secure
    )
    return jar.headers["Set-Cookie"]
