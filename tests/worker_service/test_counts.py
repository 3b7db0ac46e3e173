"""What a worker counts of its attempts and their bytes (docs/observability.md)."""

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared import attempts, operations, sweep
from shared.errors import HubUnavailable
from shared.metrics import metrics
from shared.progress import Progress
from shared.settings import Settings
from shared.tables import Operation, OperationKind
from tests.hub_server import Fault, HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service.attempt import Attempt, Stop
from worker_service.context import Context

MB = 1_000_000


@pytest.fixture
def bench(settings: Settings, redis: Any) -> Iterator[Workbench]:
    with HubServer() as hub, workbench(settings, hub) as found:
        yield found


def _counter(name: str, **labels: str) -> Callable[[], float]:
    """How much it has risen since now."""

    def value() -> float:
        return metrics().registry.get_sample_value(f"weighbridge_{name}", labels) or 0

    before = value()
    return lambda: value() - before


def test_bytes_are_those_that_came_and_what_was_there_is_told_apart(bench: Workbench) -> None:
    bench.hub.add_repo(REPO, {"a.bin": os.urandom(12 * MB), "b.bin": os.urandom(MB)})
    received = _counter("download_received_bytes_total")
    reused = _counter("download_reused_bytes_total", kind="download")
    measured = _counter("download_speed_bytes_per_second_count", kind="download")
    finished = _counter("operations_finished_total", kind="download", outcome="completed", code="")
    tried = _counter("attempt_duration_seconds_count", kind="download")
    bench.here(model_file="a.bin")
    assert (received(), reused(), measured()) == (12 * MB, 0, 1)
    bench.here("another")
    # Too little came for a speed.
    assert (received(), reused(), measured()) == (13 * MB, 12 * MB, 1)
    assert (finished(), tried()) == (2, 2)


def test_requests_for_bytes_that_came_to_nothing_are_counted_by_their_code(bench: Workbench) -> None:
    bench.hub.add_repo(REPO, {"a.bin": os.urandom(MB)})
    bench.hub.fault(Fault("status", "a.bin", times=1, status=503))
    again = _counter("transfer_retries_total", code="HUB_UNAVAILABLE")
    refused = _counter("hub_request_duration_seconds_count", kind="file", outcome="HUB_UNAVAILABLE")
    bench.here()
    assert (again(), refused()) == (1, 1)


def test_what_may_pass_is_a_retry_and_the_last_one_a_failure(bench: Workbench) -> None:
    bench.hub.add_repo(REPO, {"a.bin": b"1"})
    bench.hub.fault(Fault("status", "*", times=None, status=503, where="api"))
    retried = _counter("operation_retries_total", kind="download", reason="HUB_UNAVAILABLE")
    failed = _counter("operations_finished_total", kind="download", outcome="failed", code="HUB_UNAVAILABLE")
    asked = _counter("hub_request_duration_seconds_count", kind="info", outcome="HUB_UNAVAILABLE")
    operation_id = bench.ask(OperationKind.DOWNLOAD, bench.add())
    bench.run(operation_id)
    assert (retried(), failed(), asked()) == (1, 0, 1)
    _due_now(bench, operation_id)
    with bench.context.database.session() as session:
        begun = attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        assert begun
        attempts.fail(
            session,
            operation_id,
            begun.attempt,
            error=HubUnavailable(),
            progress=Progress(),
            max_attempts=2,
        )
    assert (retried(), failed()) == (1, 1)


def _due_now(bench: Workbench, operation_id: uuid.UUID) -> None:
    with bench.context.database.session() as session:
        operations.lock_operation(session, operation_id).not_before = None


def test_a_lease_that_ran_out_is_counted_by_the_sweep_that_finds_it(bench: Workbench) -> None:
    expired = _counter("leases_expired_total", kind="download")
    returned = _counter("operation_retries_total", kind="download", reason="lease_expired")
    operation_id = bench.ask(OperationKind.DOWNLOAD, bench.add())
    with bench.context.database.session() as session:
        attempts.begin(session, operation_id, worker="gone", lease_seconds=-1)
    for _ in range(2):
        with bench.context.database.session() as session:
            sweep.sweep(session, max_attempts=5, slack=lambda _: set())
    assert (expired(), returned()) == (1, 1)


def test_a_drain_is_no_error(bench: Workbench) -> None:
    returned = _counter("operation_retries_total", kind="download", reason="given_back")
    operation_id = bench.ask(OperationKind.DOWNLOAD, bench.add())
    with bench.context.database.session() as session:
        begun = attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        assert begun
        attempts.give_back(session, operation_id, begun.attempt, progress=Progress())
    assert returned() == 1


def test_a_stall_is_counted_when_it_begins(context: Context) -> None:
    stalls = _counter("transfer_stalls_total", kind="download")
    attempt = Attempt(context, Operation(id=uuid.uuid4(), attempt=1, kind=OperationKind.DOWNLOAD))
    silences = iter([0, 2, 3, 4, 0, 2])
    attempt.watch(lambda: Progress(stalled=next(silences)), lambda: None)
    for _ in range(6):
        attempt._show(0)
    assert stalls() == 2


def test_an_attempt_is_lost_once_and_a_cancel_loses_none(context: Context) -> None:
    lost = _counter("attempts_lost_total", kind="download")
    operation = Operation(id=uuid.uuid4(), attempt=1, kind=OperationKind.DOWNLOAD)
    Attempt(context, operation).halt(Stop.CANCELED)
    frozen = Attempt(context, operation)
    frozen.halt(Stop.LOST)
    frozen.halt(Stop.LOST)
    assert lost() == 1
