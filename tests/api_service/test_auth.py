import pytest
from flask import Flask

from api_service import create_app
from api_service.auth import OPEN_ENDPOINTS
from shared.settings import Settings
from tests.conftest import ADMIN_TOKEN, Api


def test_every_route_but_the_open_ones_wants_a_token(settings: Settings) -> None:
    app: Flask = create_app(settings)
    guarded = 0
    for rule in app.url_map.iter_rules():
        path = str(rule).replace("<int:model_id>", "1").replace("<name>", "x")
        path = path.replace("<uuid:operation_id>", "00000000-0000-0000-0000-000000000000")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            status = app.test_client().open(path, method=method).status_code
            assert (status == 401) == (rule.endpoint not in OPEN_ENDPOINTS), f"{method} {rule}: {status}"
            guarded += status == 401
    assert guarded >= 12


def test_the_open_routes_write_nothing(settings: Settings) -> None:
    for rule in create_app(settings).url_map.iter_rules():
        if rule.endpoint in OPEN_ENDPOINTS:
            assert rule.endpoint == "auth.login" or (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", f"Bearer {ADMIN_TOKEN}x", f"Basic {ADMIN_TOKEN}", "Bearer é"],
)
def test_a_wrong_token_is_refused(api: Api, header: str) -> None:
    refused = api.get("/api/models", token=None, headers={"Authorization": header})
    assert (refused.status_code, refused.json["code"]) == (401, "UNAUTHENTICATED")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_address_wants_a_token_before_it_is_not_found(api: Api) -> None:
    assert api.get("/api/nothing", token=None).status_code == 401
    missing = api.get("/api/nothing")
    assert (missing.status_code, missing.json["code"]) == (404, "NOT_FOUND")


def test_a_wrong_method_says_which_are_right(api: Api) -> None:
    refused = api.call("PUT", "/api/models", json={})
    assert (refused.status_code, refused.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in refused.headers["Allow"]
