import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from api_service import create_app
from shared.settings import Settings
from tests.conftest import Api
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """A provider where everybody is ada."""
    with IdentityProvider() as found:
        yield found


@pytest.fixture
def configured(settings: Settings, redis: Any, provider: IdentityProvider) -> Settings:
    """Settings that name it."""
    return settings.model_copy(
        update={
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
            "oidc_label": "Example ID",
            "sign_in_limit": "1000 per minute",
        }
    )


def _api(settings: Settings) -> Api:
    return Api(create_app(settings).test_client())


def _browse(api: Api, start: str = "/api/auth/provider") -> Any:
    """What a browser does: to the provider, and back with what it says. The answer to the callback."""
    there = api.get(start, token=None)
    assert there.status_code == 302, there.text
    back = requests.get(there.headers["Location"], allow_redirects=False, timeout=10).headers["Location"]
    return api.get(urlsplit(back).path + "?" + urlsplit(back).query, token=None)


def _me(api: Api) -> Any:
    return api.get("/api/auth/me", token=None).json


def test_the_sign_in_page_learns_of_the_provider(configured: Settings) -> None:
    found = _api(configured).get("/api/auth/methods", token=None).json["provider"]
    assert found == {"label": "Example ID", "url": "/api/auth/provider"}


def test_who_the_provider_knows_is_signed_in_and_becomes_a_viewer(
    configured: Settings, provider: IdentityProvider
) -> None:
    api = _api(configured)
    landed = _browse(api, "/api/auth/provider?next=/settings")
    assert (landed.status_code, landed.headers["Location"]) == (302, "/settings")
    cookies = landed.headers.getlist("Set-Cookie")
    ours = next(cookie for cookie in cookies if cookie.startswith("weighbridge_session="))
    assert {"HttpOnly", "SameSite=Strict"} <= set(ours.split("; "))
    me = _me(api)
    assert (me["name"], me["role"], me["via"], me["hasPassword"]) == ("ada", "viewer", "session", False)
    user = api.get("/api/users").json[0]
    assert (user["issuer"], user["hasPassword"]) == (provider.url, False)
    assert "code_verifier" in provider.token_requests[0]


def test_a_second_sign_in_is_the_same_user_and_another_subject_is_not(
    configured: Settings, provider: IdentityProvider
) -> None:
    api = _api(configured)
    _browse(api)
    provider.claims["preferred_username"] = "renamed"
    _browse(api)
    assert [user["name"] for user in api.get("/api/users").json] == ["ada"]
    provider.claims = {"sub": "sub-2", "preferred_username": "Ada", "email": "ada@example.com"}
    _browse(api)
    assert [user["name"] for user in api.get("/api/users").json] == ["ada", "Ada-2"]


def test_a_local_user_of_the_same_name_is_somebody_else(
    configured: Settings, provider: IdentityProvider
) -> None:
    api = _api(configured)
    api.post("/api/users", {"name": "ada", "role": "admin", "password": "correct horse battery"})
    _browse(api)
    assert (_me(api)["name"], _me(api)["role"]) == ("ada-2", "viewer")
    provider.claims = {"sub": "sub-9", "preferred_username": "admin"}
    _browse(api)
    assert (_me(api)["name"], _me(api)["role"]) == ("admin-2", "viewer")


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["staff", "ml-admins"], "admin"),
        (["ml"], "operator"),
        ("ml", "operator"),
        (["ml-admins-of-another-team", "xml"], "viewer"),
        ([{"ml": 1}], "viewer"),
        (None, "viewer"),
    ],
)
def test_a_claim_decides_about_the_role_by_whole_values(
    configured: Settings, provider: IdentityProvider, groups: Any, role: str
) -> None:
    named = {"oidc_role_claim": "groups", "oidc_admins": ("ml-admins",), "oidc_operators": ("ml",)}
    api = _api(configured.model_copy(update=named))
    provider.claims["groups"] = groups
    _browse(api)
    assert _me(api)["role"] == role
    provider.claims["groups"] = ["ml"]
    _browse(api)
    assert _me(api)["role"] == "operator"


