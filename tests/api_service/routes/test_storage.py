import threading
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, update

from api_service import create_app
from api_service.routes import storage as storage_routes
from shared import attempts, operations, progress, storage
from shared.database import Database
from shared.progress import Progress
from shared.settings import Settings
from shared.storage import Look
from shared.tables import Model, Operation, Volume
from tests.conftest import HOSTED, LOCAL, Api

NOT_SCANNED = {"totalBytes": None, "unmanagedBytes": None, "unmanagedRepoCount": None}


def _look(database: Database, path: str = "/cache", *, total: int = 1000, available: int = 600) -> None:
    seen = Look(total_bytes=total, available_bytes=available, partial_bytes=7)
    with database.session() as session:
        storage.note(session, path, seen)


def _downloaded(api: Api, database: Database, files: dict[str, int], **fields: Any) -> int:
    """The id of a model whose download has brought these blobs."""
    body = {"type": "local", "name": f"model {uuid.uuid4()}", "hfRepo": "org/repo", "downloadNow": True}
    model = api.post("/api/models", body | fields).json
    operation_id = uuid.UUID(model["activeOperation"]["taskId"])
    manifest = {
        "commit": "c" * 40,
        "files": [{"path": oid, "size": size, "oid": oid} for oid, size in files.items()],
    }
    with database.session() as session:
        attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        facts = {"manifest": manifest, "file_size_bytes": sum(files.values())}
        attempts.complete_download(session, operation_id, 1, progress=Progress(), columns=facts)
    return int(model["id"])


def test_before_a_worker_has_looked_the_volume_is_not_known(api: Api) -> None:
    assert api.get("/api/storage").json == {
        "totalBytes": None,
        "usedBytes": None,
        "availableBytes": None,
        "reservedBytes": 0,
        "availableAfterQueueBytes": None,
        "modelCount": 0,
        "cache": NOT_SCANNED | {"managedBytes": 0, "partialBytes": None},
        "quotaBytes": None,
        "seenAt": None,
        "scannedAt": None,
        "volumes": [],
    }


def test_the_volume_is_shown_as_a_worker_saw_it_last(api: Api, database: Database) -> None:
    _look(database, available=10)
    _look(database, "/moved/from/here", total=5, available=5)
    with database.session() as session:
        ago = func.now() - timedelta(days=1)
        session.execute(update(Volume).values(seen_at=ago))
    _look(database)
    found = api.get("/api/storage").json
    assert (found["totalBytes"], found["usedBytes"], found["availableBytes"]) == (1000, 400, 600)
    assert found["cache"] == NOT_SCANNED | {"managedBytes": 0, "partialBytes": 7}
    age = datetime.now().astimezone() - datetime.fromisoformat(found["seenAt"])
    assert abs(age) < timedelta(minutes=1)


def test_what_unfinished_downloads_still_need_is_reserved(api: Api, database: Database, redis: Any) -> None:
    _look(database)
    running, waiting, _unresolved = (
        api.post("/api/models", LOCAL | {"name": name, "revision": name, "downloadNow": True}).json
        for name in ("running", "waiting", "unresolved")
    )
    running_id = uuid.UUID(running["activeOperation"]["taskId"])
    with database.session() as session:
        operations.get(session, running_id).bytes_total = 100
        operations.get(session, uuid.UUID(waiting["activeOperation"]["taskId"])).bytes_total = 200
        attempts.begin(session, running_id, worker="w", lease_seconds=30)
        attempts.heartbeat(session, running_id, 1, lease_seconds=30, progress=Progress(bytes_done=10))
    found = api.get("/api/storage").json
    assert (found["reservedBytes"], found["availableAfterQueueBytes"]) == (290, 310)
    live = Progress(attempt=1, bytes_total=100, bytes_done=60, updated_at="2026-11-21T10:00:00+00:00")
    progress.write(redis, running_id, live)
    assert api.get("/api/storage").json["reservedBytes"] == 240
    api.post(f"/api/models/{waiting['id']}/cancel-download")
    assert api.get("/api/storage").json["reservedBytes"] == 40


def test_a_queue_that_does_not_fit_leaves_less_than_nothing(api: Api, database: Database) -> None:
    _look(database, available=5)
    api.post("/api/models", LOCAL | {"downloadNow": True})
    with database.session() as session:
        session.execute(update(Operation).values(bytes_total=12))
    assert api.get("/api/storage").json["availableAfterQueueBytes"] == -7


