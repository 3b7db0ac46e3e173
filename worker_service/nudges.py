"""Ring a bell from inside the worker: the sweep's repeats, and work that goes back to the queue."""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from shared.operations import Nudge
from shared.task_names import TASK_QUEUES

log = structlog.get_logger(__name__)


def ring(*nudges: Nudge | None) -> None:
    """Send the tasks; what the broker does not take, the next sweep repeats."""
    for nudge in nudges:
        if nudge is None:
            continue
        operation_id = str(nudge.operation.id)
        try:
            current_app.send_task(
                nudge.task,
                args=[operation_id],
                task_id=operation_id,
                queue=TASK_QUEUES[nudge.task],
                retry=False,
            )
        except OperationalError as error:
            log.warning("nudge lost", operation=operation_id, error=type(error).__name__)
