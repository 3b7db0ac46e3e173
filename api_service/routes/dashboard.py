"""The dashboard's built pages (dashboard/dist, made by `make dashboard`): public files, open to everybody.

What is built is looked at with each request, so that a new build is served without a restart. Without one the
API stands alone, and people land on its documentation.
"""

import os
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, redirect, request, send_file
from flask.blueprints import BlueprintSetupState
from werkzeug import Response as WerkzeugResponse
from werkzeug.routing import BaseConverter
from werkzeug.security import safe_join

from api_service.blueprint import EVERYBODY, may_call

blueprint = Blueprint("dashboard", __name__)

# The name in app.config of the folder with the pages.
FOLDER = "DASHBOARD_FOLDER"
BUILT_PAGES = Path(__file__).parents[2] / "dashboard" / "dist"

# Content codings and how the build names a file's compressed copy, the smaller one first.
_COPIES = {"br": ".br", "gzip": ".gz"}
_YEAR = 31_536_000
# Not left to the machine's table (/etc/mime.types): browsers refuse a script that is called anything else.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
# Nothing but our own files and our own API; no script or style that stands in the page itself.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _PagePath(BaseConverter):
    """Any path but those of the API, the assets and the probes: what is missing there stays missing."""

    part_isolating = False
    regex = "(?!(?:api|assets|healthz|readyz|metrics)(?:/|$))[^/].*?"
    weight = 1000  # after every other rule


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["page"] = _PagePath
    state.app.config.setdefault(FOLDER, BUILT_PAGES)


@blueprint.get("/assets/<path:name>")
@may_call(EVERYBODY)
def asset(name: str) -> Response:
    """A file with the hash of its content in its name, which may therefore be kept for good."""
    found = _file("assets", name, max_age=_YEAR) or abort(404)
    found.cache_control.immutable = True
    return found


@blueprint.get("/")
@blueprint.get("/<page:path>")
@may_call(EVERYBODY)
def page(path: str = "") -> WerkzeugResponse:
    """Another file of the build, else the dashboard's one page: it reads from the address what to show."""
    found = _file(path) or _file("index.html")
    if found is None and path in ("", "sign-in"):
        return redirect("/api/docs")
    return found or abort(404)


@blueprint.after_request
def _protect(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


def _file(*names: str, max_age: int | None = None) -> Response | None:
    """The answer with a file of the build, compressed as far as the caller takes it; None: no such file."""
    path = safe_join(current_app.config[FOLDER], *names)
    if path is None or path.endswith(tuple(_COPIES.values())) or not os.path.isfile(path):
        return None
    coding = _best_coding(path)
    name = os.path.basename(path)
    answer = send_file(
        path + _COPIES.get(coding, ""),
        _TYPES.get(os.path.splitext(name)[1]),
        download_name=name,
        max_age=max_age,
    )
    answer.vary.add("Accept-Encoding")
    if coding in _COPIES:
        answer.content_encoding = coding
    return answer


def _best_coding(path: str) -> str:
    """The copy that the caller likes best; the file itself where the caller names no coding."""
    accepted = request.accept_encodings
    copies = [
        coding
        for coding, ending in _COPIES.items()
        if accepted.quality(coding) and os.path.isfile(path + ending)
    ]
    return max([*copies, "identity"], key=accepted.quality)
