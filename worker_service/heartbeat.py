"""The sign of life of a worker: a file that its own timer touches (worker_service/sweeper.py).

`python -m worker_service.alive` looks at it: the probe of containers. It asks neither broker nor database, as
a worker that lost them is well: it goes on when they are back, and a restart would only stop its downloads.
"""

import time
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


class Heartbeat:
    """What the timer touches; without a file, nothing."""

    def __init__(self, file: Path | None) -> None:
        """`file` is WEIGHBRIDGE_HEARTBEAT_FILE."""
        self._file = file
        self._is_said = False

    def beat(self) -> None:
        """Say that the timer goes on. Never raises: the timer has more to do than this."""
        if self._file is None:
            return
        try:
            self._file.touch()
        except OSError as error:
            if not self._is_said:
                log.warning("no sign of life", file=str(self._file), error=error.strerror)
                self._is_said = True


def longest_silence(sweep_seconds: float) -> float:
    """Seconds without a sign of life after which a worker counts as dead.

    One round of the timer may wait for Postgres, for Redis and for a volume in the network, each for seconds.
    """
    return 60 + 6 * sweep_seconds


def silence(file: Path) -> float | None:
    """Seconds since the last sign of life; None: there was none. Raises OSError."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return None
