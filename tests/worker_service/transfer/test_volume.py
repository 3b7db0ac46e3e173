import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.errors import CachePermissionDenied, DownloadFailed, HubUnavailable, InsufficientDisk
from shared.hub import RemoteFile
from shared.manifests import Manifest
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import partial, published_files, purge_partials, snapshot_path

CONTENT = some_bytes(3 * PIECE)


@pytest.fixture(autouse=True)
def _repo(hub: HubServer) -> None:
    hub.add_repo(REPO, {"model.safetensors": CONTENT, "config.json": b"{}"})


class Lost(Exception):
    pass


class Fence:
    """Holds for a number of calls, then breaks."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Lost


def test_a_fence_that_breaks_before_the_first_blob_publishes_nothing(shop: Workshop) -> None:
    with pytest.raises(Lost):
        shop.fetch(still_mine=Fence(0))
    assert shop.published() == []


def test_a_fence_that_breaks_between_two_blobs_publishes_no_second_and_no_name(shop: Workshop) -> None:
    with pytest.raises(Lost):
        shop.fetch(still_mine=Fence(1))
    assert [path for path in shop.published() if "/blobs/" not in path] == []
    assert len(shop.published()) == 1


def test_a_fence_that_breaks_before_the_ref_writes_no_ref(shop: Workshop) -> None:
    with pytest.raises(Lost):
        shop.fetch(still_mine=Fence(3))
    assert [path for path in shop.published() if "/refs/" in path] == []


def test_a_fence_may_raise_whatever_it_likes(shop: Workshop) -> None:
    def away() -> None:
        raise ConnectionResetError("the database is away")

    with pytest.raises(ConnectionResetError):
        shop.fetch(still_mine=away)


def test_too_little_room_is_refused_before_the_first_byte(hub: HubServer, shop: Workshop) -> None:
    reserve = shutil.disk_usage(shop.cache.parent).total
    with pytest.raises(InsufficientDisk) as caught:
        shop.fetch(reserve_bytes=reserve)
    assert caught.value.facts["needed_bytes"] == len(CONTENT) + 2
    assert caught.value.facts["reserve_bytes"] == reserve
    assert f"{reserve:,} are to stay free" in caught.value.detail
    assert hub.bytes_served() == 0


def test_room_that_others_have_reserved_is_not_there(hub: HubServer, shop: Workshop) -> None:
    asked: list[frozenset[str]] = []

    @contextlib.contextmanager
    def nearly_all_is_taken(missing: frozenset[str]) -> Iterator[Callable[[], int]]:
        asked.append(missing)
        yield lambda: shutil.disk_usage(shop.cache).free

    with pytest.raises(InsufficientDisk, match="reserved for running downloads") as caught:
        shop.fetch(admission=nearly_all_is_taken)
    assert asked == [frozenset(file.oid for file in shop.manifest().files)]
    assert caught.value.facts["reserved_bytes"] > 0
    assert hub.bytes_served() == 0


def test_what_is_there_already_needs_no_room(hub: HubServer, shop: Workshop) -> None:
    shop.fetch()
    shop.fetch(reserve_bytes=shutil.disk_usage(shop.cache).total)


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "volume"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small volume")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_volume_that_fills_up_is_named_and_works_again_once_there_is_room(
    hub: HubServer, shop: Workshop, small_volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.cache = small_volume / "cache"
    # As if the room had been taken by somebody else after the look at it.
    plenty = shutil.disk_usage(small_volume)._replace(free=1 << 40)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: plenty)
        with pytest.raises(InsufficientDisk):
            shop.fetch(shop.manifest(model_file="model.safetensors"))
    assert list(small_volume.rglob("*.part")) == []
    shop.fetch(shop.manifest(model_file="config.json"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_write_that_finds_no_room_is_insufficient_disk(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(partial.os, "posix_fallocate", raiser(number))
    with pytest.raises(InsufficientDisk):
        shop.fetch()
    assert shop.published() == []


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_volume_without_preallocation_works(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(partial.os, "posix_fallocate", raiser(number))
    manifest = shop.manifest()
    shop.fetch(manifest)
    assert shop.content(manifest, "model.safetensors") == CONTENT


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_volume_that_refuses_writes_is_permission_denied(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(partial.os, "posix_fallocate", raiser(number))
    with pytest.raises(CachePermissionDenied):
        shop.fetch()


def test_a_volume_that_breaks_fails_the_download(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial.os, "pwrite", raiser(errno.EIO))
    with pytest.raises(DownloadFailed):
        shop.fetch()


def raiser(number: int):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("place", ["", "models--owner--name", "models--owner--name/blobs", ".weighbridge"])
def test_a_file_in_place_of_a_folder_is_permission_denied(hub: HubServer, shop: Workshop, place: str) -> None:
    path = shop.cache / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(CachePermissionDenied, match="cache"):
        shop.fetch()
    assert hub.bytes_served() == 0


@pytest.mark.parametrize(
    "place",
    [
        "models--owner--name",
        "models--owner--name/blobs",
        "models--owner--name/snapshots",
        "models--owner--name/refs",
        ".locks",
        ".weighbridge",
        ".weighbridge/partials",
    ],
)
def test_a_planted_link_out_of_the_cache_is_refused(
    hub: HubServer, shop: Workshop, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    path = shop.cache / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside)
    with pytest.raises(CachePermissionDenied, match="out of the cache"):
        shop.fetch()
    assert list(outside.iterdir()) == []
    assert hub.bytes_served() == 0


def test_a_planted_link_inside_a_snapshot_is_refused(hub: HubServer, shop: Workshop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    commit = hub.add_repo(REPO, {"sub/config.json": b"{}"})
    snapshot = snapshot_path(shop.cache, REPO, commit)
    snapshot.mkdir(parents=True)
    (snapshot / "sub").symlink_to(outside)
    with pytest.raises(CachePermissionDenied):
        shop.fetch()
    assert list(outside.iterdir()) == []


def test_a_ref_that_is_a_link_is_replaced_and_not_followed(
    hub: HubServer, shop: Workshop, tmp_path: Path
) -> None:
    outside = tmp_path / "precious"
    outside.write_text("precious")
    refs = shop.cache / "models--owner--name" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").symlink_to(outside)
    shop.fetch()
    assert outside.read_text() == "precious"
    assert (refs / "main").read_text() == shop.manifest().commit


def test_a_half_file_that_is_a_link_is_not_followed(hub: HubServer, shop: Workshop, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("precious")
    manifest = shop.manifest(model_file="model.safetensors")
    folder = partial.partials_folder(shop.cache)
    folder.mkdir(parents=True)
    (folder / f"{manifest.files[0].oid}.part").symlink_to(outside)
    with pytest.raises(CachePermissionDenied):
        shop.fetch(manifest)
    assert outside.read_text() == "precious"


@pytest.mark.parametrize("revision", ["../../../evil", "/etc/passwd", "a/../../b", "main\0"])
def test_a_hostile_revision_writes_no_ref(shop: Workshop, revision: str) -> None:
    manifest = shop.manifest()
    with pytest.raises(ValueError, match="revision"):
        shop.fetch(Manifest(REPO, revision, manifest.commit, manifest.files))
    assert [path for path in shop.published() if "/refs/" in path] == []


@pytest.mark.parametrize(
    "path", ["../evil", "/evil", "a/../../evil", "a\\b", "a\0b", "", ".", "a//b", "a\nb"]
)
def test_a_hostile_file_name_is_refused(path: str) -> None:
    with pytest.raises(HubUnavailable):
        RemoteFile(path, 1, "0" * 40, False)


@pytest.mark.parametrize("oid", ["../../evil", "0" * 39, "G" * 40, "0" * 41, "", "0" * 64 + "\n", "A" * 40])
def test_a_hostile_oid_is_refused(tmp_path: Path, oid: str) -> None:
    with pytest.raises(HubUnavailable):
        RemoteFile("a", 1, oid, len(oid) == 64)
    with pytest.raises(ValueError, match="oid"):
        purge_partials(tmp_path, [oid])


def test_hostile_names_have_no_place_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="commit"):
        snapshot_path(tmp_path, REPO, "../../evil")
    with pytest.raises(ValueError, match="Repo id"):
        published_files(tmp_path, "../../evil", "0" * 40, [RemoteFile("a", 1, "0" * 40, False)])
    with pytest.raises(ValueError, match="name"):
        snapshot_path(tmp_path, REPO, "0" * 40, "../evil")
