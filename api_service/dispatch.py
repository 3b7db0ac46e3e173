"""Ring the worker's bell: a send-only Celery. The row says what to do; the sweep repeats a lost nudge."""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from shared.broker import celery_options
from shared.operations import Nudge
from shared.settings import Settings
from shared.task_names import TASK_QUEUES

log = structlog.get_logger(__name__)


class Dispatcher:
    """Sends nudges; made once for a process."""

    def __init__(self, settings: Settings) -> None:
        self._celery = Celery("weighbridge-api", set_as_current=False)
        self._celery.conf.update(celery_options(settings))

    def enqueue(self, nudge: Nudge) -> bool:
        """Ring after the commit. False when the broker is away: the sweep will ring instead."""
        operation_id = str(nudge.operation.id)
        try:
            self._celery.send_task(
                nudge.task,
                args=[operation_id],
                task_id=operation_id,
                queue=TASK_QUEUES[nudge.task],
                retry=False,
            )
        except OperationalError as error:
            log.warning(
                "nudge lost", operation=operation_id, task=str(nudge.task), error=type(error).__name__
            )
            return False
        return True
