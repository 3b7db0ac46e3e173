"""The bells: which task makes a worker look at which operation, and where it waits."""

from dataclasses import dataclass

from shared.tables import Operation, OperationKind, OperationStatus
from shared.task_names import TaskName, queue_of

NUDGED_BY = {
    OperationKind.DOWNLOAD: TaskName.DOWNLOAD,
    OperationKind.DELETE: TaskName.DELETE,
    OperationKind.VERIFY: TaskName.VERIFY,
    OperationKind.UPDATE: TaskName.UPDATE,
    OperationKind.CLEAN_UP: TaskName.CLEAN_UP,
}


@dataclass(frozen=True)
class Nudge:
    """A bell to ring: the task to send for an operation, or for the volume as a whole."""

    task: TaskName
    operation: Operation | None = None
    volume: str | None = None  # of what is about no operation

    @property
    def operation_id(self) -> str | None:
        """As the message carries it."""
        return str(self.operation.id) if self.operation else None

    @property
    def queue(self) -> str:
        """Where it waits for a worker that can follow it."""
        return queue_of(self.task, self.operation.volume if self.operation else self.volume)


def nudge_for(operation: Operation) -> Nudge:
    """The bell that makes a worker look at a pending operation."""
    return Nudge(NUDGED_BY[operation.kind], operation)


def nudge_after_stop(operation: Operation) -> Nudge | None:
    """The bell for an operation whose attempt ended early: somebody goes on, or drops its bytes."""
    if operation.status is OperationStatus.PENDING:
        return nudge_for(operation)
    return Nudge(TaskName.CANCEL, operation) if operation.purge_requested_at is not None else None
