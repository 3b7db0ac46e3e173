"""The life of an operation, on a real Postgres: begin, heartbeat, every end, and the fence."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared import attempts, operations, sweep
from shared.attempts import OperationLost
from shared.database import Database
from shared.errors import (
    ChecksumMismatch,
    HubRateLimited,
    HubUnavailable,
    OperationConflict,
    WeighbridgeError,
)
from shared.integrity import Damage, Problem
from shared.operations import Requested
from shared.progress import Progress
from shared.tables import DownloadStatus, Model, Operation, OperationKind, OperationStatus, Result
from shared.task_names import QueueName, TaskName
from tests.conftest import local_model

EVERY_QUEUE = [str(queue) for queue in QueueName]


@pytest.fixture
def model_id(database: Database) -> int:
    return local_model(database).id


def _ask(database: Database, model_id: int) -> Operation:
    with database.session() as session:
        return operations.request_download(session, model_id, requested_by="test", request_id="r")[0]


def _begin(database: Database, operation_id: uuid.UUID) -> Operation | None:
    with database.session() as session:
        return attempts.begin(session, operation_id, worker="w", lease_seconds=30)


def _status(database: Database, model_id: int) -> tuple[str, str]:
    with database.session() as session:
        model = session.get_one(Model, model_id)
        operation = operations.latest_download(session, model_id)
        assert operation is not None
        return str(model.download_status), str(operation.status)


def _expire_lease(database: Database) -> None:
    with database.session() as session:
        session.execute(update(Operation).values(lease_until=func.now() - timedelta(seconds=1)))


def _sweep(database: Database, queues: list[str] = EVERY_QUEUE, max_attempts: int = 4) -> sweep.Swept:
    with database.session() as session:
        return sweep.sweep(session, max_attempts=max_attempts, slack=set(queues).intersection)


def test_fifty_requests_at_once_make_one_operation(database: Database, model_id: int) -> None:
    barrier = threading.Barrier(10)

    def ask(_: int) -> tuple[uuid.UUID, Requested]:
        barrier.wait()
        with database.session() as session:
            found, outcome = operations.request_download(session, model_id, requested_by="t", request_id=None)
            return found.id, outcome

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(50)))
    assert len({operation_id for operation_id, _ in answers}) == 1
    assert [outcome for _, outcome in answers].count(Requested.CREATED) == 1


def test_a_download_and_a_delete_exclude_each_other(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    with pytest.raises(OperationConflict) as refused, database.session() as session:
        operations.request_delete(session, model_id, requested_by="t", request_id=None)
    assert refused.value.facts == {"operation_id": str(asked.id), "operation": "download"}


def test_a_nudge_delivered_twice_begins_one_attempt(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    first, second = _begin(database, asked.id), _begin(database, asked.id)
    assert first is not None
    assert (first.status, first.attempt, second) == (OperationStatus.RUNNING, 1, None)
    assert _status(database, model_id) == ("Downloading", "running")
    assert _begin(database, uuid.uuid4()) is None


def test_a_completed_download_is_written_into_the_model(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        facts = {"commit_hash": "c" * 40, "file_size_bytes": 10, "checksum": "sha256:x", "local_path": "/p"}
        attempts.complete_download(session, asked.id, 1, progress=Progress(bytes_done=10), columns=facts)
    with database.session() as session:
        model = session.get_one(Model, model_id)
        assert (model.downloaded, model.download_status, model.file_size_bytes) == (True, "Downloaded", 10)
        assert model.downloaded_at is not None
        again, outcome = operations.request_download(session, model_id, requested_by="t", request_id=None)
        assert (again.id, outcome) == (asked.id, Requested.DONE)


ENDS: dict[str, Callable[[Any, uuid.UUID, int], Any]] = {
    "measure": lambda s, i, a: attempts.measure(s, i, a, bytes_total=1, files_total=1),
    "complete verify": lambda s, i, a: attempts.complete_verify(
        s, i, a, progress=Progress(), damage=Damage("a/b", "c", {"f": Problem.MISSING}, {})
    ),
    "complete update": lambda s, i, a: attempts.complete_update(s, i, a, progress=Progress(), columns={}),
    "heartbeat": lambda s, i, a: attempts.heartbeat(s, i, a, lease_seconds=30, progress=Progress()),
    "check": lambda s, i, a: attempts.check(s, i, a),
    "freeze": lambda s, i, a: attempts.freeze(s, i, a, manifest={"commit": "c", "files": []}),
    "complete": lambda s, i, a: attempts.complete_download(s, i, a, progress=Progress(), columns={}),
    "cancel": lambda s, i, a: attempts.stop_canceled(s, i, a, progress=Progress()),
    "give back": lambda s, i, a: attempts.give_back(s, i, a, progress=Progress()),
    "fail": lambda s, i, a: attempts.fail(
        s, i, a, error=ChecksumMismatch(), progress=Progress(), max_attempts=4
    ),
    "files go": lambda s, i, a: attempts.files_go(s, i, a, there={"was_there": True, "bytes": 1}),
    "complete delete": lambda s, i, a: attempts.complete_delete(
        s, i, a, result=Result.REMOVED, bytes_freed=1
    ),
}


@pytest.mark.parametrize("write", ENDS.values(), ids=ENDS.keys())
def test_a_worker_that_lost_its_operation_changes_nothing(
    database: Database, model_id: int, write: Any
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    _expire_lease(database)
    _sweep(database)
    successor = _begin(database, asked.id)
    assert successor is not None
    with pytest.raises(OperationLost), database.session() as session:
        write(session, asked.id, 1)
    with database.session() as session:
        row = operations.get(session, asked.id)
        assert (row.status, row.attempt, row.manifest) == (OperationStatus.RUNNING, 2, None)


def test_an_operation_whose_worker_died_goes_back_and_is_nudged_again(
    database: Database, model_id: int
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    assert _sweep(database).nudges == []
    _expire_lease(database)
    found = _sweep(database)
    assert [(nudge.task, nudge.operation.id) for nudge in found.nudges] == [(TaskName.DOWNLOAD, asked.id)]
    assert _status(database, model_id) == ("Pending", "pending")
    assert [operation.id for operation in found.unfinished] == [asked.id]


def test_an_operation_that_kills_every_worker_fails_in_the_end(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    for _ in range(3):
        assert _begin(database, asked.id) is not None
        _expire_lease(database)
        _sweep(database, max_attempts=3)
    assert _status(database, model_id) == ("Failed", "failed")
    with database.session() as session:
        assert operations.get(session, asked.id).error["code"] == "DOWNLOAD_FAILED"  # type: ignore[index]


def test_a_nudge_is_repeated_only_where_no_message_waits_and_only_after_a_while(
    database: Database, model_id: int
) -> None:
    _ask(database, model_id)
    assert _sweep(database).nudges == []
    with database.session() as session:
        session.execute(
            update(Operation).values(nudged_at=func.now() - timedelta(seconds=sweep.NUDGE_AFTER + 1))
        )
    assert _sweep(database, [str(QueueName.CONTROL)]).nudges == []
    assert len(_sweep(database).nudges) == 1
    assert _sweep(database).nudges == []


@pytest.mark.parametrize(("error", "status"), [(HubUnavailable(), "pending"), (ChecksumMismatch(), "failed")])
def test_only_a_failure_that_may_pass_is_tried_again(
    database: Database, model_id: int, error: WeighbridgeError, status: str
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        attempts.fail(session, asked.id, 1, error=error, progress=Progress(bytes_done=5), max_attempts=4)
    with database.session() as session:
        row = operations.get(session, asked.id)
        assert (row.status, row.error, row.bytes_done) == (status, error.as_dict(), 5)
        assert (row.not_before is not None) == (status == "pending")
    assert _begin(database, asked.id) is None, "not before its time"


def test_a_hub_that_names_a_time_is_asked_again_no_sooner(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        error = HubUnavailable(retry_after=100)
        attempts.fail(session, asked.id, 1, error=error, progress=Progress(), max_attempts=4)
    with database.session() as session:
        wait = session.scalar(select(Operation.not_before - func.now()))
        assert wait is not None
        assert timedelta(seconds=90) < wait <= timedelta(seconds=100)


def test_a_hub_that_asks_for_a_day_is_asked_again_within_the_hour(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        error = HubRateLimited(retry_after=86_400)
        attempts.fail(session, asked.id, 1, error=error, progress=Progress(), max_attempts=4)
    with database.session() as session:
        wait = session.scalar(select(Operation.not_before - func.now()))
        assert wait is not None
        assert timedelta(minutes=55) < wait <= timedelta(hours=1)


def test_each_failure_waits_about_twice_as_long_as_the_one_before(database: Database, model_id: int) -> None:
    asked, waits = _ask(database, model_id), []
    for attempt in range(1, 11):
        assert _begin(database, asked.id) is not None
        with database.session() as session:
            attempts.fail(
                session, asked.id, attempt, error=HubUnavailable(), progress=Progress(), max_attempts=99
            )
            waits.append(session.scalars(select(Operation.not_before - func.now())).one().total_seconds())
            session.execute(update(Operation).values(not_before=None))
    for number, wait in enumerate(waits):
        longest = min(300, 2 * 2**number)
        assert longest * 0.74 <= wait <= longest


def test_failures_that_may_pass_end_when_the_attempts_are_used_up(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    for attempt in (1, 2, 3):
        assert _begin(database, asked.id) is not None
        with database.session() as session:
            attempts.fail(
                session, asked.id, attempt, error=HubUnavailable(), progress=Progress(), max_attempts=3
            )
            session.execute(update(Operation).values(not_before=None))
    assert _status(database, model_id) == ("Failed", "failed")
    again = _ask(database, model_id)
    assert again.id != asked.id
    assert _status(database, model_id) == ("Pending", "pending")


def test_progress_forgives_earlier_failures(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        session.execute(update(Operation).values(failures=2, bytes_done=10))
    for bytes_done, failures in ((10, 2), (11, 0)):
        with database.session() as session:
            attempts.heartbeat(
                session, asked.id, 1, lease_seconds=30, progress=Progress(bytes_done=bytes_done)
            )
            assert operations.get(session, asked.id).failures == failures


def test_a_wish_to_cancel_reaches_the_running_worker_with_its_heartbeat(
    database: Database, model_id: int
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        assert attempts.heartbeat(session, asked.id, 1, lease_seconds=30) is False
    with database.session() as session:
        found, active = operations.cancel(session, model_id, purge=False)
        assert found is not None
        assert (found.status, active) == (OperationStatus.RUNNING, True)
    with database.session() as session:
        assert attempts.heartbeat(session, asked.id, 1, lease_seconds=30) is True
        attempts.stop_canceled(session, asked.id, 1, progress=Progress(bytes_done=3))
    assert _status(database, model_id) == ("Canceled", "canceled")


@pytest.mark.parametrize("stop", ["give back", "fails for now"])
def test_what_would_go_back_to_the_queue_is_canceled_when_somebody_wished_so(
    database: Database, model_id: int, stop: str
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        operations.cancel(session, model_id, purge=False)
    with database.session() as session:
        if stop == "give back":
            attempts.give_back(session, asked.id, 1, progress=Progress())
        else:
            attempts.fail(session, asked.id, 1, error=HubUnavailable(), progress=Progress(), max_attempts=4)
    assert _status(database, model_id) == ("Canceled", "canceled")


def test_a_canceled_operation_whose_worker_died_is_canceled_by_the_sweep(
    database: Database, model_id: int
) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        operations.cancel(session, model_id, purge=True)
    _expire_lease(database)
    found = _sweep(database)
    assert _status(database, model_id) == ("Canceled", "canceled")
    assert [(nudge.task, nudge.operation.id) for nudge in found.nudges] == []
    with database.session() as session:
        session.execute(update(Operation).values(nudged_at=None))
    assert [nudge.task for nudge in _sweep(database).nudges] == [TaskName.CANCEL]
    with database.session() as session:
        attempts.purged(session, asked.id)
    assert _sweep(database).nudges == []


def test_work_that_a_draining_worker_gives_back_is_free_at_once(database: Database, model_id: int) -> None:
    asked = _ask(database, model_id)
    _begin(database, asked.id)
    with database.session() as session:
        attempts.give_back(session, asked.id, 1, progress=Progress(bytes_done=9))
    successor = _begin(database, asked.id)
    assert successor is not None
    assert (successor.attempt, successor.failures, successor.bytes_done) == (2, 0, 9)


def test_files_that_vanished_make_a_model_not_downloaded(database: Database, model_id: int) -> None:
    with database.session() as session:
        session.execute(update(Model).values(downloaded=True, download_status=DownloadStatus.DOWNLOADED))
    with database.session() as session:
        assert sweep.files_are_gone(session, model_id)
        assert not sweep.files_are_gone(session, model_id)
        model = session.get_one(Model, model_id)
        assert (model.download_status, model.downloaded) == ("NotDownloaded", False)
        assert not sweep.files_are_gone(session, model_id + 1), "a model that was deleted meanwhile"
        assert model.error["code"] == "FILE_NOT_FOUND"  # type: ignore[index]


def test_what_works_on_the_volume_as_a_whole_has_no_model_and_lives_like_the_others(
    database: Database,
) -> None:
    with database.session() as session:
        session.add(clean_up := Operation(kind=OperationKind.CLEAN_UP, plan={"items": []}))
    begun = _begin(database, clean_up.id)
    assert begun is not None
    assert (begun.status, begun.attempt, begun.model_id) == (OperationStatus.RUNNING, 1, None)
    _expire_lease(database)
    assert [operation.id for operation in _sweep(database).revived] == [clean_up.id]
    assert _begin(database, clean_up.id)
    with database.session() as session:
        attempts.complete(session, clean_up.id, 2, progress=Progress(), result=Result.REMOVED, bytes_freed=7)
        row = operations.get(session, clean_up.id)
    assert (row.status, row.result, row.bytes_freed) == (OperationStatus.COMPLETED, Result.REMOVED, 7)


def test_a_sweep_leaves_a_clean_up_alone_that_somebody_is_at(database: Database) -> None:
    with database.session() as session:
        session.add(clean_up := Operation(kind=OperationKind.CLEAN_UP))
    _begin(database, clean_up.id)
    _expire_lease(database)
    with database.session() as session:
        operations.lock_both(session, clean_up.id)
        assert _sweep(database).revived == []
    assert [operation.id for operation in _sweep(database).revived] == [clean_up.id]


def test_two_verifies_of_one_repository_that_end_at_once_do_not_wait_for_each_other(
    database: Database, model_id: int
) -> None:
    manifest = {"commit": "c" * 40, "files": [{"path": "f", "size": 1, "oid": "a" * 64, "is_lfs": True}]}
    with database.session() as session:
        twin = Model(name="twin", type="local", source="huggingface", hf_repo="a/b", revision="next")
        twin.download_status, twin.downloaded = DownloadStatus.DOWNLOADED, True
        session.add(twin)
    damage = Damage("a/b", "c" * 40, {"f": Problem.CORRUPT}, {"a" * 64: Problem.CORRUPT})
    here = {"downloaded": True, "download_status": DownloadStatus.DOWNLOADED, "manifest": manifest}
    for _ in range(10):
        with database.session() as session:
            session.execute(update(Model).values(damaged_files=None, **here))
        asked = []
        for one in (model_id, twin.id):
            with database.session() as session:
                asked.append(operations.request_verify(session, one, requested_by="t", request_id=None)[0].id)
            _begin(database, asked[-1])
        barrier = threading.Barrier(2)

        def end(operation_id: uuid.UUID, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            with database.session() as session:
                attempts.complete_verify(session, operation_id, 1, progress=Progress(), damage=damage)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(end, asked))
        with database.session() as session:
            assert session.scalars(select(Model.downloaded)).all() == [False, False]
