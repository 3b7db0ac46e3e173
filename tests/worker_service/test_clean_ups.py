"""A clean-up removes what its plan names, as far as that still holds when its turn comes."""

import os
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import clean_up, operations, storage
from shared.clean_up_items import Item, ItemKind
from shared.settings import Settings
from shared.tables import (
    CachedRepo,
    DownloadStatus,
    Model,
    ModelReference,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
    ReferencePolicy,
    Result,
)
from shared.usage import Defaults
from tests.conftest import make_settings
from worker_service.clean_ups import evict, run_clean_up
from worker_service.context import Context
from worker_service.transfer.partial import Partial, partials_folder
from worker_service.volume import note_volume, scan_volume

ONE, TWO = "1" * 40, "2" * 40
LONG_AGO = time.time() - 90 * 86_400


def _oid(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


def _publish(context: Context, repo: str, commit: str, *names: str, ref: str | None = None) -> dict[str, Any]:
    """Files of 100 bytes in the cache, as long ago, and their manifest."""
    folder = context.settings.cache_dir / f"models--{repo.replace('/', '--')}"
    for name in names:
        blob = folder / "blobs" / _oid(name)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"x" * 100)
        os.utime(blob, (LONG_AGO, LONG_AGO))
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../blobs/{_oid(name)}")
    if ref:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    files = [{"path": name, "size": 100, "oid": _oid(name), "is_lfs": True} for name in names]
    return {"commit": commit, "files": files}


def _model(context: Context, repo: str, manifest: dict[str, Any], **columns: Any) -> int:
    values = {
        "name": f"model {uuid.uuid4()}",
        "type": ModelType.LOCAL,
        "source": ModelSource.HUGGINGFACE,
        "hf_repo": repo,
        "revision": "main",
        "model_file": str(uuid.uuid4()),
        "downloaded": True,
        "download_status": DownloadStatus.DOWNLOADED,
        "commit_hash": manifest["commit"],
        "manifest": manifest,
    }
    with context.database.session() as session:
        model = Model(**(values | columns))
        session.add(model)
    return model.id


def _look(context: Context) -> None:
    context.settings.cache_dir.mkdir(parents=True, exist_ok=True)
    note_volume(context)
    scan_volume(context)


def _ask(context: Context, *ids: str, unused: timedelta = timedelta(0)) -> uuid.UUID:
    """The operation that removes these items of the plan, or all of them."""
    _look(context)
    with context.database.session() as session:
        found = clean_up.plan(session, unused=unused, quota_bytes=None, defaults=Defaults())
        chosen = clean_up.choose(found, ids or [item.id for item in found.items], confirmed=True)
        return clean_up.request(session, chosen, requested_by="me", request_id=None).id


def _run(context: Context, operation_id: uuid.UUID) -> Operation:
    run_clean_up(context, operation_id)
    with context.database.session() as session:
        return operations.get(session, operation_id)


def _there(context: Context) -> set[str]:
    """The files of the cache that have bytes, by repository and name of the blob's first letter."""
    return {
        f"{path.parent.parent.name.removeprefix('models--')}:{bytes.fromhex(path.name.rstrip('0')).decode()}"
        for path in context.settings.cache_dir.glob("models--*/blobs/*")
    }


def test_an_unused_model_loses_its_files_and_stays_registered(context: Context) -> None:
    model_id = _model(context, "org/a", _publish(context, "org/a", ONE, "a", "b"))
    kept = _model(context, "org/b", _publish(context, "org/b", ONE, "c"))
    operation = _run(context, _ask(context, f"model:{model_id}"))
    assert (operation.status, operation.result) == (OperationStatus.COMPLETED, Result.REMOVED)
    assert (operation.bytes_freed, operation.files_done, operation.bytes_done) == (200, 1, 200)
    assert _there(context) == {"org--b:c"}
    with context.database.session() as session:
        model = session.get(Model, model_id)
        assert (model.downloaded, model.download_status) == (False, DownloadStatus.NOT_DOWNLOADED)
        assert session.get(Model, kept).downloaded
        # The rows of the scan say so at once.
        assert session.get(CachedRepo, (str(context.settings.cache_dir), "org/a")) is None


