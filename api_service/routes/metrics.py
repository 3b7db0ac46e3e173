"""/metrics: what Prometheus scrapes."""

from flask import Response, abort, current_app
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api_service.blueprint import EVERYBODY, Blueprint
from api_service.parts import parts
from api_service.schemas.errors import ProblemSchema

blueprint = Blueprint("metrics", __name__, description="Health")
# The name in app.extensions of what a scrape reads.
REGISTRY = "weighbridge_metrics"


@blueprint.get("/metrics", role=EVERYBODY)
@blueprint.response(200, content_type="text/plain")
@blueprint.doc(responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
@blueprint.alt_response(404, schema=ProblemSchema, content_type="application/problem+json")
def scrape() -> Response:
    """Metrics of the whole API in Prometheus's text format; 404 unless WEIGHBRIDGE_METRICS is on."""
    if not parts().settings.metrics:
        abort(404)
    return Response(generate_latest(current_app.extensions[REGISTRY]), content_type=CONTENT_TYPE_LATEST)
