"""The doorbell of clean-ups."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.clean_ups import run_clean_up
from worker_service.context import context


@shared_task(name=TaskName.CLEAN_UP.value)
def clean_up(operation_id: str) -> None:
    """Carry out what a plan names."""
    run_clean_up(context(), uuid.UUID(operation_id))
