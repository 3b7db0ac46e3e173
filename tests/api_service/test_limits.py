from typing import Any

import pytest

from api_service import create_app
from shared.settings import Settings, SettingsError
from tests.conftest import Api, make_settings

WRONG = {"name": "ada", "password": "wrong wrong wrong"}


@pytest.fixture
def strict(settings: Settings, redis: Any) -> Settings:
    """Two of each a minute."""
    few = {
        "sign_in_limit": "2 per minute",
        "test_connection_limit": "2 per minute",
        "hub_limit": "2 per minute",
    }
    return settings.model_copy(update=few)


def _api(settings: Settings) -> Api:
    return Api(create_app(settings).test_client())


def _try(api: Api, **kwargs: Any) -> Any:
    return api.post("/api/auth/login", WRONG, token=None, **kwargs)


def test_passwords_can_not_be_tried_without_end(strict: Settings) -> None:
    api = _api(strict)
    assert [_try(api).status_code for _ in range(3)] == [401, 401, 429]
    refused = _try(api)
    assert refused.json["code"] == "RATE_LIMITED"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.json["retryAfter"] == int(refused.headers["Retry-After"])


def test_all_processes_count_together_and_one_address_does_not_shut_out_another(strict: Settings) -> None:
    one, other = _api(strict), _api(strict)
    assert [_try(one).status_code, _try(other).status_code] == [401, 401]
    assert [_try(one).status_code, _try(other).status_code] == [429, 429]
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert _try(one, environ_base=elsewhere).status_code == 401


def test_a_header_does_not_make_another_caller_of_somebody(strict: Settings) -> None:
    api = _api(strict)
    names = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP")
    tried = [_try(api, headers={name: "192.0.2.9"}).status_code for name in names]
    assert tried == [401, 401, 429, 429, 429]


def test_behind_a_trusted_proxy_the_address_that_it_tells_counts(strict: Settings) -> None:
    api = _api(strict.model_copy(update={"trusted_proxies": 1}))
    tried = [
        _try(api, headers={"X-Forwarded-For": f"9.9.9.9, 192.0.2.{n}"}).status_code for n in (1, 1, 1, 2)
    ]
    assert tried == [401, 401, 429, 401]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/models/test-connection", {"provider": "openai", "baseUrl": "http://10.0.0.1/v1"}),
        ("GET", "/api/hub/repo?repo=a/b", None),
    ],
)
def test_what_reaches_out_is_limited_for_each_caller(
    strict: Settings, method: str, path: str, body: Any
) -> None:
    api = _api(strict)
    assert 429 not in [api.call(method, path, json=body).status_code for _ in range(2)]
    assert api.call(method, path, json=body).status_code == 429
    other = api.post("/api/tokens", {"name": "other", "role": "admin"}).json["token"]
    assert api.call(method, path, json=body, token=other).status_code != 429


def test_what_only_reads_rows_is_not_limited(strict: Settings) -> None:
    api = _api(strict)
    assert {api.get("/api/models").status_code for _ in range(10)} == {200}


def test_without_redis_each_process_counts_alone(strict: Settings) -> None:
    away = strict.model_copy(update={"redis_url": type(strict.redis_url)("redis://127.0.0.1:9/0")})
    api = _api(away)
    assert [_try(api).status_code for _ in range(3)] == [401, 401, 429]


def test_a_limit_that_can_not_be_read_is_told_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="WEIGHBRIDGE_SIGN_IN_LIMIT"):
        make_settings(WEIGHBRIDGE_SIGN_IN_LIMIT="often")
    monkeypatch.setenv("WEIGHBRIDGE_SIGN_IN_LIMIT", "often")
    with pytest.raises(SettingsError, match="WEIGHBRIDGE_SIGN_IN_LIMIT"):
        Settings.from_env()
