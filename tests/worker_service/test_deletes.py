"""Deletes beside references and beside downloads of the same repository, in this process on real stores."""

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared import attempts, manifests, operations, references, sweep
from shared.database import Database
from shared.settings import Settings
from shared.tables import (
    DownloadStatus,
    Model,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
    ReferencePolicy,
    Result,
)
from tests.hub_server import HubServer
from tests.stack import wait_for
from worker_service import cache, deletes, holding
from worker_service.cancels import carry_out_cancel
from worker_service.context import Context
from worker_service.deletes import run_delete
from worker_service.downloads import run_download

KB = 1000
REPO = "a/b"
FILES: dict[str, bytes | Path] = {"shared.gguf": os.urandom(90 * KB), "only.gguf": os.urandom(10 * KB)}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES)
        yield found


@pytest.fixture
def context(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Context]:
    told = {"hf_endpoint": hub.url, "disk_reserve_bytes": 0, "lease_seconds": 3}
    found = Context.make(settings.model_copy(update=told))
    yield found
    found.database.dispose()
    found.redis.close()


def _model(database: Database, file: str | None = None) -> int:
    with database.session() as session:
        model = Model(
            name=f"{file} {uuid.uuid4()}",
            type=ModelType.LOCAL,
            source=ModelSource.HUGGINGFACE,
            hf_repo=REPO,
            revision="main",
            model_file=file,
            download_status=DownloadStatus.NOT_DOWNLOADED,
            downloaded=False,
        )
        session.add(model)
        session.flush()
        return model.id


def _ask(database: Database, model_id: int, kind: OperationKind) -> uuid.UUID:
    ask = operations.request_delete if kind is OperationKind.DELETE else operations.request_download
    with database.session() as session:
        return ask(session, model_id, requested_by="test", request_id=None)[0].id


def _download(context: Context, model_id: int) -> uuid.UUID:
    asked = _ask(context.database, model_id, OperationKind.DOWNLOAD)
    run_download(context, asked)
    return asked


def _delete(context: Context, model_id: int) -> Operation:
    asked = _ask(context.database, model_id, OperationKind.DELETE)
    run_delete(context, asked)
    return _row(context.database, asked)


def _row(database: Database, operation_id: uuid.UUID) -> Operation:
    with database.session() as session:
        return operations.get(session, operation_id)


def _find(database: Database, model_id: int) -> Model | None:
    with database.session() as session:
        return session.get(Model, model_id)


def _block(database: Database, model_id: int) -> None:
    with database.session() as session:
        references.put(
            session, model_id, "search", "docs", policy=ReferencePolicy.BLOCK, detail=None, expires_at=None
        )


def _is_whole(context: Context, model_id: int, *files: str) -> bool:
    """Downloaded, and every file has the Hub's bytes."""
    model = _find(context.database, model_id)
    if model is None or not model.downloaded:
        return False
    snapshot = _folder(context) / "snapshots" / str(model.commit_hash)
    return all((snapshot / file).read_bytes() == FILES[file] for file in files)


def _folder(context: Context) -> Path:
    return context.settings.cache_dir / "models--a--b"


def _canceled(context: Context, model_id: int) -> uuid.UUID:
    """A download that was canceled once its blobs were there, and before they had names."""
    asked = _download(context, model_id)
    with context.database.session() as session:
        operations.get(session, asked).status = OperationStatus.CANCELED
        model = session.get_one(Model, model_id)
        model.downloaded, model.download_status = False, DownloadStatus.CANCELED
        model.manifest = None
    shutil.rmtree(_folder(context) / "snapshots")
    (_folder(context) / "snapshots").mkdir()
    return asked


def test_a_delete_tells_what_it_removed_and_how_much(context: Context) -> None:
    whole = _model(context.database)
    _download(context, whole)
    done = _delete(context, whole)
    assert (done.status, done.result, done.bytes_freed) == (
        OperationStatus.COMPLETED,
        Result.REMOVED,
        100 * KB,
    )
    assert not _folder(context).exists()
    assert _find(context.database, whole) is None


