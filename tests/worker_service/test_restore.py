"""An older dump of the database beside a newer volume: what is there is found, what is gone is told, and
nothing goes by itself. By the steps of docs/operations.md, with Postgres's own programs."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import func, select, text, update

from deploy.local import postgres
from shared import adoption, operations, storage
from shared.broker import celery_options
from shared.registry import Limits
from shared.settings import Settings
from shared.tables import CachedRepo, Operation, OperationKind, OperationStatus
from tests.conftest import ROOT, Servers, make_settings
from tests.hub_server import HubServer
from tests.worker_service.workbench import Workbench, workbench
from worker_service.deletes import run_delete
from worker_service.sweeper import Sweeper, mark_missing, take_back
from worker_service.transfer.publish import repo_folder

FILES = {"model.gguf": b"weights" * 9000, "config.json": b"{}"}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        for name in ("kept", "deleted", "arriving", "registered", "late"):
            # Each has bytes of its own.
            found.add_repo(f"org/{name}", {path: data + name.encode() for path, data in FILES.items()})
        yield found


@pytest.fixture
def before(settings: Settings, hub: HubServer) -> Iterator[Workbench]:
    """The installation when the dump is made, and what it does afterwards."""
    with workbench(settings, hub) as bench:
        yield bench


def _run(program: str, *arguments: str) -> None:
    programs, _libraries = postgres._wheel()
    subprocess.run([str(programs / "bin" / program), *arguments], check=True, capture_output=True)


def _dump(bench: Workbench, file: Path) -> None:
    url = bench.context.settings.database_url
    assert url
    _run("pg_dump", "--format=custom", f"--file={file}", url.get_secret_value())


@contextmanager
def _restored(bench: Workbench, servers: Servers, file: Path, hub: HubServer) -> Iterator[Workbench]:
    """Another database with what the dump holds, on the same volume; Redis has forgotten everything."""
    servers.execute("DROP DATABASE IF EXISTS restored")
    servers.execute("CREATE DATABASE restored")
    url = servers.url_of("restored")
    _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(file))
    bench.context.redis.flushdb()
    settings = bench.context.settings.model_copy(
        update={"database_url": make_settings(DATABASE_URL=url).database_url}
    )
    with workbench(settings, hub) as restored:
        yield restored
    servers.execute("DROP DATABASE restored")


def _away(hub: HubServer) -> None:
    for where in ("api", "file"):
        hub.fault("status", where=where, times=None, status=503)


def _files(bench: Workbench) -> set[str]:
    """Every name on the volume, but for notes of half files."""
    return {
        str(path.relative_to(bench.cache)) for path in bench.cache.glob("models--*/**/*") if not path.is_dir()
    }


def _status(bench: Workbench, model_id: int) -> tuple[str, str | None]:
    model = bench.model(model_id)
    return str(model.download_status), model.error and model.error["code"]


def _one_of_everything(bench: Workbench) -> dict[str, int]:
    """A downloaded model, one that goes later, one whose download is running, and one without any."""
    models = {name: bench.here(name, hf_repo=f"org/{name}") for name in ("kept", "deleted")}
    for name in ("arriving", "registered"):
        models[name] = bench.add(name, hf_repo=f"org/{name}", model_file="model.gguf")
    asked = bench.ask(OperationKind.DOWNLOAD, models["arriving"])
    with bench.context.database.session() as session:
        running = {"status": OperationStatus.RUNNING, "attempt": 1, "worker": "gone"}
        lease = func.now() - timedelta(seconds=1)
        session.execute(update(Operation).where(Operation.id == asked).values(**running, lease_until=lease))
    return models


def _life_goes_on(bench: Workbench, models: dict[str, int]) -> None:
    with bench.context.database.session() as session:
        session.execute(update(Operation).where(Operation.status == "running").values(status="pending"))
        operation_id = session.scalar(select(Operation.id).where(Operation.status == "pending"))
    bench.run(operation_id)
    bench.download(models["registered"])
    bench.here("late", hf_repo="org/late")
    with bench.context.database.session() as session:
        asked, _ = operations.request_delete(session, models["deleted"], requested_by="t", request_id=None)
    run_delete(bench.context, asked.id)


def _sweep(bench: Workbench) -> None:
    app = Celery("restore", set_as_current=True)
    app.conf.update(celery_options(bench.context.settings))
    sweeper = Sweeper(bench.context, app, worker="new@test", queues=["downloads", "control"])
    sweeper.sweep()
    mark_missing(bench.context)
    sweeper.stop()


def test_an_older_dump_beside_a_newer_volume(
    before: Workbench, servers: Servers, hub: HubServer, tmp_path: Path
) -> None:
    models = _one_of_everything(before)
    _dump(before, tmp_path / "weighbridge.dump")
    _life_goes_on(before, models)
    there, served = _files(before), hub.bytes_served()
    with _restored(before, servers, tmp_path / "weighbridge.dump", hub) as after:
        _sweep(after)
        # What is there is Downloaded, and right to the last byte.
        assert _status(after, models["kept"]) == ("Downloaded", None)
        assert after.verify(models["kept"]).result == "intact"
        # What is gone says so, and what to do.
        assert _status(after, models["deleted"]) == ("NotDownloaded", "FILE_NOT_FOUND")
        assert "Start the download again" in (after.model(models["deleted"]).error or {})["remedy"]
        # The worker of the running one is gone; the next attempt finds all bytes here.
        operation = _unfinished(after, models["arriving"])
        assert (operation.status, operation.failures) == ("pending", 1)
        after.run(operation.id)
        assert after.operation(operation.id).bytes_reused == len(FILES["model.gguf"]) + len("arriving")
        assert _status(after, models["arriving"]) == ("Downloaded", None)
        # One that the dump knew as registered only, and a repository that it did not know, are taken over.
        _away(hub)
        for name, file in (("registered", "model.gguf"), ("late", None)):
            model_id = _adopt(after, f"org/{name}", file)
            assert _status(after, model_id) == ("Downloaded", None)
        assert model_id not in models.values()
        assert _files(after) == there, "nothing went, and nothing came"
        assert hub.bytes_served() == served


def _unfinished(bench: Workbench, model_id: int) -> Operation:
    with bench.context.database.session() as session:
        operation = operations.unfinished(session, model_id)
        assert operation is not None
        return operation


def _adopt(bench: Workbench, repo: str, file: str | None) -> int:
    with bench.context.database.session() as session:
        volume = storage.last_look(session)
        assert session.get(CachedRepo, (volume.name if volume else "", repo)), "the scan has found it"
        model, operation = adoption.adopt(
            session,
            {"hf_repo": repo, "model_file": file},
            secrets=bench.context.secrets,
            limits=Limits(),
            requested_by="me",
            request_id=None,
        )
    bench.run(operation.id)
    return model.id


def test_deletes_of_the_dump_can_be_called_off_before_a_worker_starts(
    before: Workbench, servers: Servers, hub: HubServer, tmp_path: Path
) -> None:
    model_id = before.here("kept", hf_repo="org/kept")
    with before.context.database.session() as session:
        asked, _ = operations.request_delete(session, model_id, requested_by="t", request_id=None)
    _dump(before, tmp_path / "weighbridge.dump")
    there = _files(before)
    guide = (ROOT / "docs" / "operations.md").read_text()
    (statement,) = re.findall(r"<!-- call off -->\s*```sql\n(.*?)```", guide, re.DOTALL)
    with _restored(before, servers, tmp_path / "weighbridge.dump", hub) as after:
        with after.context.database.session() as session:
            session.execute(text(statement))
        run_delete(after.context, asked.id)
        assert after.operation(asked.id).status == "canceled"
        assert _status(after, model_id) == ("Downloaded", None)
        assert _files(after) == there


def test_files_that_come_back_make_their_model_downloaded_again_and_are_read(
    before: Workbench, hub: HubServer, tmp_path: Path
) -> None:
    model_id = before.here("kept", hf_repo="org/kept", model_file="model.gguf")
    folder = repo_folder(before.cache, "org/kept")
    folder.rename(tmp_path / "elsewhere")  # the volume is not mounted
    mark_missing(before.context)
    assert _status(before, model_id) == ("NotDownloaded", "FILE_NOT_FOUND")
    assert take_back(before.context) == []
    (tmp_path / "elsewhere").rename(folder)
    _away(hub)
    (nudge,) = take_back(before.context)
    assert take_back(before.context) == [], "once is enough"
    before.run(nudge.operation.id)
    assert _status(before, model_id) == ("Downloaded", None)


def test_files_that_come_back_with_wrong_bytes_are_not_taken_for_right(
    before: Workbench, hub: HubServer, tmp_path: Path
) -> None:
    model_id = before.here("kept", hf_repo="org/kept", model_file="model.gguf")
    folder = repo_folder(before.cache, "org/kept")
    folder.rename(tmp_path / "elsewhere")
    mark_missing(before.context)
    (tmp_path / "elsewhere").rename(folder)
    blob = next(path for path in (folder / "blobs").iterdir() if path.stat().st_size > 100)
    blob.write_bytes(os.urandom(blob.stat().st_size))
    (nudge,) = take_back(before.context)
    served = hub.bytes_served()
    before.run(nudge.operation.id)
    # The same commit's bytes are fetched once more.
    assert _status(before, model_id) == ("Downloaded", None)
    assert hub.bytes_served() - served == len(FILES["model.gguf"]) + len("kept")
