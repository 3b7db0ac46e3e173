import threading
import time
import uuid
from typing import Any

import pytest

from shared import attempts, operations
from shared.attempts import OperationLost
from shared.database import Database
from shared.progress import Progress
from shared.tables import Model, Operation
from tests.conftest import local_model
from worker_service.admission import admission
from worker_service.context import Context
from worker_service.transfer.partial import Partial, partials_folder

A, B, C = "a" * 64, "b" * 64, "c" * 64
MIB = 1 << 20


def _running(database: Database, *, repo: str, blobs: dict[str, int]) -> Operation:
    """A download that has begun and frozen its manifest, of a model of its own."""
    model = local_model(database)
    with database.session() as session:
        kept = session.get_one(Model, model.id)
        kept.name, kept.hf_repo = f"{repo} {uuid.uuid4()}", repo
        operation, _ = operations.request_download(session, model.id, requested_by="x", request_id=None)
    with database.session() as session:
        begun = attempts.begin(session, operation.id, worker="w", lease_seconds=60)
        assert begun is not None
        files = [{"path": oid[:4], "size": size, "oid": oid, "is_lfs": True} for oid, size in blobs.items()]
        manifest: dict[str, Any] = {"commit": "0" * 40, "files": files}
        attempts.freeze(session, begun.id, begun.attempt, manifest=manifest)
    return begun


def _admitted(context: Context, operation: Operation, *blobs: str) -> int:
    with admission(context, operation, frozenset(blobs)) as reserved:
        return reserved()


def test_what_admitted_downloads_still_need_is_reserved(context: Context, database: Database) -> None:
    first = _running(database, repo="o/a", blobs={A: 5 * MIB, B: 3 * MIB})
    assert _admitted(context, first, A, B) == 0
    assert _admitted(context, _running(database, repo="o/c", blobs={C: MIB}), C) == 8 * MIB


def test_what_comes_to_another_volume_takes_no_room_here(context: Context, database: Database) -> None:
    first = _running(database, repo="o/a", blobs={A: 5 * MIB})
    _admitted(context, first, A)
    with database.session() as session:
        session.get_one(Operation, first.id).volume = "another"
    assert _admitted(context, _running(database, repo="o/c", blobs={C: MIB}), C) == 0


def test_a_half_file_has_its_room_already(context: Context, database: Database) -> None:
    _admitted(context, _running(database, repo="o/a", blobs={A: 5 * MIB, B: 3 * MIB}), A, B)
    folder = partials_folder(context.settings.cache_dir)
    folder.mkdir(parents=True)
    Partial(folder, A, size=5 * MIB).close()
    assert _admitted(context, _running(database, repo="o/c", blobs={C: MIB}), C) == 3 * MIB


def test_a_blob_that_has_arrived_needs_no_room(context: Context, database: Database) -> None:
    _admitted(context, _running(database, repo="o/a", blobs={A: 5 * MIB, B: 3 * MIB}), A, B)
    blobs = context.settings.cache_dir / "models--o--a" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / B).write_bytes(bytes(3 * MIB))
    assert _admitted(context, _running(database, repo="o/c", blobs={C: MIB}), C) == 5 * MIB


def test_a_blob_that_both_bring_needs_its_room_once(context: Context, database: Database) -> None:
    _admitted(context, _running(database, repo="o/a", blobs={A: 5 * MIB, B: 3 * MIB}), A, B)
    assert _admitted(context, _running(database, repo="o/b", blobs={A: 5 * MIB}), A) == 3 * MIB


def test_a_download_that_was_refused_reserves_nothing(context: Context, database: Database) -> None:
    refused = _running(database, repo="o/a", blobs={A: 5 * MIB})
    with pytest.raises(ZeroDivisionError), admission(context, refused, frozenset({A})):
        raise ZeroDivisionError
    assert _admitted(context, _running(database, repo="o/c", blobs={C: MIB}), C) == 0


def test_room_goes_back_when_the_attempt_ends(context: Context, database: Database) -> None:
    first = _running(database, repo="o/a", blobs={A: 5 * MIB})
    _admitted(context, first, A)
    with database.session() as session:
        attempts.give_back(session, first.id, first.attempt, progress=Progress())
    other = _running(database, repo="o/c", blobs={C: MIB})
    assert _admitted(context, other, C) == 0
    with database.session() as session:
        # The second attempt of the first has not been admitted yet.
        again = attempts.begin(session, first.id, worker="w", lease_seconds=60)
    assert again is not None
    assert _admitted(context, other, C) == 0
    _admitted(context, again, A)
    assert _admitted(context, other, C) == 5 * MIB


def test_an_attempt_that_lost_its_operation_is_not_admitted(context: Context, database: Database) -> None:
    first = _running(database, repo="o/a", blobs={A: 5 * MIB})
    with database.session() as session:
        attempts.give_back(session, first.id, first.attempt, progress=Progress())
    with pytest.raises(OperationLost):
        _admitted(context, first, A)


def test_admissions_are_one_after_the_other(context: Context, database: Database) -> None:
    first = _running(database, repo="o/a", blobs={A: 5 * MIB})
    second = _running(database, repo="o/c", blobs={C: MIB})
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(_admitted(context, second, C)))
    with admission(context, first, frozenset({A})):
        thread.start()
        end = time.monotonic() + 10
        while time.monotonic() < end and not _somebody_waits(database):
            time.sleep(0.01)
        assert not seen
    thread.join(10)
    assert seen == [5 * MIB]


def _somebody_waits(database: Database) -> bool:
    with database.session() as session:
        waiting = session.connection().exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
        return bool(waiting.scalar())
