"""The request id: taken or made, returned, bound to every log line; and one line for each request.

Each is counted, timed and traced by its route, never by its path: what people type is no name of a metric.
"""

import re
import time
import uuid
from contextlib import ExitStack

import structlog
from flask import Flask, Response, g, request

from shared import tracing
from shared.metrics import metrics

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Probes come every few seconds and say nothing; one look at the dashboard asks for a dozen of its files.
_SILENT = ("/healthz", "/readyz", "/metrics", "/assets/")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Give each request its id, and log how it ended. Query strings and bodies are never logged."""

    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex
        g.began = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if tracing.is_on() and not request.path.startswith(_SILENT):
            _trace()

    @app.after_request
    def _end(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.request_id
        seconds = time.monotonic() - g.began
        metrics().http_requests.labels(_route(), _method(), answer.status_code).observe(seconds)
        tracing.note({"http.response.status_code": answer.status_code})
        if not request.path.startswith(_SILENT):
            milliseconds = round(1000 * seconds, 1)
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=answer.status_code,
                milliseconds=milliseconds,
            )
        return answer

    @app.teardown_request
    def _leave(_error: BaseException | None) -> None:
        trace = g.pop("trace", None)
        if trace is not None:
            trace.close()


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "none"


def _method() -> str:
    return request.method if request.method in _METHODS else "other"


def _trace() -> None:
    """The step of this request, of the caller's own trace if it has one, until the request ends."""
    told = {"http.request.method": _method(), "http.route": _route(), "weighbridge.request_id": g.request_id}
    step = tracing.span(
        f"{_method()} {_route()}",
        kind="server",
        attributes=told,
        parent=request.headers.get("traceparent"),
    )
    g.trace = ExitStack()
    g.trace.enter_context(step)
