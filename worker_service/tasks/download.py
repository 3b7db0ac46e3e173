"""The doorbell of downloads."""

import uuid

from celery import shared_task

from shared.task_names import TaskName
from worker_service.context import context
from worker_service.downloads import run_download


@shared_task(name=TaskName.DOWNLOAD.value)
def download(operation_id: str) -> None:
    """Fetch the files of an operation that waits."""
    run_download(context(), uuid.UUID(operation_id))
