"""References on a real Postgres: what they say and when they count; they and a delete exclude each other."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, update

from shared import attempts, operations, references
from shared.database import Database
from shared.errors import ModelInUse, ModelNotFound, OperationConflict, ValidationError
from shared.tables import Model, ModelReference, Operation, OperationStatus, ReferencePolicy
from tests.conftest import local_model

BLOCK, WARN = ReferencePolicy.BLOCK, ReferencePolicy.WARN
THERE = {"was_there": True, "bytes": 1}


@pytest.fixture
def model_id(database: Database) -> int:
    return local_model(database).id


def _put(
    database: Database,
    model_id: int,
    consumer: str = "search",
    name: str = "docs",
    policy: ReferencePolicy = BLOCK,
    expires_at: datetime | None = None,
) -> tuple[ModelReference, bool]:
    with database.session() as session:
        return references.put(
            session, model_id, consumer, name, policy=policy, detail="why", expires_at=expires_at
        )


def _blocking(database: Database, model_id: int) -> list[tuple[str, str]]:
    with database.session() as session:
        return [(one.consumer, one.name) for one in references.blocking(session, model_id)]


def _expire(database: Database) -> None:
    with database.session() as session:
        session.execute(update(ModelReference).values(expires_at=func.now() - timedelta(seconds=1)))


def _delete_begun(database: Database, model_id: int) -> Operation:
    with database.session() as session:
        asked, _ = operations.request_delete(session, model_id, requested_by="t", request_id=None)
    with database.session() as session:
        begun = attempts.begin(session, asked.id, worker="w", lease_seconds=30)
    assert begun is not None
    return begun


def _files_go(database: Database, operation_id: uuid.UUID) -> None:
    with database.session() as session:
        attempts.files_go(session, operation_id, 1, there=THERE)


def test_the_first_word_is_new_and_the_second_replaces_it(database: Database, model_id: int) -> None:
    first, is_new = _put(database, model_id)
    assert is_new
    second, is_new = _put(database, model_id, policy=WARN)
    assert not is_new
    assert (second.policy, second.created_at) == (WARN, first.created_at)
    assert second.updated_at > first.updated_at
    assert _blocking(database, model_id) == []


def test_saying_the_same_again_shows_that_it_was_said_again(database: Database, model_id: int) -> None:
    first, _ = _put(database, model_id)
    second, _ = _put(database, model_id)
    assert second.updated_at > first.updated_at


def test_one_that_has_expired_counts_no_more_and_is_still_listed(database: Database, model_id: int) -> None:
    _put(database, model_id)
    _put(database, model_id, name="warned", policy=WARN)
    _expire(database)
    _put(database, model_id, "chat", "main")
    assert _blocking(database, model_id) == [("chat", "main")]
    with database.session() as session:
        assert references.warning(session, model_id) == []
        listed = [(one.name, is_expired) for one, is_expired in references.listed(session, model_id)]
    assert listed == [("main", False), ("docs", True), ("warned", True)]


def test_an_end_that_has_passed_is_refused(database: Database, model_id: int) -> None:
    with pytest.raises(ValidationError) as refused:
        _put(database, model_id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert refused.value.facts["errors"] == {"expires_at": ["Must lie in the future."]}
    _put(database, model_id, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert len(_blocking(database, model_id)) == 1


@pytest.mark.parametrize(
    ("consumer", "name", "wrong"),
    [
        ("", "docs", {"consumer"}),
        ("a/b", "docs", {"consumer"}),
        ("..", "docs", {"consumer"}),
        ("a" * 101, "n" * 256, {"consumer", "name"}),
        ("search", "", {"name"}),
        ("search", "a\0b", {"name"}),
        ("search", "a\nb", {"name"}),
        ("search", "\u202edocs", {"name"}),
        ("search", "\ufffd", {"name"}),
        ("search", " docs", {"name"}),
        ("search", "a/../b", {"name"}),
        ("search", "a//b", {"name"}),
        ("search", "a/", {"name"}),
    ],
)
def test_names_that_say_nothing_are_refused(
    database: Database, model_id: int, consumer: str, name: str, wrong: set[str]
) -> None:
    for call in (
        lambda: _put(database, model_id, consumer, name),
        lambda: references.check_names(consumer, name),
    ):
        with pytest.raises(ValidationError) as refused:
            call()
        assert refused.value.facts["errors"].keys() == wrong


@pytest.mark.parametrize("name", ["docs", "a b", "pipelines/nightly", "коллекция", "n" * 255, "a.b", "..a"])
def test_names_of_people_and_machines_are_taken(database: Database, model_id: int, name: str) -> None:
    _put(database, model_id, "search-service", name)
    assert _blocking(database, model_id) == [("search-service", name)]


def test_what_was_taken_back_is_gone_and_once_more_is_no_error(database: Database, model_id: int) -> None:
    _put(database, model_id)
    with database.session() as session:
        assert references.remove(session, model_id, "search", "docs")
        assert not references.remove(session, model_id, "search", "docs")
    assert _blocking(database, model_id) == []


def test_a_model_that_is_not_there_has_no_references(database: Database, model_id: int) -> None:
    with pytest.raises(ModelNotFound):
        _put(database, 999)
    with pytest.raises(ModelNotFound), database.session() as session:
        references.listed(session, 999)
    with pytest.raises(ModelNotFound), database.session() as session:
        references.remove(session, 999, "search", "docs")


def test_references_go_with_their_model(database: Database, model_id: int) -> None:
    _put(database, model_id)
    with database.session() as session:
        session.delete(session.get_one(Model, model_id))
    with database.session() as session:
        assert session.get(ModelReference, (model_id, "search", "docs")) is None


def test_a_reference_that_comes_before_the_files_go_stops_the_delete(
    database: Database, model_id: int
) -> None:
    asked = _delete_begun(database, model_id)
    _put(database, model_id)
    with pytest.raises(ModelInUse) as refused:
        _files_go(database, asked.id)
    assert refused.value.detail == "The model is used by search (docs)."
    with database.session() as session:
        assert operations.get(session, asked.id).plan is None


def test_a_warning_or_an_expired_reference_stops_no_delete(database: Database, model_id: int) -> None:
    asked = _delete_begun(database, model_id)
    _put(database, model_id, name="old")
    _expire(database)
    _put(database, model_id, policy=WARN)
    _files_go(database, asked.id)


def test_a_reference_that_comes_once_the_files_go_is_refused(database: Database, model_id: int) -> None:
    asked = _delete_begun(database, model_id)
    _files_go(database, asked.id)
    with pytest.raises(OperationConflict) as refused:
        _put(database, model_id)
    assert refused.value.facts == {"operation_id": str(asked.id), "operation": "delete"}
    # A delete that failed for good leaves the model there, and it can be used again.
    with database.session() as session:
        operation = operations.lock_operation(session, asked.id)
        operations.end(session, None, operation, OperationStatus.FAILED)
    assert _put(database, model_id)[1]


def test_a_later_attempt_of_a_delete_asks_nobody_again(database: Database, model_id: int) -> None:
    """Part of the files is gone, so there is nothing left to forbid; and what was there at first is kept."""
    asked = _delete_begun(database, model_id)
    _files_go(database, asked.id)
    with database.session() as session:
        session.add(ModelReference(model_id=model_id, consumer="search", name="docs", policy=BLOCK))
    with database.session() as session:
        found = attempts.files_go(session, asked.id, 1, there={"was_there": False, "bytes": 0})
    assert found == THERE


def test_a_reference_waits_for_a_delete_that_is_at_the_point_of_no_return(
    database: Database, model_id: int
) -> None:
    asked, refused = _delete_begun(database, model_id), threading.Event()

    def late() -> None:
        with pytest.raises(OperationConflict):
            _put(database, model_id)
        refused.set()

    with database.session() as session:
        attempts.files_go(session, asked.id, 1, there=THERE)
        thread = threading.Thread(target=late)
        thread.start()
        assert not refused.wait(0.5)
    thread.join()
    assert refused.is_set()


def test_of_a_reference_and_a_delete_at_the_same_time_exactly_one_wins(
    database: Database, model_id: int
) -> None:
    for number in range(20):
        with database.session() as session:
            model = session.get_one(Model, model_id)
            model.downloaded = True
        asked = _delete_begun(database, model_id)
        barrier, outcomes = threading.Barrier(2), {}

        def compete(
            who: str, call: object, barrier: threading.Barrier = barrier, seen: dict = outcomes
        ) -> None:
            barrier.wait()
            try:
                call()  # type: ignore[operator]
                seen[who] = None
            except (ModelInUse, OperationConflict) as error:
                seen[who] = type(error)

        threads = [
            threading.Thread(target=compete, args=("put", lambda: _put(database, model_id))),
            threading.Thread(
                target=compete, args=("delete", lambda asked=asked: _files_go(database, asked.id))
            ),
        ]
        for thread in threads[:: 1 if number % 2 else -1]:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes in ({"put": None, "delete": ModelInUse}, {"put": OperationConflict, "delete": None})
        with database.session() as session:
            assert session.get_one(Model, model_id).downloaded is (outcomes["put"] is None)
            operations.end(
                session, None, operations.lock_operation(session, asked.id), OperationStatus.CANCELED
            )
            references.remove(session, model_id, "search", "docs")


def test_a_refusal_names_a_few_and_counts_the_rest(database: Database, model_id: int) -> None:
    for name in ("a", "b"):
        _put(database, model_id, "chat", name)
    for number in range(10):
        _put(database, model_id, "search", f"docs{number}")
    with database.session() as session:
        text = references.told(references.blocking(session, model_id))
    assert text == "chat (a, b), search (docs0, docs1, docs2) and 7 more"
