"""The contract between the services: which tasks exist and on which queue each one waits."""

from enum import StrEnum


class QueueName(StrEnum):
    """Where a nudge waits. `control` has worker processes of its own, so it never waits behind a download."""

    DOWNLOADS = "downloads"
    CONTROL = "control"


class TaskName(StrEnum):
    """Every task; each takes one argument, the operation's id."""

    DOWNLOAD = "weighbridge.download"
    CANCEL = "weighbridge.cancel"
    DELETE = "weighbridge.delete"


TASK_QUEUES: dict[TaskName, QueueName] = {
    TaskName.DOWNLOAD: QueueName.DOWNLOADS,
    TaskName.CANCEL: QueueName.CONTROL,
    TaskName.DELETE: QueueName.CONTROL,
}
