"""The download of a damaged model is a repair: the same commit, and only what is missing or wrong."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from shared import attempts, operations, registry
from shared.integrity import MOST_DAMAGED
from shared.registry import Limits
from shared.settings import Settings
from shared.tables import Model, Operation, OperationKind
from tests.hub_server import Fault, HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service import cache, downloads
from worker_service.checksums import Check
from worker_service.sweeper import mark_missing
from worker_service.transfer.publish import repo_folder

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"s" * 70_000,
    "other.safetensors": b"o" * 50_000,
}
BYTES = sum(map(len, FILES.values()))


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES)
        yield found


@pytest.fixture
def shop(settings: Settings, redis: Any, hub: HubServer) -> Iterator[Workbench]:
    with workbench(settings, hub) as found:
        yield found


def _served(shop: Workbench) -> dict[str, int]:
    return {path: shop.hub.bytes_served(path) for path in FILES}


def _fetched(shop: Workbench, before: dict[str, int]) -> dict[str, int]:
    """Bytes that the Hub has sent since, of each file that it sent any of."""
    return {path: count - before[path] for path, count in _served(shop).items() if count > before[path]}


def test_a_repair_fetches_what_is_wrong_or_missing_and_nothing_else(shop: Workbench) -> None:
    model_id = shop.here()
    commit = shop.model(model_id).commit_hash
    shop.flip(model_id, "model.safetensors")
    shop.blob(model_id, "config.json").unlink()
    shop.verify(model_id)
    # The branch has moved meanwhile: what the model stands for has not.
    shop.hub.add_repo(REPO, FILES | {"config.json": b"{1}"})
    before = _served(shop)
    done = shop.download(model_id)
    assert (done.status, done.error, done.bytes_reused) == ("completed", None, 50_000)
    assert _fetched(shop, before) == {"model.safetensors": 70_000, "config.json": 2}
    model = shop.model(model_id)
    assert (model.commit_hash, model.downloaded, model.download_status) == (commit, True, "Downloaded")
    assert (model.damaged_files, model.error) == (None, None)
    assert shop.is_whole(model_id, FILES)
    assert shop.ref() == commit
    assert shop.verify(model_id).result == "intact"


def test_names_that_are_missing_are_linked_again_and_nothing_is_fetched(shop: Workbench) -> None:
    model_id = shop.here()
    shop.name(model_id, "model.safetensors").unlink()
    shop.name(model_id, "config.json").unlink()
    shop.verify(model_id)
    before = _served(shop)
    asked = len(shop.hub.requests)
    assert shop.download(model_id).status == "completed"
    assert _fetched(shop, before) == {}
    assert len(shop.hub.requests) == asked, "the Hub is not even asked"
    assert shop.is_whole(model_id, FILES)


def test_a_planted_link_is_replaced_and_what_it_led_to_stays(shop: Workbench, tmp_path: Path) -> None:
    model_id, mine = shop.here(), tmp_path / "mine"
    mine.write_bytes(b"m" * 50_000)
    for path in (shop.name(model_id, "model.safetensors"), shop.blob(model_id, "other.safetensors")):
        path.unlink()
        path.symlink_to(mine)
    shop.verify(model_id)
    assert shop.download(model_id).status == "completed"
    assert shop.is_whole(model_id, FILES)
    assert mine.read_bytes() == b"m" * 50_000
    assert shop.verify(model_id).result == "intact"


def test_the_bar_of_a_repair_begins_with_what_is_right(shop: Workbench) -> None:
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    asked = shop.operation(shop.ask(OperationKind.DOWNLOAD, model_id))
    assert (asked.bytes_done, asked.bytes_total, asked.files_total) == (50_002, BYTES, 3)


def test_what_one_repair_has_mended_another_does_not_fetch_again(shop: Workbench) -> None:
    whole, shares = shop.here(), shop.here("shares", model_file="model.safetensors")
    shop.flip(whole, "model.safetensors")
    shop.verify(whole)
    shop.download(whole)
    before = _served(shop)
    blob = shop.blob(shares, "model.safetensors").lstat().st_ino
    assert shop.download(shares).status == "completed"
    assert _fetched(shop, before) == {}
    assert shop.blob(shares, "model.safetensors").lstat().st_ino == blob


def test_a_repair_that_failed_goes_on_as_a_repair(shop: Workbench) -> None:
    model_id = shop.here()
    commit = shop.model(model_id).commit_hash
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    shop.hub.fault(Fault("status", "model.safetensors", status=403, times=None))
    assert shop.download(model_id).status == "failed"
    model = shop.model(model_id)
    assert (model.download_status, model.damaged_files is None) == ("Failed", False)
    shop.hub.clear_faults()
    shop.hub.add_repo(REPO, {"config.json": b"moved"})
    assert shop.download(model_id).status == "completed"
    assert shop.model(model_id).commit_hash == commit
    assert shop.is_whole(model_id, FILES)


def test_a_repair_of_more_files_than_the_model_names_looks_at_all(shop: Workbench) -> None:
    files = {f"{n}.txt": b"x%d" % n for n in range(MOST_DAMAGED + 3)}
    shop.hub.add_repo(REPO, files)
    model_id = shop.here()
    for path in files:
        shop.flip(model_id, path)
    shop.verify(model_id)
    assert shop.download(model_id).status == "completed"
    assert shop.is_whole(model_id, files)


def test_a_frozen_worker_that_wakes_drops_nothing(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    asked = shop.ask(OperationKind.DOWNLOAD, model_id)
    blob = shop.blob(model_id, "model.safetensors")
    real = Check.wrong_blobs

    def found(check: Check) -> Any:
        wrong = real(check)
        with shop.context.database.session() as session:
            session.execute(update(Operation).where(Operation.id == asked).values(attempt=7))
        return wrong

    monkeypatch.setattr(Check, "wrong_blobs", found)
    shop.run(asked)
    assert blob.exists()
    assert (shop.operation(asked).status, shop.operation(asked).attempt) == ("running", 7)


def test_a_blob_that_was_replaced_since_it_was_looked_at_stays(shop: Workbench) -> None:
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    blob = shop.blob(model_id, "model.safetensors")
    seen = blob.lstat()
    right = blob.with_name("right")
    right.write_bytes(FILES["model.safetensors"])
    right.replace(blob)
    assert cache.drop_wrong_blobs(shop.cache, REPO, {blob.name: seen}) == 0
    assert blob.read_bytes() == FILES["model.safetensors"]
    assert cache.drop_wrong_blobs(shop.cache, REPO, {blob.name: blob.lstat()}) == 70_000
    assert not blob.exists()


def test_what_somebody_changes_between_look_and_removal_is_looked_at_again(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else bytes that are wrong stay, and count as right."""
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    blob = shop.blob(model_id, "model.safetensors")
    real, looks = Check.wrong_blobs, []

    def found(check: Check) -> Any:
        wrong = real(check)
        if not looks:
            blob.chmod(0o600)  # as wrong as before, but not as it was seen
        looks.append(set(wrong))
        return wrong

    monkeypatch.setattr(Check, "wrong_blobs", found)
    assert shop.download(model_id).status == "completed"
    assert looks == [{blob.name}, {blob.name}, set()]
    assert shop.is_whole(model_id, FILES)


