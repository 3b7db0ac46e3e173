from typing import Any

from sqlalchemy import update

from shared import attempts, claims, operations, progress
from shared.database import Database
from shared.progress import Progress
from shared.tables import Operation
from tests.conftest import HOSTED, LOCAL, Api

PROGRESS_KEYS = {
    "taskId",
    "modelId",
    "operation",
    "status",
    "phase",
    "bytesDownloaded",
    "bytesTotal",
    "bytesReused",
    "percent",
    "speedBytesPerSecond",
    "etaSeconds",
    "stalledSeconds",
    "filesDone",
    "filesTotal",
    "currentFile",
    "attempt",
    "startedAt",
    "updatedAt",
    "error",
    "result",
    "bytesFreed",
    "maxBytesPerSecond",
    "volume",
    "waitingFor",
}


def test_a_download_is_asked_for_once(api: Api, redis: Any) -> None:
    model = api.post("/api/models", LOCAL).json
    path = f"/api/models/{model['id']}/download"
    started, again = api.post(path), api.post(path)
    assert (started.status_code, again.status_code) == (202, 200)
    assert set(started.json) == PROGRESS_KEYS
    assert (started.json["operation"], started.json["status"], started.json["attempt"]) == (
        "download",
        "pending",
        0,
    )
    assert again.json["taskId"] == started.json["taskId"]
    assert redis.get(f"weighbridge:active:{model['id']}") == f"download:{started.json['taskId']}"
    assert redis.llen("weighbridge:downloads") == 1
    assert api.get(f"/api/models/{model['id']}").json["downloadStatus"] == "Pending"


def test_the_message_carries_nothing_but_the_operations_id(api: Api, redis: Any) -> None:
    api.post("/api/models", LOCAL | {"hfToken": "hf_canary1234", "downloadNow": True})
    assert "canary" not in redis.lindex("weighbridge:downloads", 0)
    assert LOCAL["hfRepo"] not in redis.lindex("weighbridge:downloads", 0)


def test_a_registration_can_start_the_download(api: Api) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    assert model["downloadStatus"] == "Pending"
    assert model["activeOperation"]["status"] == "Pending"
    task = api.get(f"/api/tasks/{model['activeOperation']['taskId']}").json
    assert (task["status"], task["modelId"]) == ("pending", model["id"])


def test_a_hosted_model_has_nothing_to_download(api: Api) -> None:
    model = api.post("/api/models", HOSTED).json
    for method, action in (("POST", "download"), ("POST", "cancel-download"), ("GET", "download-status")):
        refused = api.call(method, f"/api/models/{model['id']}/{action}")
        assert (refused.status_code, refused.json["code"]) == (409, "NOT_A_LOCAL_MODEL")


def test_a_model_that_was_never_downloaded_has_a_status_of_zeros(api: Api) -> None:
    model = api.post("/api/models", LOCAL).json
    status = api.get(f"/api/models/{model['id']}/download-status").json
    assert set(status) == PROGRESS_KEYS
    assert (status["status"], status["taskId"], status["bytesDownloaded"], status["percent"]) == (
        "NotDownloaded",
        None,
        0,
        0,
    )


def test_a_pending_download_is_canceled_at_once(api: Api, redis: Any) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    path = f"/api/models/{model['id']}/cancel-download"
    canceled = api.post(path)
    assert (canceled.status_code, canceled.json["status"]) == (202, "canceled")
    assert api.get(f"/api/models/{model['id']}").json["downloadStatus"] == "Canceled"
    assert redis.get(claims.key(model["id"])) is None
    again = api.post(path)
    assert (again.status_code, again.json["taskId"]) == (200, canceled.json["taskId"])


def test_a_purge_is_true_or_false(api: Api) -> None:
    model = api.post("/api/models", LOCAL).json
    for value in (0, 1, "true", None):
        refused = api.post(f"/api/models/{model['id']}/cancel-download", {"purge": value})
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["purge"])


