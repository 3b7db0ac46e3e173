"""The doorbell of updates."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.context import context
from worker_service.updates import run_update


@shared_task(name=TaskName.UPDATE.value)
def update(operation_id: str) -> None:
    """Fetch another commit of an operation's model and switch to it."""
    run_update(context(), uuid.UUID(operation_id))