def test_a_model_that_has_come_to_another_volume_since_the_plan_stays(context: Context) -> None:
    context = replace(context, settings=context.settings.model_copy(update={"volume": "one"}))
    manifest = _publish(context, "org/a", ONE, "a", "b")
    model_id = _model(context, "org/a", manifest, volume="one")
    asked = _ask(context, f"one:model:{model_id}")
    with context.database.session() as session:
        session.get_one(Model, model_id).volume = "two"
    operation = _run(context, asked)
    assert (operation.status, operation.result) == (OperationStatus.COMPLETED, Result.NOT_INSTALLED)
    with context.database.session() as session:
        assert session.get_one(Model, model_id).downloaded


def test_a_clean_up_is_carried_out_on_its_volume_only(context: Context) -> None:
    one, two = (
        replace(context, settings=context.settings.model_copy(update={"volume": name}))
        for name in ("one", "two")
    )
    model_id = _model(one, "org/a", _publish(one, "org/a", ONE, "a"), volume="one")
    asked = _ask(one, f"one:model:{model_id}")
    assert _run(two, asked).status is OperationStatus.PENDING
    assert _there(one) == {"org--a:a"}
    assert _run(one, asked).result is Result.REMOVED
    with context.database.session() as session:
        model = session.get_one(Model, model_id)
        assert (model.downloaded, model.volume) == (False, None)


def test_files_that_another_model_shares_stay(context: Context) -> None:
    own = _publish(context, "org/a", ONE, "a", "shared")
    model_id = _model(context, "org/a", own)
    _model(context, "org/a", _publish_again(own, "shared"))
    operation = _run(context, _ask(context, f"model:{model_id}"))
    assert operation.bytes_freed == 100
    assert _there(context) == {"org--a:shared"}


def _publish_again(manifest: dict[str, Any], *names: str) -> dict[str, Any]:
    return manifest | {"files": [file for file in manifest["files"] if file["path"] in names]}


@pytest.mark.parametrize("meanwhile", ["pinned", "blocked", "downloading", "gone"])
def test_a_model_that_is_wanted_by_then_stays(context: Context, meanwhile: str) -> None:
    model_id = _model(context, "org/a", _publish(context, "org/a", ONE, "a"))
    operation_id = _ask(context, f"model:{model_id}")
    with context.database.session() as session:
        model = session.get(Model, model_id)
        if meanwhile == "pinned":
            model.is_pinned = True
        elif meanwhile == "blocked":
            policy = ReferencePolicy.BLOCK
            session.add(ModelReference(model_id=model_id, consumer="c", name="n", policy=policy))
        elif meanwhile == "downloading":
            session.add(Operation(model_id=model_id, kind=OperationKind.DOWNLOAD))
        else:
            session.delete(model)
    operation = _run(context, operation_id)
    assert (operation.status, operation.result) == (OperationStatus.COMPLETED, Result.NOT_INSTALLED)
    assert operation.bytes_freed == 0
    assert _there(context) == {"org--a:a"}
    with context.database.session() as session:
        left = session.get(Model, model_id)
        assert left is None or left.downloaded


def test_an_old_commit_goes_and_what_others_name_stays(context: Context) -> None:
    _publish(context, "org/a", TWO, "old", "both")
    _model(context, "org/a", _publish(context, "org/a", ONE, "new"), is_pinned=True)
    folder = context.settings.cache_dir / "models--org--a"
    (folder / "snapshots" / ONE / "both").symlink_to(f"../../blobs/{_oid('both')}")
    operation = _run(context, _ask(context, f"revision:org/a@{TWO}"))
    assert operation.bytes_freed == 100
    assert _there(context) == {"org--a:new", "org--a:both"}
    assert [path.name for path in (folder / "snapshots").iterdir()] == [ONE]


