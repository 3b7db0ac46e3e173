import socket
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from api_service import create_app, providers
from shared import events
from shared.outbound import Door
from shared.settings import Settings
from tests.conftest import Api
from tests.provider_server import KEY, ProviderServer


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


def _test(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/api/models/test-connection", fields)
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"ok", "latencyMs", "models", "error"}
    assert KEY not in answer.text
    return answer.json


def test_openai_lists_its_models(api: Api, provider: ProviderServer) -> None:
    result = _test(api, provider="openai", baseUrl=f"{provider.url}/v1", apiKey=KEY)
    assert (result["ok"], result["models"], result["error"]) == (True, ["gpt-a", "gpt-b"], None)
    assert result["latencyMs"] >= 0
    assert provider.requests == [("GET", "/v1/models", KEY)]


def test_azure_lists_its_deployments(api: Api, provider: ProviderServer) -> None:
    result = _test(api, provider="azure-openai", baseUrl=provider.url, apiKey=KEY, deployment="chat-prod")
    assert (result["ok"], result["models"]) == (True, ["chat-prod"])
    assert "api-version=2024-10-21" in provider.requests[0][1]


@pytest.mark.parametrize("lists_deployments", [True, False])
def test_azure_says_that_a_deployment_is_missing(
    api: Api, provider: ProviderServer, lists_deployments: bool
) -> None:
    provider.lists_deployments = lists_deployments
    fields = {"provider": "azure-openai", "baseUrl": f"{provider.url}/openai/", "apiKey": KEY}
    assert _test(api, **fields, deployment="gone")["error"]["code"] == "DEPLOYMENT_NOT_FOUND"
    assert _test(api, **fields, deployment="chat-prod")["ok"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1", "INVALID_API_KEY"),
        ("/status/403", "PERMISSION_DENIED"),
        ("/status/404", "WRONG_URL"),
        ("/status/429", "PROVIDER_RATE_LIMITED"),
        ("/status/500", "PROVIDER_ERROR"),
        ("/html", "WRONG_URL"),
        ("/deep", "WRONG_URL"),
        ("/null", "WRONG_URL"),
        ("/redirect", "WRONG_URL"),
    ],
)
def test_a_refusal_is_diagnosed(api: Api, provider: ProviderServer, path: str, code: str) -> None:
    result = _test(api, provider="openai", baseUrl=provider.url + path, apiKey="sk-wrong-canary")
    assert (result["ok"], result["models"], result["error"]["code"]) == (False, [], code)
    assert result["error"]["detail"]
    assert result["error"]["remedy"]
    assert "canary" not in str(result)


def test_a_host_that_does_not_resolve_is_diagnosed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    result = providers.test_connection(
        providers.Target(provider=providers.Provider.OPENAI, base_url="https://no.such.host/v1", api_key=KEY),
        Door(),
    )
    assert result["error"]["code"] == "DNS_FAILED"


def test_an_address_in_a_private_network_is_refused_and_says_who_can_allow_it(
    settings: Settings, provider: ProviderServer
) -> None:
    closed = create_app(settings.model_copy(update={"allowed_private_hosts": ()}))
    result = _test(Api(closed.test_client()), provider="openai", baseUrl=f"{provider.url}/v1", apiKey=KEY)
    assert (result["ok"], result["error"]["code"]) == (False, "ADDRESS_NOT_ALLOWED")
    assert "WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS" in result["error"]["remedy"]
    assert provider.requests == []


def test_a_server_without_tls_is_diagnosed(api: Api, provider: ProviderServer) -> None:
    address = provider.url.replace("http://", "https://")
    assert _test(api, provider="openai", baseUrl=f"{address}/v1", apiKey=KEY)["error"]["code"] == "TLS_FAILED"


def test_a_port_where_nobody_listens_is_diagnosed(api: Api) -> None:
    result = _test(api, provider="openai", baseUrl="http://127.0.0.1:9/v1", apiKey=KEY)
    assert result["error"]["code"] == "CONNECTION_FAILED"


