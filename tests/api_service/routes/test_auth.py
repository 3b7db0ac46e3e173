from typing import Any

import pytest
from sqlalchemy import func, text, update

from api_service import create_app
from api_service.auth import COOKIE
from shared.database import Database
from shared.settings import Settings
from shared.tables import SignInSession
from tests.conftest import ADMIN_TOKEN, HOSTED, Api


@pytest.fixture
def signed_in(api: Api) -> dict[str, Any]:
    """The body of a successful sign-in; the client keeps the cookie."""
    answer = api.post("/api/auth/login", {"token": ADMIN_TOKEN}, token=None)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_sign_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(api: Api) -> None:
    answer = api.post("/api/auth/login", {"token": ADMIN_TOKEN}, token=None)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert (answer.json["name"], answer.json["role"], answer.json["via"]) == ("admin", "admin", "session")
    assert answer.headers["Cache-Control"] == "no-store"
    assert ADMIN_TOKEN not in answer.text + cookie


def test_over_https_the_cookie_never_travels_in_clear(api: Api) -> None:
    answer = api.post("/api/auth/login", {"token": ADMIN_TOKEN}, token=None, base_url="https://localhost")
    assert "; Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(("body", "status"), [({"token": "wb_wrong"}, 401), ({}, 422), ({"token": 7}, 422)])
def test_a_wrong_token_opens_no_session(api: Api, body: dict[str, Any], status: int) -> None:
    refused = api.post("/api/auth/login", body, token=None)
    assert refused.status_code == status
    assert "Set-Cookie" not in refused.headers


def test_a_session_reads_without_a_token(api: Api, signed_in: dict[str, Any]) -> None:
    assert api.get("/api/models", token=None).status_code == 200
    me = api.get("/api/auth/me", token=None).json
    assert (me["via"], me["csrfToken"], me["expiresAt"]) == (
        "session",
        signed_in["csrfToken"],
        signed_in["expiresAt"],
    )


def test_a_session_writes_only_with_its_csrf_token(api: Api, signed_in: dict[str, Any]) -> None:
    for headers in ({}, {"X-CSRF-Token": "0" * 64}):
        refused = api.post("/api/models", HOSTED, token=None, headers=headers)
        assert (refused.status_code, refused.json["code"]) == (403, "FORBIDDEN")
    headers = {"X-CSRF-Token": signed_in["csrfToken"]}
    assert api.post("/api/models", HOSTED, token=None, headers=headers).status_code == 201


def test_a_wrong_bearer_is_not_saved_by_a_session(api: Api, signed_in: dict[str, Any]) -> None:
    assert api.get("/api/models", token="wb_wrong").status_code == 401


def test_signing_out_makes_the_cookie_worthless(api: Api, signed_in: dict[str, Any]) -> None:
    kept = api.client.get_cookie(COOKIE)
    assert kept is not None
    headers = {"X-CSRF-Token": signed_in["csrfToken"]}
    assert api.post("/api/auth/logout", token=None, headers=headers).status_code == 204
    assert api.client.get_cookie(COOKIE) is None
    api.client.set_cookie(COOKIE, kept.value)
    assert api.get("/api/models", token=None).status_code == 401


def test_a_session_ends_by_itself(api: Api, signed_in: dict[str, Any], database: Database) -> None:
    with database.session() as session:
        session.execute(update(SignInSession).values(expires_at=func.now()))
    assert api.get("/api/models", token=None).status_code == 401


def test_a_session_ends_with_the_token_that_it_was_opened_with(
    settings: Settings, api: Api, signed_in: dict[str, Any], database: Database
) -> None:
    cookie = api.client.get_cookie(COOKIE)
    assert cookie is not None
    changed = settings.model_copy(update={"admin_token": type(settings.admin_token)("wb_another-token-1234")})
    client = create_app(changed).test_client()
    client.set_cookie(COOKIE, cookie.value)
    assert client.get("/api/models").status_code == 401


def test_the_cookie_is_not_in_the_database(api: Api, signed_in: dict[str, Any], database: Database) -> None:
    cookie = api.client.get_cookie(COOKIE)
    assert cookie is not None
    with database.session() as session:
        row = session.execute(text("select sign_in_sessions::text from sign_in_sessions")).scalar_one()
    assert cookie.value not in row
    assert ADMIN_TOKEN not in row


def test_a_bearer_has_no_session_to_end(api: Api) -> None:
    me = api.get("/api/auth/me").json
    assert (me["via"], me["csrfToken"], me["expiresAt"]) == ("token", None, None)
    assert api.post("/api/auth/logout").status_code == 204