def test_blobs_that_another_client_left_are_held_against_their_checksums_first(shop: Workbench) -> None:
    """What a download finds here and nobody vouches for is read before the model counts as verified."""
    first = shop.here()
    shop.flip(first, "model.safetensors")
    with shop.context.database.session() as session:
        session.delete(session.get_one(Model, first))
    before = _served(shop)
    again = shop.here("again")
    assert _fetched(shop, before) == {"model.safetensors": 70_000}
    assert shop.is_whole(again, FILES)
    assert shop.model(again).verified_at is not None


def test_a_repair_needs_no_network_unless_something_is_to_be_fetched(
    settings: Settings, redis: Any, hub: HubServer, shop: Workbench
) -> None:
    model_id = shop.here()
    with workbench(settings, hub, hf_hub_offline=True) as offline:
        shop.name(model_id, "model.safetensors").unlink()
        offline.verify(model_id)
        assert offline.download(model_id).status == "completed"
        shop.blob(model_id, "model.safetensors").unlink()
        offline.verify(model_id)
        before = len(hub.requests)
        refused = offline.download(model_id)
        assert refused.error is not None
        assert refused.error["code"] == "HUB_OFFLINE"
        assert len(hub.requests) == before


def test_files_that_have_vanished_come_again_at_the_same_commit(shop: Workbench) -> None:
    model_id = shop.here()
    commit = shop.model(model_id).commit_hash
    for path in FILES:
        shop.name(model_id, path).unlink()
    mark_missing(shop.context)
    model = shop.model(model_id)
    assert (model.downloaded, model.download_status) == (False, "NotDownloaded")
    assert model.damaged_files == [{"path": path, "problem": "missing"} for path in sorted(FILES)]
    shop.hub.add_repo(REPO, {"config.json": b"moved"})
    assert shop.download(model_id).status == "completed"
    assert shop.model(model_id).commit_hash == commit
    assert shop.is_whole(model_id, FILES)


def test_a_damaged_model_that_is_to_be_another_one_is_no_longer_repaired(shop: Workbench) -> None:
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    moved = shop.hub.add_repo(REPO, {"config.json": b"next"}, "next")
    with shop.context.database.session() as session:
        registry.change(
            session, model_id, {"revision": "next"}, secrets=shop.context.secrets, limits=Limits()
        )
    assert shop.model(model_id).damaged_files is None
    assert shop.download(model_id).status == "completed"
    assert shop.model(model_id).commit_hash == moved


