"""Ring the worker's bell: a send-only Celery. The row says what to do; the sweep repeats a lost nudge."""

from celery import Celery

from shared.broker import celery_options, ring
from shared.operations import Nudge
from shared.settings import Settings


class Dispatcher:
    """Sends nudges; made once for a process."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first nudge."""
        self._celery = Celery("weighbridge-api", set_as_current=False)
        self._celery.conf.update(celery_options(settings))

    def enqueue(self, nudge: Nudge) -> bool:
        """Ring after the commit. False when the broker is away: the sweep will ring instead."""
        return ring(self._celery, nudge)
