import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from shared import operations, storage
from shared.database import Database
from shared.storage import Look
from shared.tables import Model, Operation, OperationKind, OperationStatus
from tests.conftest import LOCAL, Api

PATH = "/cache"
ONE, TWO = "1" * 40, "2" * 40
LONG_AGO = datetime.now(UTC) - timedelta(days=100)


def _revision(commit: str, *refs: str, size: int = 0) -> dict[str, Any]:
    return {
        "commit": commit,
        "refs": list(refs),
        "size_bytes": size,
        "freed_bytes": size,
        "file_count": 1,
        "modified_at": int(LONG_AGO.timestamp()),
    }


def scanned(database: Database, *repos: str, sizes: dict[str, int] | None = None) -> None:
    """As a worker's scan leaves it: repositories of commit ONE at main, with blobs named a and b."""
    blobs = {"a": [100, int(LONG_AGO.timestamp())], "b": [10, int(LONG_AGO.timestamp())]}
    seen = [
        {
            "repo": repo,
            "size_bytes": (sizes or {}).get(repo, 110),
            "file_count": 2,
            "revisions": [_revision(ONE, "main", size=110), _revision(TWO)],
            "blobs": blobs,
            "modified_at": LONG_AGO,
            "accessed_at": LONG_AGO,
            "folders": {"": 1},
        }
        for repo in repos
    ]
    with database.session() as session:
        storage.note(session, PATH, Look(total_bytes=1000, available_bytes=500, partial_bytes=0))
        began = storage.clock(session)
        storage.keep_scan(session, PATH, began=began, changed=seen, gone=[], half_files=[])


def _downloaded(api: Api, database: Database, repo: str) -> int:
    """The id of a model that has blob a of a repository at commit ONE."""
    model_id = api.post("/api/models", LOCAL | {"hfRepo": repo, "name": str(uuid.uuid4())}).json["id"]
    file = {"path": "a", "size": 100, "oid": "a", "is_lfs": True}
    with database.session() as session:
        model = session.get(Model, model_id)
        model.downloaded, model.downloaded_at, model.commit_hash = True, LONG_AGO, ONE
        model.manifest = {"commit": ONE, "files": [file]}
    return int(model_id)


def test_before_a_scan_the_list_and_the_plan_are_empty(api: Api) -> None:
    assert api.get("/api/cache/repos").json == []
    assert api.get("/api/cache/clean-up").json == {
        "items": [],
        "totalBytes": 0,
        "quota": None,
        "scannedAt": None,
    }


def test_every_repository_is_listed_with_what_uses_it(api: Api, database: Database) -> None:
    model_id = _downloaded(api, database, "org/ours")
    scanned(database, "org/ours", "org/theirs", sizes={"org/theirs": 500})
    theirs, ours = api.get("/api/cache/repos").json
    name = api.get(f"/api/models/{model_id}").json["name"]
    assert (theirs["repo"], theirs["isManaged"], theirs["models"]) == ("org/theirs", False, [])
    assert (ours["repo"], ours["isManaged"]) == ("org/ours", True)
    assert ours["models"] == [{"id": model_id, "name": name}]
    assert (ours["sizeBytes"], ours["managedBytes"], ours["fileCount"]) == (110, 100, 2)
    assert [(one["commitHash"], one["refs"], one["isInUse"]) for one in ours["revisions"]] == [
        (ONE, ["main"], True),
        (TWO, [], False),
    ]
    assert ours["lastUsedAt"] == theirs["lastUsedAt"] == ours["modifiedAt"]


def test_the_list_is_filtered_sorted_and_paged(api: Api, database: Database) -> None:
    _downloaded(api, database, "org/b")
    scanned(database, "org/a", "org/b", "other/c", sizes={"org/a": 1, "org/b": 3, "other/c": 2})

    def names(query: str) -> list[str]:
        return [repo["repo"] for repo in api.get(f"/api/cache/repos?{query}").json]

    assert names("") == ["org/b", "other/c", "org/a"]
    assert names("sort=repo&pageSize=2") == ["org/a", "org/b"]
    assert names("managed=true") == ["org/b"]
    assert names("managed=false&q=ORG") == ["org/a"]


def test_a_repository_of_nobody_is_deleted_once_somebody_confirms(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    refused = api.delete("/api/cache/repos?repo=org/theirs")
    assert (refused.status_code, refused.json["code"]) == (409, "CONFIRMATION_REQUIRED")
    assert refused.json["freedBytes"] == 110
    answer = api.delete("/api/cache/repos?repo=org/theirs&confirm=true")
    assert answer.status_code == 202
    assert (answer.json["operation"], answer.json["modelId"]) == ("clean-up", None)
    assert answer.json["bytesTotal"] == 110
    again = api.delete("/api/cache/repos?repo=org/theirs&confirm=true")
    assert (again.status_code, again.json["code"]) == (409, "OPERATION_CONFLICT")
    assert again.json["operationId"] == answer.json["taskId"]
    task = api.get(f"/api/tasks/{answer.json['taskId']}").json
    assert (task["status"], task["modelId"]) == ("pending", None)


def test_a_repository_that_models_have_is_not_deleted(api: Api, database: Database) -> None:
    model_id = _downloaded(api, database, "org/ours")
    scanned(database, "org/ours")
    refused = api.delete("/api/cache/repos?repo=org/ours&confirm=true")
    assert (refused.status_code, refused.json["code"]) == (409, "MODEL_IN_USE")
    assert [model["id"] for model in refused.json["models"]] == [model_id]


def test_deleting_what_is_not_there_is_a_quiet_success(api: Api, database: Database) -> None:
    answer = api.delete("/api/cache/repos?repo=org/none")
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["result"]) == ("completed", "not_installed")
    assert api.delete("/api/cache/repos?repo=a/../b").status_code == 422
    assert api.delete("/api/cache/repos").status_code == 422