def test_a_repair_takes_safe_formats_only_where_that_is_wanted(
    settings: Settings, redis: Any, hub: HubServer, shop: Workbench
) -> None:
    hub.add_repo(REPO, {"model.bin": b"p" * 1000})
    model_id = shop.here()
    shop.flip(model_id, "model.bin")
    shop.verify(model_id)
    with workbench(settings, hub, safetensors_only=True) as strict:
        refused = strict.download(model_id)
    assert refused.error is not None
    assert refused.error["code"] == "UNSAFE_FORMAT"


def test_a_look_at_what_is_here_forgives_no_failures(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a file that kills its worker would do so for ever: each attempt would look again first."""
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    asked = shop.ask(OperationKind.DOWNLOAD, model_id)
    told: list[int] = []
    beaten = threading.Event()
    real_beat, real_look = attempts.heartbeat, Check.wrong_blobs

    def beat(*args: Any, **kwargs: Any) -> bool:
        told.append(kwargs["progress"].bytes_done)
        beaten.set()
        return real_beat(*args, **kwargs)

    def look(check: Check) -> Any:
        assert beaten.wait(10)
        return real_look(check)

    monkeypatch.setattr(attempts, "heartbeat", beat)
    monkeypatch.setattr(downloads.Check, "wrong_blobs", look)
    shop.run(asked)
    assert told[0] == 50_002, "never less than what is in the row"


def test_a_canceled_repair_leaves_the_model_damaged(shop: Workbench) -> None:
    model_id = shop.here()
    shop.flip(model_id, "model.safetensors")
    shop.verify(model_id)
    shop.ask(OperationKind.DOWNLOAD, model_id)
    with shop.context.database.session() as session:
        operations.cancel(session, model_id, purge=False)
    model = shop.model(model_id)
    assert (model.download_status, model.damaged_files is None) == ("Canceled", False)


def _elsewhere(shop: Workbench, repo: str) -> int:
    """A model of another repository with the same files, linked to those of the first."""
    shop.hub.add_repo(repo, FILES)
    return shop.here(repo, hf_repo=repo)


def _inode(shop: Workbench, repo: str, model_id: int, path: str) -> int:
    return (repo_folder(shop.cache, repo) / "blobs" / shop.blob(model_id, path).name).stat().st_ino


def _same(shop: Workbench, model_id: int, *repos: str) -> bool:
    return len({_inode(shop, repo, model_id, "model.safetensors") for repo in repos}) == 1


def test_what_a_model_of_another_repository_has_is_linked_and_counted(shop: Workbench) -> None:
    first = shop.here()
    shop.hub.add_repo("c/d", FILES)
    second = shop.add("second", hf_repo="c/d")
    before = shop.hub.bytes_served("*.safetensors")
    done = shop.download(second)
    assert (done.status, done.bytes_reused, done.bytes_done) == ("completed", BYTES - 2, BYTES)
    assert shop.hub.bytes_served("*.safetensors") == before
    assert _same(shop, first, REPO, "c/d")
    assert shop.verify(second).result == "intact"


def test_a_repair_does_not_link_the_same_wrong_bytes_again(shop: Workbench) -> None:
    first = shop.here()
    _elsewhere(shop, "c/d")
    shop.flip(first, "model.safetensors")
    assert shop.verify(first).result == "damaged"
    before = _served(shop)
    assert shop.download(first).status == "completed"
    assert _fetched(shop, before) == {"model.safetensors": 70_000}
    assert shop.is_whole(first, FILES)
    # The other repository keeps what it has, until it is verified itself.
    assert not _same(shop, first, REPO, "c/d")


def test_a_repair_links_what_is_right_elsewhere(shop: Workbench) -> None:
    first = shop.here()
    _elsewhere(shop, "c/d")
    shop.blob(first, "model.safetensors").unlink()
    assert shop.verify(first).result == "damaged"
    before = _served(shop)
    assert shop.download(first).bytes_reused == BYTES
    assert _fetched(shop, before) == {}
    assert _same(shop, first, REPO, "c/d")


def test_what_is_known_to_be_damaged_anywhere_is_read_before_it_is_linked(shop: Workbench) -> None:
    first = shop.here()
    _elsewhere(shop, "c/d")
    shop.flip(first, "model.safetensors")
    shop.verify(first)
    before = _served(shop)
    third = _elsewhere(shop, "e/f")
    assert _fetched(shop, before) == {"model.safetensors": 70_000, "config.json": 2}
    assert shop.verify(third).result == "intact"
    assert _same(shop, first, REPO, "c/d")
    assert not _same(shop, first, REPO, "e/f")
