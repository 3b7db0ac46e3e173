import uuid

import fakeredis
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared import events, progress
from shared.events import EventType
from shared.progress import Progress
from shared.tables import Operation, OperationKind, OperationStatus


@pytest.fixture
def redis() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis(decode_responses=True)


def test_notes_are_read_in_order_after_an_id(redis: fakeredis.FakeRedis) -> None:
    assert events.last_id(redis) == "0-0"
    events.note_model(redis, EventType.MODEL_CREATED, 7)
    seen = events.last_id(redis)
    operation = Operation(
        id=uuid.uuid4(), model_id=7, kind=OperationKind.DOWNLOAD, status=OperationStatus.PENDING
    )
    events.note_operations(redis, [operation])
    events.note_model(redis, EventType.MODEL_DELETED, 7)
    assert [note.type for note in events.since(redis, "0-0")] == [
        "model.created",
        "download.queued",
        "model.deleted",
    ]
    later = events.since(redis, seen)
    assert [(note.model_id, note.operation_id) for note in later] == [(7, operation.id), (7, None)]


@pytest.mark.parametrize("status", list(OperationStatus))
def test_a_delete_is_told_as_what_became_of_its_model(
    redis: fakeredis.FakeRedis, status: OperationStatus
) -> None:
    operation = Operation(id=uuid.uuid4(), model_id=7, kind=OperationKind.DELETE, status=status)
    events.note_operations(redis, [operation])
    told = "model.deleted" if status is OperationStatus.COMPLETED else "model.updated"
    assert [(note.type, note.model_id, note.operation_id) for note in events.since(redis, "0-0")] == [
        (told, 7, None)
    ]


@pytest.mark.parametrize("status", list(OperationStatus))
def test_what_works_on_the_volume_as_a_whole_is_no_event_of_a_model(
    redis: fakeredis.FakeRedis, status: OperationStatus
) -> None:
    clean_up = Operation(id=uuid.uuid4(), model_id=None, kind=OperationKind.CLEAN_UP, status=status)
    events.note_operations(redis, [clean_up])
    assert events.since(redis, "0-0") == []


@pytest.mark.parametrize("status", list(OperationStatus))
def test_a_verify_never_says_that_its_model_is_gone(
    redis: fakeredis.FakeRedis, status: OperationStatus
) -> None:
    verify = Operation(id=uuid.uuid4(), model_id=7, kind=OperationKind.VERIFY, status=status)
    events.note_operations(redis, [verify])
    assert [note.type for note in events.since(redis, "0-0")] == ["model.updated"]


def test_the_stream_is_capped_and_knows_how_far_back_it_reaches(
    redis: fakeredis.FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_KEPT", 5)
    events.note_model(redis, EventType.MODEL_CREATED, 1)
    first = events.last_id(redis)
    assert events.reaches_back_to(redis, first)
    for number in range(500):
        events.note_model(redis, EventType.MODEL_UPDATED, number)
    assert redis.xlen(events.STREAM) < 500
    assert not events.reaches_back_to(redis, first)
    redis.flushall()
    assert not events.reaches_back_to(redis, first)


def test_what_shows_progress_is_running(redis: fakeredis.FakeRedis) -> None:
    operation_id = uuid.uuid4()
    assert events.running(redis) == []
    progress.write(redis, operation_id, Progress(updated_at="2026-11-21T10:00:00+00:00"))
    assert events.running(redis) == [operation_id]


def test_what_is_on_the_list_stays_there_and_its_progress_does_not_stay_for_ever(
    redis: fakeredis.FakeRedis,
) -> None:
    operation_id = uuid.uuid4()
    progress.write(redis, operation_id, Progress(bytes_done=1), is_listed=True)
    # As after a Redis that lost its data: neither on the list nor with a time to live.
    assert (events.running(redis), redis.ttl(progress.key(operation_id))) == ([], -1)
    assert not progress.stay_listed(redis, operation_id)
    assert events.running(redis) == [operation_id]
    assert redis.ttl(progress.key(operation_id)) == progress.PROGRESS_SECONDS
    redis.expire(progress.key(operation_id), progress.PROGRESS_SECONDS - 60)
    progress.ask_to_cancel(redis, operation_id)
    assert progress.stay_listed(redis, operation_id)
    # A fresh time to live is a write, too: not before half of it is over.
    assert redis.ttl(progress.key(operation_id)) == progress.PROGRESS_SECONDS - 60


def test_a_note_that_can_not_be_written_harms_nobody() -> None:
    away = Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    with pytest.raises(RedisError):
        away.ping()
    events.note_model(away, EventType.MODEL_CREATED, 1)


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("1-0", True),
        ("1700000000000-12", True),
        ("", False),
        ("x-1", False),
        ("1", False),
        ("(1-1", False),
        ("9" * 30 + "-0", False),
    ],
)
def test_only_ids_of_notes_are_ids(text: str, is_id: bool) -> None:
    assert events.is_note_id(text) is is_id
