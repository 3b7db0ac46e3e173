"""The doorbell of cancels."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.cancels import carry_out_cancel
from worker_service.context import context


@shared_task(name=TaskName.CANCEL.value)
def cancel(operation_id: str) -> None:
    """Stop a running operation, or drop the partial bytes of an ended one."""
    carry_out_cancel(context(), uuid.UUID(operation_id))