def test_without_a_claim_a_role_that_an_admin_gave_stays(configured: Settings) -> None:
    api = _api(configured)
    _browse(api)
    user = api.get("/api/users").json[0]["id"]
    api.patch(f"/api/users/{user}", {"role": "operator"})
    _browse(api)
    assert _me(api)["role"] == "operator"


def test_who_is_nobody_here_or_locked_is_sent_back_and_noted(configured: Settings) -> None:
    api = _api(configured)
    _browse(api)
    user = api.get("/api/users").json[0]["id"]
    api.patch(f"/api/users/{user}", {"isActive": False})
    assert _browse(api).headers["Location"] == "/sign-in?problem=refused"
    assert api.get("/api/models", token=None).status_code == 401
    nobody = _api(configured.model_copy(update={"oidc_default_role": "none"}))
    assert _browse(nobody).headers["Location"] == "/sign-in?problem=refused"
    refused = api.get("/api/audit?action=auth.sign_in_refused").json
    assert [event["actor"] for event in refused] == ["ada", "ada"]


@pytest.mark.parametrize(
    "lies",
    [
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 3600},
        {"nonce": "another"},
        {"sub": None},
    ],
)
def test_an_id_token_that_is_not_for_us_now_opens_nothing(
    configured: Settings, provider: IdentityProvider, lies: dict[str, Any]
) -> None:
    provider.lies = lies
    _is_refused(configured)


@pytest.mark.parametrize("fault", ["denied", "token", "code"])
def test_a_provider_that_says_no_or_fails_sends_nobody_in(
    configured: Settings, provider: IdentityProvider, fault: str
) -> None:
    provider.fault = fault
    _is_refused(configured)


def test_an_id_token_that_another_key_has_signed_opens_nothing(
    configured: Settings, provider: IdentityProvider
) -> None:
    provider.use_another_key()
    _is_refused(configured)


def _is_refused(settings: Settings) -> None:
    api = _api(settings)
    assert _browse(api).headers["Location"] == "/sign-in?problem=provider"
    assert api.get("/api/models", token=None).status_code == 401
    assert api.get("/api/users").json == []


def test_a_code_counts_only_in_the_browser_that_asked_for_it(configured: Settings) -> None:
    api, victim = _api(configured), _api(configured)
    there = api.get("/api/auth/provider", token=None).headers["Location"]
    back = requests.get(there, allow_redirects=False, timeout=10).headers["Location"]
    landed = victim.get(urlsplit(back).path + "?" + urlsplit(back).query, token=None)
    assert landed.headers["Location"] == "/sign-in?problem=provider"
    assert victim.get("/api/models", token=None).status_code == 401


def test_a_provider_that_is_away_is_told_on_the_sign_in_page(configured: Settings) -> None:
    api = _api(configured.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"}))
    assert api.get("/api/auth/provider", token=None).headers["Location"] == "/sign-in?problem=provider"


@pytest.mark.parametrize(
    "next_", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", ""]
)
def test_after_sign_in_nobody_is_sent_to_another_site(configured: Settings, next_: str) -> None:
    landed = _browse(_api(configured), f"/api/auth/provider?next={next_}")
    assert landed.headers["Location"] == "/"


def test_the_public_address_is_where_the_provider_sends_people_back_to(configured: Settings) -> None:
    api = _api(configured.model_copy(update={"public_url": "https://models.example.com"}))
    asked = parse_qs(urlsplit(api.get("/api/auth/provider", token=None).headers["Location"]).query)
    assert asked["redirect_uri"] == ["https://models.example.com/api/auth/provider/callback"]
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])


def test_without_a_provider_there_is_no_such_sign_in(api: Api) -> None:
    refused = api.get("/api/auth/provider", token=None)
    assert (refused.status_code, refused.json["code"]) == (404, "NOT_FOUND")