def test_canceling_what_was_never_asked_for_is_no_error(api: Api) -> None:
    model = api.post("/api/models", LOCAL).json
    answer = api.post(f"/api/models/{model['id']}/cancel-download", {"purge": True})
    assert (answer.status_code, answer.json["status"]) == (200, "NotDownloaded")


def test_a_canceled_download_is_asked_for_anew(api: Api) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    first = api.post(f"/api/models/{model['id']}/cancel-download").json
    second = api.post(f"/api/models/{model['id']}/download")
    assert second.status_code == 202
    assert second.json["taskId"] != first["taskId"]


def test_a_new_download_begins_where_the_last_one_stopped(api: Api, database: Database) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    with database.session() as session:
        session.execute(update(Operation).values(bytes_done=40, bytes_total=100, files_total=1))
    api.post(f"/api/models/{model['id']}/cancel-download")
    again = api.post(f"/api/models/{model['id']}/download").json
    assert (again["status"], again["bytesDownloaded"], again["bytesTotal"], again["percent"]) == (
        "pending",
        40,
        100,
        40.0,
    )


def test_the_live_progress_of_a_running_download_is_shown(api: Api, database: Database, redis: Any) -> None:
    model = api.post("/api/models", LOCAL).json
    with database.session() as session:
        asked, _ = operations.request_download(session, model["id"], requested_by="test", request_id=None)
        attempts.begin(session, asked.id, worker="test", lease_seconds=30)
    moving = Progress(
        attempt=1,
        phase="transferring",
        bytes_done=269,
        bytes_total=1000,
        speed=100,
        eta=7,
        files_total=2,
        current_file="a.gguf",
        updated_at="2026-11-21T10:00:00+00:00",
    )
    progress.write(redis, asked.id, moving)
    status = api.get(f"/api/models/{model['id']}/download-status").json
    assert (status["status"], status["phase"], status["percent"]) == ("Downloading", "transferring", 26.9)
    assert (status["speedBytesPerSecond"], status["etaSeconds"], status["currentFile"]) == (100, 7, "a.gguf")
    assert api.get(f"/api/tasks/{asked.id}").json["status"] == "running"
    assert api.get("/api/models").json[0]["activeOperation"]["bytesDownloaded"] == 269


def test_progress_of_an_earlier_attempt_is_not_shown(api: Api, database: Database, redis: Any) -> None:
    model = api.post("/api/models", LOCAL).json
    with database.session() as session:
        asked, _ = operations.request_download(session, model["id"], requested_by="test", request_id=None)
        attempts.begin(session, asked.id, worker="test", lease_seconds=30)
    progress.write(redis, asked.id, Progress(attempt=7, bytes_done=999, bytes_total=1000))
    assert api.get(f"/api/models/{model['id']}/download-status").json["bytesDownloaded"] == 0


def test_the_history_is_filtered_and_paged(api: Api) -> None:
    for name in ("a", "b"):
        model = api.post(
            "/api/models", LOCAL | {"name": name, "modelFile": f"{name}.gguf", "downloadNow": True}
        ).json
    api.post(f"/api/models/{model['id']}/cancel-download")
    newest_first = api.get("/api/operations").json
    assert [operation["status"] for operation in newest_first] == ["canceled", "pending"]
    assert len(api.get(f"/api/operations?modelId={model['id']}").json) == 1
    assert len(api.get("/api/operations?status=pending&kind=download").json) == 1
    assert api.get("/api/operations?since=2999-01-01T00:00:00Z").json == []
    for nonsense in ("yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00%2B14:00"):
        assert api.get(f"/api/operations?since={nonsense}").status_code == 422
    assert len(api.get("/api/operations?since=0038-12-02T20:22:40-16:02").json) == 2


def test_an_unknown_operation_is_not_found(api: Api) -> None:
    answer = api.get("/api/tasks/00000000-0000-0000-0000-000000000000")
    assert (answer.status_code, answer.json["code"]) == (404, "OPERATION_NOT_FOUND")