def test_a_file_that_models_share_is_counted_once(api: Api, database: Database, settings: Settings) -> None:
    def counted() -> tuple[int, int]:
        found = api.get("/api/storage").json
        return found["modelCount"], found["cache"]["managedBytes"]

    whole = _downloaded(api, database, {"a" * 64: 30, "b" * 64: 12})
    _downloaded(api, database, {"a" * 64: 30}, modelFile="a.gguf")
    assert counted() == (2, 42)
    _downloaded(api, database, {"a" * 64: 30}, hfRepo="org/another")
    assert counted() == (3, 72), "each repository has blobs of its own"
    api.post("/api/models", HOSTED)
    own = Path(settings.local_path_roots[0]) / "weights"
    own.parent.mkdir()
    own.write_bytes(b"x")
    api.post("/api/models", {"type": "local", "name": "Own", "source": "path", "localPath": str(own)})
    assert counted() == (4, 72), "a path of one's own is a model, but not in the cache"
    assert api.delete(f"/api/models/{whole}").status_code == 204
    assert counted() == (3, 60)


def test_the_storage_wants_a_caller(api: Api) -> None:
    assert api.get("/api/storage", token=None).status_code == 401


def _scan(database: Database, sizes: dict[str, int], path: str = "/cache") -> None:
    """As a worker's scan leaves it."""
    seen = [
        {
            "repo": repo,
            "size_bytes": size,
            "file_count": 1,
            "revisions": [],
            "blobs": {},
            "modified_at": None,
            "accessed_at": None,
            "folders": {"": 1},
        }
        for repo, size in sizes.items()
    ]
    with database.session() as session:
        began = storage.clock(session)
        storage.keep_scan(session, path, began=began, changed=seen, gone=[], half_files=[])


def test_what_no_model_of_the_register_has_is_told_apart(api: Api, database: Database) -> None:
    _look(database)
    _downloaded(api, database, {"a": 100, "b": 20}, hfRepo="org/ours")
    _scan(database, {"org/ours": 130, "org/theirs": 1000})
    answer = api.get("/api/storage").json
    assert answer["cache"] == {
        "totalBytes": 1130,
        "managedBytes": 120,
        "unmanagedBytes": 1010,
        "unmanagedRepoCount": 1,
        "partialBytes": 7,
    }
    assert answer["scannedAt"] >= answer["seenAt"]


def test_files_that_an_update_has_replaced_are_managed_too(api: Api, database: Database) -> None:
    _look(database)
    model_id = _downloaded(api, database, {"a": 100, "both": 5}, hfRepo="org/ours")
    files = [{"path": oid, "size": size, "oid": oid} for oid, size in (("old", 30), ("both", 5))]
    with database.session() as session:
        former = {"commit": "d" * 40, "manifest": {"commit": "d" * 40, "files": files}}
        session.get(Model, model_id).former = former
    assert api.get("/api/storage").json["cache"]["managedBytes"] == 135


def test_the_quota_is_told(settings: Settings, redis: Any) -> None:
    app = create_app(settings.model_copy(update={"cache_quota_bytes": 5000}))
    assert Api(app.test_client()).get("/api/storage").json["quotaBytes"] == 5000
    app.extensions["weighbridge"].database.dispose()


def test_refreshing_waits_for_a_scan_that_began_afterwards(api: Api, database: Database) -> None:
    _look(database)
    _scan(database, {"org/old": 1})

    def scan_when_asked() -> None:
        asked = False
        while not asked:
            with database.session() as session:
                asked = storage.is_scan_wanted(session, "/cache")
        _scan(database, {"org/new": 2})

    worker = threading.Thread(target=scan_when_asked)
    worker.start()
    answer = api.get("/api/storage?refresh=true").json
    worker.join()
    assert answer["cache"]["totalBytes"] == 3
    with database.session() as session:
        assert not storage.is_scan_wanted(session, "/cache")


def test_without_a_worker_the_old_scan_is_shown_after_a_while(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.get("/api/storage?refresh=true").json["scannedAt"] is None
    monkeypatch.setattr(storage_routes, "WAIT_SECONDS", 0.2)
    _look(database)
    _scan(database, {"org/old": 1})
    before = api.get("/api/storage").json["scannedAt"]
    assert api.get("/api/storage?refresh=true").json["scannedAt"] == before
    with database.session() as session:
        assert storage.is_scan_wanted(session, "/cache")
