import uuid
from typing import Any

import pytest
from sqlalchemy import func, update

from shared import attempts, bandwidth_shares
from shared.database import Database
from shared.errors import ChecksumMismatch
from shared.progress import Progress
from shared.tables import Operation
from tests.conftest import HOSTED, Api

REPO = "unsloth/Qwen3-0.6B-GGUF"


def _ask(api: Api, file: str, **fields: Any) -> dict[str, Any]:
    answer = api.post("/api/downloads", {"repo": REPO, "filename": file, **fields})
    assert answer.status_code == 202, answer.text
    return answer.json


def _begin(database: Database, task_id: str) -> None:
    with database.session() as session:
        attempts.begin(session, uuid.UUID(task_id), worker="w", lease_seconds=30)


def _end(database: Database, task: dict[str, Any], *, fails: bool) -> None:
    _begin(database, task["taskId"])
    operation_id = uuid.UUID(task["taskId"])
    with database.session() as session:
        if fails:
            progress = Progress(bytes_done=5)
            attempts.fail(
                session, operation_id, 1, error=ChecksumMismatch(), progress=progress, max_attempts=1
            )
        else:
            attempts.complete_download(session, operation_id, 1, progress=Progress(), columns={})


def _queue(api: Api) -> dict[str, list[str]]:
    body = api.get("/api/downloads/queue").json
    assert set(body) == {"active", "queued", "paused", "failed", "completed"}
    return {section: [item["filename"] for item in items] for section, items in body.items()}


def test_a_download_registers_its_model_and_starts(api: Api, redis: Any) -> None:
    task = _ask(api, "Qwen3-0.6B-Q4_0.gguf")
    model = api.get(f"/api/models/{task['modelId']}").json
    assert (model["name"], model["hfRepo"], model["revision"]) == ("Qwen3 0.6B Q4_0", REPO, "main")
    assert (task["status"], model["downloadStatus"]) == ("pending", "Pending")
    assert redis.llen("weighbridge:downloads") == 1
    again = api.post(
        "/api/downloads", {"repo": f"https://huggingface.co/{REPO}/blob/main/Qwen3-0.6B-Q4_0.gguf"}
    )
    assert (again.status_code, again.json["taskId"]) == (200, task["taskId"])
    assert len(api.get("/api/models").json) == 1


def test_a_name_that_is_taken_gets_the_repository_before_it_and_then_a_number(api: Api) -> None:
    api.post("/api/models", HOSTED | {"name": "a"})
    revisions = ("main", "v1", "v2", "v3")
    tasks = [_ask(api, "a.gguf", revision=revision) for revision in revisions]
    names = [api.get(f"/api/models/{task['modelId']}").json["name"] for task in tasks]
    assert names == [f"{REPO} a", f"{REPO} a (2)", f"{REPO} a (3)", f"{REPO} a (4)"]


def test_a_file_whose_name_is_blank_gives_the_name_of_its_repository(api: Api) -> None:
    asked = api.post("/api/downloads", {"repo": "owner/the-name", "filename": "-.gguf"}).json
    assert api.get(f"/api/models/{asked['modelId']}").json["name"] == "the name"


def test_a_file_with_a_long_name_gives_a_name_that_fits(api: Api) -> None:
    tasks = [_ask(api, "x" * 250 + ".gguf", revision=revision) for revision in ("main", "v1", "v2")]
    names = {api.get(f"/api/models/{task['modelId']}").json["name"] for task in tasks}
    assert len(names) == 3
    assert max(map(len, names)) <= 255


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "repo"),
        ({"repo": "a/b/c"}, "repo"),
        ({"repo": REPO, "filename": "../x"}, "filename"),
        ({"repo": f"https://huggingface.co/{REPO}/blob/main/a.gguf", "filename": "b.gguf"}, "filename"),
        ({"repo": REPO, "revision": "a b"}, "revision"),
        ({"repo": REPO, "name": "x"}, "name"),
    ],
)
def test_a_bad_request_is_refused_by_field_and_registers_nothing(
    api: Api, body: dict[str, Any], field: str
) -> None:
    refused = api.post("/api/downloads", body)
    assert refused.status_code == 422
    assert field in refused.json["errors"]
    assert api.get("/api/models").json == []


def test_the_queue_shows_each_download_in_its_section(api: Api, database: Database) -> None:
    tasks = {
        name: _ask(api, f"{name}.gguf") for name in ("runs", "fails", "ends", "waits", "waits2", "canceled")
    }
    _begin(database, tasks["runs"]["taskId"])
    _end(database, tasks["fails"], fails=True)
    _end(database, tasks["ends"], fails=False)
    api.post(f"/api/models/{tasks['canceled']['modelId']}/cancel-download")
    assert _queue(api) == {
        "active": ["runs.gguf"],
        "queued": ["waits.gguf", "waits2.gguf"],
        "paused": [],
        "failed": ["fails.gguf"],
        "completed": ["ends.gguf"],
    }
    queue = api.get("/api/downloads/queue").json
    assert [item["position"] for item in queue["queued"]] == [1, 2]
    (failed,) = queue["failed"]
    assert (failed["modelName"], failed["repo"], failed["error"]["code"]) == (
        "fails",
        REPO,
        "CHECKSUM_MISMATCH",
    )


def test_what_finished_long_ago_is_no_news(api: Api, database: Database) -> None:
    _end(database, _ask(api, "old.gguf"), fails=False)
    with database.session() as session:
        session.execute(update(Operation).values(finished_at=func.now() - func.make_interval(0, 0, 0, 0, 25)))
    assert _queue(api)["completed"] == []


