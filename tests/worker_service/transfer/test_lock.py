"""Two who want one half file: the holder works, is dead, or froze after it had lost its work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker_service.transfer.conftest import PIECE, some_bytes
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import Partial, half_files, kept_bytes, partials_folder, purge_partials

OID = "a" * 64
SIZE = 3 * PIECE
DATA = some_bytes(SIZE)
Lock = Callable[..., BlobLock]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = partials_folder(tmp_path)
    found.mkdir(parents=True)
    return found


@pytest.fixture
def lock(folder: Path) -> Lock:
    """A lock of somebody, who knows who has lost their work."""
    return lambda owner="", lost=(): BlobLock(folder, OID, owner=owner, is_lost=lambda who: who in lost)


def _open(folder: Path, lock: BlobLock) -> Partial:
    return Partial(folder, OID, size=SIZE, piece_bytes=PIECE, lock=lock)


def _fill(partial: Partial, *, upto: int) -> None:
    for start in range(0, upto, PIECE):
        partial.write(start, memoryview(DATA)[start : min(start + PIECE, upto)])


def _content(partial: Partial) -> bytes:
    buffer = bytearray(SIZE)
    return bytes(buffer[: partial.read(buffer, offset=0, upto=partial.frontier())])


@pytest.fixture
def frozen(folder: Path, lock: Lock) -> tuple[BlobLock, Partial]:
    """One who holds a half file with a piece and a half in it."""
    held = lock("first")
    assert held.try_acquire()
    partial = _open(folder, held)
    _fill(partial, upto=PIECE + PIECE // 2)
    return held, partial


def test_nobody_passes_a_holder_who_works(lock: Lock, frozen: tuple[BlobLock, Partial]) -> None:
    assert not lock("second").try_acquire()
    assert not lock("second", lost={"somebody else"}).try_acquire()
    frozen[1].remove()
    frozen[0].release()


def test_who_passes_a_lost_holder_begins_with_a_copy_that_the_lost_one_can_not_touch(
    folder: Path, lock: Lock, frozen: tuple[BlobLock, Partial]
) -> None:
    held, old = frozen
    second = lock("second", lost={"first"})
    assert second.try_acquire()
    new = _open(folder, second)
    new.inherit(lambda: None)
    assert (new.held, _content(new)) == (old.held, DATA[: old.held])
    # The first one wakes and writes something else.
    old.write(PIECE + PIECE // 2, memoryview(bytes(PIECE // 2)))
    _fill(new, upto=SIZE)
    assert _content(new) == DATA
    new.remove()
    second.release()
    assert not list(folder.glob("*.part"))
    old.close()
    held.release()
    assert not list(folder.iterdir())


def test_a_third_one_waits_for_who_stands_in(lock: Lock, frozen: tuple[BlobLock, Partial]) -> None:
    second = lock("second", lost={"first"})
    assert second.try_acquire()
    assert not lock("third", lost={"first"}).try_acquire()
    third = lock("third", lost={"first", "second"})
    assert third.try_acquire()
    assert len({frozen[0].name, second.name, third.name}) == 3
    for held in (third, second):
        held.release()
    frozen[1].remove()
    frozen[0].release()


def test_what_a_stand_in_brought_is_found_once_the_frozen_one_is_gone(
    folder: Path, lock: Lock, frozen: tuple[BlobLock, Partial], tmp_path: Path
) -> None:
    second = lock("second", lost={"first"})
    assert second.try_acquire()
    new = _open(folder, second)
    new.inherit(lambda: None)
    _fill(new, upto=2 * PIECE)
    new.close()
    second.release()
    assert (half_files(tmp_path), kept_bytes(tmp_path, OID)) == ({OID}, 2 * PIECE)
    frozen[1].close()
    frozen[0].release()
    third = lock("third")
    assert third.try_acquire()
    last = _open(folder, third)
    assert (third.name, last.held, _content(last)) == (OID, 2 * PIECE, DATA[: 2 * PIECE])
    assert [path.name for path in folder.glob("*.part")] == [f"{OID}.part"]
    last.remove()
    third.release()


def test_a_purge_takes_what_a_stand_in_left(
    folder: Path, lock: Lock, frozen: tuple[BlobLock, Partial], tmp_path: Path
) -> None:
    second = lock("second", lost={"first"})
    assert second.try_acquire()
    _open(folder, second).close()
    second.release()
    frozen[1].close()
    frozen[0].release()
    assert purge_partials(tmp_path, [OID]) > 0
    assert not folder.exists()


def test_a_purge_takes_the_sidecar_that_a_killed_process_left_of_another_blob(
    folder: Path, tmp_path: Path
) -> None:
    for name in (f"{OID}.state", f"{OID}.lock", f"{'b' * 64}.lock"):
        (folder / name).write_bytes(b"x")
    purge_partials(tmp_path, [])
    assert not folder.exists()
