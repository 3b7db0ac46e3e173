"""One attempt of an operation: its lease, its live progress, and every reason to stop early.

Two threads watch beside the work. The heartbeat keeps the lease in Postgres; the sampler shows the
progress in Redis 4 times a second and looks for the wish to cancel 12 times. Neither waits for the other's
store.
"""

import contextvars
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from shared import attempts, claims, events, operations, progress, tracing
from shared.attempts import OperationLost
from shared.errors import ServiceUnavailable, WeighbridgeError
from shared.metrics import metrics
from shared.progress import Progress
from shared.tables import Operation
from worker_service import lifeline
from worker_service.bandwidth import Bandwidth
from worker_service.context import Context
from worker_service.volume import note_volume, scan_volume

SAMPLES_PER_SECOND = 4
# Looks for the wish to cancel to each sample: a person waits for the one, and only sees the other.
LOOKS = 3
# Every so many samples one says that the operation still runs: often enough for events.RUNNING_SECONDS.
LISTED_EVERY = 2 * SAMPLES_PER_SECOND
# Seconds over which the speed is averaged: calm enough to read, quick enough to show a stall.
SPEED_WINDOW = 5
CLAIM_RENEWAL = 20
# Seconds. Soon, so that what earlier attempts have brought is in the row even if this one is killed early:
# progress is what tells a download that is killed often from one that kills its worker.
FIRST_BEAT = 0.5

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Stop(StrEnum):
    """Why an attempt ends before its work is done."""

    CANCELED = "canceled"  # a person wished so
    DRAINING = "draining"  # this worker shuts down; another one goes on
    TIME_LIMIT = "time limit"  # it has had its turn; the operation waits for the next
    LOST = "lost"  # the lease went to another attempt, or can't be proven any more


class AttemptStopped(Exception):
    """The work was told to stop; `Attempt.stop` says why."""


@contextmanager
def about(operation: Operation, step: str | None = None) -> Iterator[None]:
    """What happens within is about this operation: in each line of the log, and in its trace as a step."""
    told = {"request_id": operation.request_id, "operation": str(operation.id), "model": operation.model_id}
    traced = {"weighbridge.operation": str(operation.id), "weighbridge.attempt": operation.attempt}
    name, parent = step or str(operation.kind), operation.traceparent
    with structlog.contextvars.bound_contextvars(**told):
        with tracing.span(name, kind="consumer", attributes=traced, parent=parent):
            yield