def test_a_failed_download_is_asked_for_again(api: Api, database: Database) -> None:
    task = _ask(api, "a.gguf")
    _end(database, task, fails=True)
    again = api.post(f"/api/downloads/{task['taskId']}/retry")
    assert (again.status_code, again.json["status"], again.json["bytesDownloaded"]) == (202, "pending", 5)
    assert again.json["taskId"] != task["taskId"]
    assert (_queue(api)["failed"], _queue(api)["queued"]) == ([], ["a.gguf"])
    twice = api.post(f"/api/downloads/{task['taskId']}/retry")
    assert (twice.status_code, twice.json["taskId"]) == (200, again.json["taskId"])


def test_clearing_cancels_what_waits_and_hides_what_has_ended(api: Api, database: Database) -> None:
    failed, waiting = _ask(api, "failed.gguf"), _ask(api, "waiting.gguf")
    _end(database, failed, fails=True)
    for task in (failed, waiting, waiting):
        assert api.delete(f"/api/downloads/{task['taskId']}").status_code == 204
    assert all(files == [] for files in _queue(api).values())
    assert api.get(f"/api/tasks/{waiting['taskId']}").json["status"] == "canceled"
    assert api.get(f"/api/models/{failed['modelId']}").json["downloadStatus"] == "Failed"


def test_the_list_of_downloads_is_filtered_and_paged(api: Api, database: Database) -> None:
    _end(database, _ask(api, "a.gguf"), fails=True)
    _ask(api, "b.gguf")
    assert [item["filename"] for item in api.get("/api/downloads").json] == ["b.gguf", "a.gguf"]
    assert [item["filename"] for item in api.get("/api/downloads?status=failed").json] == ["a.gguf"]
    assert api.get("/api/downloads?status=Failed").status_code == 422
    assert len(api.get("/api/downloads?pageSize=1").json) == 1


def test_a_download_of_a_deleted_model_stays_in_the_list(api: Api, database: Database) -> None:
    task = _ask(api, "a.gguf")
    _end(database, task, fails=True)
    assert api.delete(f"/api/models/{task['modelId']}").status_code == 204
    (item,) = api.get("/api/downloads").json
    assert (item["modelName"], item["modelId"]) == (None, task["modelId"])
    assert api.post(f"/api/downloads/{task['taskId']}/retry").json["code"] == "MODEL_NOT_FOUND"


def test_a_download_is_limited_while_it_has_not_ended(api: Api, database: Database, redis: Any) -> None:
    task = _ask(api, "a.gguf")
    assert task["maxBytesPerSecond"] is None
    path = f"/api/downloads/{task['taskId']}"
    limited = api.patch(path, {"maxBytesPerSecond": 20_000_000})
    assert (limited.status_code, limited.json["maxBytesPerSecond"]) == (200, 20_000_000)
    _begin(database, task["taskId"])
    assert api.patch(path, {}).json["maxBytesPerSecond"] == 20_000_000
    assert redis.get(bandwidth_shares.news_key(uuid.UUID(task["taskId"]))) == "20000000"
    assert api.get("/api/downloads/queue").json["active"][0]["maxBytesPerSecond"] == 20_000_000
    assert api.patch(path, {"maxBytesPerSecond": None}).json["maxBytesPerSecond"] is None
    assert redis.get(bandwidth_shares.news_key(uuid.UUID(task["taskId"]))) == "0"
    api.delete(path)
    with database.session() as session:
        attempts.stop_canceled(session, uuid.UUID(task["taskId"]), 1, progress=Progress())
    ended = api.patch(path, {"maxBytesPerSecond": 20_000_000})
    assert (ended.status_code, ended.json["code"]) == (409, "OPERATION_ENDED")


@pytest.mark.parametrize(
    "body",
    [
        {"maxBytesPerSecond": 9_999},
        {"maxBytesPerSecond": 0},
        {"maxBytesPerSecond": 10**12 + 1},
        {"maxBytesPerSecond": 20_000.5},
        {"maxBytesPerSecond": "20MB"},
        {"maxBytesPerSecond": True},
        {"priority": 1},
    ],
)
def test_a_limit_that_is_none_is_refused_by_field(api: Api, body: dict[str, Any]) -> None:
    task = _ask(api, "a.gguf")
    refused = api.patch(f"/api/downloads/{task['taskId']}", body)
    assert refused.status_code == 422
    assert refused.json["errors"].keys() == body.keys()


def test_the_limit_of_a_running_download_is_news_to_pages_that_watch(api: Api, database: Database) -> None:
    task = _ask(api, "a.gguf")
    _begin(database, task["taskId"])
    here = api.client.application.extensions["weighbridge"]
    api.patch(f"/api/downloads/{task['taskId']}", {"maxBytesPerSecond": 20_000_000})
    (shown,) = here.live.snapshot(note_id="0-0", is_whole=True).data["downloads"]
    assert shown["maxBytesPerSecond"] == 20_000_000


@pytest.mark.parametrize(("method", "suffix"), [("POST", "/retry"), ("DELETE", ""), ("PATCH", "")])
def test_only_a_download_can_be_retried_changed_or_cleared(api: Api, method: str, suffix: str) -> None:
    model = api.post("/api/models", {"type": "local", "name": "L", "hfRepo": REPO}).json
    deletion = api.delete(f"/api/models/{model['id']}?deleteLocalFile=true").json
    for task_id in (deletion["taskId"], "00000000-0000-0000-0000-000000000000"):
        body = {"maxBytesPerSecond": 20_000} if method == "PATCH" else None
        answer = api.call(method, f"/api/downloads/{task_id}{suffix}", json=body)
        assert (answer.status_code, answer.json["code"]) == (404, "OPERATION_NOT_FOUND")
