"""A worker takes no work before the database has the tables that it wants: it waits, and says for what."""

import threading

import structlog

from shared import schema
from shared.database import Database
from shared.errors import ServiceUnavailable

# Seconds between two looks, and between two words about it in the log.
LOOK_SECONDS = 1.0
SAY_EVERY = 30

log = structlog.get_logger(__name__)


def wait_for_schema(database: Database, *, ended: threading.Event | None = None) -> None:
    """Return once this version's migrations have run. `ended`: set by whoever wants to wait no longer."""
    ended, looks = ended or threading.Event(), 0
    while not ended.is_set():
        try:
            with database.session() as session:
                schema.check(session)
            return
        except ServiceUnavailable as error:
            if looks % SAY_EVERY == 0:
                log.warning("waiting for the database", code=error.code, detail=error.detail)
            looks += 1
        ended.wait(LOOK_SECONDS)
