"""GET /metrics; what it counts."""

from collections.abc import Iterator
from typing import Any

import pytest

from api_service import create_app
from shared.metrics import metrics
from shared.settings import Settings
from tests.conftest import HOSTED, Api


@pytest.fixture
def measured(settings: Settings, redis: Any) -> Iterator[Api]:
    app = create_app(settings.model_copy(update={"metrics": True}))
    yield Api(app.test_client())
    app.extensions["weighbridge"].database.dispose()


def _count(**labels: str) -> float:
    name = "weighbridge_http_request_duration_seconds_count"
    return metrics().registry.get_sample_value(name, labels) or 0


def test_without_the_switch_there_are_no_metrics(api: Api) -> None:
    assert (api.get("/metrics", token=None).status_code, api.get("/metrics").json["code"]) == (
        404,
        "NOT_FOUND",
    )


def test_prometheus_reads_them_without_a_token(measured: Api) -> None:
    answer = measured.get("/metrics", token=None)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "weighbridge_build_info{" in answer.text
    assert "# TYPE weighbridge_http_request_duration_seconds histogram" in answer.text


def test_requests_are_counted_by_route_method_and_status(api: Api) -> None:
    one = {"route": "/api/models/<int:model_id>", "method": "GET"}
    before = [_count(**one, status=status) for status in ("200", "404", "401")]
    made = api.post("/api/models", HOSTED).json["id"]
    api.get(f"/api/models/{made}")
    api.get("/api/models/999999")
    api.get(f"/api/models/{made}", token=None)
    assert [_count(**one, status=status) for status in ("200", "404", "401")] == [old + 1 for old in before]


def test_what_strangers_type_is_no_label(measured: Api) -> None:
    measured.get("/api/canary-path")
    measured.call("CANARY", "/api/models")
    measured.get("/api/models?q=canary-query", headers={"X-Request-ID": "canary-id"})
    assert "canary" not in measured.get("/metrics").text.lower()
    assert _count(route="none", method="GET", status="404") >= 1
    assert _count(route="none", method="other", status="405") >= 1
