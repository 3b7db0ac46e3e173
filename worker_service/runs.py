"""One attempt of what works on the volume, from its begin to its end; and each way to end early.

What exactly is done stands in downloads.py, updates.py, verifies.py and clean_ups.py.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from celery import current_app
from sqlalchemy.orm import Session

from shared import attempts, events, operations, tracing
from shared.attempts import OperationLost
from shared.broker import ring
from shared.errors import DownloadFailed, ModelNotFound, WeighbridgeError
from shared.manifests import FETCHING
from shared.metrics import metrics
from shared.nudges import nudge_after_stop
from shared.progress import Progress
from shared.tables import Model, Operation
from worker_service.attempt import Attempt, AttemptStopped, Stop, about, tidy
from worker_service.context import Context
from worker_service.transfer import TransferStopped

# Bytes. Of a smaller download the time is that of its questions, not of its bytes.
LEAST_MEASURED = 10_000_000
_MORE_TIME = "Raise WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS, then ask for it again."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ending:
    """How work that is done ends: `write` in one fenced transaction, `afterwards` once that is committed."""

    write: Callable[[Session, Progress], None]
    afterwards: Callable[[], None] = lambda: None


# Raises AttemptStopped or TransferStopped when it was told to stop, OperationLost, or an error of the domain.
Work = Callable[[Context, Attempt], Ending]


def run(context: Context, operation_id: uuid.UUID, work: Work) -> None:
    """Take the operation, if it still waits, and see it to an end of this attempt."""
    with context.database.session() as session:
        operation = attempts.begin(
            session,
            operation_id,
            worker=context.worker,
            lease_seconds=context.settings.lease_seconds,
            volume=context.volume,
        )
    if operation is None:
        log.debug("nothing to do", operation=str(operation_id))
        return
    with about(operation):
        _run(context, operation, work)


def model_of(context: Context, attempt: Attempt) -> Model:
    """The model that an attempt works on. Raises ModelNotFound."""
    with context.database.session() as session:
        model = session.get(Model, attempt.operation.model_id)
    if model is None:
        raise ModelNotFound()
    return model


def _run(context: Context, operation: Operation, work: Work) -> None:
    log.info(f"{operation.kind} started", attempt=operation.attempt)
    events.note_operations(context.redis, [operation])
    attempt = Attempt(context, operation)
    try:
        _attempt(context, attempt, work)
    except OperationLost:
        log.warning(f"{operation.kind} lost to another attempt", attempt=operation.attempt)
        return
    tidy(context, operation)


def _attempt(context: Context, attempt: Attempt, work: Work) -> None:
    kind = attempt.operation.kind
    with attempt:
        try:
            ending = work(context, attempt)
        except (AttemptStopped, TransferStopped):
            _stopped(context, attempt)
        except OperationLost:
            raise
        except WeighbridgeError as error:
            _failed(context, attempt, error)
        except Exception as error:
            # Whatever it was, the row must say so; the log has the trace.
            log.exception(f"{kind} broke")
            _failed(
                context, attempt, DownloadFailed(f"An unexpected {type(error).__name__} ended the {kind}.")
            )
        else:
            _completed(context, attempt, ending)


def _completed(context: Context, attempt: Attempt, ending: Ending) -> None:
    operation, seen = attempt.operation, attempt.current()
    with context.database.session() as session:
        ending.write(session, seen)
    log.info(
        f"{operation.kind} finished",
        attempt=operation.attempt,
        bytes=seen.bytes_done,
        reused=seen.bytes_reused,
    )
    if operation.kind in FETCHING:
        _count(operation, seen, attempt.seconds)
    ending.afterwards()


def _count(operation: Operation, seen: Progress, seconds: float) -> None:
    """What a finished download tells of the line: one that fetched next to nothing tells nothing."""
    metrics().reused_bytes.labels(operation.kind).inc(seen.bytes_reused)
    fetched = seen.bytes_done - seen.bytes_reused
    if fetched >= LEAST_MEASURED:
        metrics().download_speed.labels(operation.kind).observe(fetched / seconds)


def _stopped(context: Context, attempt: Attempt) -> None:
    operation, seen = attempt.operation, attempt.current()
    if attempt.stop is Stop.LOST:
        raise OperationLost(str(operation.id))
    if attempt.stop is Stop.TIME_LIMIT and operation.kind not in FETCHING:
        # It would begin anew each time, so its attempts must come to an end.
        detail = f"It was not done within {context.settings.soft_time_limit_seconds} s."
        _failed(context, attempt, DownloadFailed(detail, remedy=_MORE_TIME))
        return
    with context.database.session() as session:
        end = attempts.stop_canceled if attempt.stop is Stop.CANCELED else attempts.give_back
        end(session, operation.id, operation.attempt, progress=seen)
        after = operations.get(session, operation.id)
    tracing.note({"weighbridge.stop": str(attempt.stop)})
    log.info(f"{operation.kind} stopped", why=str(attempt.stop), bytes=seen.bytes_done)
    nudge = nudge_after_stop(after)
    if nudge is not None:
        ring(current_app, nudge)


def _failed(context: Context, attempt: Attempt, error: WeighbridgeError) -> None:
    operation = attempt.operation
    with context.database.session() as session:
        after = attempts.fail(
            session,
            operation.id,
            operation.attempt,
            error=error,
            progress=attempt.current(),
            max_attempts=context.settings.max_attempts,
        )
    tracing.failed(error.code)
    log.warning(f"{operation.kind} failed", code=error.code, detail=error.detail, status=str(after.status))