def test_dropping_what_an_update_replaced_ends_the_way_back(context: Context) -> None:
    former = _publish(context, "org/a", TWO, "old")
    model_id = _model(
        context,
        "org/a",
        _publish(context, "org/a", ONE, "new"),
        is_pinned=True,
        former={"commit": TWO, "manifest": former, "replaced_at": "2026-01-01T00:00:00Z"},
    )
    operation = _run(context, _ask(context, f"revision:org/a@{TWO}"))
    assert operation.bytes_freed == 100
    assert _there(context) == {"org--a:new"}
    with context.database.session() as session:
        assert session.get(Model, model_id).former is None


def test_a_commit_that_a_model_stands_for_by_then_stays(context: Context) -> None:
    manifest = _publish(context, "org/a", TWO, "old")
    operation_id = _ask(context, f"revision:org/a@{TWO}", "repo:org/a")
    _model(context, "org/a", manifest)
    assert _run(context, operation_id).bytes_freed == 0
    assert _there(context) == {"org--a:old"}


def test_a_repository_that_no_model_has_goes_whole(context: Context) -> None:
    _publish(context, "org/a", ONE, "a", ref="main")
    (context.settings.cache_dir / ".locks" / "models--org--a").mkdir(parents=True)
    operation = _run(context, _ask(context))
    assert operation.bytes_freed == 100
    assert not list(context.settings.cache_dir.glob("**/models--org--a"))


def test_what_is_linked_is_removed_and_frees_nothing_until_its_last_name_goes(context: Context) -> None:
    _publish(context, "org/a", ONE, "a")
    _publish(context, "org/b", ONE, "a")
    root = context.settings.cache_dir
    blob, same = (root / f"models--org--{name}" / "blobs" / _oid("a") for name in ("a", "b"))
    same.unlink()
    same.hardlink_to(blob)
    first = _run(context, _ask(context, "repo:org/a"))
    assert (first.result, first.bytes_freed, first.bytes_total) == (Result.REMOVED, 0, 0)
    assert _there(context) == {"org--b:a"}
    second = _run(context, _ask(context, "repo:org/b"))
    assert (second.result, second.bytes_freed, second.bytes_total) == (Result.REMOVED, 100, 100)


def test_a_repository_that_a_download_is_about_to_use_stays(context: Context) -> None:
    manifest = _publish(context, "org/a", ONE, "a", ref="main")
    operation_id = _ask(context)
    model_id = _model(context, "org/a", manifest, downloaded=False)
    with context.database.session() as session:
        session.add(Operation(model_id=model_id, kind=OperationKind.DOWNLOAD))
    assert _run(context, operation_id).bytes_freed == 0
    assert _there(context) == {"org--a:a"}


