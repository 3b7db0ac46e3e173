"""Every refusal becomes RFC 9457 problem+json, by one table from code to status."""

import json
import math
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g
from flask_smorest import Api
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from api_service.schemas.base import camel
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.models import UsageSchema
from api_service.schemas.operations import progress_object
from shared.database import UNREACHABLE
from shared.errors import ServiceUnavailable, WeighbridgeError
from shared.usage import Usage

STATUS_OF_CODE: dict[str, HTTPStatus] = {
    "VALIDATION_ERROR": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MALFORMED_JSON": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "BODY_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "MODEL_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "OPERATION_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MODEL_ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "MODEL_ALREADY_DOWNLOADED": HTTPStatus.CONFLICT,
    "MODEL_IN_USE": HTTPStatus.CONFLICT,
    "CONFIRMATION_REQUIRED": HTTPStatus.CONFLICT,
    "VOLUME_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "VOLUME_IN_USE": HTTPStatus.CONFLICT,
    "OPERATION_CONFLICT": HTTPStatus.CONFLICT,
    "OPERATION_ENDED": HTTPStatus.CONFLICT,
    "NOT_A_LOCAL_MODEL": HTTPStatus.CONFLICT,
    "NOT_FROM_THE_HUB": HTTPStatus.CONFLICT,
    "MODEL_NOT_DOWNLOADED": HTTPStatus.CONFLICT,
    "PLAN_CHANGED": HTTPStatus.CONFLICT,
    "CATALOG_ENTRY_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "NOT_IN_CATALOG": HTTPStatus.CONFLICT,
    "IDEMPOTENCY_CONFLICT": HTTPStatus.CONFLICT,
    "UNSAFE_FORMAT": HTTPStatus.CONFLICT,
    "UNDECRYPTABLE_SECRET": HTTPStatus.CONFLICT,
    "USER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "USER_ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "TOKEN_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "INVALID_LOCAL_PATH": HTTPStatus.UNPROCESSABLE_ENTITY,
    "NOT_CACHED": HTTPStatus.NOT_FOUND,
    "REPO_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "REVISION_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "FILE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "GATED_MODEL_NO_TOKEN": HTTPStatus.FAILED_DEPENDENCY,
    "INVALID_HF_TOKEN": HTTPStatus.FAILED_DEPENDENCY,
    "LICENSE_NOT_ACCEPTED": HTTPStatus.FAILED_DEPENDENCY,
    "HUB_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "HUB_RATE_LIMITED": HTTPStatus.SERVICE_UNAVAILABLE,
    "HUB_OFFLINE": HTTPStatus.SERVICE_UNAVAILABLE,
    "INSUFFICIENT_DISK": HTTPStatus.INSUFFICIENT_STORAGE,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "SERVICE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "SCHEMA_BEHIND": HTTPStatus.SERVICE_UNAVAILABLE,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
}
# Met in an operation's `error`, or said by a command (the last two); never as a reply.
OPERATION_ONLY = frozenset(
    {
        "DOWNLOAD_FAILED",
        "CHECKSUM_MISMATCH",
        "CACHE_PERMISSION_DENIED",
        "DOWNLOAD_STALLED",
        "ARCHIVE_INVALID",
        "ARCHIVE_UNTRUSTED",
    }
)

# Seconds after which asking again makes sense, where nobody knows better.
RETRY_AFTER = 5

# What Flask and webargs refuse by themselves: status -> (code, detail, remedy).
_OF_HTTP = {
    HTTPStatus.BAD_REQUEST: ("MALFORMED_JSON", "The body is not valid JSON.", "Send a JSON object."),
    HTTPStatus.NOT_FOUND: ("NOT_FOUND", "There is nothing at this address.", "See /api/docs for the routes."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "METHOD_NOT_ALLOWED",
        "This address does not take this method.",
        "See /api/docs for the routes.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "BODY_TOO_LARGE",
        "The body is larger than this service takes.",
        "Send less at a time.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "VALIDATION_ERROR",
        "The request holds a value that can't be accepted.",
        "Correct the fields named in `errors` and send the request again.",
    ),
}

log = structlog.get_logger(__name__)


