"""A verify finds whatever is wrong, says so at every model that it concerns, and changes nothing else."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, update

from shared import attempts, events, operations, progress, sweep
from shared.errors import ModelNotDownloaded, NotALocalModel, NotFromTheHub, OperationConflict
from shared.integrity import MOST_DAMAGED
from shared.manifests import from_json
from shared.settings import Settings
from shared.tables import Model, ModelSource, Operation, OperationKind
from tests.hub_server import HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service import checksums, lifeline
from worker_service.checksums import Check
from worker_service.transfer import TransferStopped

FILES = {
    "config.json": b"{}",
    "copy.safetensors": b"s" * 70_000,
    "model.safetensors": b"s" * 70_000,
    "other.safetensors": b"o" * 50_000,
    "sub/empty.txt": b"",
}
BYTES = 2 + 70_000 + 50_000


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES)
        yield found


@pytest.fixture
def shop(settings: Settings, redis: Any, hub: HubServer) -> Iterator[Workbench]:
    with workbench(settings, hub) as found:
        yield found


def _damage(shop: Workbench, model_id: int) -> dict[str, str]:
    return {file["path"]: file["problem"] for file in shop.model(model_id).damaged_files or []}


def test_files_that_are_right_are_found_intact(shop: Workbench) -> None:
    model_id = shop.here()
    before = shop.model(model_id).verified_at
    served = shop.hub.bytes_served()
    done = shop.verify(model_id)
    assert (done.status, done.result, done.error) == ("completed", "intact", None)
    assert (done.bytes_done, done.bytes_total, done.files_done, done.files_total) == (BYTES, BYTES, 5, 5)
    model = shop.model(model_id)
    assert before is not None
    assert model.verified_at is not None
    assert model.verified_at > before
    assert (model.downloaded, model.download_status, model.damaged_files) == (True, "Downloaded", None)
    assert shop.hub.bytes_served() == served, "nothing is fetched"


def test_two_names_of_one_blob_are_hashed_once(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id, hashed = shop.here(), []
    real = checksums.hasher
    monkeypatch.setattr(checksums, "hasher", lambda oid, size: hashed.append(oid) or real(oid, size=size))
    shop.verify(model_id)
    assert len(hashed) == len(set(hashed)) == 4


@pytest.mark.parametrize("path", ["config.json", "other.safetensors"])
@pytest.mark.parametrize("size", ["same", "short", "long"])
def test_wrong_bytes_are_found_whatever_checksum_the_hub_has(shop: Workbench, path: str, size: str) -> None:
    model_id = shop.here()
    shop.flip(model_id, path, at=-1)
    blob = shop.blob(model_id, path)
    data = blob.read_bytes()
    blob.write_bytes({"same": data, "short": data[:-1], "long": data + b"x"}[size])
    done = shop.verify(model_id)
    assert (done.status, done.result, done.error) == ("completed", "damaged", None)
    assert (done.bytes_done, done.bytes_total) == (BYTES, BYTES)
    model = shop.model(model_id)
    assert _damage(shop, model_id) == {path: "corrupt"}
    assert (model.downloaded, model.download_status, model.downloaded_at) == (False, "Failed", None)
    assert model.error is not None
    assert model.error["code"] == "CHECKSUM_MISMATCH"
    assert path in model.error["detail"]
    assert blob.exists(), "nothing is removed"


def test_a_blob_or_a_name_that_is_gone_is_missing(shop: Workbench) -> None:
    model_id = shop.here()
    shop.blob(model_id, "other.safetensors").unlink()
    shop.name(model_id, "copy.safetensors").unlink()
    assert shop.verify(model_id).result == "damaged"
    assert _damage(shop, model_id) == {"other.safetensors": "missing", "copy.safetensors": "missing"}
    error = shop.model(model_id).error
    assert error is not None
    assert error["code"] == "FILE_NOT_FOUND"


def test_a_name_that_is_gone_before_a_corrupt_blob_is_corrupt(shop: Workbench) -> None:
    """Else a repair would only link it again."""
    model_id = shop.here()
    shop.flip(model_id, "other.safetensors")
    shop.name(model_id, "other.safetensors").unlink()
    shop.verify(model_id)
    assert _damage(shop, model_id) == {"other.safetensors": "corrupt"}


def test_a_whole_volume_that_is_gone_is_missing(shop: Workbench) -> None:
    model_id = shop.here()
    shop.cache.rename(shop.cache.with_name("elsewhere"))
    shop.verify(model_id)
    assert set(_damage(shop, model_id).values()) == {"missing"}
    assert len(_damage(shop, model_id)) == 5


@pytest.mark.parametrize("content", ["right", "wrong"])
def test_a_file_in_the_place_of_a_name_counts_by_its_bytes(shop: Workbench, content: str) -> None:
    """Some clients put the files themselves into the snapshot."""
    model_id = shop.here()
    name, blob = shop.name(model_id, "other.safetensors"), shop.blob(model_id, "other.safetensors")
    name.unlink()
    blob.rename(name)
    if content == "wrong":
        name.write_bytes(b"w" * 50_000)
    done = shop.verify(model_id)
    assert done.result == ("intact" if content == "right" else "damaged")
    assert _damage(shop, model_id) == ({} if content == "right" else {"other.safetensors": "corrupt"})


@pytest.mark.parametrize("planted", ["name", "blob", "snapshot"])
def test_no_link_leads_a_verify_out_of_the_cache(
    shop: Workbench, planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()
    name, blob = shop.name(model_id, "other.safetensors"), shop.blob(model_id, "other.safetensors")
    place = {"name": name, "blob": blob, "snapshot": name.parent}[planted]
    outside = tmp_path / "outside"
    if planted == "snapshot":
        shutil.copytree(place, outside)  # with the right bytes
        shutil.rmtree(place)
    else:
        outside.write_bytes(FILES["other.safetensors"])
        place.unlink()
    place.symlink_to(outside)
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more: opened.append(str(path)) or real(path, *more))
    shop.verify(model_id)
    assert _damage(shop, model_id)["other.safetensors"] == "corrupt"
    assert not [path for path in opened if path.startswith(str(outside))]


def test_neither_a_pipe_nor_a_folder_holds_a_verify_up(shop: Workbench) -> None:
    model_id = shop.here()
    for path, make in (("other.safetensors", os.mkfifo), ("config.json", os.mkdir)):
        shop.blob(model_id, path).unlink()
        make(shop.blob(model_id, path))
    shop.verify(model_id)
    assert _damage(shop, model_id) == {"other.safetensors": "corrupt", "config.json": "corrupt"}


def test_every_model_that_shares_the_damage_is_told_of_it(shop: Workbench) -> None:
    whole = shop.here()
    shares = shop.here("shares", model_file="other.safetensors")
    spared = shop.here("spared", model_file="config.json")
    never = shop.add("never", model_file="model.safetensors")
    shop.flip(whole, "other.safetensors")
    since = events.last_id(shop.context.redis)
    shop.verify(whole)
    assert _damage(shop, shares) == {"other.safetensors": "corrupt"}
    assert (shop.model(shares).download_status, shop.model(shares).downloaded) == ("Failed", False)
    assert shop.model(spared).downloaded
    assert shop.model(never).damaged_files is None
    told = {note.model_id for note in events.since(shop.context.redis, since) if note.type == "model.updated"}
    assert told == {whole, shares}


def test_a_model_of_another_commit_is_told_of_a_shared_blob_and_not_of_a_name(shop: Workbench) -> None:
    old = shop.here()
    shop.hub.add_repo(REPO, FILES | {"config.json": b"{1}"}, "next")
    new = shop.here("new", revision="next")
    shop.name(old, "model.safetensors").unlink()
    shop.flip(old, "other.safetensors")
    shop.verify(old)
    assert _damage(shop, old) == {"model.safetensors": "missing", "other.safetensors": "corrupt"}
    assert _damage(shop, new) == {"other.safetensors": "corrupt"}


def test_a_model_that_another_operation_works_on_is_left_to_the_next_verify(shop: Workbench) -> None:
    whole, busy = shop.here(), shop.here("busy", model_file="other.safetensors")
    waiting = shop.ask(OperationKind.VERIFY, busy)
    shop.flip(whole, "other.safetensors")
    shop.verify(whole)
    assert shop.model(busy).downloaded
    shop.run(waiting)
    assert _damage(shop, busy) == {"other.safetensors": "corrupt"}


def test_a_model_names_no_more_than_so_many_of_its_damaged_files(shop: Workbench) -> None:
    shop.hub.add_repo(REPO, {f"{n}.txt": b"x%d" % n for n in range(MOST_DAMAGED + 5)})
    model_id = shop.here()
    for blob in shop.blob(model_id, "0.txt").parent.iterdir():
        blob.unlink()
    shop.verify(model_id)
    assert len(_damage(shop, model_id)) == MOST_DAMAGED
    error = shop.model(model_id).error
    assert error is not None
    assert f"and {MOST_DAMAGED + 2} more" in error["detail"]


# Asking


def test_only_what_is_downloaded_from_the_hub_can_be_verified(shop: Workbench) -> None:
    def refused(model_id: int, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            shop.ask(OperationKind.VERIFY, model_id)

    never = shop.add()
    refused(never, ModelNotDownloaded)
    with shop.context.database.session() as session:
        session.execute(update(Model).values(source=ModelSource.PATH, downloaded=True, local_path="/x"))
    refused(never, NotFromTheHub)
    with shop.context.database.session() as session:
        gone = {"downloaded": None, "source": None, "provider": "openai"}
        session.execute(update(Model).values(type="hosted-llm", download_status=None, **gone))
    refused(never, NotALocalModel)


def test_one_verify_at_a_time_and_nothing_beside_it(shop: Workbench) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.VERIFY, model_id)
    assert shop.ask(OperationKind.VERIFY, model_id) == asked
    for kind in (OperationKind.UPDATE, OperationKind.DOWNLOAD):
        with pytest.raises(OperationConflict) as refused:
            shop.ask(kind, model_id)
        assert refused.value.facts == {"operation_id": str(asked), "operation": "verify"}


# How it ends early


def test_a_verify_that_is_canceled_says_nothing_of_the_model(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()
    before = shop.model(model_id).verified_at
    shop.flip(model_id, "config.json")
    asked = shop.ask(OperationKind.VERIFY, model_id)
    _while_it_hashes(monkeypatch, lambda: progress.ask_to_cancel(shop.context.redis, asked))
    shop.run(asked)
    assert shop.operation(asked).status == "canceled"
    model = shop.model(model_id)
    assert (model.downloaded, model.download_status, model.verified_at) == (True, "Downloaded", before)


def test_a_pending_verify_is_canceled_at_once(shop: Workbench) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.VERIFY, model_id)
    with shop.context.database.session() as session:
        operations.cancel(session, model_id, purge=True)
    found = shop.operation(asked)
    assert (found.status, found.purge_requested_at) == ("canceled", None)
    assert shop.model(model_id).download_status == "Downloaded"


def test_a_verify_of_a_worker_that_drains_goes_back_to_the_queue(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.VERIFY, model_id)
    drains = threading.Event()
    monkeypatch.setattr(lifeline, "is_cut", drains.is_set)
    _while_it_hashes(monkeypatch, drains.set)
    shop.run(asked)
    assert (shop.operation(asked).status, shop.model(model_id).downloaded) == ("pending", True)
    drains.clear()
    monkeypatch.undo()
    shop.run(asked)
    assert (shop.operation(asked).result, shop.operation(asked).attempt) == ("intact", 2)


def test_a_verify_that_takes_too_long_is_not_begun_anew_for_ever(
    settings: Settings, redis: Any, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workbench(settings, hub, soft_time_limit_seconds=1, max_attempts=2) as hasty:
        model_id = hasty.here()
        asked = hasty.ask(OperationKind.VERIFY, model_id)
        _while_it_hashes(monkeypatch, lambda: None)
        for status in ("pending", "failed"):
            hasty.run(asked)
            found = hasty.operation(asked)
            assert found.status == status
            with hasty.context.database.session() as session:
                session.execute(update(Operation).values(not_before=None))
        assert found.error is not None
        assert "WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS" in found.error["remedy"]
        assert hasty.model(model_id).downloaded


def test_a_verify_whose_worker_died_begins_anew_and_gives_up_in_the_end(shop: Workbench) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.VERIFY, model_id)
    for attempt in (1, 2, 3):
        with shop.context.database.session() as session:
            assert attempts.begin(session, asked, worker="w", lease_seconds=30)
            for bytes_done in (10, 20):  # moved, but no further than the attempt before
                attempts.heartbeat(
                    session,
                    asked,
                    attempt,
                    lease_seconds=30,
                    progress=progress.Progress(bytes_done=bytes_done),
                )
            session.execute(update(Operation).where(Operation.id == asked).values(lease_until=func.now()))
        with shop.context.database.session() as session:
            sweep.sweep(session, max_attempts=3, slack=set)
    found = shop.operation(asked)
    assert (found.status, found.failures) == ("failed", 3)
    assert shop.model(model_id).download_status == "Downloaded"
    assert shop.model(model_id).error is None


def test_a_frozen_worker_that_wakes_marks_nothing(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id, other = shop.here(), shop.here("other", model_file="config.json")
    asked = shop.ask(OperationKind.VERIFY, model_id)
    shop.flip(model_id, "config.json")

    def taken_over() -> None:
        """Meanwhile another attempt has done it, found the file right, and is done."""
        with shop.context.database.session() as session:
            session.execute(update(Operation).where(Operation.id == asked).values(attempt=2))

    real = Check.run
    monkeypatch.setattr(Check, "run", lambda check: (real(check), taken_over())[0])
    shop.run(asked)
    found = shop.operation(asked)
    assert (found.status, found.attempt, found.result) == ("running", 2, None)
    assert shop.model(model_id).downloaded
    assert shop.model(other).downloaded


def test_a_volume_that_can_not_be_read_is_no_damage(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = shop.here()

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Check, "_is_right", refuse)
    done = shop.verify(model_id)
    assert done.status == "failed"
    assert done.error is not None
    assert done.error["code"] == "CACHE_PERMISSION_DENIED"
    assert shop.model(model_id).downloaded


def test_a_disk_that_gives_a_file_back_no_more_is_damage(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()

    def refuse(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Check, "_is_right", refuse)
    shop.verify(model_id)
    assert _damage(shop, model_id)["config.json"] == "corrupt"


def test_a_check_stops_before_the_next_block_and_never_goes_back(shop: Workbench) -> None:
    model = shop.model(shop.here())
    check = Check(shop.cache, from_json(REPO, "main", model.manifest or {}))
    seen = [check.snapshot().bytes_done]
    check.run()
    seen.append(check.snapshot().bytes_done)
    assert seen == [0, BYTES]
    stopped = Check(shop.cache, from_json(REPO, "main", model.manifest or {}))
    stopped.stop()
    with pytest.raises(TransferStopped):
        stopped.run()


def _while_it_hashes(monkeypatch: pytest.MonkeyPatch, do: Any) -> None:
    """Do something once the verify has begun, which then goes on only when it is told to stop."""
    real = Check.run

    def run(check: Check) -> Any:
        do()
        assert check._halt._event.wait(10), "not told to stop"
        return real(check)

    monkeypatch.setattr(Check, "run", run)
