import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, update

from shared import attempts, operations, progress, storage
from shared.database import Database
from shared.progress import Progress
from shared.settings import Settings
from shared.storage import Look
from shared.tables import Operation, Volume
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
        attempts.complete_download(session, operation_id, 1, progress=Progress(), facts=facts)
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
        "scannedAt": None,
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
    age = datetime.now().astimezone() - datetime.fromisoformat(found["scannedAt"])
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
