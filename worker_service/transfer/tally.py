"""The bytes that a thread receives, for the metrics: told once a second, since reads are many."""

import time

from shared.metrics import metrics

TELL_SECONDS = 1.0


class Tally:
    """Of one thread, which alone uses it."""

    def __init__(self) -> None:
        self._bytes = 0
        self._due = time.monotonic() + TELL_SECONDS

    def add(self, count: int) -> None:
        """So many bytes more have come."""
        self._bytes += count
        if time.monotonic() > self._due:
            self.tell()

    def tell(self) -> None:
        """Tell what was not told yet."""
        metrics().received_bytes.inc(self._bytes)
        self._bytes, self._due = 0, time.monotonic() + TELL_SECONDS
