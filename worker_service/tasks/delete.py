"""The doorbell of deletes."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.context import context
from worker_service.deletes import run_delete


@shared_task(name=TaskName.DELETE.value)
def delete(operation_id: str) -> None:
    """Remove the files of a model, then its row."""
    run_delete(context(), uuid.UUID(operation_id))
