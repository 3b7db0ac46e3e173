from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_service import create_app
from shared.settings import Settings
from tests.conftest import Api

HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
ORIGIN = "https://tools.example.com"


@pytest.fixture
def make(settings: Settings, redis: Any) -> Iterator[Callable[..., Api]]:
    """The API with changed settings."""
    apps = []

    def made(**changed: Any) -> Api:
        apps.append(create_app(settings.model_copy(update=changed)))
        return Api(apps[-1].test_client())

    yield made
    for app in apps:
        app.extensions["weighbridge"].database.dispose()


def _from(origin: str, **more: str) -> dict[str, Any]:
    return {"headers": {"Origin": origin, **more}}


def _preflight(api: Api, origin: str) -> TestResponse:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return api.client.options("/api/models", headers=asked | {"Origin": origin})


@pytest.mark.parametrize("path", ["/healthz", "/api/models", "/api/models/9", "/api/docs", "/", "/nowhere/x"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_every_answer_says_what_browsers_must_not_do_with_it(api: Api, path: str, method: str) -> None:
    answer = api.client.open(path, method=method)
    assert all(name in answer.headers for name in HEADERS), dict(answer.headers)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers


def test_over_tls_browsers_are_told_to_stay_with_it(api: Api) -> None:
    answer = api.client.get("/healthz", base_url="https://weighbridge.example.com")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(("proxies", "is_believed"), [(0, False), (1, True)])
def test_a_proxy_is_believed_only_when_it_is_named(
    make: Callable[..., Api], proxies: int, is_believed: bool
) -> None:
    api = make(trusted_proxies=proxies)
    answer = api.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert ("Strict-Transport-Security" in answer.headers) is is_believed


def test_other_origins_may_do_nothing(api: Api) -> None:
    answer = api.get("/api/models", **_from(ORIGIN))
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    refused = _preflight(api, ORIGIN)
    assert refused.status_code == 401
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_an_origin_that_is_named_may_call_with_a_token_and_never_with_our_cookie(
    make: Callable[..., Api],
) -> None:
    api = make(cors_origins=(ORIGIN,))
    allowed = _preflight(api, ORIGIN)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"]
    answer = api.get("/api/models", **_from(ORIGIN))
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-Pagination" in answer.headers["Access-Control-Expose-Headers"]
    for one in (allowed, answer):
        assert "Access-Control-Allow-Credentials" not in one.headers
    assert "Access-Control-Allow-Origin" not in _preflight(api, "https://evil.example.com").headers
    assert api.get("/api/models", token=None, **_from(ORIGIN)).status_code == 401


def test_a_preflight_tells_nothing_of_what_it_asks_about(make: Callable[..., Api]) -> None:
    assert _preflight(make(cors_origins=(ORIGIN,)), ORIGIN).data == b""
