from typing import Any

import pytest

from api_service import create_app
from shared import fleet, presence
from shared.fleet import Device, Machine
from shared.settings import Settings
from tests.conftest import ADMIN_TOKEN, HOSTED, LOCAL, Api, make_settings


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_without_a_token(api: Api, path: str) -> None:
    assert api.get(path, token=None).json == {"status": "ok"}


def test_health_tells_of_every_part(api: Api, redis: Any) -> None:
    before = api.get("/api/health", token=None).json
    assert (before["status"], before["workers"]["status"]) == ("degraded", "unavailable")
    presence.beat(redis, "downloads@a", ["downloads"])
    presence.beat(redis, "control@a", ["control"])
    health = api.get("/api/health").json
    assert (health["status"], health["database"]["status"], health["redis"]["status"]) == ("ok", "ok", "ok")
    assert health["workers"]["queues"] == [
        {"queue": "downloads", "workers": 1},
        {"queue": "control", "workers": 1},
    ]
    presence.leave(redis, "control@a", ["control"])
    assert api.get("/api/health").json["status"] == "degraded"


def test_health_tells_what_memory_there_is_and_names_no_host(api: Api, redis: Any) -> None:
    assert api.get("/api/health", token=None).json["machines"] == []
    devices = (Device("cpu", "x86_64", 64, 40), Device("gpu", "NVIDIA L4", 24, 20))
    fleet.note(redis, Machine("control@canary", devices))
    answer = api.get("/api/health", token=None)
    assert answer.json["machines"] == [
        {
            "devices": [
                {"kind": "cpu", "name": "x86_64", "totalBytes": 64, "availableBytes": 40},
                {"kind": "gpu", "name": "NVIDIA L4", "totalBytes": 24, "availableBytes": 20},
            ]
        }
    ]
    assert "canary" not in answer.text


@pytest.fixture
def without_redis(settings: Settings) -> Api:
    return _api(settings, REDIS_URL="redis://127.0.0.1:9/0")


@pytest.fixture
def without_postgres(settings: Settings) -> Api:
    return _api(settings, DATABASE_URL="postgresql://weighbridge@127.0.0.1:9/none")


def _api(settings: Settings, **changed: str) -> Api:
    assert settings.database_url
    assert settings.redis_url
    same = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
    }
    return Api(create_app(make_settings(**(same | changed))).test_client())


def test_without_redis_requests_still_succeed_and_health_says_so(without_redis: Api) -> None:
    model = without_redis.post("/api/models", LOCAL | {"downloadNow": True})
    assert (model.status_code, model.json["downloadStatus"]) == (201, "Pending")
    assert without_redis.get("/api/models").status_code == 200
    health = without_redis.get("/api/health").json
    assert (health["redis"]["status"], health["machines"]) == ("unavailable", [])
    assert without_redis.get("/readyz").status_code == 503


def test_without_postgres_a_request_is_answered_with_503_and_a_time_to_come_back(
    without_postgres: Api,
) -> None:
    for answer in (
        without_postgres.get("/api/models"),
        without_postgres.post("/api/models", HOSTED),
        without_postgres.get("/readyz"),
    ):
        assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
    with_key = without_postgres.post("/api/models", HOSTED, headers={"Idempotency-Key": "k"})
    assert with_key.status_code == 503
    assert without_postgres.get("/api/health").json["database"]["status"] == "unavailable"
    assert ADMIN_TOKEN not in answer.text