def _half_file(context: Context, oid: str) -> None:
    folder = partials_folder(context.settings.cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    partial = Partial(folder, oid, size=1 << 20)
    partial.write(0, memoryview(bytes(1000)))
    partial.close()


def test_half_files_of_ended_downloads_go_and_those_of_others_stay(context: Context) -> None:
    wanted, ended, nobodys = "a" * 64, "b" * 64, "c" * 64
    for oid in (wanted, ended, nobodys):
        _half_file(context, oid)
    files = {"path": "x", "size": 1 << 20, "is_lfs": True}
    for oid, status in ((wanted, OperationStatus.PENDING), (ended, OperationStatus.CANCELED)):
        manifest = {"commit": ONE, "files": [files | {"oid": oid}]}
        model_id = _model(context, f"org/{oid[0]}", manifest, downloaded=False)
        with context.database.session() as session:
            session.add(
                Operation(model_id=model_id, kind=OperationKind.DOWNLOAD, status=status, manifest=manifest)
            )
    operation = _run(context, _ask(context))
    assert operation.bytes_freed >= 2 << 20
    left = {path.stem for path in partials_folder(context.settings.cache_dir).glob("*.part")}
    assert left == {wanted}


def test_a_clean_up_that_was_killed_goes_on_where_it_was(context: Context) -> None:
    model_id = _model(context, "org/a", _publish(context, "org/a", ONE, "a"))
    _publish(context, "org/b", ONE, "b")
    operation_id = _ask(context, f"model:{model_id}", "repo:org/b")
    with context.database.session() as session:
        # As a killed worker leaves it: the model has let go, its files are still there.
        model = session.get(Model, model_id)
        model.downloaded, model.download_status = False, DownloadStatus.NOT_DOWNLOADED
    operation = _run(context, operation_id)
    assert (operation.status, operation.bytes_freed) == (OperationStatus.COMPLETED, 200)
    assert _there(context) == set()


def test_a_cache_that_can_not_be_changed_fails_the_clean_up(context: Context, tmp_path: Path) -> None:
    _publish(context, "org/a", ONE, "a")
    operation_id = _ask(context)
    trash = context.settings.cache_dir / ".weighbridge"
    trash.mkdir(exist_ok=True)
    (trash / "trash").symlink_to(tmp_path)
    operation = _run(context, operation_id)
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "CACHE_PERMISSION_DENIED")
    assert _there(context) == {"org--a:a"}


def test_a_wish_to_cancel_ends_it_between_two_items(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(context, "org/a", ONE, "a")
    operation_id = _ask(context)
    with context.database.session() as session:
        session.get(Operation, operation_id).status = OperationStatus.CANCELED
    assert _run(context, operation_id).status is OperationStatus.CANCELED
    assert _there(context) == {"org--a:a"}


def test_the_quota_is_carried_out_only_where_the_operator_wants_that(settings: Settings) -> None:
    for wanted in ("0", "1"):
        values = {"WEIGHBRIDGE_CACHE_QUOTA_BYTES": "150", "WEIGHBRIDGE_CACHE_EVICT": wanted}
        context = Context.make(settings.model_copy(update=_parsed(**values)))
        if not list(context.settings.cache_dir.glob("*")):
            for name in ("a", "b"):
                _model(context, f"org/{name}", _publish(context, f"org/{name}", ONE, name))
        _look(context)
        nudge = evict(context)
        assert (nudge is not None) == (wanted == "1")
        if nudge is not None and nudge.operation is not None:
            operation = _run(context, nudge.operation.id)
            assert (operation.bytes_freed, operation.requested_by) == (100, "quota")
            assert len(_there(context)) == 1
            assert evict(context) is None
        context.database.dispose()
        context.redis.close()


def _parsed(**values: str) -> dict[str, Any]:
    made = make_settings(**values)
    return {"cache_quota_bytes": made.cache_quota_bytes, "cache_evict": made.cache_evict}


def test_an_item_says_what_is_to_go_and_nothing_that_a_row_can_not_keep() -> None:
    item = Item(
        id="partial:others",
        kind=ItemKind.PARTIAL,
        repo=None,
        bytes=1,
        reason="r",
        suggested=True,
        blobs=("a" * 64,),
    )
    assert item.as_json() == {
        "id": "partial:others",
        "kind": "partial",
        "repo": None,
        "commit_hash": None,
        "model_id": None,
        "blobs": ("a" * 64,),
        "bytes": 1,
    }


def test_scanners_of_one_volume_keep_the_newest_look(context: Context) -> None:
    _publish(context, "org/a", ONE, "a")
    _look(context)
    with context.database.session() as session:
        volume = storage.last_look(session)
        assert volume is not None
        assert (volume.cache_bytes, volume.half_files) == (100, [])
        asked = storage.request_scan(session)
    with context.database.session() as session:
        assert storage.is_scan_wanted(session, str(context.settings.cache_dir))
    scan_volume(context)
    with context.database.session() as session:
        assert not storage.is_scan_wanted(session, str(context.settings.cache_dir))
        newest = storage.last_look(session)
        assert newest is not None
        assert newest.scanned_at >= asked[newest.name]
