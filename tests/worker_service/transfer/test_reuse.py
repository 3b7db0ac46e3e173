"""What another repository of the cache has is linked or copied, and never taken on somebody's word alone."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InsufficientDisk
from shared.manifests import Manifest
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Background, Workshop, some_bytes
from worker_service.transfer import Transfer, TransferStopped
from worker_service.transfer.partial import Partial, half_files, partials_folder
from worker_service.transfer.publish import repo_folder

OTHER = "somebody/else"
FILE = "model.safetensors"
CONTENT = some_bytes(2 * PIECE + 7)
WRONG = b"\1" + CONTENT[1:]


@pytest.fixture(autouse=True)
def _repos(hub: HubServer) -> None:
    hub.add_repo(REPO, {FILE: CONTENT, "config.json": b"{}"})
    hub.add_repo(OTHER, {FILE: CONTENT, "config.json": b"{}"})


@pytest.fixture
def manifest(shop: Workshop) -> Manifest:
    return shop.manifest(model_file=FILE)


@pytest.fixture
def oid(manifest: Manifest) -> str:
    return manifest.files[0].oid


def _blob(shop: Workshop, repo: str, oid: str) -> Path:
    return repo_folder(shop.cache, repo) / "blobs" / oid


def _plant(shop: Workshop, oid: str, content: bytes = CONTENT) -> Path:
    """A blob of the other repository."""
    blob = _blob(shop, OTHER, oid)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content)
    return blob


def _served(hub: HubServer, repo: str = REPO) -> int:
    return hub.bytes_served(f"{repo}/{FILE}")


def _can_not_link(monkeypatch: pytest.MonkeyPatch, number: int = errno.EXDEV) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)


def test_what_another_repository_has_is_linked_and_not_fetched(hub: HubServer, shop: Workshop) -> None:
    shop.fetch(shop.manifest(repo=OTHER))
    manifest = shop.manifest()
    snapshot = shop.fetch(manifest).snapshot()
    assert (_served(hub), _served(hub, OTHER)) == (0, len(CONTENT))
    assert snapshot.bytes_reused == len(CONTENT)
    assert (snapshot.bytes_done, snapshot.files_done) == (len(CONTENT) + 2, 2)
    assert shop.content(manifest, FILE) == CONTENT
    oid = next(file.oid for file in manifest.files if file.path == FILE)
    assert _blob(shop, REPO, oid).samefile(_blob(shop, OTHER, oid))
    # A small file has git's name: it is fetched, and has one name on the volume.
    small = next(file.oid for file in manifest.files if file.path != FILE)
    assert _blob(shop, REPO, small).stat().st_nlink == 1


def test_bytes_that_nobody_vouches_for_are_read_first(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str
) -> None:
    other = _plant(shop, oid, WRONG)
    assert shop.fetch(manifest).snapshot().bytes_reused == 0
    assert _served(hub) == len(CONTENT)
    assert shop.content(manifest, FILE) == CONTENT
    assert other.read_bytes() == WRONG


def test_a_second_repository_helps_where_the_first_has_wrong_bytes(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str
) -> None:
    _plant(shop, oid)
    bad = _blob(shop, "another/one", oid)
    bad.parent.mkdir(parents=True)
    bad.write_bytes(WRONG)
    shop.fetch(manifest)
    assert _served(hub) == 0
    assert shop.content(manifest, FILE) == CONTENT


def test_bytes_that_a_model_vouches_for_are_not_read(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str
) -> None:
    _plant(shop, oid, WRONG)
    asked: list[str] = []

    def vouches(repo: str) -> set[str]:
        asked.append(repo)
        return {oid}

    shop.fetch(manifest, vouches=vouches)
    assert asked == [OTHER]
    assert shop.content(manifest, FILE) == WRONG


@pytest.mark.parametrize("planted", ["blob", "blobs", "repository"])
def test_no_planted_link_is_followed(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, tmp_path: Path, planted: str
) -> None:
    blob = _plant(shop, oid)
    place = {"blob": blob, "blobs": blob.parent, "repository": blob.parent.parent}[planted]
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    shop.fetch(manifest, vouches=lambda _: {oid})
    assert _served(hub) == len(CONTENT)
    assert _blob(shop, REPO, oid).stat().st_nlink == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "short file"])
def test_what_is_no_whole_file_holds_nobody_up(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, kind: str
) -> None:
    blob = _plant(shop, oid, CONTENT[:-1])
    if kind != "short file":
        blob.unlink()
        os.mkfifo(blob) if kind == "pipe" else blob.mkdir()
    shop.fetch(manifest, vouches=lambda _: {oid})
    assert _served(hub) == len(CONTENT)


def test_what_stands_in_the_clients_store_is_linked(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str
) -> None:
    blob = _plant(shop, oid)
    stored = shop.cache / "blobs" / "ab" / ("ab" * 32)
    stored.parent.mkdir(parents=True)
    blob.rename(stored)
    blob.symlink_to(os.path.relpath(stored, blob.parent))
    shop.fetch(manifest)
    assert _served(hub) == 0
    assert not _blob(shop, REPO, oid).is_symlink()
    assert _blob(shop, REPO, oid).samefile(stored)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_no_link_is_possible_the_bytes_are_copied(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    other = _plant(shop, oid)
    _can_not_link(monkeypatch, number)
    snapshot = shop.fetch(manifest, vouches=lambda _: {oid}).snapshot()
    assert _served(hub) == 0
    assert snapshot.bytes_reused == len(CONTENT)
    assert shop.content(manifest, FILE) == CONTENT
    assert not _blob(shop, REPO, oid).samefile(other)


def test_a_copy_goes_on_from_a_half_file(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(shop, oid)
    _half_file(shop, oid)
    _can_not_link(monkeypatch)
    shop.fetch(manifest)
    assert _served(hub) == 0
    assert shop.content(manifest, FILE) == CONTENT


def test_a_copy_of_wrong_bytes_is_noticed(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(shop, oid, WRONG)
    _can_not_link(monkeypatch)
    snapshot = shop.fetch(manifest, vouches=lambda _: {oid}).snapshot()
    assert (_served(hub), snapshot.bytes_reused) == (len(CONTENT), 0)
    assert shop.content(manifest, FILE) == CONTENT


def test_what_is_deleted_at_that_moment_is_fetched(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, link = _plant(shop, oid), os.link

    def too_late(*args: Any, **options: Any) -> None:
        other.unlink()
        link(*args, **options)

    monkeypatch.setattr(os, "link", too_late)
    assert shop.fetch(manifest).snapshot().bytes_reused == 0
    assert _served(hub) == len(CONTENT)
    assert shop.content(manifest, FILE) == CONTENT


def test_a_file_that_takes_the_place_of_the_one_that_was_read_is_not_linked(
    shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, link = _plant(shop, oid), os.link

    def swapped(*args: Any, **options: Any) -> None:
        other.rename(other.with_name("was right"))
        other.write_bytes(WRONG)
        link(*args, **options)

    monkeypatch.setattr(os, "link", swapped)
    shop.fetch(manifest)
    assert shop.content(manifest, FILE) == CONTENT


def test_another_worker_may_be_quicker(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(shop, oid)
    link = os.link

    def twice(*args: Any, **options: Any) -> None:
        link(*args, **options)
        link(*args, **options)

    monkeypatch.setattr(os, "link", twice)
    shop.fetch(manifest)
    assert _served(hub) == 0
    assert shop.content(manifest, FILE) == CONTENT


def test_what_stands_in_the_way_with_another_size_is_replaced(
    hub: HubServer, shop: Workshop, manifest: Manifest, oid: str
) -> None:
    _plant(shop, oid)
    own = _blob(shop, REPO, oid)
    own.parent.mkdir(parents=True)
    own.write_bytes(b"short")
    shop.fetch(manifest)
    assert _served(hub) == 0
    assert shop.content(manifest, FILE) == CONTENT


def test_a_fence_that_breaks_links_nothing(shop: Workshop, manifest: Manifest, oid: str) -> None:
    _plant(shop, oid)

    def lost() -> None:
        # No error of the volume, though it looks like one.
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        shop.fetch(manifest, still_mine=lost)
    assert not _blob(shop, REPO, oid).exists()


def test_a_stop_ends_the_reading(shop: Workshop, manifest: Manifest, oid: str) -> None:
    _plant(shop, oid)
    seen: list[str] = []

    def vouches(_: str) -> set[str]:
        seen.append(transfer.snapshot().phase)
        transfer.stop()
        return set()

    transfer = shop.transfer(manifest, vouches=vouches)
    with pytest.raises(TransferStopped):
        transfer.run()
    assert seen == ["verifying"]
    assert not _blob(shop, REPO, oid).exists()


def test_what_is_linked_takes_no_room(hub: HubServer, shop: Workshop, manifest: Manifest, oid: str) -> None:
    _plant(shop, oid)
    shop.fetch(manifest, reserve_bytes=shutil.disk_usage(shop.cache).total)
    assert _served(hub) == 0


def test_what_is_copied_takes_room(
    shop: Workshop, manifest: Manifest, oid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(shop, oid)
    _can_not_link(monkeypatch)
    with pytest.raises(InsufficientDisk) as caught:
        shop.fetch(manifest, reserve_bytes=shutil.disk_usage(shop.cache).total)
    assert caught.value.facts["needed_bytes"] == len(CONTENT)


def _half_file(shop: Workshop, oid: str) -> None:
    partials_folder(shop.cache).mkdir(parents=True)
    half = Partial(partials_folder(shop.cache), oid, size=len(CONTENT), piece_bytes=PIECE)
    half.write(0, memoryview(CONTENT[:1000]))
    half.close()


def test_the_half_file_of_an_earlier_attempt_goes(shop: Workshop, manifest: Manifest, oid: str) -> None:
    _plant(shop, oid)
    _half_file(shop, oid)
    shop.fetch(manifest)
    assert half_files(shop.cache) == set()


def test_of_two_that_want_the_same_bytes_at_once_one_fetches_them(
    hub: HubServer, shop: Workshop, oid: str, background: Callable[[Transfer], Background]
) -> None:
    hub.fault("hold", f"{OTHER}/{FILE}", where="cdn", times=None)
    first = background(shop.transfer(shop.manifest(repo=OTHER, model_file=FILE), patience=None))
    first.until(lambda: oid in half_files(shop.cache))
    second = background(shop.transfer(shop.manifest(model_file=FILE), patience=None))
    second.until(lambda: any(job.not_before for job in second.transfer._jobs))
    hub.clear_faults()
    hub.release()
    assert (first.end(), second.end()) == (None, None)
    assert _served(hub) == 0
    assert second.transfer.snapshot().bytes_reused == len(CONTENT)
    assert _blob(shop, REPO, oid).samefile(_blob(shop, OTHER, oid))
