"""Signing in to the dashboard, and out again."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import structlog
from authlib.common.errors import AuthlibBaseError
from flask import Response, g, redirect, request, url_for
from flask import session as sign_in_state
from joserfc.errors import JoseError
from requests import RequestException
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug import Response as WerkzeugResponse

from api_service import auth
from api_service.blueprint import EVERYBODY, Blueprint
from api_service.errors import Forbidden, NoSingleSignOn, SignInRefused
from api_service.parts import audited, parts
from api_service.schemas.auth import LoginSchema, MeSchema, MethodsSchema, PasswordChangeSchema
from shared import api_tokens, callers, sessions, users
from shared.audit import Action
from shared.callers import Caller
from shared.tables import Role, User

blueprint = Blueprint("auth", __name__, url_prefix="/api/auth", description="Access")

log = structlog.get_logger(__name__)


@blueprint.get("/methods", role=EVERYBODY)
@blueprint.response(200, MethodsSchema)
def methods() -> Any:
    """The ways to sign in here."""
    here = parts()
    with here.database.session() as session:
        has_password = session.scalar(select(User.id).where(User.password_hash.is_not(None)).limit(1))
    label, url = here.settings.oidc_label, url_for("auth.provider_sign_in")
    return {
        "password": has_password is not None,
        "token": True,
        "provider": {"label": label, "url": url} if here.single_sign_on else None,
    }


@blueprint.post("/login", role=EVERYBODY)
@blueprint.arguments(LoginSchema)
@blueprint.response(200, MeSchema)
def login(fields: dict[str, Any]) -> Any:
    """Open a session with a token, or with name and password: an HttpOnly cookie, and the CSRF token."""
    with parts().database.session() as session:
        found = _by_token(session, fields["token"]) if "token" in fields else _by_password(session, fields)
        if found is not None:
            cookie = _open(session, *found, via="token" if "token" in fields else "password")
            return _me(session), {"Set-Cookie": _cookie(cookie)}
        audited(session, Action.SIGN_IN_REFUSED, actor=fields.get("name"))
    raise SignInRefused()


@blueprint.post("/logout", role=Role.VIEWER)
@blueprint.response(204)
def logout() -> Any:
    """End the session; its cookie is worth nothing from now on."""
    if g.cookie:
        with parts().database.session() as session:
            sessions.close_session(session, g.cookie)
            audited(session, Action.SIGNED_OUT)
    answer = Response(status=204)
    answer.headers["Set-Cookie"] = _cookie("", seconds=0)
    return answer


@blueprint.get("/me", role=Role.VIEWER)
@blueprint.response(200, MeSchema)
def me() -> Any:
    """Who is calling, and what a page needs to go on."""
    with parts().database.session() as session:
        return _me(session)


@blueprint.post("/password", role=Role.VIEWER)
@blueprint.arguments(PasswordChangeSchema)
@blueprint.response(204)
def change_password(fields: dict[str, Any]) -> Any:
    """Change one's own password; all other sessions end."""
    if g.caller.user_id is None:
        raise Forbidden("A token has no password.", remedy="Sign in as a user to change a password.")
    with parts().database.session() as session:
        users.change_own_password(
            session,
            g.caller.user_id,
            current=fields["current_password"],
            new=fields["new_password"],
            cookie=g.cookie,
        )
        audited(session, Action.PASSWORD_CHANGED)
    return Response(status=204)


@blueprint.get("/provider", role=EVERYBODY)
@blueprint.response(302)
def provider_sign_in() -> WerkzeugResponse:
    """Send the browser to the identity provider."""
    return _or_back_to_sign_in(_to_provider)


@blueprint.get("/provider/callback", role=EVERYBODY)
@blueprint.response(302)
def provider_callback() -> WerkzeugResponse:
    """Where the provider sends the browser back to, with a code for who somebody is."""
    return _or_back_to_sign_in(_from_provider)


