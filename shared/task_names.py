"""The contract between the services: which tasks exist and on which queue each one waits."""

from enum import StrEnum

# What a volume may be called: it is a part of a queue's name, of a label, and of a pod's.
VOLUME_NAME = r"^[a-z0-9][a-z0-9.-]{0,62}$"


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


def is_named(volume: str | None) -> bool:
    """Whether this is the name of a volume; one without a name goes by the path of its cache."""
    return bool(volume) and not str(volume).startswith("/")


def queue_of_volume(queue: QueueName | str, volume: str | None) -> str:
    """Where nudges wait that only workers of this volume can follow; without a name: where all do."""
    return f"{queue}.{volume}" if is_named(volume) else str(queue)


def queue_of(task: TaskName, volume: str | None = None) -> str:
    """Where the nudge of a task waits that has to run on this volume (None: on any)."""
    return queue_of_volume(TASK_QUEUES[task], volume)
