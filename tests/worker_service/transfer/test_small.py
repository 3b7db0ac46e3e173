"""A small file comes whole or not at all: it has no half file."""

import hashlib
from pathlib import Path

import pytest

from shared.errors import ChecksumMismatch, DownloadFailed, InsufficientDisk
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import Patience
from worker_service.transfer.engine import SMALL_PART
from worker_service.transfer.partial import partials_folder
from worker_service.transfer.publish import Room

LARGEST = PIECE // SMALL_PART
FILES = {f"{number}.json": some_bytes(LARGEST - number, seed=number) for number in range(40)}


def left(shop: Workshop) -> list[Path]:
    folder = partials_folder(shop.cache)
    return sorted(folder.iterdir()) if folder.exists() else []


def test_small_files_arrive_right_and_leave_nothing_beside_them(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES | {"weights.safetensors": some_bytes(LARGEST), "empty.txt": b""})
    manifest = shop.manifest()
    seen = shop.fetch(manifest).snapshot()
    for path, content in FILES.items():
        assert shop.content(manifest, path) == content
    assert (seen.bytes_done, seen.files_done) == (manifest.total_bytes, len(FILES) + 2)
    assert hub.bytes_served() == manifest.total_bytes
    assert left(shop) == []


def test_a_file_just_larger_has_a_half_file_and_resumes(hub: HubServer, shop: Workshop, background) -> None:
    hub.add_repo(REPO, {"model.safetensors": some_bytes(LARGEST + 1)})
    hub.fault("stall", where="cdn", after_bytes=LARGEST // 2, times=None)
    run = background(shop.transfer(patience=Patience(read_timeout=30)))
    run.until(lambda: run.transfer.snapshot().bytes_done >= LARGEST // 2)
    run.stop()
    assert [path.suffix for path in left(shop)] == [".part", ".state"]


def test_of_a_small_file_that_was_cut_off_nothing_stays(hub: HubServer, shop: Workshop, background) -> None:
    hub.add_repo(REPO, {"model.safetensors": some_bytes(LARGEST)})
    stall = hub.fault("stall", where="cdn", after_bytes=LARGEST // 2, times=None)
    run = background(shop.transfer(patience=Patience(read_timeout=30)))
    run.until(lambda: stall.fired == 1)
    run.stop()
    assert (left(shop), shop.published()) == ([], [])


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_wrong_bytes_are_fetched_again_once_and_never_published(
    hub: HubServer, shop: Workshop, suffix: str
) -> None:
    hub.add_repo(REPO, {f"a{suffix}": some_bytes(LARGEST)})
    hub.fault("wrong_bytes", times=1)
    assert shop.fetch().snapshot().files_done == 1
    hub.add_repo(REPO, {f"b{suffix}": some_bytes(LARGEST, seed=2)})
    hub.fault("wrong_bytes", times=2)
    before = shop.published()
    with pytest.raises(ChecksumMismatch):
        shop.fetch()
    assert (left(shop), shop.published()) == ([], before)


def test_a_connection_that_ends_early_is_made_again(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    fault = hub.fault("cut", after_bytes=LARGEST // 2, times=5)
    shop.fetch()
    assert fault.fired == 5
    hub.add_repo(REPO, {"always.json": some_bytes(LARGEST, seed=99)})
    hub.fault("cut", after_bytes=10, times=None)
    with pytest.raises(DownloadFailed):
        shop.fetch()


def test_the_fence_stands_before_their_names(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)

    def lost() -> None:
        raise RuntimeError("another attempt has it")

    with pytest.raises(RuntimeError):
        shop.fetch(still_mine=lost)
    assert (left(shop), shop.published()) == ([], [])


def test_a_volume_that_fills_up_keeps_no_torn_file(
    hub: HubServer, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo(REPO, FILES)
    real, count = Room.write_draft, iter(range(1000))

    def write(room: Room, oid: str, content: memoryview) -> Path:
        if next(count) == 20:
            raise OSError(28, "No space left on device")
        return real(room, oid, content)

    monkeypatch.setattr(Room, "write_draft", write)
    with pytest.raises(InsufficientDisk):
        shop.fetch()
    blobs = shop.cache.glob("models--*/blobs/*")
    known = {hashlib.sha1(b"blob %d\0" % len(each) + each).hexdigest() for each in FILES.values()}
    assert {blob.name for blob in blobs} <= known
    assert left(shop) == []


def test_what_is_here_is_not_fetched_again_by_the_next_attempt(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    hub.fault("cut", "0.json", after_bytes=1, times=None)  # the largest, so the last
    with pytest.raises(DownloadFailed):
        shop.fetch(connections=1)
    hub.clear_faults()
    here, served = len(list(shop.cache.glob("models--*/blobs/*"))), hub.bytes_served()
    manifest = shop.manifest()
    assert here > 0
    again = shop.fetch(manifest).snapshot()
    assert again.bytes_reused > 0
    assert hub.bytes_served() - served == manifest.total_bytes - again.bytes_reused


def test_what_a_killed_transfer_left_of_them_goes_when_they_have_come(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    oid = shop.manifest().files[0].oid
    room = Room(shop.cache, REPO, "c" * 40)
    room.prepare()
    room.write_draft(oid, memoryview(b"of a process that is no more"))
    others = [
        room.write_draft("f" * 40, memoryview(b"of one that may live")),
        Room(shop.cache, "other/repo", "c" * 40).write_draft(oid, memoryview(b"so may this one")),
    ]
    shop.fetch()
    assert left(shop) == sorted(others)


def test_a_draft_that_another_transfer_has_tidied_away_is_missed_only_with_its_blob(shop: Workshop) -> None:
    room = Room(shop.cache, REPO, "c" * 40)
    room.prepare()
    draft = room.write_draft("a" * 40, memoryview(b"content"))
    room.publish_drafts({"a" * 40: draft})
    room.publish_drafts({"a" * 40: draft})
    with pytest.raises(FileNotFoundError):
        room.publish_drafts({"b" * 40: draft})