class Attempt:
    """Context manager around the work. Inside, `snapshot` is what the sampler shows."""

    def __init__(self, context: Context, operation: Operation) -> None:
        """`operation` has just begun in this process."""
        self.operation = operation
        self.stop: Stop | None = None
        self.stopping = threading.Event()
        self.bandwidth = Bandwidth(context, operation)
        self._context = context
        self._take_snapshot: Callable[[], Progress] = Progress
        self._interrupt: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        self._speed = _Speed()
        self._began = time.monotonic()
        self._is_stalled = False
        self._threads = [_thread(self._heartbeat, "heartbeat"), _thread(self._sample, "sampler")]

    def __enter__(self) -> "Attempt":
        """Start watching."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching; the row is the caller's to end."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.bandwidth.leave()
        metrics().attempts.labels(self.operation.kind).observe(self.seconds)

    def watch(self, take_snapshot: Callable[[], Progress], interrupt: Callable[[], None]) -> None:
        """Show this work's progress from now on; call `interrupt` when it has to stop."""
        self._take_snapshot, self._interrupt = take_snapshot, interrupt
        if self.stopping.is_set():
            interrupt()

    def halt(self, why: Stop) -> None:
        """Tell the work to stop, once."""
        if not self.stopping.is_set():
            self.stop = why
            self.stopping.set()
            if why is Stop.LOST:
                metrics().attempts_lost.labels(self.operation.kind).inc()
            self._interrupt()

    def interruptible(self, work: Callable[[], T]) -> T:
        """Do something that can't be interrupted (a metadata call) and leave it alone when told to stop.

        Raises AttemptStopped, or whatever the work raises.
        """
        box: list[T | BaseException] = []
        done = threading.Event()

        def _run() -> None:
            try:
                box.append(work())
            except BaseException as error:  # noqa: BLE001  (handed to the waiting thread)
                box.append(error)
            done.set()

        _thread(_run, "interruptible").start()
        while not done.wait(1 / (LOOKS * SAMPLES_PER_SECOND)):
            if self.stopping.is_set():
                raise AttemptStopped()
        if isinstance(box[0], BaseException):
            raise box[0]
        return box[0]

    def still_mine(self) -> None:
        """The fence before something is published. Raises OperationLost, ServiceUnavailable."""
        with self._context.database.session() as session:
            attempts.check(session, self.operation.id, self.operation.attempt)

    @property
    def name(self) -> str:
        """What other attempts know this one by."""
        return f"{self.operation.id} {self.operation.attempt}"

    def is_lost(self, name: str) -> bool:
        """Whether the attempt of this name holds its operation no longer: it froze, if it still runs."""
        operation_id, _, attempt = name.partition(" ")
        try:
            with self._context.database.session() as session:
                attempts.check(session, uuid.UUID(operation_id), int(attempt))
        except OperationLost:
            return True
        except (ServiceUnavailable, ValueError):
            return False
        return False

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def current(self) -> Progress:
        """The progress at this moment, with speed and time left."""
        seen = self._take_snapshot()
        speed = self._speed.of(seen.bytes_done)
        left = None if seen.bytes_total is None else seen.bytes_total - seen.bytes_done
        return replace(
            seen,
            attempt=self.operation.attempt,
            speed=speed,
            eta=round(left / speed) if left and speed else (0 if left == 0 else None),
            updated_at=datetime.now(UTC).isoformat(),
        )

    def _heartbeat(self) -> None:
        lease = self._context.settings.lease_seconds
        proven = time.monotonic()
        wait = FIRST_BEAT
        while not self._ended.wait(wait):
            wait = lease / 6
            try:
                if self._beat(lease):
                    self.halt(Stop.CANCELED)
                proven = time.monotonic()
            except OperationLost:
                log.warning("lease lost")
                self.halt(Stop.LOST)
            except ServiceUnavailable:
                log.warning("heartbeat failed", silent_for=round(time.monotonic() - proven, 1))
                # By the time the lease runs out for others, this attempt must have stopped writing.
                if time.monotonic() - proven > lease * 2 / 3:
                    self.halt(Stop.LOST)

    def _beat(self, lease: int) -> bool:
        with self._context.database.session() as session:
            is_canceled = attempts.heartbeat(
                session,
                self.operation.id,
                self.operation.attempt,
                lease_seconds=lease,
                progress=self._take_snapshot(),
            )
            self.bandwidth.beat(session)
            return is_canceled

    def _sample(self) -> None:
        redis, claimed, began, looks = self._context.redis, 0.0, time.monotonic(), 0
        while not self._ended.wait(1 / (LOOKS * SAMPLES_PER_SECOND)):
            if lifeline.is_cut():
                self.halt(Stop.DRAINING)
            elif time.monotonic() - began > self._context.settings.soft_time_limit_seconds:
                self.halt(Stop.TIME_LIMIT)
            try:
                looks += 1
                samples, rest = divmod(looks, LOOKS)
                if progress.is_unwanted(redis, self.operation.id) if rest else self._show(samples - 1):
                    self.halt(Stop.CANCELED)
                if time.monotonic() - claimed > CLAIM_RENEWAL:
                    claims.renew(redis, [self.operation])
                    claimed = time.monotonic()
            except RedisError as error:
                # The row still gets the bytes and brings the wish to cancel, with each heartbeat.
                log.debug("progress not shown", error=type(error).__name__)

    def _show(self, samples: int) -> bool:
        """Show the progress, or now and then only that it still runs; whether somebody wishes to cancel."""
        redis, operation_id = self._context.redis, self.operation.id
        if samples % LISTED_EVERY == LISTED_EVERY - 1:
            return progress.stay_listed(redis, operation_id, self.bandwidth)
        seen = self.current()
        if seen.stalled and not self._is_stalled:
            metrics().transfer_stalls.labels(self.operation.kind).inc()
        self._is_stalled = bool(seen.stalled)
        return progress.write(redis, operation_id, seen, self.bandwidth, is_listed=samples > 0)


def _thread(work: Callable[[], None], name: str) -> threading.Thread:
    """One whose lines in the log, and steps of the trace, are of the operation that this thread is about."""
    run = contextvars.copy_context().run
    return threading.Thread(target=run, args=(work,), name=name, daemon=True)


def tidy(context: Context, operation: Operation) -> None:
    """An attempt has ended: look at the volume, tell those who watch, give claim and flag back."""
    try:
        note_volume(context)
        scan_volume(context)
        with context.database.session() as session:
            after = operations.get(session, operation.id)
        events.note_operations(context.redis, [after])
        if after.finished_at is not None:
            claims.release(context.redis, operation)
            context.redis.delete(progress.cancel_key(operation.id))
    except (RedisError, WeighbridgeError) as error:
        log.warning("claim left to expire", error=type(error).__name__)


class _Speed:
    """Bytes per second over the last seconds; what was there before the first look does not count."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, bytes_done: int) -> int:
        now = time.monotonic()
        self._seen.append((now, bytes_done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= SPEED_WINDOW:
            self._seen.popleft()
        began, first = self._seen[0]
        return max(0, round((bytes_done - first) / (now - began))) if now > began else 0
