import os
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from shared import attempts, operations, storage
from shared.errors import ChecksumMismatch
from shared.progress import Progress
from shared.tables import Model, Volume
from tests.conftest import local_model
from worker_service import scan
from worker_service.context import Context
from worker_service.transfer.partial import Partial, allocated_bytes, partials_folder
from worker_service.volume import look, note_volume, scan_volume

MIB = 1 << 20
WAITS, ENDED = "a" * 64, "b" * 64
FREE, TOTAL = 500 * MIB, 900 * MIB


@pytest.fixture(autouse=True)
def _a_volume_that_nobody_else_writes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = os.statvfs_result((4096, 4096, TOTAL // 4096, FREE // 4096 + 100, FREE // 4096, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: os.stat(path) and seen)


def _half_file(cache_dir: Path, oid: str, *, size: int, held: int) -> int:
    """The room that a half file takes, of which `held` bytes have arrived."""
    folder = partials_folder(cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    partial = Partial(folder, oid, size=size)
    partial.write(0, memoryview(bytes(held)))
    partial.close()
    return allocated_bytes(cache_dir, oid)


def test_a_cache_that_is_not_there_yet_is_measured_where_it_will_be(tmp_path: Path) -> None:
    seen = look(tmp_path / "not" / "made", set())
    assert (seen.total_bytes, seen.available_bytes, seen.partial_bytes) == (TOTAL, FREE, 0)
    assert not (tmp_path / "not").exists()


def test_what_a_queued_half_file_has_not_filled_yet_counts_as_available(tmp_path: Path) -> None:
    waits = _half_file(tmp_path, WAITS, size=4 * MIB, held=MIB)
    ended = _half_file(tmp_path, ENDED, size=2 * MIB, held=MIB)
    (partials_folder(tmp_path) / "foreign.part").write_bytes(b"x")
    seen = look(tmp_path, {WAITS, "c" * 64})
    assert seen.available_bytes == FREE + waits - MIB
    assert seen.partial_bytes == waits + ended
    assert look(tmp_path, set()).available_bytes == FREE


def test_those_who_wait_for_their_scan_share_one_that_began_after_they_asked(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context.settings.cache_dir / "models--a--b" / "blobs").mkdir(parents=True)
    note_volume(context)
    began, scans = threading.Barrier(4), []
    kept, clock = scan.scan, storage.clock

    def counted(*args: Any, **options: Any) -> Any:
        scans.append(1)
        return kept(*args, **options)

    def all_have_asked(session: Session) -> Any:
        asked = clock(session)
        if threading.current_thread().name == "asks" and not hasattr(asking, "done"):
            asking.done = True
            began.wait(10)
        return asked

    asking = threading.local()
    monkeypatch.setattr(scan, "scan", counted)
    monkeypatch.setattr(storage, "clock", all_have_asked)
    threads = [threading.Thread(target=scan_volume, args=(context,), name="asks") for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(scans) == 1
    scan_volume(context)
    assert len(scans) == 2, "who asks later gets a look of its own"


def _asked(context: Context, model: Model) -> uuid.UUID:
    with context.database.session() as session:
        return operations.request_download(session, model.id, requested_by="t", request_id=None)[0].id


def _fail(context: Context, operation_id: uuid.UUID) -> None:
    """An attempt that gets as far as a manifest."""
    manifest: dict[str, Any] = {"commit": "c", "files": [{"path": "f", "size": 4 * MIB, "oid": WAITS}]}
    with context.database.session() as session:
        attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        attempts.freeze(session, operation_id, 1, manifest=manifest)
        error = ChecksumMismatch()
        attempts.fail(session, operation_id, 1, error=error, progress=Progress(), max_attempts=1)


def _volume(context: Context) -> Volume:
    note_volume(context)
    with context.database.session() as session:
        found = storage.last_look(session)
    assert found is not None
    return found


def test_the_half_files_of_unfinished_downloads_are_known_by_their_manifests(context: Context) -> None:
    model = local_model(context.database)
    taken = _half_file(context.settings.cache_dir, WAITS, size=4 * MIB, held=MIB)
    _fail(context, _asked(context, model))
    assert _volume(context).available_bytes == FREE
    _asked(context, model)
    assert _volume(context).available_bytes == FREE + taken - MIB


def test_a_volume_that_can_not_be_looked_at_keeps_its_row(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _volume(context)

    def fail(_path: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", fail)
    assert _volume(context).seen_at == before.seen_at
