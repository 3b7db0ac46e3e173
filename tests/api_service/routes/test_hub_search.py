from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from shared.settings import Settings
from tests.api_service.routes.test_hub import api_with, register
from tests.conftest import Api
from tests.hub_server import HubServer

FILES = {"config.json": b"{}"}
CANARY = "hf_canary-of-the-server"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        for number in range(12):
            found.add_repo(f"owner/Qwen-{number}", FILES, info={"downloads": number, "likes": 2 * number})
        yield found


@pytest.fixture
def asking(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Api]:
    with api_with(settings, HF_ENDPOINT=hub.url) as found:
        yield found


def _search(api: Api, **query: Any) -> TestResponse:
    return api.get(f"/api/hub/search?{urlencode(query)}")


def test_what_is_typed_finds_repositories(asking: Api) -> None:
    answer = _search(asking, q="qwen", limit=2)
    assert (answer.status_code, answer.headers["X-Hub-Stale"]) == (200, "false")
    assert answer.json == [
        {
            "repo": f"owner/Qwen-{number}",
            "likes": 2 * number,
            "downloads": number,
            "gated": False,
            "private": False,
            "pipelineTag": None,
            "libraryName": None,
            "lastModified": "2026-01-01T00:00:00+00:00",
        }
        for number in (11, 10)
    ]
    assert len(_search(asking, q="qwen").json) == 10
    assert _search(asking, q="nothing like it").json == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "q"),
    ({"q": ""}, "q"),
    ({"q": "x" * 256}, "q"),
    ({"q": "a\x00"}, "q"),
    ({"q": "a", "limit": 0}, "limit"),
    ({"q": "a", "limit": 51}, "limit"),
    ({"q": "a", "limit": "x"}, "limit"),
]


def test_a_bad_question_is_refused_by_field(asking: Api, hub: HubServer) -> None:
    for query, field in BAD:
        refused = _search(asking, **query)
        assert (refused.status_code, refused.json["errors"].keys()) == (422, {field}), query
    assert hub.requests == []


def test_a_hub_that_went_away_is_told_by_a_header(
    asking: Api, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _search(asking, q="qwen").json
    monkeypatch.setattr("api_service.hub_answers.FRESH", 0)
    hub.fault("status", where="api", status=503, times=None)
    answer = _search(asking, q="qwen")
    assert (answer.json, answer.headers["X-Hub-Stale"]) == (first, "true")
    refused = _search(asking, q="something new")
    assert (refused.status_code, refused.json["code"]) == (503, "HUB_UNAVAILABLE")


def _access(api: Api, repo: str = "owner/gated", **query: Any) -> TestResponse:
    return api.get(f"/api/hub/access?{urlencode({'repo': repo, **query})}")


def test_the_preflight_says_what_stands_in_the_way_and_what_solves_it(asking: Api, hub: HubServer) -> None:
    hub.add_repo("owner/gated", FILES, gated="manual")
    answer = _access(asking)
    assert answer.status_code == 200
    assert answer.json == {
        "repo": "owner/gated",
        "status": "token_missing",
        "gated": "manual",
        "detail": "The repository is gated and no token was sent.",
        "remedy": "Accept the license on the model's page, then give the model a token or set HF_TOKEN.",
        "link": f"{hub.url}/owner/gated",
        "tokenSource": None,
    }


def test_the_models_own_token_goes_before_the_servers(settings: Settings, hub: HubServer, redis: Any) -> None:
    hub.add_repo("owner/gated", FILES, gated="auto")
    hub.add_token(CANARY)
    hub.add_token("hf_canary-own", "owner/gated")
    with api_with(settings, HF_ENDPOINT=hub.url, HF_TOKEN=CANARY) as api:
        own = register(api, "Own", hfRepo="owner/gated", hfToken="hf_canary-own")
        plain = register(api, "Plain", hfRepo="owner/gated", modelFile="a.gguf")
        answers = [_access(api), _access(api, modelId=plain), _access(api, modelId=own)]
    assert [(each.json["status"], each.json["tokenSource"]) for each in answers] == [
        ("license_not_accepted", "server"),
        ("license_not_accepted", "server"),
        ("ok", "model"),
    ]
    assert not any("canary" in each.text for each in answers)


def test_who_has_just_accepted_is_let_in_seconds_later(
    asking: Api, hub: HubServer, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("owner/gated", FILES, gated="auto")
    hub.add_token("hf_own")
    model = register(asking, "Own", hfRepo="owner/gated", hfToken="hf_own")
    assert _access(asking, modelId=model).json["status"] == "license_not_accepted"
    hub.add_token("hf_own", "owner/gated")
    assert [redis.ttl(key) for key in redis.keys("weighbridge:hub-answer:access:*")] == [5]
    monkeypatch.setattr("api_service.routes.hub.ACCESS_FRESH", 0.0)
    monkeypatch.setattr("api_service.routes.hub.ACCESS_KEPT", 1)
    assert _access(asking, modelId=model).json["status"] == "ok"


def test_a_preflight_of_a_hub_that_is_away_is_refused(asking: Api, hub: HubServer) -> None:
    hub.fault("status", where="api", status=500, times=None)
    refused = _access(asking)
    assert (refused.status_code, refused.json["code"]) == (503, "HUB_UNAVAILABLE")


def test_each_wants_a_caller(asking: Api, hub: HubServer) -> None:
    for path in ("search?q=a", "access?repo=a/b", "estimate-memory?repo=a/b"):
        assert asking.get(f"/api/hub/{path}", token=None).status_code == 401
    assert hub.requests == []


def test_all_looks_at_the_hub_are_limited_together(settings: Settings, hub: HubServer, redis: Any) -> None:
    with api_with(settings, HF_ENDPOINT=hub.url, WEIGHBRIDGE_HUB_LIMIT="2 per minute") as api:
        assert _search(api, q="qwen").status_code == 200
        assert _access(api, "owner/Qwen-1").status_code == 200
        refused = api.get("/api/hub/estimate-memory?repo=owner/Qwen-1")
        assert (refused.status_code, refused.json["code"]) == (429, "RATE_LIMITED")