class Unauthenticated(WeighbridgeError):
    """This request carries no valid token and no session."""

    code = "UNAUTHENTICATED"
    remedy = (
        "Send `Authorization: Bearer <token>`, or sign in; `make run` prints the admin token's sign-in link."
    )


class SignInRefused(WeighbridgeError):
    """Name and password, or the token, are not right."""

    code = "UNAUTHENTICATED"
    remedy = "Check what you typed; an administrator can set a new password or make a new token."


class NoSingleSignOn(WeighbridgeError):
    """There is no single sign-on here."""

    code = "NOT_FOUND"
    remedy = "Sign in with a password or a token; WEIGHBRIDGE_OIDC_ISSUER names a provider."


class Forbidden(WeighbridgeError):
    """This request is refused, whoever sends it."""

    code = "FORBIDDEN"


class ProblemApi(Api):
    """flask-smorest, answering and documenting errors as problem+json."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE  # the class's own again, for everything else

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Werkzeug's refusals, and webargs's with their messages by field."""
        status = HTTPStatus(error.code or 500)
        code, detail, remedy = _OF_HTTP.get(status, (status.name, error.description or "", "See /api/docs."))
        messages = getattr(error, "data", {}).get("messages")
        facts = {"errors": _by_field(messages)} if status is HTTPStatus.UNPROCESSABLE_ENTITY else {}
        answer = problem(code, status, detail, remedy, facts)
        if error.get_headers and status is HTTPStatus.METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or [])
        return answer


def register(app: Flask) -> None:
    """Answer domain errors, broken stores and surprises; ProblemApi answers werkzeug's own."""
    app.register_error_handler(WeighbridgeError, _domain)
    app.register_error_handler(
        RedisError, lambda _error: _domain(ServiceUnavailable("Redis does not answer."))
    )
    for away in UNREACHABLE:  # from sessions that are entered by hand; Database.session() maps its own
        app.register_error_handler(away, lambda _error: _domain(ServiceUnavailable()))
    app.register_error_handler(Exception, _surprise)


def problem(code: str, status: HTTPStatus, detail: str, remedy: str, facts: dict[str, Any]) -> Response:
    """The one shape of every error reply."""
    body = {
        "type": f"/api/docs#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
        "remedy": remedy,
        "requestId": g.get("request_id"),
    } | facts
    answer = Response(json.dumps(body), status.value, content_type="application/problem+json")
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        asked = float(facts.get("retryAfter") or 0)
        answer.headers["Retry-After"] = str(max(RETRY_AFTER, math.ceil(asked)))
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _domain(error: WeighbridgeError) -> Response:
    facts: dict[str, Any] = {}
    for name, value in error.facts.items():
        more = UsageSchema().dump(usage_facts(value)) if isinstance(value, Usage) else _outside(name, value)
        facts |= more
    return problem(error.code, STATUS_OF_CODE[error.code], error.detail, error.advice, facts)


def _outside(name: str, value: Any) -> dict[str, Any]:
    if name == "errors":
        value = {camel(field): messages for field, messages in value.items()}
    return {camel(name): camel(value) if name == "field" else value}


def usage_facts(usage: Usage) -> dict[str, Any]:
    """The usage in the words of its schema, as GET …/usage and the 409 of DELETE show it."""
    active = usage.active_operation and progress_object(usage.active_operation, None, in_model_words=True)
    names = UsageSchema().fields.keys() - {"active_operation"}
    return {name: getattr(usage, name) for name in names} | {"active_operation": active}


def _surprise(error: Exception) -> Response:
    log.exception("request failed", error=type(error).__name__)
    detail = "Something went wrong in the service."
    return problem("INTERNAL_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR, detail, WeighbridgeError.remedy, {})


def _by_field(messages: Any) -> dict[str, list[str]]:
    """webargs nests messages by location; people want them by field, nested ones with dots."""
    found: dict[str, list[str]] = {}
    for location in (messages or {}).values():
        if isinstance(location, dict):
            _flatten(location, "", found)
        else:
            found["body"] = list(location)
    return found


def _flatten(messages: dict[Any, Any], prefix: str, found: dict[str, list[str]]) -> None:
    for name, value in messages.items():
        path = f"{prefix}{'body' if name == '_schema' else name}"
        if isinstance(value, dict):
            _flatten(value, f"{path}.", found)
        else:
            found[path] = [str(message) for message in value]
