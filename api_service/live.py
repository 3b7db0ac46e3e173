"""The live events of this process: one thread reads Redis, a queue for each page that watches.

The thread runs only while somebody watches. Four times a second it takes up new notes and the progress of
what runs, looks the rows up once for all pages, and hands out finished messages.
"""

import json
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select

from api_service.replies import model_bodies, operation_bodies
from api_service.schemas.models import ModelSchema
from api_service.schemas.operations import OperationSchema
from shared import events, registry
from shared.database import Database
from shared.errors import ModelNotFound, ServiceUnavailable
from shared.events import EventType, Note
from shared.manifests import FETCHING
from shared.metrics import metrics
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.tables import UNFINISHED, Operation

TICK = 0.25
# A page that takes nothing for so many messages is gone or asleep; it gets a snapshot when it comes back.
MOST_WAITING = 500
# A stream holds a thread of the server; these stay free for requests.
FREE_THREADS = 8

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Message:
    """One server-sent event. Progress has no id: it is not replayed."""

    event: str
    data: Any
    id: str | None = None

    def encode(self) -> str:
        """The text on the wire."""
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.event}\ndata: {json.dumps(self.data)}\n\n"


class TooManyStreams(ServiceUnavailable):
    """As many pages as this server can hold are watching."""

    remedy = "Poll GET /api/downloads/queue meanwhile, or raise WEIGHBRIDGE_API_THREADS."


class Live:
    """Hands events to every page of this process that watches."""

    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        """No thread runs before somebody watches."""
        self._settings, self._database, self._redis = settings, database, redis
        self._secrets = SecretBox.from_settings(settings)
        self._most = settings.api_threads - FREE_THREADS
        self._is_running = False
        self._pages: list[queue.Queue[Message]] = []
        self._lock = threading.Lock()
        self._seen: dict[Any, Any] = {}

    def watch(self) -> queue.Queue[Message]:
        """A queue that gets every message from now on. Raises TooManyStreams."""
        page: queue.Queue[Message] = queue.Queue(MOST_WAITING)
        with self._lock:
            if len(self._pages) >= self._most:
                raise TooManyStreams()
            if not self._is_running:
                # Notes older than this one the page finds in its snapshot.
                self._start(self.newest())
            self._pages.append(page)
            self._count()
        return page

    def leave(self, page: queue.Queue[Message]) -> None:
        """The page has gone."""
        with self._lock:
            self._pages = [other for other in self._pages if other is not page]
            self._count()

    def _count(self) -> None:
        metrics().http_streams.labels("/api/events").set(len(self._pages))

    def is_watching(self, page: queue.Queue[Message]) -> bool:
        """False once the page was dropped because it took nothing."""
        return page in self._pages

    def newest(self) -> str:
        """The id after which the next note will come. Raises ServiceUnavailable."""
        try:
            return events.last_id(self._redis)
        except RedisError as error:
            raise ServiceUnavailable("Redis does not answer.") from error

    def snapshot(self, *, note_id: str, is_whole: bool) -> Message:
        """Every unfinished download and update; `complete` false: notes were lost, lists are outworn."""
        with self._database.session() as session:
            wanted = select(Operation).where(Operation.kind.in_(FETCHING), Operation.status.in_(UNFINISHED))
            found = session.scalars(wanted.order_by(Operation.created_at)).all()
        return Message("snapshot", {"downloads": self._bodies(found), "complete": is_whole}, note_id)

    def replay(self, note_id: str) -> tuple[list[Message], bool]:
        """The messages after an id that a page names, and whether they are all that there were."""
        try:
            if not events.is_note_id(note_id) or not events.reaches_back_to(self._redis, note_id):
                return [], False
            return self._messages(events.since(self._redis, note_id)), True
        except RedisError as error:
            raise ServiceUnavailable("Redis does not answer.") from error

    def _start(self, note_id: str) -> None:
        self._is_running = True
        threading.Thread(target=self._run, args=(note_id,), name="live", daemon=True).start()

    def _has_ended(self) -> bool:
        with self._lock:
            self._is_running = bool(self._pages)
            return not self._is_running

    def _run(self, note_id: str) -> None:
        pause = threading.Event()
        while not pause.wait(TICK) and not self._has_ended():
            try:
                note_id = self._tick(note_id)
            except (RedisError, ServiceUnavailable) as error:
                log.warning("events wait", error=type(error).__name__)
            except Exception:
                # This thread serves every page of the process: it must outlive any surprise.
                log.exception("events broke")

    def _tick(self, note_id: str) -> str:
        notes = events.since(self._redis, note_id)
        for message in [*self._messages(notes), *self._progress()]:
            self._hand_out(message)
        return notes[-1].id if notes else note_id

    def _hand_out(self, message: Message) -> None:
        for page in tuple(self._pages):
            try:
                page.put_nowait(message)
            except queue.Full:
                self.leave(page)

    def _progress(self) -> list[Message]:
        """One message for all downloads whose progress has moved since the last look."""
        running = events.running(self._redis)
        with self._database.session() as session:
            found = (
                session.scalars(select(Operation).where(Operation.id.in_(running))).all() if running else []
            )
        bodies = {body["taskId"]: body for body in self._bodies(found)}
        moved = [body for task, body in bodies.items() if self._seen.get(task) != body]
        self._seen = bodies
        return [Message("download.progress", {"downloads": moved})] if moved else []

    def _messages(self, notes: Sequence[Note]) -> list[Message]:
        told = ((note, self._data(note)) for note in notes)
        return [Message(note.type, data, note.id) for note, data in told if data is not None]

    def _data(self, note: Note) -> Any:
        """What the note is about; None: of an operation that is gone, as after a restored backup."""
        if note.model_id is None:
            return {}
        with self._database.session() as session:
            if note.operation_id is not None:
                operation = session.get(Operation, note.operation_id)
                return operation and self._bodies([operation])[0]
            if note.type is EventType.MODEL_DELETED:
                return {"id": note.model_id}
            try:
                model = registry.get(session, note.model_id)
            except ModelNotFound:  # it has gone since; the note that says so follows
                return {"id": note.model_id}
            return ModelSchema().dump(
                model_bodies(
                    session, [model], redis=self._redis, secrets=self._secrets, settings=self._settings
                )[0]
            )

    def _bodies(self, found: Sequence[Operation]) -> list[Any]:
        bodies = operation_bodies(found, in_model_words=True, redis=self._redis)
        return list(OperationSchema(many=True).dump(bodies))
