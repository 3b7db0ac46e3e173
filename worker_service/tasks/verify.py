"""The doorbell of verifies."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.context import context
from worker_service.verifies import run_verify


@shared_task(name=TaskName.VERIFY.value)
def verify(operation_id: str) -> None:
    """Hold the files of an operation's model against their checksums."""
    run_verify(context(), uuid.UUID(operation_id))
