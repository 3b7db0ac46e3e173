"""The API's documentation page: Swagger UI from our own origin, nothing from outside."""

from pathlib import Path

import swagger_ui_bundle
from flask import Blueprint, Response, render_template, send_from_directory

from api_service.blueprint import EVERYBODY, may_call

blueprint = Blueprint("docs", __name__, template_folder="../templates")

_ASSETS = {
    "swagger-ui.css": Path(swagger_ui_bundle.swagger_ui_path),
    "swagger-ui-bundle.js": Path(swagger_ui_bundle.swagger_ui_path),
    "favicon-32x32.png": Path(swagger_ui_bundle.swagger_ui_path),
    "docs.js": Path(__file__).parent.parent / "templates",
}
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


@blueprint.get("/api/docs")
@may_call(EVERYBODY)
def page() -> Response:
    """The page; a token behind `#token=` is used for its requests and taken out of the address."""
    answer = Response(render_template("docs.html"))
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


@blueprint.get("/api/docs/<name>")
@may_call(EVERYBODY)
def asset(name: str) -> Response:
    """A file of the page."""
    return send_from_directory(_ASSETS.get(name, Path("/nonexistent")), name, max_age=3600)
