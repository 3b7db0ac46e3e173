"""What each process counts and times itself, for Prometheus; docs/observability.md lists and explains it.

`metrics()` is the process's own set: made before its threads start, and again after a fork
(shared/metric_files.py), since what a process inherits may be locked by a thread that it has not got. No
label says what people type: they are routes as templates, and kinds and codes of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from redis.exceptions import RedisError
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from shared.tables import OperationKind

# Upper ends, in seconds and in bytes per second.
_OF_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_OF_HUB = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OF_ATTEMPTS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600)
_OF_SPEED = (1e5, 1e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8, 5e8, 1e9)
# Why an operation goes back into the queue, where that is no error.
GIVEN_BACK = "given_back"
LEASE_EXPIRED = "lease_expired"


@dataclass(frozen=True)
class Metrics:
    """The metrics of a process, and the registry that holds them."""

    registry: CollectorRegistry
    http_requests: Histogram
    http_streams: Gauge
    hub_requests: Histogram
    store_errors: Counter
    operations_finished: Counter
    operation_retries: Counter
    leases_expired: Counter
    attempts: Histogram
    attempts_lost: Counter
    received_bytes: Counter
    reused_bytes: Counter
    download_speed: Histogram
    transfer_retries: Counter
    transfer_stalls: Counter
    last_sweep: Gauge


@cache
def metrics() -> Metrics:
    """The metrics of this process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"weighbridge_{name}", text, labels, registry=registry)

    def histogram(name: str, text: str, *labels: str, ends: tuple[float, ...]) -> Histogram:
        return Histogram(f"weighbridge_{name}", text, labels, registry=registry, buckets=ends)

    def gauge(name: str, text: str, *labels: str, mode: str) -> Gauge:
        return Gauge(
            f"weighbridge_{name}",
            text,
            labels,
            registry=registry,
            multiprocess_mode=mode,  # type: ignore[arg-type]
        )

    route, hub, kind = ("route", "method", "status"), ("kind", "outcome"), ("kind",)
    found = Metrics(
        registry,
        histogram("http_request_duration_seconds", "Requests answered, by route.", *route, ends=_OF_REQUESTS),
        gauge("http_streams_open", "Event streams that are open.", "route", mode="livesum"),
        histogram("hub_request_duration_seconds", "Requests to the Hub.", *hub, ends=_OF_HUB),
        counter("store_errors_total", "Failed calls of Postgres and Redis.", "store", "error"),
        counter("operations_finished_total", "Operations that have ended.", "kind", "outcome", "code"),
        counter("operation_retries_total", "Operations put back into the queue.", "kind", "reason"),
        counter("leases_expired_total", "Operations whose worker fell silent.", *kind),
        histogram("attempt_duration_seconds", "Attempts of workers.", *kind, ends=_OF_ATTEMPTS),
        counter("attempts_lost_total", "Attempts that lost their operation to another.", *kind),
        counter("download_received_bytes_total", "Bytes of files that came from the Hub."),
        counter("download_reused_bytes_total", "Bytes of finished downloads already there.", *kind),
        histogram("download_speed_bytes_per_second", "Speed of finished downloads.", *kind, ends=_OF_SPEED),
        counter("transfer_retries_total", "Requests for bytes that were tried again.", "code"),
        counter("transfer_stalls_total", "Times that a download's bytes stood still.", *kind),
        gauge("sweep_last_timestamp_seconds", "When this worker's last sweep ended.", mode="max"),
    )
    _open_files(found)
    return found


def _open_files(found: Metrics) -> None:
    """Make the first value of each type now: no file is opened while a request waits.

    What is rare starts at 0, so that Prometheus sees the first one as a rise.
    """
    for kind in OperationKind:
        found.leases_expired.labels(kind)
        found.attempts_lost.labels(kind)
    found.hub_requests.labels("info", "ok")
    found.http_streams.labels("/api/events")


def after_commit(session: Session, count: Callable[[], object]) -> None:
    """Count once the session's transaction is committed; what is rolled back has not happened."""
    event.listen(session, "after_commit", lambda _session: count(), once=True)


def watch_postgres(engine: Engine) -> None:
    """Count the calls in which this engine's server was away, ended the connection or took too long."""
    event.listen(engine, "handle_error", _count_postgres)


def _count_postgres(context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception
    if isinstance(error, OperationalError | InterfaceError):
        metrics().store_errors.labels("postgres", type(context.original_exception).__name__).inc()


def count_redis(error: RedisError) -> None:
    """Count a call that Redis has not answered."""
    metrics().store_errors.labels("redis", type(error).__name__).inc()
