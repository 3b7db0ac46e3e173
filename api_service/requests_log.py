"""The request id: taken or made, returned, bound to every log line; and one line for each request."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Probes come every few seconds and say nothing; one look at the dashboard asks for a dozen of its files.
_SILENT = ("/healthz", "/readyz", "/assets/")

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

    @app.after_request
    def _end(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.request_id
        if not request.path.startswith(_SILENT):
            milliseconds = round(1000 * (time.monotonic() - g.began), 1)
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=answer.status_code,
                milliseconds=milliseconds,
            )
        return answer
