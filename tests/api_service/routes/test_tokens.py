from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from shared.database import Database
from shared.tables import ApiToken
from tests.conftest import Api

PASSWORD = "correct horse battery"


def _make(api: Api, role: str = "viewer", **fields: Any) -> Any:
    made = api.post("/api/tokens", {"name": "ci", "role": role} | fields)
    assert made.status_code == 201, made.text
    return made.json


@pytest.fixture
def ada(api: Api) -> dict[str, Any]:
    """Keywords of a request that ada, an operator, sends with her own session."""
    api.post("/api/users", {"name": "ada", "role": "operator", "password": PASSWORD})
    me = api.post("/api/auth/login", {"name": "ada", "password": PASSWORD}, token=None).json
    return {"token": None, "headers": {"X-CSRF-Token": me["csrfToken"]}}


def test_a_token_is_shown_once_and_opens_what_its_role_may(api: Api) -> None:
    made = _make(api)
    assert made["token"].startswith("wb_")
    assert made["token"].startswith(made["prefix"])
    assert len(made["token"]) > 40
    assert (made["owner"], made["lastUsedAt"], made["expiresAt"]) == ("admin", None, None)
    listed = api.get("/api/tokens")
    assert made["token"] not in listed.text
    assert listed.json == [{name: value for name, value in made.items() if name != "token"}]
    assert api.get("/api/models", token=made["token"]).status_code == 200
    assert api.post("/api/models", {}, token=made["token"]).status_code == 403


def test_a_token_tells_when_it_was_last_used_to_the_minute(api: Api, database: Database) -> None:
    made = _make(api)
    api.get("/api/models", token=made["token"])
    first = api.get("/api/tokens").json[0]["lastUsedAt"]
    assert datetime.fromisoformat(first) > datetime.now(UTC) - timedelta(minutes=1)
    api.get("/api/models", token=made["token"])
    assert api.get("/api/tokens").json[0]["lastUsedAt"] == first
    with database.session() as session:
        session.execute(update(ApiToken).values(last_used_at=func.now() - timedelta(minutes=2)))
    api.get("/api/models", token=made["token"])
    assert api.get("/api/tokens").json[0]["lastUsedAt"] >= first


def test_a_token_ends_when_it_was_said(api: Api, database: Database) -> None:
    made = _make(api, expiresAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert api.get("/api/models", token=made["token"]).status_code == 200
    with database.session() as session:
        session.execute(update(ApiToken).values(expires_at=func.now()))
    assert api.get("/api/models", token=made["token"]).status_code == 401


def test_a_token_that_has_ended_already_is_not_made(api: Api) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    refused = api.post("/api/tokens", {"name": "ci", "role": "viewer", "expiresAt": past})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["expiresAt"])
    assert api.get("/api/tokens").json == []


def test_a_revoked_token_opens_nothing_nor_do_its_sessions(api: Api) -> None:
    made = _make(api)
    assert api.post("/api/auth/login", {"token": made["token"]}, token=None).json["role"] == "viewer"
    assert api.get("/api/models", token=None).status_code == 200
    assert api.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert api.get("/api/models", token=made["token"]).status_code == 401
    assert api.get("/api/models", token=None).status_code == 401
    again = api.delete(f"/api/tokens/{made['id']}")
    assert (again.status_code, again.json["code"]) == (404, "TOKEN_NOT_FOUND")


def test_nobody_makes_a_token_that_may_more_than_they_may(api: Api, ada: dict[str, Any]) -> None:
    refused = api.post("/api/tokens", {"name": "x", "role": "admin"}, **ada)
    assert (refused.status_code, refused.json["code"]) == (403, "FORBIDDEN")
    assert api.post("/api/tokens", {"name": "x", "role": "operator"}, **ada).status_code == 201


def test_a_token_makes_no_other_tokens_but_an_admins(api: Api, ada: dict[str, Any]) -> None:
    own = api.post("/api/tokens", {"name": "mine", "role": "operator"}, **ada).json["token"]
    for token in (own, _make(api)["token"], _make(api, "operator")["token"]):
        refused = api.post("/api/tokens", {"name": "y", "role": "viewer"}, token=token)
        assert (refused.status_code, refused.json["code"]) == (403, "FORBIDDEN")
    admins = _make(api, "admin")["token"]
    assert api.post("/api/tokens", {"name": "y", "role": "viewer"}, token=admins).status_code == 201


def test_one_sees_and_revokes_only_the_own_tokens_but_an_admin_all(api: Api, ada: dict[str, Any]) -> None:
    others = _make(api)
    own = api.post("/api/tokens", {"name": "mine", "role": "viewer"}, **ada).json
    assert [token["name"] for token in api.get("/api/tokens", token=None).json] == ["mine"]
    assert api.delete(f"/api/tokens/{others['id']}", **ada).status_code == 404
    assert {token["owner"] for token in api.get("/api/tokens").json} == {"admin", "ada"}
    assert api.get("/api/tokens", token=others["token"]).json == []
    assert api.delete(f"/api/tokens/{own['id']}", **ada).status_code == 204


def test_a_token_may_no_more_than_its_owner_and_ends_with_them(api: Api, ada: dict[str, Any]) -> None:
    made = api.post("/api/tokens", {"name": "mine", "role": "operator"}, **ada).json["token"]
    user = api.get("/api/users").json[0]["id"]
    assert api.get("/api/auth/me", token=made).json["role"] == "operator"
    api.patch(f"/api/users/{user}", {"role": "viewer"})
    assert api.get("/api/auth/me", token=made).json["role"] == "viewer"
    api.patch(f"/api/users/{user}", {"isActive": False})
    assert api.get("/api/models", token=made).status_code == 401
    api.patch(f"/api/users/{user}", {"isActive": True})
    assert api.get("/api/models", token=made).status_code == 200
    api.delete(f"/api/users/{user}")
    assert api.get("/api/models", token=made).status_code == 401


def test_the_same_idempotency_key_shows_the_same_token_again(api: Api) -> None:
    body, headers = {"name": "ci", "role": "viewer"}, {"Idempotency-Key": "k"}
    first, again = (api.post("/api/tokens", body, headers=headers) for _ in range(2))
    assert again.json == first.json
    assert len(api.get("/api/tokens").json) == 1
