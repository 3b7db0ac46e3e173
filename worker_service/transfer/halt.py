"""How a transfer is told to end: one signal that every thread of it looks at."""

import threading
import time


class TransferStopped(Exception):
    """The transfer was told to stop; what arrived is kept for the next one."""


class Halt:
    """The signal. Threads of a transfer never sleep but by it, so none sleeps through it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def pull(self) -> None:
        """Give the signal; it can't be taken back."""
        self._event.set()

    @property
    def pulled(self) -> bool:
        """Whether the signal was given."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise TransferStopped if the signal was given."""
        if self._event.is_set():
            raise TransferStopped

    def sleep(self, seconds: float) -> None:
        """Wait; raise TransferStopped as soon as the signal is given."""
        if self._event.wait(max(0.0, seconds)):
            raise TransferStopped


class Pulse:
    """When the last byte came in, and until when the server asked everyone to wait; monotonic seconds."""

    def __init__(self) -> None:
        self.last_byte = time.monotonic()
        self.not_before = 0.0

    def beat(self) -> None:
        """A byte came in."""
        self.last_byte = time.monotonic()

    def postpone(self, seconds: float) -> None:
        """No request for so long."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)

    @property
    def silence(self) -> float:
        """Seconds since the last byte."""
        return time.monotonic() - self.last_byte

    @property
    def wait_left(self) -> float:
        """Seconds until the next request is welcome."""
        return max(0.0, self.not_before - time.monotonic())
