"""Holds the threads of a transfer to a rate: a token bucket that they ask before each read.

Bytes are counted where they are read from the connection. What the kernel takes in ahead of that, a receive
buffer for each connection, comes at once when a transfer begins, and never again.
"""

import threading
import time
from collections.abc import Callable

from worker_service.transfer.halt import Halt

# What one read may take of the rate: small enough that the bytes come evenly, large enough to cost little.
SLICE_SECONDS = 0.02
LEAST_SLICE = 4096  # bytes
# How much may be caught up after a thread woke late: 2 % of any 10 s.
CREDIT_SECONDS = 0.2
# How soon a waiting thread sees that the rate was changed.
LOOK_SECONDS = 0.1


class Governor:
    """Without a rate, as it begins, it lets everything pass at the cost of one look."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is for tests: seconds that never run backwards."""
        self._clock = clock
        self._rate: float | None = None
        self._level = 0.0  # bytes that may be read now; below 0: read ahead of time
        self._filled_at = clock()
        self._taken = 0
        self._lock = threading.Lock()
        # One thread waits for its bytes, the others for that thread: else all would wake up for each slice.
        self._turn = threading.Lock()

    def limit(self, rate: float | None) -> None:
        """Hold to this many bytes per second (above 0) from now on; None: to none. From any thread."""
        with self._lock:
            self._fill()
            # What was read ahead of time is waited for as long as before, not for as many bytes.
            self._level = self._level * rate / self._rate if rate and self._rate else 0.0
            self._rate = rate

    def take(self, wanted: int, halt: Halt) -> int:
        """How many bytes may be read now, from 1 to `wanted`; waits until some may.

        Raises TransferStopped as soon as the halt is pulled.
        """
        if self._rate is None:
            return wanted
        with self._turn:
            while not (granted := self._grant(wanted)):
                halt.sleep(self._wait())
            return granted

    def give_back(self, unused: int) -> None:
        """So many of the bytes taken had not arrived yet."""
        if unused and self._rate is not None:
            with self._lock:
                self._level += unused
                self._taken -= unused

    @property
    def rate(self) -> float | None:
        """Bytes per second that hold now; None: as fast as it goes."""
        return self._rate

    @property
    def taken(self) -> int:
        """Bytes read under a rate since the transfer began."""
        return self._taken

    def _grant(self, wanted: int) -> int:
        with self._lock:
            rate = self._rate
            if rate is None:
                return wanted
            self._fill()
            if self._level <= -1:
                return 0
            granted = min(wanted, max(LEAST_SLICE, int(rate * SLICE_SECONDS)))
            self._level -= granted
            self._taken += granted
            return granted

    def _wait(self) -> float:
        """Seconds until the bucket is level again, or until it is time to look at the rate."""
        with self._lock:
            if self._rate is None:
                return 0.0
            return min(LOOK_SECONDS, -self._level / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            level = self._level + (now - self._filled_at) * self._rate
            self._level = min(level, self._rate * CREDIT_SECONDS)
        self._filled_at = now
