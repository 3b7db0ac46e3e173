"""An update brings another commit beside the present one, switches in one step, and can be taken back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from shared import attempts, events, manifests, operations, progress
from shared.errors import ModelNotDownloaded, OperationConflict, ValidationError
from shared.settings import Settings
from shared.tables import Operation, OperationKind
from tests.hub_server import Fault, HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service import updates
from worker_service.cancels import carry_out_cancel
from worker_service.transfer import Transfer
from worker_service.transfer.publish import repo_folder

OLD = {"config.json": b"{}", "gone.txt": b"gone", "model.safetensors": b"s" * 70_000, "same.bin": b"b" * 900}
NEW = {
    "added.json": b"[1]",
    "config.json": b"{1}",
    "model.safetensors": b"n" * 70_000,
    "same.bin": b"b" * 900,
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, OLD)
        yield found


@pytest.fixture
def shop(settings: Settings, redis: Any, hub: HubServer) -> Iterator[Workbench]:
    with workbench(settings, hub) as found:
        yield found


def _snapshots(shop: Workbench) -> set[str]:
    return {path.name for path in (repo_folder(shop.cache, REPO) / "snapshots").iterdir()}


def _state(shop: Workbench, model_id: int) -> dict[str, Any]:
    """All that an update may not touch before it is done."""
    model = shop.model(model_id)
    names = ("commit_hash", "local_path", "file_size_bytes", "checksum", "manifest", "former", "error")
    more = ("facts", "unsafe_files", "verified_at", "damaged_files", "downloaded", "download_status")
    return {name: getattr(model, name) for name in (*names, *more)}


def test_a_revision_that_has_moved_is_fetched_and_the_model_stands_for_it(shop: Workbench) -> None:
    model_id = shop.here()
    before, served = shop.model(model_id), shop.hub.bytes_served()
    commit = shop.hub.add_repo(REPO, NEW)
    done = shop.update(model_id)
    assert (done.status, done.result, done.error) == ("completed", "updated", None)
    assert shop.hub.bytes_served() - served == 70_000 + 3 + 3, "what is the same is not fetched again"
    assert (done.bytes_reused, done.bytes_total) == (900, 70_906)
    model = shop.model(model_id)
    assert model.commit_hash == commit
    assert model.local_path == str(repo_folder(shop.cache, REPO) / "snapshots" / commit)
    assert model.file_size_bytes == 70_906
    assert model.checksum not in (None, before.checksum)
    assert (model.downloaded, model.download_status, model.error) == (True, "Downloaded", None)
    assert model.verified_at is not None
    assert before.verified_at is not None
    assert model.verified_at > before.verified_at
    assert model.former is not None
    assert model.former["commit"] == before.commit_hash
    assert model.former["manifest"] == before.manifest
    assert model.former["size_bytes"] == before.file_size_bytes
    assert shop.is_whole(model_id, NEW)
    assert not shop.name(model_id, "gone.txt").exists()
    assert shop.ref() == commit
    assert shop.verify(model_id).result == "intact"


def test_what_was_replaced_stays_until_the_next_update(shop: Workbench) -> None:
    model_id = shop.here()
    commits = [shop.model(model_id).commit_hash]
    for number in range(3):
        files = NEW | {"model.safetensors": b"%d" % number * 70_000}
        commits.append(shop.hub.add_repo(REPO, files))
        assert shop.update(model_id).result == "updated"
        assert _snapshots(shop) == {str(commit) for commit in commits[-2:]}
        kept = [shop.model(model_id).manifest, (shop.model(model_id).former or {})["manifest"]]
        blobs = {path.name for path in (repo_folder(shop.cache, REPO) / "blobs").iterdir()}
        assert blobs == manifests.oids(manifest for manifest in kept if manifest)


def test_an_older_commit_that_another_model_stands_for_stays(shop: Workbench) -> None:
    model_id, other = shop.here(), shop.here("other", model_file="model.safetensors")
    for number in range(2):
        shop.hub.add_repo(REPO, NEW | {"model.safetensors": b"%d" % number * 70_000})
        shop.update(model_id)
    assert shop.is_whole(other, {"model.safetensors": OLD["model.safetensors"]})
    assert shop.verify(other).result == "intact"
    assert not shop.name(other, "config.json").exists(), "what only the older commit needed is gone"


def test_a_revision_that_has_not_moved_is_up_to_date_and_nothing_is_touched(shop: Workbench) -> None:
    model_id = shop.here()
    before = _state(shop, model_id)
    done = shop.update(model_id)
    assert (done.status, done.result) == ("completed", "up_to_date")
    assert _state(shop, model_id) == before
    assert shop.update(model_id, commit=before["commit_hash"]).result == "up_to_date"


def test_the_way_back_fetches_nothing_and_does_not_ask_the_hub(
    settings: Settings, redis: Any, hub: HubServer, shop: Workbench
) -> None:
    model_id = shop.here()
    first = shop.model(model_id).commit_hash
    second = hub.add_repo(REPO, NEW)
    shop.update(model_id)
    asked = len(hub.requests)
    for here, there, files in ((first, second, OLD), (second, first, NEW)):
        with workbench(settings, hub, hf_hub_offline=True) as offline:
            assert offline.update(model_id, commit=here).result == "updated"
        model = shop.model(model_id)
        assert model.former is not None
        assert (model.commit_hash, model.former["commit"]) == (here, there)
        assert shop.ref() == here
        assert shop.is_whole(model_id, files)
        assert _snapshots(shop) == {first, second}
    assert len(hub.requests) == asked


def test_the_way_back_fetches_what_is_not_there_any_more_and_looks_at_the_rest(shop: Workbench) -> None:
    model_id = shop.here()
    first = shop.model(model_id).commit_hash
    gone, wrong = shop.blob(model_id, "gone.txt"), shop.blob(model_id, "model.safetensors")
    shop.flip(model_id, "model.safetensors")
    shop.hub.add_repo(REPO, NEW)
    shop.update(model_id)
    gone.unlink()
    assert wrong.exists()
    before = shop.hub.bytes_served()
    assert shop.update(model_id, commit=first).result == "updated"
    assert shop.hub.bytes_served() - before == 70_004
    assert shop.is_whole(model_id, OLD)


def test_a_commit_that_was_looked_at_is_what_comes_though_the_branch_moves_on(shop: Workbench) -> None:
    model_id = shop.here()
    shown = shop.hub.add_repo(REPO, NEW)
    shop.hub.add_repo(REPO, NEW | {"later.txt": b"later"})
    shop.update(model_id, commit=shown)
    assert shop.model(model_id).commit_hash == shown
    assert shop.ref() == shown


def test_one_file_of_a_repository_is_updated_alone(shop: Workbench) -> None:
    model_id = shop.here(model_file="model.safetensors")
    shop.hub.add_repo(REPO, NEW)
    shop.update(model_id)
    model = shop.model(model_id)
    assert model.local_path == str(shop.name(model_id, "model.safetensors"))
    assert shop.is_whole(model_id, {"model.safetensors": NEW["model.safetensors"]})
    assert shop.hub.bytes_served("added.json") == 0


def test_those_who_watch_see_an_update_as_a_download_and_then_the_model(shop: Workbench) -> None:
    model_id = shop.here()
    shop.hub.add_repo(REPO, NEW)
    since = events.last_id(shop.context.redis)
    shop.update(model_id)
    notes = events.since(shop.context.redis, since)
    told = [note.type.value for note in notes if note.model_id is not None]
    assert told == ["download.started", "download.completed", "model.updated"]


# What ends an update early leaves the model as it was


def _faults(shop: Workbench) -> dict[str, Any]:
    return {
        "removed upstream": lambda: shop.hub.add_repo(REPO, {"other.txt": b"x"}),
        "refused": lambda: shop.hub.fault(Fault("status", "model.safetensors", status=403, times=None)),
        "wrong bytes": lambda: shop.hub.fault(Fault("wrong_bytes", "model.safetensors", times=None)),
    }


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("removed upstream", "FILE_NOT_FOUND"),
        ("refused", "GATED_MODEL_NO_TOKEN"),
        ("wrong bytes", "CHECKSUM_MISMATCH"),
    ],
)
def test_an_update_that_fails_leaves_the_model_as_it_was(shop: Workbench, fault: str, code: str) -> None:
    model_id = shop.here(model_file="model.safetensors")
    before, ref = _state(shop, model_id), shop.ref()
    shop.hub.add_repo(REPO, NEW)
    _faults(shop)[fault]()
    failed = shop.update(model_id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error["code"] == code
    assert (_state(shop, model_id), shop.ref()) == (before, ref)
    assert shop.is_whole(model_id, {"model.safetensors": OLD["model.safetensors"]})
    assert shop.verify(model_id).result == "intact"


def test_where_only_safe_formats_are_wanted_a_commit_with_others_is_refused(
    settings: Settings, redis: Any, hub: HubServer
) -> None:
    hub.add_repo(REPO, {"model.safetensors": b"s" * 1000})
    with workbench(settings, hub, safetensors_only=True) as strict:
        model_id = strict.here()
        before, served = _state(strict, model_id), hub.bytes_served()
        hub.add_repo(REPO, {"model.safetensors": b"s" * 1000, "model.bin": b"p" * 1000})
        failed = strict.update(model_id)
        assert failed.error is not None
        assert failed.error["code"] == "UNSAFE_FORMAT"
        assert (_state(strict, model_id), hub.bytes_served()) == (before, served)


def test_an_update_that_is_canceled_leaves_the_model_as_it_was_and_a_purge_only_its_files(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()
    before = _state(shop, model_id)
    old_blobs = {path.name for path in (repo_folder(shop.cache, REPO) / "blobs").iterdir()}
    shop.hub.add_repo(REPO, NEW)
    asked = shop.ask(OperationKind.UPDATE, model_id)
    real = Transfer._publish

    def publish(transfer: Transfer) -> None:
        """All blobs have come; the names are next."""
        with shop.context.database.session() as session:
            operations.cancel(session, model_id, purge=True)
        progress.ask_to_cancel(shop.context.redis, asked)
        while not transfer._is_stopping:
            transfer._halt._event.wait(0.01)
        real(transfer)

    monkeypatch.setattr(Transfer, "_publish", publish)
    shop.run(asked)
    assert shop.operation(asked).status == "canceled"
    assert _state(shop, model_id) == before
    assert len(list((repo_folder(shop.cache, REPO) / "blobs").iterdir())) > len(old_blobs)
    carry_out_cancel(shop.context, asked)
    assert {path.name for path in (repo_folder(shop.cache, REPO) / "blobs").iterdir()} == old_blobs
    assert shop.is_whole(model_id, OLD)


def test_a_frozen_worker_that_wakes_switches_nothing(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = shop.here()
    before = _state(shop, model_id)
    shop.hub.add_repo(REPO, NEW)
    asked = shop.ask(OperationKind.UPDATE, model_id)
    real = Transfer.run

    def run(transfer: Transfer) -> None:
        real(transfer)
        with shop.context.database.session() as session:
            session.execute(update(Operation).where(Operation.id == asked).values(attempt=5))

    monkeypatch.setattr(Transfer, "run", run)
    shop.run(asked)
    assert _state(shop, model_id) == before
    assert (shop.operation(asked).status, shop.operation(asked).result) == ("running", None)


@pytest.mark.parametrize("step", ["after the manifest", "after the files", "before the end is committed"])
def test_an_update_whose_worker_died_is_finished_by_the_next(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The branch moves on meanwhile: what was frozen is what comes."""
    model_id = shop.here()
    before = _state(shop, model_id)
    commit = shop.hub.add_repo(REPO, NEW)
    asked = shop.ask(OperationKind.UPDATE, model_id)
    places: dict[str, tuple[Any, str]] = {
        "after the manifest": (updates, "fetch"),
        "after the files": (updates, "columns_of"),
        "before the end is committed": (attempts, "complete_update"),
    }
    owner, name = places[step]
    real = getattr(owner, name)

    def die(*args: Any, **kwargs: Any) -> None:
        if step == "before the end is committed":
            real(*args, **kwargs)
        raise SystemExit

    monkeypatch.setattr(owner, name, die)
    with pytest.raises(SystemExit):
        shop.run(asked)
    assert _state(shop, model_id) == before
    assert shop.is_whole(model_id, OLD)
    monkeypatch.undo()
    shop.hub.add_repo(REPO, NEW | {"later.txt": b"later"})
    with shop.context.database.session() as session:
        session.execute(update(Operation).where(Operation.id == asked).values(status="pending"))
    served = shop.hub.bytes_served()
    shop.run(asked)
    assert shop.operation(asked).result == "updated"
    assert shop.model(model_id).commit_hash == commit
    assert shop.is_whole(model_id, NEW)
    if step != "after the manifest":
        assert shop.hub.bytes_served() == served


