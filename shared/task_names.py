"""The contract between the services: which tasks exist and on which queue each one waits."""

from enum import StrEnum


class QueueName(StrEnum):
    """Where a nudge waits. `control` has worker processes of its own, so it never waits behind a download."""

    DOWNLOADS = "downloads"
    CONTROL = "control"


class TaskName(StrEnum):
    """Every task; each takes one argument, the operation's id, but for the scan, which takes none."""

    DOWNLOAD = "weighbridge.download"
    CANCEL = "weighbridge.cancel"
    DELETE = "weighbridge.delete"
    VERIFY = "weighbridge.verify"
    UPDATE = "weighbridge.update"
    CLEAN_UP = "weighbridge.clean_up"
    SCAN = "weighbridge.scan"


TASK_QUEUES: dict[TaskName, QueueName] = {
    TaskName.DOWNLOAD: QueueName.DOWNLOADS,
    TaskName.CANCEL: QueueName.CONTROL,
    TaskName.DELETE: QueueName.CONTROL,
    # Minutes of reading: nothing that `control` may wait behind.
    TaskName.VERIFY: QueueName.DOWNLOADS,
    TaskName.UPDATE: QueueName.DOWNLOADS,
    TaskName.CLEAN_UP: QueueName.CONTROL,
    TaskName.SCAN: QueueName.CONTROL,
}
