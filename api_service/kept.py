"""Answers that are dear to make, kept for a time in proportion to what making them took.

A small register counts its files in milliseconds, and each answer is made anew. One of 100,000 models takes
seconds for it: then an answer may be a minute old, and counting takes a thirtieth of the time, whoever asks.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from shared.errors import ServiceUnavailable

# So many times as long as it took to make it, an answer is kept.
PART = 30

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Kept(Generic[T]):
    """One answer of one process. Once it is there nobody waits for the next one but who insists."""

    def __init__(
        self,
        make: Callable[[], T],
        *,
        is_dear: Callable[[T], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` is called by threads that serve no request, too; `is_dear`: whether an answer is kept."""
        self._make, self._is_dear, self._clock = make, is_dear, clock
        self._kept: tuple[T, float] | None = None  # the answer, and when the next one is due
        self._renewing = threading.Lock()

    def get(self, *, is_new: bool = False) -> T:
        """The answer; `is_new`: none that was made before. Raises what `make` raises."""
        kept = self._kept
        if is_new or kept is None:
            return self._renew()
        answer, due = kept
        if self._clock() >= due and self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew_beside, name="kept", daemon=True).start()
        return answer

    def _renew(self) -> T:
        began = self._clock()
        answer = self._make()
        due = began + (self._clock() - began) * PART
        self._kept = (answer, due) if self._is_dear(answer) else None
        return answer

    def _renew_beside(self) -> None:
        try:
            self._renew()
        except ServiceUnavailable as error:
            log.warning("kept answer not renewed", error=error.code)
        finally:
            self._renewing.release()
