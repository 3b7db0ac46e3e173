"""The doorbell of scans."""

from celery import shared_task

from shared import storage
from shared.task_names import TaskName
from worker_service.context import context
from worker_service.volume import scan_volume


@shared_task(name=TaskName.SCAN.value)
def scan() -> None:
    """Look at the cache, unless that was done since somebody asked."""
    here = context()
    with here.database.session() as session:
        is_wanted = storage.is_scan_wanted(session, here.volume)
    if is_wanted:
        scan_volume(here)