def test_what_others_need_is_removed_by_name_and_frees_nothing(context: Context, hub: HubServer) -> None:
    whole, one = _model(context.database), _model(context.database, "shared.gguf")
    _download(context, whole)
    _download(context, one)
    done = _delete(context, one)
    assert (done.result, done.bytes_freed) == (Result.REMOVED, 0)
    assert _is_whole(context, whole, "shared.gguf", "only.gguf")
    assert _delete(context, whole).bytes_freed == 100 * KB


def test_a_file_with_a_name_in_another_repository_is_freed_with_the_last_one(
    context: Context, hub: HubServer
) -> None:
    hub.add_repo("c/d", {"only.gguf": FILES["only.gguf"]})
    whole, other = _model(context.database), _model(context.database, "only.gguf")
    with context.database.session() as session:
        session.get_one(Model, other).hf_repo = "c/d"
    _download(context, whole)
    _download(context, other)
    done = _delete(context, whole)
    assert (done.result, done.bytes_freed) == (Result.REMOVED, 90 * KB)
    done = _delete(context, other)
    assert (done.result, done.bytes_freed) == (Result.REMOVED, 10 * KB)


def test_of_a_model_that_has_nothing_on_the_volume_only_the_row_goes(context: Context) -> None:
    never = _model(context.database)
    done = _delete(context, never)
    assert (done.status, done.result, done.bytes_freed) == (
        OperationStatus.COMPLETED,
        Result.NOT_INSTALLED,
        0,
    )
    assert (done.error, _find(context.database, never)) == (None, None)


def test_files_that_somebody_else_removed_are_no_error(context: Context) -> None:
    whole = _model(context.database)
    _download(context, whole)
    cache.drop_repo(context.settings.cache_dir, REPO)
    done = _delete(context, whole)
    assert (done.status, done.result, done.bytes_freed) == (
        OperationStatus.COMPLETED,
        Result.NOT_INSTALLED,
        0,
    )


def test_a_download_that_did_not_end_leaves_something_to_remove(context: Context) -> None:
    whole = _model(context.database)
    _canceled(context, whole)
    done = _delete(context, whole)
    assert (done.result, done.bytes_freed) == (Result.REMOVED, 100 * KB)
    assert not _folder(context).exists()


def test_the_former_commit_goes_with_the_model(context: Context, hub: HubServer) -> None:
    one = _model(context.database, "only.gguf")
    _download(context, one)
    with context.database.session() as session:
        model = session.get_one(Model, one)
        former = {"commit": model.commit_hash, "manifest": model.manifest, "replaced_at": None}
        model.downloaded, model.download_status = False, DownloadStatus.NOT_DOWNLOADED
    hub.add_repo(REPO, {"only.gguf": os.urandom(20 * KB)})
    _download(context, one)
    with context.database.session() as session:
        session.get_one(Model, one).former = former
    assert len(list((_folder(context) / "snapshots").iterdir())) == 2
    assert _delete(context, one).bytes_freed == 30 * KB
    assert not _folder(context).exists()


def test_a_service_that_needs_the_model_meanwhile_keeps_it_whole(context: Context, hub: HubServer) -> None:
    whole = _model(context.database)
    _download(context, whole)
    asked = _ask(context.database, whole, OperationKind.DELETE)
    _block(context.database, whole)
    run_delete(context, asked)
    failed = _row(context.database, asked)
    assert (failed.status, failed.result, failed.bytes_freed) == (OperationStatus.FAILED, None, None)
    assert failed.error is not None
    assert failed.error["code"] == "MODEL_IN_USE"
    assert failed.error["detail"] == "The model is used by search (docs)."
    assert _is_whole(context, whole, "shared.gguf", "only.gguf")
    model = _find(context.database, whole)
    assert model is not None
    assert (model.download_status, model.error) == (DownloadStatus.DOWNLOADED, None)


def _in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


