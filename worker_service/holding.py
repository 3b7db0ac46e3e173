"""Hold a repository of the cache while files of it go, so that no download comes to rely on them meanwhile.

The lock lives as long as its transaction, and Postgres ends a transaction in which nothing is said for the
length of a lease (Context.make): a process that froze in the middle of a removal must not hold the repository
for ever. So a removal speaks up before its files, and one that was frozen for too long learns by that that it
holds nothing any more, before it takes the next file away.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.manifests import hold_repo
from worker_service.context import Context

# Seconds of silence after which a beat speaks up; a lease is 3 at least.
SILENCE = 0.5


def _say_something(session: Session) -> None:
    session.execute(select(1))


@contextmanager
def holding(
    context: Context, repo: str, *, ask: Callable[[Session], object] = _say_something
) -> Iterator[tuple[Session, Callable[[], None]]]:
    """A session that holds the repository, and the beat to call before each file that goes.

    `ask` is what the beat says; what it raises (a fence) ends the removal. Raises ServiceUnavailable when the
    hold is lost, or when somebody else does not give the repository back in time.
    """
    with context.database.session() as session:
        hold_repo(session, repo)
        spoken = time.monotonic()

        def beat() -> None:
            nonlocal spoken
            # This clock goes on while a process is stopped.
            if time.monotonic() - spoken > SILENCE:
                ask(session)
                spoken = time.monotonic()

        yield session, beat
