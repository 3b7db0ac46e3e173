import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api_service.live import Live
from api_service.routes import events as route
from shared import attempts, events, operations, progress
from shared.database import Database
from shared.progress import Progress
from shared.tables import Operation, OperationKind, OperationStatus
from tests.conftest import ADMIN_TOKEN, HOSTED, LOCAL, Api


class Stream:
    """A page that watches: reads one event at a time."""

    def __init__(self, api: Api, **headers: str) -> None:
        wanted = {"Authorization": f"Bearer {ADMIN_TOKEN}"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        self.answer = api.client.application.test_client().get("/api/events", headers=wanted)
        self._lines = iter(self.answer.response)

    def next(self) -> tuple[str, Any, str | None]:
        """Name, data and id of the next event; heartbeats are passed over."""
        while True:
            text = next(self._lines).decode()
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
            if fields["event"] != "heartbeat":
                return fields["event"], json.loads(fields["data"]), fields.get("id")

    def until(self, name: str) -> tuple[Any, str | None]:
        """Data and id of the next event of this name."""
        while True:
            event, data, note_id = self.next()
            if event == name:
                return data, note_id

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def watch(api: Api) -> Iterator[Any]:
    opened: list[Stream] = []

    def start(**headers: str) -> Stream:
        opened.append(Stream(api, **headers))
        return opened[-1]

    yield start
    for stream in opened:
        stream.close()


def _wait(probe: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(250):
        if probe():
            return
        pause.wait(0.02)
    raise AssertionError("waited 5 s")


def _live(api: Api) -> Live:
    return api.client.application.extensions["weighbridge"].live


def test_the_first_event_is_a_snapshot_of_what_is_not_finished(api: Api, watch: Any) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    stream = watch()
    assert stream.answer.content_type.startswith("text/event-stream")
    assert stream.answer.headers["X-Accel-Buffering"] == "no"
    name, data, note_id = stream.next()
    assert (name, data["complete"], note_id is not None) == ("snapshot", True, True)
    assert [(one["modelId"], one["status"]) for one in data["downloads"]] == [(model["id"], "Pending")]


def test_what_happens_to_models_and_downloads_is_told_in_order(api: Api, watch: Any) -> None:
    stream = watch()
    stream.until("snapshot")
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    api.post(f"/api/models/{model['id']}/cancel-download")
    api.patch(f"/api/models/{model['id']}", {"name": "New name"})
    api.delete(f"/api/models/{model['id']}")
    told = [stream.next() for _ in range(5)]
    assert [name for name, _, _ in told] == [
        "model.created",
        "download.queued",
        "download.canceled",
        "model.updated",
        "model.deleted",
    ]
    assert told[-1][1] == {"id": model["id"]}
    assert told[1][1]["taskId"] == model["activeOperation"]["taskId"]


def test_no_secret_is_ever_told(api: Api, watch: Any) -> None:
    stream = watch()
    stream.until("snapshot")
    api.post("/api/models", HOSTED)
    data, _ = stream.until("model.created")
    assert data["hasApiKey"] is True
    assert HOSTED["apiKey"] not in json.dumps(data)


def test_progress_comes_in_one_message_for_all_and_only_when_it_moves(
    api: Api, watch: Any, database: Database, redis: Any
) -> None:
    tasks = []
    for name in ("a", "b"):
        model = api.post("/api/models", LOCAL | {"name": name, "modelFile": f"{name}.gguf"}).json
        with database.session() as session:
            asked, _ = operations.request_download(session, model["id"], requested_by="t", request_id=None)
            tasks.append(attempts.begin(session, asked.id, worker="w", lease_seconds=30))
    stream = watch()
    stream.until("snapshot")

    def move(done: int) -> None:
        for task in tasks:
            moved = Progress(
                attempt=1, bytes_done=done, bytes_total=100, updated_at="2026-11-21T10:00:00+00:00"
            )
            progress.write(redis, task.id, moved)

    move(10)
    data, note_id = stream.until("download.progress")
    while len(data["downloads"]) < 2:  # the second one was written a moment after the look
        data, note_id = stream.until("download.progress")
    assert note_id is None
    assert {one["bytesDownloaded"] for one in data["downloads"]} == {10}
    move(20)
    data, _ = stream.until("download.progress")
    assert data["downloads"][0]["percent"] == 20.0


def test_a_page_that_comes_back_gets_what_it_missed(api: Api, watch: Any) -> None:
    first = watch()
    first.until("snapshot")
    api.post("/api/models", HOSTED | {"name": "one"})
    _, note_id = first.until("model.created")
    first.close()
    api.post("/api/models", HOSTED | {"name": "two"})
    api.post("/api/models", HOSTED | {"name": "three"})
    again = watch(Last_Event_ID=note_id)
    assert [again.next()[1]["name"] for _ in range(2)] == ["two", "three"]
    name, data, _ = again.next()
    assert (name, data["complete"]) == ("snapshot", True)


@pytest.mark.parametrize("note_id", ["nonsense", "1-0", "999999999999999999999999-0"])
def test_a_page_that_was_away_too_long_is_told_to_read_anew(
    api: Api, watch: Any, redis: Any, note_id: str
) -> None:
    api.post("/api/models", HOSTED)
    name, data, _ = watch(Last_Event_ID=note_id).next()
    assert (name, data["complete"]) == ("snapshot", False)


def test_a_quiet_stream_beats(api: Api, watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "HEARTBEAT", 0.05)
    stream = watch()
    stream.until("snapshot")
    assert next(stream._lines).decode() == "event: heartbeat\ndata: {}\n\n"


def test_more_pages_than_threads_are_sent_to_polling(api: Api, watch: Any) -> None:
    live = _live(api)
    live._most = 2
    for _ in range(2):
        watch().until("snapshot")
    refused = api.get("/api/events")
    assert (refused.status_code, refused.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "Retry-After" in refused.headers


def test_a_page_that_leaves_frees_its_place_and_the_thread_ends(api: Api, watch: Any) -> None:
    stream = watch()
    stream.until("snapshot")
    live = _live(api)
    assert live._is_running
    stream.close()
    _wait(lambda: not live._is_running)
    again = watch()
    again.until("snapshot")
    assert live._is_running


def test_a_page_that_takes_nothing_is_dropped(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.live.MOST_WAITING", 1)
    live = _live(api)
    page = live.watch()
    for name in ("one", "two", "three"):
        api.post("/api/models", HOSTED | {"name": name})
    _wait(lambda: not live.is_watching(page))


def test_a_delete_that_is_asked_for_is_told_once(api: Api, watch: Any) -> None:
    model = api.post("/api/models", LOCAL).json
    stream = watch()
    stream.until("snapshot")
    for _ in range(2):
        api.delete(f"/api/models/{model['id']}?deleteLocalFile=true")
    api.patch(f"/api/models/{model['id']}", {"name": "Later"})
    told, _ = stream.until("model.updated")
    assert (told["activeOperation"]["operation"], told["activeOperation"]["status"]) == ("delete", "pending")
    assert stream.until("model.updated")[0]["name"] == "Later"


def test_a_note_of_an_operation_that_is_gone_stops_nothing(api: Api, redis: Any, watch: Any) -> None:
    api.post("/api/models", LOCAL)
    stream = watch()
    _, _, seen = stream.next()
    kinds = {"kind": OperationKind.DOWNLOAD, "status": OperationStatus.FAILED}
    events.note_operations(redis, [Operation(id=uuid.uuid4(), model_id=1, **kinds)])
    api.post("/api/models", HOSTED)
    assert stream.next()[0] == "model.created"
    assert watch(Last_Event_ID=seen).next()[0] == "model.created"


def test_events_want_a_caller(api: Api) -> None:
    assert api.get("/api/events", token=None).status_code == 401


def test_a_stream_ends_with_the_token_that_it_was_opened_with(
    api: Api, watch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "HEARTBEAT", 0.05)
    monkeypatch.setattr(route, "LOOK_AGAIN", 0.05)
    made = api.post("/api/tokens", {"name": "page", "role": "viewer"}).json
    stream, other = watch(Authorization=f"Bearer {made['token']}"), watch()
    for each in (stream, other):
        each.until("snapshot")
    api.delete(f"/api/tokens/{made['id']}")
    with pytest.raises(StopIteration):
        stream.until("model.created")
    api.post("/api/models", LOCAL)
    assert other.until("model.created")[0]["name"] == LOCAL["name"]
