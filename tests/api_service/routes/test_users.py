from typing import Any

import pytest

from tests.conftest import Api

PASSWORD = "correct horse battery"
ADA = {"name": "ada", "role": "operator", "password": PASSWORD}


@pytest.fixture
def ada(api: Api) -> Any:
    """A user, an operator."""
    made = api.post("/api/users", ADA)
    assert made.status_code == 201, made.text
    return made.json


def _sign_in(api: Api, **fields: Any) -> Any:
    return api.post("/api/auth/login", {"name": "ada", "password": PASSWORD} | fields, token=None)


def _leave(api: Api) -> None:
    api.client.delete_cookie("weighbridge_session")


def test_a_new_user_is_told_without_the_password(api: Api, ada: Any) -> None:
    assert ada == {
        "id": ada["id"],
        "name": "ada",
        "role": "operator",
        "isActive": True,
        "hasPassword": True,
        "issuer": None,
        "createdAt": ada["createdAt"],
        "lastSignInAt": None,
    }
    assert api.get("/api/users").json == [ada]
    assert api.get(f"/api/users/{ada['id']}").json == ada


def test_a_user_signs_in_whatever_the_case_of_the_name(api: Api, ada: Any) -> None:
    for name in ("ada", "ADA"):
        me = _sign_in(api, name=name).json
        assert (me["name"], me["role"], me["via"], me["hasPassword"]) == ("ada", "operator", "session", True)
    assert api.get(f"/api/users/{ada['id']}").json["lastSignInAt"] is not None


@pytest.mark.parametrize("wrong", [{"password": "wrong horse battery"}, {"name": "eva"}, {"password": " "}])
def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(
    api: Api, ada: Any, wrong: dict[str, str]
) -> None:
    refused = _sign_in(api, **wrong)
    assert (refused.status_code, refused.json["code"]) == (401, "UNAUTHENTICATED")
    assert refused.json["detail"] == _sign_in(api, name="nobody").json["detail"]
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("both", [{"token": "wb_x"}, {"password": None}, {"name": ""}, {"extra": 1}])
def test_a_sign_in_is_a_token_or_name_and_password(api: Api, both: dict[str, Any]) -> None:
    assert _sign_in(api, **both).status_code == 422


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "a" * 12}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"password": "my name is ada9"}, None),
        ({"name": "adalovelace", "password": "I am AdaLovelace"}, "password"),
        ({"name": "admin"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "../x"}, "name"),
        ({"role": "owner"}, "role"),
    ],
)
def test_a_user_needs_a_plain_name_a_role_and_a_long_password(
    api: Api, fields: dict[str, str], field: str | None
) -> None:
    answer = api.post("/api/users", ADA | fields)
    assert answer.status_code == (422 if field else 201)
    if field:
        assert field in answer.json["errors"]
        assert fields.get("password") in (None, "") or fields["password"] not in answer.text
        assert api.get("/api/users").json == []


def test_two_users_can_not_have_one_name(api: Api, ada: Any) -> None:
    refused = api.post("/api/users", ADA | {"name": "Ada"})
    assert (refused.status_code, refused.json["code"]) == (409, "USER_ALREADY_EXISTS")
    eva = api.post("/api/users", ADA | {"name": "eva"}).json
    assert api.patch(f"/api/users/{eva['id']}", {"name": "ADA"}).status_code == 409


def test_a_new_role_holds_at_once(api: Api, ada: Any) -> None:
    _sign_in(api)
    assert api.get("/api/users", token=None).status_code == 403
    assert api.patch(f"/api/users/{ada['id']}", {"role": "admin"}).json["role"] == "admin"
    assert api.get("/api/users", token=None).status_code == 200


@pytest.mark.parametrize("change", [{"isActive": False}, {"password": "another good password"}, "delete"])
def test_a_lock_a_new_password_and_a_delete_end_the_sessions(api: Api, ada: Any, change: Any) -> None:
    _sign_in(api)
    assert api.get("/api/models", token=None).status_code == 200
    path = f"/api/users/{ada['id']}"
    done = api.delete(path) if change == "delete" else api.patch(path, change)
    assert done.status_code in (200, 204)
    assert api.get("/api/models", token=None).status_code == 401


def test_who_is_locked_does_not_sign_in_until_unlocked(api: Api, ada: Any) -> None:
    api.patch(f"/api/users/{ada['id']}", {"isActive": False})
    assert _sign_in(api).status_code == 401
    api.patch(f"/api/users/{ada['id']}", {"isActive": True})
    assert _sign_in(api).status_code == 200


def test_one_changes_the_own_password_and_only_other_sessions_end(api: Api, ada: Any) -> None:
    _sign_in(api)
    elsewhere = api.client.get_cookie("weighbridge_session").value  # type: ignore[union-attr]
    _leave(api)
    headers = {"X-CSRF-Token": _sign_in(api).json["csrfToken"]}
    body = {"currentPassword": PASSWORD, "newPassword": "a new and good password"}
    wrong = api.post("/api/auth/password", body | {"currentPassword": "x"}, token=None, headers=headers)
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["currentPassword"])
    short = api.post("/api/auth/password", body | {"newPassword": "x"}, token=None, headers=headers)
    assert (short.status_code, list(short.json["errors"])) == (422, ["newPassword"])
    assert api.post("/api/auth/password", body, token=None, headers=headers).status_code == 204
    assert api.get("/api/models", token=None).status_code == 200
    api.client.set_cookie("weighbridge_session", elsewhere)
    assert api.get("/api/models", token=None).status_code == 401
    assert _sign_in(api).status_code == 401
    assert _sign_in(api, password="a new and good password").status_code == 200


def test_a_token_has_no_password_to_change(api: Api) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": "a new and good password"}
    assert api.post("/api/auth/password", body).status_code == 403


def test_who_is_not_there_is_not_found(api: Api) -> None:
    for answer in (api.get("/api/users/7"), api.patch("/api/users/7", {}), api.delete("/api/users/7")):
        assert (answer.status_code, answer.json["code"]) == (404, "USER_NOT_FOUND")


def test_the_sign_in_page_learns_whether_somebody_has_a_password(api: Api) -> None:
    plain = {"password": False, "token": True, "provider": None}
    assert api.get("/api/auth/methods", token=None).json == plain
    api.post("/api/users", ADA)
    assert api.get("/api/auth/methods", token=None).json == plain | {"password": True}
