"""Who is calling, and may they: one admin bearer token; roles and sign-in come with the Access issue."""

import hmac
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, request

from api_service.errors import problem
from shared.settings import Settings

# Characters. Fewer than a random token of 96 bits has.
SHORT_TOKEN = 16

log = structlog.get_logger(__name__)

# Health probes and the docs are open; whatever is not named here wants a token.
OPEN_ENDPOINTS = frozenset(
    {"health.alive", "health.ready", "health.health"}
    | {"api-docs.openapi_json", "docs.page", "docs.asset", "docs.home"}
)


def register(app: Flask, settings: Settings) -> None:
    """Guard every route but the open ones."""
    assert settings.admin_token is not None, "Settings.from_env(needs=…) checks this at start"
    expected = settings.admin_token.get_secret_value().encode()
    if len(expected) < SHORT_TOKEN:
        log.warning("the admin token is short enough to be guessed", setting="WEIGHBRIDGE_ADMIN_TOKEN")

    @app.before_request
    def _guard() -> Response | None:
        if request.endpoint in OPEN_ENDPOINTS:
            return None
        if _is(expected):
            g.caller = "admin"
            return None
        return problem(
            "UNAUTHENTICATED",
            HTTPStatus.UNAUTHORIZED,
            "This request carries no valid token.",
            "Send `Authorization: Bearer <token>`; `make run` prints the admin token's sign-in link.",
            {},
        )


def _is(expected: bytes) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected)
