"""/api/events: what happens, as it happens."""

import queue
import time
from collections.abc import Iterator

from flask import Response, request

from api_service.blueprint import Blueprint
from api_service.live import Live, Message
from api_service.parts import parts
from shared.tables import Role

blueprint = Blueprint("events", __name__, url_prefix="/api/events", description="Live events")

HEARTBEAT = 5
# Seconds. Then the page comes back and is asked anew who it is.
LONGEST_STREAM = 3600


@blueprint.get("", role=Role.VIEWER)
@blueprint.response(200, content_type="text/event-stream")
def stream() -> Response:
    """Server-sent events: a snapshot, then every change; resumable by Last-Event-ID."""
    live = parts().live
    page = live.watch()
    try:
        first = _first(live, request.headers.get("Last-Event-ID"))
    except BaseException:
        live.leave(page)
        raise
    answer = Response(_lines(live, page, first), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    # The generator's own end is not reached when the page leaves before the first line.
    answer.call_on_close(lambda: live.leave(page))
    return answer


def _first(live: Live, last_seen: str | None) -> list[Message]:
    """The snapshot, and what a page that comes back has missed."""
    newest = live.newest()
    missed, is_whole = live.replay(last_seen) if last_seen else ([], True)
    return [*missed, live.snapshot(note_id=newest, is_whole=is_whole)]


def _lines(live: Live, page: queue.Queue[Message], first: list[Message]) -> Iterator[str]:
    end = time.monotonic() + LONGEST_STREAM
    for message in first:
        yield message.encode()
    while time.monotonic() < end and live.is_watching(page):
        try:
            yield page.get(timeout=HEARTBEAT).encode()
        except queue.Empty:
            yield Message("heartbeat", {}).encode()
