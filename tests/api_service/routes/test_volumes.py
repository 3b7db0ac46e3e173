"""What the API says of several volumes, and what it asks to be told where one is meant."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import func, update

from api_service import room
from shared import attempts, presence, storage, volumes
from shared.database import Database
from shared.storage import Look
from shared.tables import Model, Operation, Volume
from tests.conftest import LOCAL, Api


def _seen(database: Database, **available: int) -> None:
    with database.session() as session:
        for name, free in available.items():
            storage.note(session, name, Look(total_bytes=1000, available_bytes=free, partial_bytes=1))


def _fall_silent(database: Database, name: str) -> None:
    ago = func.now() - volumes.SEEN_LATELY - timedelta(seconds=1)
    with database.session() as session:
        session.execute(update(Volume).where(Volume.name == name).values(seen_at=ago))


def _scanned(database: Database, volume: str, repo: str = "org/theirs") -> None:
    seen = {"repo": repo, "size_bytes": 100, "file_count": 1, "blobs": {}, "folders": {}}
    revision = {"commit": "1" * 40, "refs": ["main"], "size_bytes": 100, "freed_bytes": 100}
    seen |= {"revisions": [revision | {"file_count": 1, "modified_at": 1}]}
    with database.session() as session:
        began = storage.clock(session)
        changed = [seen | {"modified_at": None, "accessed_at": None}]
        storage.keep_scan(session, volume, began=began, changed=changed, gone=[], half_files=[])


def _asked(api: Api, database: Database, volume: str | None = None, size: int = 0) -> dict[str, Any]:
    """A model whose download waits, for that volume."""
    body = LOCAL | {"name": str(uuid.uuid4()), "revision": str(uuid.uuid4()), "downloadNow": True}
    model: dict[str, Any] = api.post("/api/models", body).json
    task = uuid.UUID(model["activeOperation"]["taskId"])
    with database.session() as session:
        changed = update(Operation).where(Operation.id == task)
        session.execute(changed.values(volume=volume, bytes_total=size))
    return model


def _downloaded(api: Api, database: Database, volume: str, repo: str = "org/repo") -> int:
    model_id = api.post("/api/models", LOCAL | {"hfRepo": repo, "name": str(uuid.uuid4())}).json["id"]
    manifest = {"commit": "1" * 40, "files": [{"path": "a", "size": 60, "oid": "a" * 64, "is_lfs": True}]}
    with database.session() as session:
        model = session.get_one(Model, model_id)
        model.downloaded, model.manifest, model.volume = True, manifest, volume
    return int(model_id)


def test_the_storage_sums_up_and_tells_each_volume(api: Api, database: Database, redis: Any) -> None:
    _seen(database, one=300, two=600)
    _scanned(database, "one")
    _scanned(database, "two")
    _downloaded(api, database, "two", repo="org/theirs")
    _asked(api, database, "one", size=40)
    _asked(api, database, None, size=5)
    presence.beat(redis, "w1", ["downloads", "downloads.two"])
    found = api.get("/api/storage").json
    assert (found["totalBytes"], found["availableBytes"], found["reservedBytes"]) == (2000, 900, 45)
    assert found["cache"] == {
        "totalBytes": 200,
        "managedBytes": 60,
        "unmanagedBytes": 140,
        "unmanagedRepoCount": 1,
        "partialBytes": 2,
    }
    told = [
        (one["name"], one["usedBytes"], one["reservedBytes"], one["models"], one["workers"])
        for one in found["volumes"]
    ]
    assert told == [("one", 700, 40, 0, 0), ("two", 400, 0, 1, 1)]


def test_a_volume_that_nobody_serves_is_told_and_not_counted(api: Api, database: Database) -> None:
    _seen(database, one=300, two=600)
    for name in ("one", "two"):
        _scanned(database, name)
        _downloaded(api, database, name, repo="org/theirs" if name == "one" else "org/x")
    _fall_silent(database, "two")
    found = api.get("/api/storage").json
    assert (found["totalBytes"], found["availableBytes"]) == (1000, 300)
    assert (found["cache"]["managedBytes"], found["modelCount"]) == (60, 2)
    assert [one["name"] for one in found["volumes"]] == ["one", "two"]


def test_one_more_download_may_take_what_the_emptiest_volume_has(api: Api, database: Database) -> None:
    def free() -> int | None:
        with api.client.application.app_context():
            return room.free_bytes()

    reserve = 1_000_000_000
    assert free() is None
    _seen(database, one=300, two=600)
    assert free() == 600 - reserve
    _asked(api, database, "two", size=350)
    assert free() == 300 - reserve
    # It may begin anywhere: counted where most is left.
    _asked(api, database, None, size=100)
    assert free() == 250 - reserve
    _fall_silent(database, "one")
    assert free() == 150 - reserve


def test_a_model_says_which_volume_it_is_on_and_is_found_by_it(api: Api, database: Database) -> None:
    here, _elsewhere = (_downloaded(api, database, name, repo=f"org/{name}") for name in ("one", "two"))
    found = api.get("/api/models?volume=one").json
    assert [(model["id"], model["volume"]) for model in found] == [(here, "one")]
    assert api.post("/api/models", LOCAL | {"hfRepo": "org/new", "name": "new"}).json["volume"] is None


def test_what_waits_for_a_volume_that_nobody_serves_says_so(api: Api, database: Database, redis: Any) -> None:
    waits, anywhere = _asked(api, database, "one"), _asked(api, database)
    sentence = "No worker serves the volume one; it begins when one does."

    def told(model: dict[str, Any]) -> tuple[Any, Any]:
        operation = api.get(f"/api/models/{model['id']}").json["activeOperation"]
        return operation["volume"], operation["waitingFor"]

    assert told(anywhere) == (None, None)
    assert told(waits) == ("one", sentence)
    assert api.get(f"/api/models/{waits['id']}/download-status").json["waitingFor"] == sentence
    presence.beat(redis, "w1", ["downloads", "downloads.one"])
    assert told(waits) == ("one", None)
    presence.leave(redis, "w1", ["downloads", "downloads.one"])
    with database.session() as session:
        task = uuid.UUID(waits["activeOperation"]["taskId"])
        attempts.begin(session, task, worker="w", lease_seconds=30, volume="one")
    assert told(waits) == ("one", None), "it does not wait"


def test_a_repository_on_several_volumes_is_shown_on_each(api: Api, database: Database) -> None:
    _seen(database, one=300, two=600)
    _scanned(database, "one")
    _scanned(database, "two")
    model_id = _downloaded(api, database, "one", repo="org/theirs")
    found = api.get("/api/cache/repos").json
    assert [(repo["volume"], repo["isManaged"], repo["models"]) for repo in found] == [
        ("one", True, [{"id": model_id, "name": found[0]["models"][0]["name"]}]),
        ("two", False, []),
    ]
    assert [repo["volume"] for repo in api.get("/api/cache/repos?volume=two").json] == ["two"]
    assert [repo["volume"] for repo in api.get("/api/cache/repos?managed=false").json] == ["two"]


def test_what_lies_on_several_volumes_is_adopted_from_the_named_one(api: Api, database: Database) -> None:
    _seen(database, one=300, two=600)
    _scanned(database, "one")
    _scanned(database, "two")
    refused = api.post("/api/cache/adopt", {"repo": "org/theirs"})
    assert refused.status_code == 422
    assert "one, two" in refused.json["errors"]["volume"][0]
    assert api.post("/api/cache/adopt", {"repo": "org/theirs", "volume": "gone"}).json["code"] == "NOT_CACHED"
    adopted = api.post("/api/cache/adopt", {"repo": "org/theirs", "volume": "two"})
    assert adopted.status_code == 201
    assert adopted.json["activeOperation"]["volume"] == "two"


def test_a_repository_is_deleted_from_the_named_volume(api: Api, database: Database, redis: Any) -> None:
    _seen(database, one=300, two=600)
    _scanned(database, "one")
    _scanned(database, "two")
    _downloaded(api, database, "one", repo="org/theirs")
    path = "/api/cache/repos?repo=org/theirs&confirm=true"
    assert api.delete(path).status_code == 422
    assert api.delete(f"{path}&volume=one").json["code"] == "MODEL_IN_USE"
    asked = api.delete(f"{path}&volume=two")
    assert (asked.status_code, asked.json["volume"]) == (202, "two")
    assert redis.llen("weighbridge:control.two") == 1
    assert redis.get("weighbridge:active:volume:two") == f"clean-up:{asked.json['taskId']}"


def test_items_of_several_volumes_do_not_go_together(api: Api, database: Database) -> None:
    _seen(database, one=300, two=600)
    _scanned(database, "one")
    _scanned(database, "two")
    items = api.get("/api/cache/clean-up").json["items"]
    assert [item["volume"] for item in items] == ["one", "two"]
    ids = [item["id"] for item in items]
    refused = api.post("/api/cache/clean-up", {"items": ids, "confirm": True})
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")
    started = [api.post("/api/cache/clean-up", {"items": [one], "confirm": True}) for one in ids]
    assert [(one.status_code, one.json["volume"]) for one in started] == [(202, "one"), (202, "two")]


def test_a_volume_that_is_lost_is_forgotten(api: Api, database: Database) -> None:
    _seen(database, one=300, two=600)
    model_id = _downloaded(api, database, "one")
    path = "/api/storage/volumes?name=one"
    refused = api.delete(path)
    assert (refused.status_code, refused.json["code"]) == (409, "VOLUME_IN_USE")
    _fall_silent(database, "one")
    assert api.delete(path).status_code == 204
    assert [one["name"] for one in api.get("/api/storage").json["volumes"]] == ["two"]
    model = api.get(f"/api/models/{model_id}").json
    assert (model["downloadStatus"], model["volume"], model["error"]["code"]) == (
        "NotDownloaded",
        None,
        "FILE_NOT_FOUND",
    )
    repair = api.post(f"/api/models/{model_id}/download").json
    assert (repair["volume"], repair["bytesTotal"]) == (None, 60)
    again = api.delete(path)
    assert (again.status_code, again.json["code"]) == (404, "VOLUME_NOT_FOUND")