@pytest.mark.parametrize("path", ["/stall", "/trickle"])
def test_a_silent_provider_is_given_up_after_the_limit(
    api: Api, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(providers, "LIMIT", 1)
    began = time.monotonic()
    result = _test(api, provider="openai", baseUrl=provider.url + path, apiKey=KEY)
    assert result["error"]["code"] == "TIMEOUT"
    assert time.monotonic() - began < 5


@pytest.fixture
def stored(api: Api, provider: ProviderServer) -> int:
    body = {
        "type": "hosted-llm",
        "name": "G",
        "provider": "openai",
        "baseUrl": f"{provider.url}/v1",
        "apiKey": KEY,
    }
    return int(api.post("/api/models", body).json["id"])


def test_the_stored_key_is_used_for_the_stored_address(
    api: Api, provider: ProviderServer, stored: int
) -> None:
    assert _test(api, modelId=stored)["ok"]
    assert _test(api, modelId=stored, baseUrl=f"{provider.url}/v1")["ok"]
    assert _test(api, modelId=stored, apiKey="sk-wrong")["error"]["code"] == "INVALID_API_KEY"


def test_the_stored_key_is_never_sent_to_another_address(
    api: Api, provider: ProviderServer, stored: int
) -> None:
    with ProviderServer() as other:
        result = _test(api, modelId=stored, baseUrl=f"{other.url}/v1")
        assert result["error"]["code"] == "API_KEY_REQUIRED"
        moved = _test(api, modelId=stored, provider="azure-openai", baseUrl=provider.url)
        assert moved["error"]["code"] == "API_KEY_REQUIRED"
        assert other.requests == []
        assert _test(api, modelId=stored, baseUrl=f"{other.url}/v1", apiKey=KEY)["ok"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "provider"),
        ({"provider": "azure-openai"}, "baseUrl"),
        ({"provider": "openai", "name": "x"}, "name"),
        ({"provider": "openai", "baseUrl": "file:///etc/passwd"}, "baseUrl"),
        ({"modelId": "7"}, "modelId"),
    ],
)
def test_a_bad_request_is_refused_by_field(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.post("/api/models/test-connection", body)
    assert refused.status_code == 422
    assert field in refused.json["errors"]


def test_a_local_model_has_no_connection(api: Api) -> None:
    local = api.post("/api/models", {"type": "local", "name": "L", "hfRepo": "a/b"}).json
    assert api.post("/api/models/test-connection", {"modelId": local["id"]}).status_code == 422
    assert api.post("/api/models/test-connection", {"modelId": 999}).status_code == 404


def _connection(api: Api, model_id: int) -> Any:
    return api.get(f"/api/models/{model_id}").json["connection"]


def test_the_model_keeps_how_its_last_test_ended(api: Api, provider: ProviderServer, stored: int) -> None:
    path = f"/api/models/{stored}"
    before = api.get(path).json
    assert before["connection"] is None
    result = _test(api, modelId=stored)
    after = api.get(path).json
    kept = after["connection"]
    assert {name: kept[name] for name in ("ok", "latencyMs", "error")} == {
        "ok": True,
        "latencyMs": result["latencyMs"],
        "error": None,
    }
    assert datetime.fromisoformat(kept["testedAt"]) > datetime.fromisoformat(before["createdAt"])
    assert after | {"connection": None} == before, "a test is no edit"
    assert api.get("/api/models").json == [after]

    api.patch(path, {"apiKey": "sk-wrong-canary"})
    failure = _test(api, modelId=stored)["error"]
    assert failure["code"] == "INVALID_API_KEY"
    assert (_connection(api, stored)["ok"], _connection(api, stored)["error"]) == (False, failure)
    assert "canary" not in api.get(path).text


def test_those_who_watch_learn_of_a_test_that_is_kept(api: Api, redis: Any, stored: int) -> None:
    seen = events.last_id(redis)
    _test(api, modelId=stored, apiKey=KEY)
    assert events.since(redis, seen) == []
    _test(api, modelId=stored)
    assert [(note.type, note.model_id) for note in events.since(redis, seen)] == [("model.updated", stored)]


def test_only_a_test_of_what_is_stored_is_kept(api: Api, provider: ProviderServer, stored: int) -> None:
    elsewhere = f"{provider.url}/status/500"
    for changed in ({"apiKey": KEY}, {"baseUrl": elsewhere, "apiKey": KEY}, {"deployment": "d"}):
        _test(api, modelId=stored, **changed)
        assert _connection(api, stored) is None
    _test(api, modelId=stored, provider="openai", baseUrl=f"{provider.url}/v1")
    assert _connection(api, stored)["ok"]


@pytest.mark.parametrize(
    "changed",
    [
        {"baseUrl": "http://127.0.0.1:9/v1"},
        {"provider": "azure-openai"},
        {"apiKey": KEY},
        {"apiKey": None},
        {"apiVersion": "2024-10-21"},
        {"deployment": "chat-prod"},
    ],
)
def test_a_changed_connection_has_not_been_tested(api: Api, stored: int, changed: dict[str, Any]) -> None:
    _test(api, modelId=stored)
    assert api.patch(f"/api/models/{stored}", changed).json["connection"] is None
    assert _connection(api, stored) is None


def test_a_change_of_anything_else_keeps_the_outcome(api: Api, provider: ProviderServer, stored: int) -> None:
    _test(api, modelId=stored)
    kept = _connection(api, stored)
    unchanged = {"provider": "openai", "baseUrl": f"{provider.url}/v1", "deployment": None}
    for changed in ({"name": "New", "category": "llm", "isActive": False}, unchanged):
        assert api.patch(f"/api/models/{stored}", changed).json["connection"] == kept


def test_the_outcome_is_dropped_when_the_key_changes_during_the_test(
    api: Api, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_connection = providers.test_connection

    def while_somebody_edits(where: providers.Target, door: Door) -> dict[str, Any]:
        api.patch(f"/api/models/{stored}", {"apiKey": "sk-new"})
        return test_connection(where, door)

    monkeypatch.setattr(providers, "test_connection", while_somebody_edits)
    assert _test(api, modelId=stored)["ok"]
    assert _connection(api, stored) is None


def test_the_outcome_is_dropped_when_the_model_is_deleted_during_the_test(
    api: Api, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_connection = providers.test_connection

    def while_somebody_deletes(where: providers.Target, door: Door) -> dict[str, Any]:
        api.delete(f"/api/models/{stored}")
        return test_connection(where, door)

    monkeypatch.setattr(providers, "test_connection", while_somebody_deletes)
    assert _test(api, modelId=stored)["ok"]
    assert api.get(f"/api/models/{stored}").status_code == 404