class _Gate:
    """A function that waits before it begins, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        real = getattr(owner, name)

        def gated(*args: Any, **kwargs: Any) -> Any:
            self.reached.set()
            assert self.let_go.wait(20)
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, gated)


def _waits_for_the_repository(database: Database) -> bool:
    with database.session() as session:
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        return bool(session.scalar(text(waiting)))


def test_a_download_waits_for_a_removal_and_relies_on_nothing_that_goes(
    context: Context, database: Database, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, one = _model(context.database), _model(context.database, "shared.gguf")
    _download(context, whole)
    gate = _Gate(monkeypatch, cache, "remove")  # it has looked at what is needed, and nothing is gone
    delete = _in_thread(lambda: _delete(context, whole))
    assert gate.reached.wait(20)
    download = _in_thread(lambda: _download(context, one))
    wait_for("the download to wait", lambda: _waits_for_the_repository(database))
    gate.let_go.set()
    delete.join()
    download.join()
    assert _is_whole(context, one, "shared.gguf")
    assert hub.bytes_served("shared.gguf") == 180 * KB


def test_a_removal_keeps_what_a_download_has_come_to_rely_on(
    context: Context, database: Database, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, one = _model(context.database), _model(context.database, "shared.gguf")
    _download(context, whole)
    gate = _Gate(monkeypatch, deletes, "_unlink")  # nobody can stop it any more, and it has not looked yet
    delete = _in_thread(lambda: _delete(context, whole))
    assert gate.reached.wait(20)
    _download(context, one)
    gate.let_go.set()
    delete.join()
    assert _is_whole(context, one, "shared.gguf")
    assert hub.bytes_served("shared.gguf") == 90 * KB
    assert not list(_folder(context).glob("snapshots/*/only.gguf"))


@pytest.mark.timeout(300)
def test_deletes_and_downloads_of_a_repository_at_once_never_leave_half_a_model(
    context: Context, hub: HubServer
) -> None:
    for number in range(25):
        whole, one = _model(context.database), _model(context.database, "shared.gguf")
        _download(context, whole)
        barrier = threading.Barrier(2)
        asked = [
            _ask(context.database, whole, OperationKind.DELETE),
            _ask(context.database, one, OperationKind.DOWNLOAD),
        ]

        def at_once(run: Any, operation: uuid.UUID, pause: float, barrier: Any = barrier) -> None:
            barrier.wait()
            time.sleep(pause)
            run(context, operation)

        # The download asks the Hub first: so they meet at every step of the delete in turn.
        threads = [
            _in_thread(lambda at_once=at_once, asked=asked, n=number: at_once(run_delete, asked[0], n / 250)),
            _in_thread(lambda at_once=at_once, asked=asked: at_once(run_download, asked[1], 0)),
        ]
        for thread in threads:
            thread.join()
        assert _row(context.database, asked[0]).status is OperationStatus.COMPLETED
        loaded = _row(context.database, asked[1])
        assert (loaded.status, loaded.attempt, loaded.error) == (OperationStatus.COMPLETED, 1, None)
        assert _find(context.database, whole) is None
        assert _is_whole(context, one, "shared.gguf")
        assert not list(_folder(context).glob("snapshots/*/only.gguf"))
        assert _delete(context, one).status is OperationStatus.COMPLETED
        assert not _folder(context).exists()


def test_a_purge_waits_for_its_turn_and_leaves_what_a_download_relies_on(
    context: Context, database: Database, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, one = _model(context.database), _model(context.database, "shared.gguf")
    asked = _canceled(context, whole)
    with context.database.session() as session:
        operations.cancel(session, whole, purge=True)
    gate = _Gate(monkeypatch, cache, "drop_unfinished")
    purge = _in_thread(lambda: carry_out_cancel(context, asked))
    assert gate.reached.wait(20)
    download = _in_thread(lambda: _download(context, one))
    wait_for("the download to wait", lambda: _waits_for_the_repository(database))
    gate.let_go.set()
    purge.join()
    download.join()
    assert _is_whole(context, one, "shared.gguf")
    assert _row(context.database, asked).purge_requested_at is None


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit


def _lose_the_lease(database: Database) -> None:
    with database.session() as session:
        # No heartbeat comes between the two.
        session.execute(text("update operations set lease_until = now() - interval '1 s'"))
        sweep.sweep(session, max_attempts=9, slack=set)


@pytest.mark.parametrize(
    "step", ["_unlink_snapshot", "_drop_refs", "_drop_blobs", "_drop_folder"], ids=lambda step: step[1:]
)
def test_a_delete_that_died_halfway_tells_the_whole_afterwards(
    context: Context, database: Database, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _model(context.database)
    _download(context, whole)
    asked = _ask(context.database, whole, OperationKind.DELETE)
    real = getattr(cache, step)

    def then_die(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(cache, step, then_die)
        with pytest.raises(SystemExit):
            run_delete(context, asked)
    model = _find(context.database, whole)
    assert model is not None
    assert (model.downloaded, model.download_status) == (False, DownloadStatus.NOT_DOWNLOADED)
    _lose_the_lease(database)
    run_delete(context, asked)
    done = _row(context.database, asked)
    assert (done.attempt, done.result, done.bytes_freed) == (2, Result.REMOVED, 100 * KB)
    assert not _folder(context).exists()


def test_a_delete_that_died_before_the_check_can_still_be_forbidden(
    context: Context, database: Database, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _model(context.database)
    _download(context, whole)
    asked = _ask(context.database, whole, OperationKind.DELETE)
    with monkeypatch.context() as patched:
        patched.setattr(attempts, "files_go", _die)
        with pytest.raises(SystemExit):
            run_delete(context, asked)
    _block(context.database, whole)
    _lose_the_lease(database)
    run_delete(context, asked)
    failed = _row(context.database, asked)
    assert failed.error is not None
    assert failed.error["code"] == "MODEL_IN_USE"
    assert _is_whole(context, whole, "shared.gguf", "only.gguf")


def test_a_removal_that_froze_gives_the_repository_up_and_removes_nothing_when_it_wakes(
    context: Context, database: Database, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, one = _model(context.database), _model(context.database, "shared.gguf")
    _download(context, whole)
    monkeypatch.setattr(holding, "SILENCE", 0)
    gate = _Gate(monkeypatch, cache, "_unlink_snapshot")
    asked = _ask(context.database, whole, OperationKind.DELETE)
    frozen = _in_thread(lambda: run_delete(context, asked))
    assert gate.reached.wait(20)
    # Postgres ends its transaction after a lease, and the download gets its turn.
    _download(context, one)
    assert _is_whole(context, one, "shared.gguf")
    gate.let_go.set()
    frozen.join()
    assert _is_whole(context, one, "shared.gguf")
    again = _row(context.database, asked)
    assert (again.status, again.error and again.error["code"]) == (
        OperationStatus.PENDING,
        "SERVICE_UNAVAILABLE",
    )
    with database.session() as session:
        session.execute(text("update operations set not_before = null"))
    run_delete(context, asked)
    assert _row(context.database, asked).status is OperationStatus.COMPLETED
    assert _is_whole(context, one, "shared.gguf")


def test_a_removal_that_has_lost_its_operation_stops_at_the_next_file(
    context: Context, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _model(context.database)
    _download(context, whole)
    monkeypatch.setattr(holding, "SILENCE", 0)
    gate = _Gate(monkeypatch, cache, "_unlink_snapshot")
    asked = _ask(context.database, whole, OperationKind.DELETE)
    slow = _in_thread(lambda: run_delete(context, asked))
    assert gate.reached.wait(20)
    _lose_the_lease(database)
    gate.let_go.set()
    slow.join()
    assert _row(context.database, asked).status is OperationStatus.PENDING
    assert len(list(_folder(context).glob("snapshots/*/*.gguf"))) == 2


def test_what_a_download_writes_down_while_it_ends_is_not_overlooked(
    context: Context, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It completes between the two looks of `needed_of_repo`: then both of them see it, or the first."""
    one = _model(context.database, "shared.gguf")
    asked = _download(context, one)
    with database.session() as session:
        manifest = session.get_one(Model, one).manifest
        session.get_one(Model, one).downloaded = False
        operation = operations.get(session, asked)
        operation.status, operation.finished_at = OperationStatus.RUNNING, None
    with database.session() as session:
        looks = 0
        real = session.execute

        def look(*args: Any, **kwargs: Any) -> Any:
            nonlocal looks
            looks += 1
            if looks == 2:
                with context.database.session() as other:
                    other.execute(text("update operations set status = 'completed'"))
                    other.execute(text("update models set downloaded = true"))
            return real(*args, **kwargs)

        monkeypatch.setattr(session, "execute", look)
        monkeypatch.setattr(session, "scalars", lambda *args: look(*args).scalars())
        assert manifest in manifests.needed_of_repo(session, REPO, "/cache")
        assert looks == 2