def test_a_plan_is_shown_and_its_items_are_asked_for(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    found = api.get("/api/cache/clean-up").json
    ids = [item["id"] for item in found["items"]]
    assert ids == [f"revision:org/theirs@{TWO}", "repo:org/theirs"]
    assert found["totalBytes"] == 110
    assert api.get("/api/cache/clean-up?unusedDays=200").json["items"] == found["items"][:1]
    refused = api.post("/api/cache/clean-up", {"items": ids})
    assert (refused.status_code, refused.json["code"]) == (409, "CONFIRMATION_REQUIRED")
    assert (refused.json["freedBytes"], refused.json["items"]) == (110, ids)
    answer = api.post("/api/cache/clean-up", {"items": ids, "confirm": True})
    assert (answer.status_code, answer.json["filesTotal"], answer.json["bytesTotal"]) == (202, 2, 110)
    with database.session() as session:
        plan = operations.get(session, uuid.UUID(answer.json["taskId"])).plan
    assert [item["id"] for item in plan["items"]] == ids


def test_an_item_that_the_plan_no_longer_has_changes_nothing(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    body = {"items": ["repo:org/theirs", "repo:org/gone"], "confirm": True}
    refused = api.post("/api/cache/clean-up", body)
    assert (refused.status_code, refused.json["code"]) == (409, "PLAN_CHANGED")
    assert refused.json["missing"] == ["repo:org/gone"]
    with database.session() as session:
        assert session.scalars(select(Operation)).all() == []


def test_a_plan_of_nothing_is_refused(api: Api) -> None:
    assert api.post("/api/cache/clean-up", {"items": []}).status_code == 422
    assert api.post("/api/cache/clean-up", {"items": ["x\0"]}).status_code == 422


def test_what_is_in_the_cache_becomes_a_model(api: Api, database: Database) -> None:
    scanned(database, "org/Theirs-7B")
    answer = api.post("/api/cache/adopt", {"repo": "org/Theirs-7B", "category": "llm"})
    assert answer.status_code == 201
    model = answer.json
    assert (model["name"], model["category"], model["revision"]) == ("Theirs 7B", "llm", "main")
    assert (model["downloadStatus"], model["activeOperation"]["operation"]) == ("Pending", "download")
    with database.session() as session:
        operation = operations.get(session, uuid.UUID(model["activeOperation"]["taskId"]))
        assert (operation.plan, operation.kind) == ({"adopt": ONE}, OperationKind.DOWNLOAD)
    again = api.post("/api/cache/adopt", {"repo": "org/Theirs-7B"})
    assert (again.status_code, again.json["existingId"]) == (409, model["id"])


def test_a_model_that_is_registered_and_not_downloaded_is_taken_as_it_is(
    api: Api, database: Database
) -> None:
    model = api.post("/api/models", LOCAL | {"hfRepo": "org/theirs", "modelFile": "a.gguf"}).json
    scanned(database, "org/theirs")
    answer = api.post("/api/cache/adopt", {"repo": "org/theirs", "filename": "a.gguf", "name": "Another"})
    assert (answer.status_code, answer.json["id"], answer.json["name"]) == (200, model["id"], model["name"])
    assert answer.json["downloadStatus"] == "Pending"
    again = api.post("/api/cache/adopt", {"repo": "org/theirs", "filename": "a.gguf"})
    assert (again.status_code, again.json["existingId"]) == (409, model["id"])


def test_a_file_and_a_commit_can_be_adopted_by_name(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    body = {"repo": "org/theirs", "filename": "a.gguf", "revision": TWO, "name": "Mine"}
    model = api.post("/api/cache/adopt", body).json
    assert (model["name"], model["modelFile"], model["revision"]) == ("Mine", "a.gguf", TWO)


def test_what_the_cache_does_not_hold_is_not_adopted(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    for body in ({"repo": "org/none"}, {"repo": "org/theirs", "revision": "v9"}):
        refused = api.post("/api/cache/adopt", body)
        assert (refused.status_code, refused.json["code"]) == (404, "NOT_CACHED")
    assert api.get("/api/models").json == []


def test_a_clean_up_stands_in_the_history_and_not_among_the_downloads(api: Api, database: Database) -> None:
    scanned(database, "org/theirs")
    api.delete("/api/cache/repos?repo=org/theirs&confirm=true")
    (operation,) = api.get("/api/operations?kind=clean-up").json
    assert (operation["modelId"], operation["status"]) == (None, OperationStatus.PENDING)
    assert api.get("/api/downloads").json == []
    assert api.get("/api/downloads/queue").json["queued"] == []


def test_a_repository_that_is_just_arriving_belongs_to_its_model(api: Api, database: Database) -> None:
    model = api.post("/api/models", LOCAL | {"hfRepo": "org/coming", "downloadNow": True}).json
    scanned(database, "org/coming")
    (found,) = api.get("/api/cache/repos").json
    assert (found["isManaged"], [one["id"] for one in found["models"]]) == (True, [model["id"]])
    assert found["managedBytes"] == 0
    refused = api.delete("/api/cache/repos?repo=org/coming&confirm=true")
    assert (refused.status_code, refused.json["code"]) == (409, "MODEL_IN_USE")
