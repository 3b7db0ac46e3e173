"""/api/events: what happens, as it happens."""

import queue
import time
from collections.abc import Callable, Iterator

from flask import Response, current_app, request

from api_service import auth
from api_service.blueprint import Blueprint
from api_service.live import Live, Message
from api_service.parts import parts
from shared.errors import ServiceUnavailable
from shared.tables import Role

blueprint = Blueprint("events", __name__, url_prefix="/api/events", description="Live events")

# Seconds.
HEARTBEAT = 5
# After so long the page comes back and gets a whole snapshot.
LONGEST_STREAM = 3600
# So long a stream outlives the sign-in or token that it was opened with.
LOOK_AGAIN = 30


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
    lines = _lines(live, page, first, still_welcome=_look_again())
    answer = Response(lines, content_type="text/event-stream")
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


def _look_again() -> Callable[[], bool]:
    """Whether the caller of this request would still be let in; asked after the request itself has ended."""
    app, environ = current_app._get_current_object(), request.environ  # type: ignore[attr-defined]

    def still_welcome() -> bool:
        with app.request_context(environ):
            try:
                return auth.recognized() is not None
            except ServiceUnavailable:  # nobody can tell just now
                return True

    return still_welcome


def _lines(
    live: Live, page: queue.Queue[Message], first: list[Message], *, still_welcome: Callable[[], bool]
) -> Iterator[str]:
    began = looked = time.monotonic()
    for message in first:
        yield message.encode()
    while time.monotonic() < began + LONGEST_STREAM and live.is_watching(page):
        if time.monotonic() > looked + LOOK_AGAIN:
            if not still_welcome():
                return
            looked = time.monotonic()
        try:
            yield page.get(timeout=HEARTBEAT).encode()
        except queue.Empty:
            yield Message("heartbeat", {}).encode()
