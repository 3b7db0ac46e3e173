"""Who is calling, and may they: by a token or the dashboard's session, and the role that each route names."""

from datetime import timedelta

import structlog
from flask import Flask, Response, g, request

from api_service.blueprint import EVERYBODY
from api_service.browsers import is_preflight
from api_service.errors import Forbidden, Unauthenticated
from api_service.parts import audited, parts
from shared import api_tokens, callers, sessions
from shared.audit import Action
from shared.callers import Caller
from shared.database import Database
from shared.errors import RoleNotCovered
from shared.settings import Settings
from shared.tables import Role

COOKIE = "weighbridge_session"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# flask-smorest's own route, whose view can't name a role: the API's description is for everybody.
_DESCRIPTION = "api-docs.openapi_json"
# Characters. Fewer than a random token of 96 bits has.
SHORT_TOKEN = 16

log = structlog.get_logger(__name__)


def register(app: Flask, settings: Settings, database: Database) -> None:
    """Guard every route but the open ones."""
    token = admin_token(settings)
    if len(token) < SHORT_TOKEN:
        log.warning("the admin token is short enough to be guessed", setting="WEIGHBRIDGE_ADMIN_TOKEN")

    @app.before_request
    def _guard() -> None:
        needed = role_of(app, request.endpoint) if request.endpoint else Role.VIEWER
        if needed is EVERYBODY or (settings.cors_origins and is_preflight()):
            return
        caller = recognized()
        if caller is None:
            raise Unauthenticated()
        g.caller = caller
        if not caller.role.covers(needed):
            _deny(database, needed)

    @app.after_request
    def _keep_private(answer: Response) -> Response:
        # What one caller may see must not be kept by a cache and shown to another.
        if request.path.startswith("/api/"):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer


def recognized() -> Caller | None:
    """Whom the token or session of this request stands for now; None: nobody. Raises Forbidden."""
    here = parts()
    look = _by_bearer if "Authorization" in request.headers else _by_session
    return look(here.database, admin_token(here.settings))


def role_of(app: Flask, endpoint: str) -> Role | None:
    """The least role that may call an endpoint, or EVERYBODY. Raises LookupError where nobody has said."""
    view = app.view_functions[endpoint]
    if endpoint == _DESCRIPTION:
        return EVERYBODY
    if not hasattr(view, "needs_role"):
        raise LookupError(f"The route {endpoint} does not say which role it needs (see blueprint.py).")
    role: Role | None = view.needs_role
    return role


def check_routes(app: Flask) -> None:
    """Refuse to start with a route that names no role. Raises LookupError."""
    for endpoint in app.view_functions:
        role_of(app, endpoint)


def lifetime(settings: Settings) -> timedelta:
    """How long a sign-in lasts."""
    return timedelta(hours=settings.session_hours)


def admin_token(settings: Settings) -> str:
    """The token that stands for the administrator."""
    assert settings.admin_token is not None, "Settings.from_env(needs=…) checks this at start"
    return settings.admin_token.get_secret_value()


def _by_bearer(database: Database, admin: str) -> Caller | None:
    scheme, _, given = request.headers["Authorization"].partition(" ")
    g.cookie, given = None, given.strip()
    if scheme.lower() != "bearer":
        return None
    if callers.same(given, admin):
        return callers.administrator()
    with database.reading() as connection:
        found = api_tokens.recognize(connection, given)
    if found is None:
        return None
    if not found.use_is_noted:
        with database.session() as session:
            api_tokens.note_use(session, found.token_id)
    return found.caller


def _by_session(database: Database, admin: str) -> Caller | None:
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    with database.reading() as connection:
        found = callers.by_cookie(connection, cookie, admin_token=admin)
    if found is None:
        return None
    g.cookie = cookie
    caller, g.session_ends = found
    # The browser sends the cookie by itself, so a write must prove that our own page asked for it.
    shown = request.headers.get("X-CSRF-Token", "")
    if request.method not in _READS and not callers.same(shown, sessions.csrf_token(cookie)):
        raise Forbidden(
            "This write does not carry the session's CSRF token.",
            remedy="Send the csrfToken of GET /api/auth/me as the header X-CSRF-Token.",
        )
    return caller


def _deny(database: Database, needed: Role) -> None:
    with database.session() as session:
        audited(session, Action.ACCESS_DENIED, method=request.method, path=request.path, needed=needed)
    raise RoleNotCovered(f"This wants the role {needed}; yours is {g.caller.role}.")
