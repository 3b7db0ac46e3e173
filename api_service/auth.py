"""Who is calling, and may they: one admin token, as a bearer or through a session; roles come with Access."""

import hmac
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, request

from api_service.browsers import is_preflight
from api_service.errors import problem
from shared import sessions
from shared.database import Database
from shared.settings import Settings

COOKIE = "weighbridge_session"
CALLER = "admin"
# Health probes, the sign-in, the docs and the dashboard's files are open; whatever is not named here wants
# a token or a session.
OPEN_ENDPOINTS = frozenset(
    {"health.alive", "health.ready", "health.health", "auth.login"}
    | {"api-docs.openapi_json", "docs.page", "docs.asset", "dashboard.page", "dashboard.asset"}
)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Characters. Fewer than a random token of 96 bits has.
SHORT_TOKEN = 16

log = structlog.get_logger(__name__)


def register(app: Flask, settings: Settings, database: Database) -> None:
    """Guard every route but the open ones."""
    token = admin_token(settings)
    if len(token) < SHORT_TOKEN:
        log.warning("the admin token is short enough to be guessed", setting="WEIGHBRIDGE_ADMIN_TOKEN")

    @app.before_request
    def _guard() -> Response | None:
        if request.endpoint in OPEN_ENDPOINTS or (settings.cors_origins and is_preflight()):
            return None
        if "Authorization" in request.headers:
            return None if _has_bearer(token) else _unauthenticated()
        return _by_session(database, token)

    @app.after_request
    def _keep_private(answer: Response) -> Response:
        # What one caller may see must not be kept by a cache and shown to another.
        if request.path.startswith("/api/"):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer


def admin_token(settings: Settings) -> str:
    """The token that stands for the administrator."""
    assert settings.admin_token is not None, "Settings.from_env(needs=…) checks this at start"
    return settings.admin_token.get_secret_value()


def same(given: str, expected: str) -> bool:
    """Compare secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _has_bearer(token: str) -> bool:
    scheme, _, given = request.headers["Authorization"].partition(" ")
    if scheme.lower() != "bearer" or not same(given.strip(), token):
        return False
    g.caller, g.cookie = CALLER, None
    return True


def _by_session(database: Database, token: str) -> Response | None:
    cookie = request.cookies.get(COOKIE, "")
    with database.session() as session:
        found = sessions.find(session, cookie, credential=token) if cookie else None
    if found is None:
        return _unauthenticated()
    # The browser sends the cookie by itself, so a write must prove that our own page asked for it.
    if request.method not in _READS and not same(
        request.headers.get("X-CSRF-Token", ""), sessions.csrf_token(cookie)
    ):
        return problem(
            "FORBIDDEN",
            HTTPStatus.FORBIDDEN,
            "This write does not carry the session's CSRF token.",
            "Send the csrfToken of GET /api/auth/me as the header X-CSRF-Token.",
            {},
        )
    g.caller, g.cookie, g.session_ends = found.caller, cookie, found.expires_at
    return None


def _unauthenticated() -> Response:
    return problem(
        "UNAUTHENTICATED",
        HTTPStatus.UNAUTHORIZED,
        "This request carries no valid token and no session.",
        "Send `Authorization: Bearer <token>`, or sign in; `make run` prints the admin token's sign-in link.",
        {},
    )
