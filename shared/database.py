"""The one engine of a process and the sessions that stand on it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from shared.errors import ServiceUnavailable
from shared.settings import Settings

# Seconds. A request must not hang on a database that is away; a rule never holds a lock for long.
CONNECT_TIMEOUT = 4
LOCK_TIMEOUT = 10
STATEMENT_TIMEOUT = 30
# Seconds after which a connection that nobody used is asked whether it still lives: what was used a moment
# ago hardly died since, and to ask each time costs a round trip for each request.
IDLE = 1


# What SQLAlchemy raises when the server is away, or lets us wait too long for a connection or a lock.
UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout)
_OPTIONS = f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT}s -c statement_timeout={STATEMENT_TIMEOUT}s"


class Database:
    """Sessions on Postgres. Make one for each process: connections don't survive a fork."""

    def __init__(self, url: str, *, pool_size: int = 10, silence: int = 0) -> None:
        """`url` is any postgresql:// URL; `pool_size` bounds the connections that are kept open.

        `silence`: seconds after which the server ends a transaction in which nothing is said, so that a
        process that froze in the middle of one holds its locks no longer; 0: never.
        """
        self.engine = _engine(url, pool_size, silence)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        # Nothing is open there before the first `reading`, and nothing is left to be rolled back. A reader
        # that waits for its turn costs less than a connection that is opened for one statement.
        self.readers = _engine(
            url,
            pool_size,
            silence,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
        )

    @classmethod
    def from_settings(cls, settings: Settings, *, pool_size: int = 10, silence: int = 0) -> "Database":
        """The database that DATABASE_URL names."""
        assert settings.database_url is not None, "Settings.from_env(needs=…) checks this at start"
        return cls(settings.database_url.get_secret_value(), pool_size=pool_size, silence=silence)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that commits when the block ends well and rolls back when it raises.

        Raises ServiceUnavailable when the database does not answer.
        """
        with _answering(), self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for what only reads, and is asked for most: each statement stands for itself.

        There is no transaction to begin and to end, so each statement costs one round trip, not three, and
        sees what was committed before it. Raises ServiceUnavailable when the database does not answer.
        """
        with _answering(), self.readers.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Raise ServiceUnavailable unless Postgres answers."""
        with self.session() as session:
            session.execute(text("select 1"))

    def dispose(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()
        self.readers.dispose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        raise ServiceUnavailable("The database does not answer.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise ServiceUnavailable("The connection to the database was lost.") from error
        raise


def _engine(url: str, pool_size: int, silence: int, **options: Any) -> Engine:
    options.setdefault("max_overflow", pool_size)
    engine = create_engine(
        psycopg2_url(url),
        pool_size=pool_size,
        pool_timeout=CONNECT_TIMEOUT,
        hide_parameters=True,  # parameters hold encrypted secrets and people's names; errors get logged
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "weighbridge",
            "options": f"{_OPTIONS} -c idle_in_transaction_session_timeout={silence}s",
        },
        **options,
    )
    _ask_after_idleness(engine)
    return engine


def _ask_after_idleness(engine: Engine) -> None:
    """As SQLAlchemy's pool_pre_ping, but only where a connection was `IDLE` for so long."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: object, record: Any) -> None:
        record.info["returned"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info.get("returned", math.inf) < IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # Whatever took this one took those that lie beside it: the pool tries again with a new one.
            raise InvalidatePoolError from error


def psycopg2_url(url: str) -> str:
    """The same URL for the driver that we ship: SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3."""
    return (
        make_url(url.replace("postgres://", "postgresql://", 1))
        .set(drivername="postgresql+psycopg2")
        .render_as_string(hide_password=False)
    )