def _by_token(session: Session, token: str) -> tuple[Caller, dict[str, Any]] | None:
    admin = auth.admin_token(parts().settings)
    if callers.same(token, admin):
        return callers.administrator(), {"admin_token": admin}
    found = api_tokens.recognize(session, token)
    if found is None:
        return None
    api_tokens.note_use(session, found.token_id)
    return found.caller, {"api_token_id": found.token_id}


def _by_password(session: Session, fields: dict[str, Any]) -> tuple[Caller, dict[str, Any]] | None:
    user = users.authenticate(session, name=fields["name"], password=fields["password"])
    return user and (callers.of_user(user), {"user_id": user.id})


def _open(session: Session, caller: Caller, stands_on: dict[str, Any], *, via: str) -> str:
    """Open the caller's session; the value of its cookie."""
    g.caller = caller
    g.cookie, row = sessions.open_session(session, lifetime=auth.lifetime(parts().settings), **stands_on)
    g.session_ends = row.expires_at
    audited(session, Action.SIGNED_IN, via=via)
    return str(g.cookie)


def _to_provider() -> WerkzeugResponse:
    sign_on = parts().single_sign_on
    if sign_on is None:
        raise NoSingleSignOn()
    back = url_for("auth.provider_callback", _external=True)
    public = parts().settings.public_url
    if public:
        back = public + url_for("auth.provider_callback")
    sign_in_state["next"] = request.args.get("next", "")
    answer: WerkzeugResponse = sign_on.provider.authorize_redirect(back)
    return answer


def _from_provider() -> WerkzeugResponse:
    here = parts()
    if here.single_sign_on is None:
        raise NoSingleSignOn()
    claims = here.single_sign_on.provider.authorize_access_token()["userinfo"]
    role = here.single_sign_on.role_of(claims)
    name = str(claims.get("preferred_username") or claims.get("name") or claims["sub"])
    with here.database.session() as session:
        user = role and users.known_by_provider(
            session,
            issuer=claims["iss"],
            subject=claims["sub"],
            name=name,
            role=role,
            role_is_told=here.settings.oidc_role_claim is not None,
        )
        if not user:
            audited(session, Action.SIGN_IN_REFUSED, actor=name, via="provider")
            return _sign_in_page("refused")
        cookie = _open(session, callers.of_user(user), {"user_id": user.id}, via="provider")
    answer = redirect(_inside(sign_in_state.pop("next", "")))
    answer.headers.add("Set-Cookie", _cookie(cookie))
    return answer


def _or_back_to_sign_in(step: Callable[[], WerkzeugResponse]) -> WerkzeugResponse:
    """A browser stands here, not a program: what goes wrong is told by the sign-in page."""
    try:
        answer = step()
    except (AuthlibBaseError, JoseError, RequestException, KeyError) as error:
        # Their texts may quote what the provider has sent.
        log.warning("single sign-on failed", error=type(error).__name__)
        answer = _sign_in_page("provider")
    answer.set_data("")  # werkzeug's page for browsers that follow no redirect
    del answer.headers["Content-Type"]
    return answer


def _sign_in_page(problem: str) -> WerkzeugResponse:
    return redirect(f"/sign-in?{urlencode({'problem': problem})}")


def _inside(path: str) -> str:
    """Where to go after sign-in: a page of ours, never another site (`//host`, `/\\host`)."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"


def _me(session: Session) -> dict[str, Any]:
    caller: Caller = g.caller
    user = session.get(User, caller.user_id) if caller.user_id is not None else None
    return {
        "name": caller.name,
        "role": caller.role,
        "via": "session" if g.cookie else "token",
        "has_password": bool(user and user.password_hash),
        "csrf_token": sessions.csrf_token(g.cookie) if g.cookie else None,
        "expires_at": g.session_ends if g.cookie else None,
    }


def _cookie(value: str, *, seconds: float | None = None) -> str:
    lasts = auth.lifetime(parts().settings).total_seconds() if seconds is None else seconds
    jar = Response()
    jar.set_cookie(
        auth.COOKIE, value, max_age=int(lasts), httponly=True, samesite="Strict", secure=request.is_secure
    )
    return jar.headers["Set-Cookie"]
