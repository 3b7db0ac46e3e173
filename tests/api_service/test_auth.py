import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from api_service import create_app
from api_service.auth import check_routes, role_of
from api_service.blueprint import EVERYBODY
from shared.database import Database
from shared.settings import Settings
from shared.tables import ApiToken, AuditEvent, Base, Role, SignInSession, User
from tests.conftest import ADMIN_TOKEN, Api

_EXAMPLES = {
    "int": "1",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "path": "x",
    "page": "x",
    "string": "x",
}
# Sign-in by name and password, and what the provider's browser sends.
OPEN_WRITES = {"auth.login"}


def _routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an example of its address, for every route there is."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:(\w+):)?\w+>", lambda found: _EXAMPLES[found[1] or "string"], str(rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path


@pytest.fixture
def token_of(api: Api) -> dict[Role, str]:
    """A token of each role."""
    made = {role: api.post("/api/tokens", {"name": f"{role}", "role": role}) for role in Role}
    return {role: answer.json["token"] for role, answer in made.items()}


def test_every_route_wants_the_role_that_it_names(api: Api, token_of: dict[Role, str]) -> None:
    app = api.client.application
    tried: dict[Role, int] = dict.fromkeys(Role, 0)
    for endpoint, method, path in _routes(app):
        needed = role_of(app, endpoint)
        if needed is EVERYBODY or endpoint == "events.stream":
            continue
        assert api.call(method, path, token=None).status_code == 401, f"{method} {path}"
        for role, token in token_of.items():
            if endpoint == "tokens.revoke_token":
                path = path.replace("/1", "/999")  # else the first of our own tokens ends
            status = api.call(method, path, token=token).status_code
            assert (status == 403) == (not role.covers(needed)), f"{role} {method} {path}: {status}"
            assert status != 401, f"{role} {method} {path}"
            tried[role] += 1
    assert min(tried.values()) >= 25


def test_the_events_want_a_viewer(api: Api) -> None:
    assert role_of(api.client.application, "events.stream") is Role.VIEWER
    assert api.get("/api/events", token=None).status_code == 401


def test_no_route_that_writes_is_open_but_the_sign_in(api: Api) -> None:
    app = api.client.application
    open_writes = {
        endpoint
        for endpoint, method, _path in _routes(app)
        if role_of(app, endpoint) is EVERYBODY and method != "GET"
    }
    assert open_writes == OPEN_WRITES


def test_an_app_with_a_route_that_names_no_role_does_not_start(api: Api) -> None:
    app = api.client.application
    app.view_functions["forgotten"] = lambda: ""
    with pytest.raises(LookupError, match="forgotten"):
        check_routes(app)


def test_the_document_tells_the_role_of_each_route(documented_api: Api) -> None:
    paths = documented_api.get("/api/openapi.json", token=None).json["paths"]
    assert paths["/api/models"]["get"]["x-role"] == "viewer"
    assert paths["/api/models"]["post"]["x-role"] == "admin"
    assert paths["/api/auth/login"]["post"]["security"] == []
    methods = {"get", "post", "patch", "put", "delete"}
    for path, operations in paths.items():
        for method in methods & operations.keys():
            operation = operations[method]
            assert ("x-role" in operation) != (operation.get("security") == []), f"{method} {path}"


def test_what_is_refused_leaves_no_row_but_in_the_audit_log(
    api: Api, token_of: dict[Role, str], database: Database
) -> None:
    before = _rows(database)
    for endpoint, method, path in _routes(api.client.application):
        if method != "GET" and endpoint not in ("auth.logout", "auth.login"):
            api.call(method, path, token=None, json={})
            api.call(method, path, token=token_of[Role.VIEWER], json={"name": 7})
    assert _rows(database) == before
    with database.session() as session:
        denied = session.scalars(select(AuditEvent).where(AuditEvent.action == "auth.access_denied")).all()
    assert {event.actor for event in denied} == {"viewer"}
    assert len(denied) >= 10


def _rows(database: Database) -> dict[str, int]:
    with database.session() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
            if table.name not in ("audit_events",)
        }


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        f"Bearer {ADMIN_TOKEN}x",
        f"Basic {ADMIN_TOKEN}",
        "Bearer é",
        "Bearer wb_",
    ],
)
def test_a_wrong_token_is_refused(api: Api, header: str) -> None:
    refused = api.get("/api/models", token=None, headers={"Authorization": header})
    assert (refused.status_code, refused.json["code"]) == (401, "UNAUTHENTICATED")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_would_end_an_sql_string_is_only_wrong(api: Api, token_of: dict[Role, str]) -> None:
    for given in ("wb_' OR '1'='1", 'wb_";--', "wb_%", "wb_\\"):
        assert api.get("/api/models", token=given).status_code == 401


def test_an_unknown_address_wants_a_token_before_it_is_not_found(api: Api) -> None:
    assert api.get("/api/nothing", token=None).status_code == 401
    missing = api.get("/api/nothing")
    assert (missing.status_code, missing.json["code"]) == (404, "NOT_FOUND")


def test_a_wrong_method_says_which_are_right(api: Api) -> None:
    refused = api.call("PUT", "/api/models", json={})
    assert (refused.status_code, refused.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in refused.headers["Allow"]


def test_credentials_are_stored_as_hashes_only(
    api: Api, token_of: dict[Role, str], database: Database, settings: Settings
) -> None:
    password = "correct horse battery"
    api.post("/api/users", {"name": "ada", "role": "viewer", "password": password})
    api.post("/api/auth/login", {"name": "ada", "password": password}, token=None)
    again = api.post("/api/tokens", {"name": "again", "role": "viewer"}, headers={"Idempotency-Key": "k"})
    secrets = [
        *token_of.values(),
        again.json["token"],
        password,
        str(api.client.get_cookie("weighbridge_session").value),  # type: ignore[union-attr]
    ]
    with database.session() as session:
        rows = [
            str(session.execute(select(table)).all())
            for table in Base.metadata.sorted_tables
            if table.name in {t.__tablename__ for t in (ApiToken, User, SignInSession, AuditEvent)}
            or table.name == "idempotency_keys"
        ]
    assert not [secret for secret in secrets if secret in "".join(rows)]


def test_a_second_app_with_the_same_stores_knows_the_same_tokens(
    settings: Settings, api: Api, token_of: dict[Role, str]
) -> None:
    other = create_app(settings).test_client()
    header: dict[str, Any] = {"Authorization": f"Bearer {token_of[Role.VIEWER]}"}
    assert other.get("/api/models", headers=header).status_code == 200
