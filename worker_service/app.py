"""The Celery app, its options and signals.

`celery -A worker_service.app worker -Q downloads|control --without-gossip --without-mingle`: workers have
nothing to say to each other, and a broker that goes away while they try ends the worker.
"""

import os
import sys
from typing import Any

from celery import Celery, signals

from shared import log, metric_files, tracing
from shared.broker import celery_options
from shared.database import Database
from shared.settings import SettingsError
from shared.task_names import TASK_QUEUES, QueueName, queue_of_volume
from worker_service import exporter, lifeline, readiness
from worker_service.context import context, settings
from worker_service.sweeper import Sweeper

try:
    _settings = settings()
except SettingsError as error:
    sys.exit(f"The worker can't start:\n{error}")

app = Celery("weighbridge", include=["worker_service.tasks"])
app.conf.update(
    celery_options(_settings),
    # Early acknowledgement and one message at a time: what survives a broker that dies, as tried out in
    # docs/decisions/0002. A lost message is repeated by the sweep.
    task_acks_late=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # The last resort against an attempt that hangs: its process is killed, and the lease sends its operation
    # back. The soft limit is the attempt's own (worker_service/attempt.py): Celery's would raise anywhere.
    task_time_limit=_settings.hard_time_limit_seconds,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    task_routes={str(task): {"queue": str(queue)} for task, queue in TASK_QUEUES.items()},
    task_default_queue=str(QueueName.CONTROL),
)

_parent = lifeline.install()
_sweeper: Sweeper | None = None


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    log.set_up(_settings, "worker")


@signals.worker_init.connect
def _wait_for_schema(**_: Any) -> None:
    # Before the first message is taken; a SIGTERM meanwhile ends the process, which holds nothing yet.
    _log()
    # A connection of its own: the children that are forked afterwards inherit none.
    database = Database.from_settings(_settings, pool_size=1)
    readiness.wait_for_schema(database)
    database.dispose()


@signals.worker_init.connect
def _before_the_first_fork(**_: Any) -> None:
    if _settings.metrics_port is not None:
        try:
            metric_files.share("worker", family=os.getpid())
        except SettingsError as error:
            sys.exit(f"The worker can't start:\n{error}")


@signals.worker_process_init.connect
def _after_fork(**_: Any) -> None:
    _parent.hold()
    context.cache_clear()
    exporter.let_go()
    metric_files.renew()
    tracing.set_up(_settings, "worker")


@signals.worker_process_shutdown.connect
def _before_the_end(**_: Any) -> None:
    tracing.shut_down()


@signals.celeryd_after_setup.connect
def _serve_own_volume(instance: Any, **_: Any) -> None:
    # Beside each queue of -Q the one for what has to run here.
    for queue in list(instance.app.amqp.queues.consume_from):
        if (own := queue_of_volume(queue, _settings.volume)) != queue:
            instance.app.amqp.queues.select_add(own)


@signals.worker_ready.connect
def _start_sweeping(sender: Any, **_: Any) -> None:
    global _sweeper
    queues = [str(name) for name in sender.app.amqp.queues.consume_from]
    _sweeper = Sweeper(context(), app, worker=sender.hostname, queues=queues)
    _sweeper.start()
    if _settings.metrics_port is not None:
        exporter.serve(_settings.metrics_port)


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    # Running downloads write their resume state and go back to pending (worker_service/attempt.py).
    _parent.cut()
    if _sweeper is not None:
        _sweeper.stop()