def test_an_update_whose_older_files_can_not_be_removed_is_done_all_the_same(
    shop: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model_id = shop.here()
    shop.hub.add_repo(REPO, NEW)
    shop.update(model_id)
    refs = repo_folder(shop.cache, REPO) / "refs"
    shop.hub.add_repo(REPO, NEW | {"later.txt": b"later"})
    real = attempts.complete_update

    def complete(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        refs.rename(tmp_path / "refs")
        refs.symlink_to(tmp_path / "refs")

    monkeypatch.setattr(attempts, "complete_update", complete)
    assert shop.update(model_id).status == "completed"
    assert len(_snapshots(shop)) == 3


# Asking


def test_an_update_wants_files_that_are_here_and_right(shop: Workbench) -> None:
    model_id = shop.add()
    with pytest.raises(ModelNotDownloaded):
        shop.ask(OperationKind.UPDATE, model_id)
    shop.download(model_id)
    shop.flip(model_id, "config.json")
    shop.verify(model_id)
    with pytest.raises(ModelNotDownloaded):
        shop.ask(OperationKind.UPDATE, model_id)


def test_the_same_update_is_one_and_another_one_waits(shop: Workbench) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.UPDATE, model_id)
    assert shop.ask(OperationKind.UPDATE, model_id) == asked
    with pytest.raises(OperationConflict):
        shop.ask(OperationKind.UPDATE, model_id, commit="a" * 40)
    with pytest.raises(OperationConflict):
        shop.ask(OperationKind.VERIFY, model_id)


def test_a_model_of_one_commit_stays_at_it(shop: Workbench) -> None:
    commit = shop.hub.add_repo(REPO, NEW)
    model_id = shop.here(revision=commit)
    assert shop.update(model_id).result == "up_to_date"
    assert shop.update(model_id, commit=commit).result == "up_to_date"
    with pytest.raises(ValidationError):
        shop.ask(OperationKind.UPDATE, model_id, commit="a" * 40)


def test_a_pending_update_is_canceled_at_once(shop: Workbench) -> None:
    model_id = shop.here()
    asked = shop.ask(OperationKind.UPDATE, model_id)
    with shop.context.database.session() as session:
        operations.cancel(session, model_id, purge=False)
    assert shop.operation(asked).status == "canceled"
    assert shop.model(model_id).download_status == "Downloaded"


def test_a_model_is_none_the_wiser_of_an_update_that_was_never_taken_up(shop: Workbench) -> None:
    model_id = shop.here()
    before = _state(shop, model_id)
    shop.ask(OperationKind.UPDATE, model_id)
    assert _state(shop, model_id) == before
