"""What a scrape of the API tells beside its own counts: how queue, volumes, workers and the Hub are.

Looked up when somebody scrapes, and kept for some seconds, so that scrapers cost little however many there
are. All processes of the API tell the same: take the maximum over them, never the sum.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from api_service.hub_breaker import BreakerState, HubBreaker
from shared import presence, schema
from shared.database import Database
from shared.errors import ServiceUnavailable
from shared.nudges import NUDGED_BY
from shared.tables import UNFINISHED, Operation, OperationKind, OperationStatus, Volume
from shared.task_names import TASK_QUEUES, QueueName
from shared.version import VERSION

KEPT_SECONDS = 5
# The newest of migrations/versions; tests/api_service/test_gauges.py keeps this true.
WANTED_SCHEMA = int(schema.NEWEST)
# A volume that nobody has looked at for so long is not in use any more.
_IN_USE = timedelta(days=1)
_OF_VOLUME = {
    "total_bytes": "Size of the volume.",
    "available_bytes": "What downloads may still take of the volume.",
    "partial_bytes": "Taken up by half files.",
    "cache_bytes": "Taken up by the files of the cache, as of its last scan.",
}


class Gauges(Collector):
    """Reads the stores for a scrape. What can't be told is left out, and `store_up` says why."""

    def __init__(self, database: Database, redis: Redis, breaker: HubBreaker) -> None:
        """Nothing is asked before the first scrape."""
        self._database, self._redis, self._breaker = database, redis, breaker
        self._lock = threading.Lock()
        self._until, self._kept = 0.0, list[Metric]()

    def collect(self) -> Iterable[Metric]:
        """The metrics of now, or of some seconds ago."""
        with self._lock:
            if time.monotonic() > self._until:
                self._kept = [*self._look()]
                self._until = time.monotonic() + KEPT_SECONDS
            return self._kept

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register a collector must ask no store."""
        return ()

    def _look(self) -> Iterator[Metric]:
        yield _one("build_info", "The version that runs.", {"version": VERSION, "python": _python()}, 1)
        yield _one("schema_wanted", "Number of the migration that this version wants.", {}, WANTED_SCHEMA)
        up = _family("store_up", "1: the store answers.", "store")
        for store, look in {"postgres": self._postgres, "redis": self._of_redis}.items():
            found = _tried(look)
            up.add_metric([store], float(found is not None))
            yield from found or ()
        yield up
        yield self._of_breaker()

    def _postgres(self) -> list[Metric]:
        with self._database.session() as session:
            revision = _revision(session)
            family = _one("schema_revision", "Number of the last migration that has run.", {}, revision)
            if revision < WANTED_SCHEMA:  # what else is to be told may not be there yet
                return [family]
            return [family, *_of_operations(session), *_of_volumes(session)]

    def _of_redis(self) -> list[Metric]:
        alive = presence.workers(self._redis)
        workers = _family("workers", "Workers that are alive.", "queue")
        messages = _family("queue_messages", "Messages that wait in Redis.", "queue")
        for queue in QueueName:
            workers.add_metric([queue], alive.get(queue, 0))
            messages.add_metric([queue], self._redis.llen(f"weighbridge:{queue}"))
        return [workers, messages]

    def _of_breaker(self) -> Metric:
        now = self._breaker.look()["state"]
        family = _family("hub_breaker_state", "1: how the circuit breaker stands.", "state")
        for state in BreakerState:
            family.add_metric([state.lower()], float(state is now))
        return family


def _tried(look: Callable[[], list[Metric]]) -> list[Metric] | None:
    try:
        return look()
    except (ServiceUnavailable, RedisError):
        return None


def _of_operations(session: Session) -> Iterator[Metric]:
    """Of the unfinished ones only: those have an index, and the ended ones are counted as they end."""
    due = (Operation.status == OperationStatus.PENDING) & or_(
        Operation.not_before.is_(None), Operation.not_before <= func.now()
    )
    waits = func.extract("epoch", func.now() - func.greatest(Operation.created_at, Operation.not_before))
    rows = session.execute(
        select(
            Operation.kind,
            Operation.status,
            func.count(),
            func.count().filter(due),
            func.max(waits).filter(due),
        )
        .where(Operation.status.in_(UNFINISHED))
        .group_by(Operation.kind, Operation.status)
    )
    counts = {(kind, status): 0 for kind in OperationKind for status in UNFINISHED}
    depth, oldest = dict.fromkeys(QueueName, 0), dict.fromkeys(QueueName, 0.0)
    for kind, status, count, waiting, longest in rows:
        queue = TASK_QUEUES[NUDGED_BY[kind]]
        counts[kind, status] = count
        depth[queue] += waiting
        oldest[queue] = max(oldest[queue], float(longest or 0))
    operations = _family("operations", "Operations that have not ended.", "kind", "status")
    for (kind, status), count in counts.items():
        operations.add_metric([kind, status], count)
    yield operations
    yield _by_queue("queue_operations", "Operations that are due and that no worker has.", depth)
    yield _by_queue("queue_oldest_seconds", "How long the oldest of them has been due.", oldest)


def _of_volumes(session: Session) -> Iterator[Metric]:
    found = session.scalars(select(Volume).where(Volume.seen_at > func.now() - _IN_USE)).all()
    for name, documentation in _OF_VOLUME.items():
        family = _family(f"volume_{name}", documentation, "volume")
        for volume in found:
            family.add_metric([volume.name], getattr(volume, name) or 0)
        yield family
    seen = _family("volume_seen_timestamp_seconds", "When a worker has last looked at the volume.", "volume")
    for volume in found:
        seen.add_metric([volume.name], volume.seen_at.timestamp())
    yield seen


def _revision(session: Session) -> int:
    """0: no tables yet."""
    if session.scalar(text("select to_regclass('alembic_version')")) is None:
        return 0
    return int(session.scalar(text("select version_num from alembic_version")) or 0)


def _by_queue(name: str, documentation: str, values: dict[QueueName, float]) -> Metric:
    family = _family(name, documentation, "queue")
    for queue, value in values.items():
        family.add_metric([queue], value)
    return family


def _one(name: str, documentation: str, labels: dict[str, str], value: float) -> Metric:
    family = _family(name, documentation, *labels)
    family.add_metric([*labels.values()], value)
    return family


def _family(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"weighbridge_{name}", documentation, labels=labels)


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))
