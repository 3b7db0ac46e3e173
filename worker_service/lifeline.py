"""How a pool child learns that its worker drains: only the parent holds one end of a pipe, and closes it.

No shared lock (multiprocessing.Event has one): a child killed while it holds it would hang the others. When
the parent is killed there is nothing to say: Celery has the kernel kill its children with it.
"""

import os
import select


class Lifeline:
    """Made in the parent before it forks."""

    def __init__(self) -> None:
        """Open the pipe."""
        self._watched, self._held = os.pipe()

    def cut(self) -> None:
        """In the parent: tell all children to give their work back."""
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)

    def hold(self) -> None:
        """In a child, right after the fork: drop the inherited end, so that only the parent's counts."""
        self.cut()

    def is_cut(self) -> bool:
        """The parent drains."""
        poll = select.poll()
        poll.register(self._watched, select.POLLHUP)
        return bool(poll.poll(0))


# Nothing ties this process to a parent until the Celery app makes one (tests, the seed).
_lifeline: Lifeline | None = None


def install() -> Lifeline:
    """Make the process's lifeline; its children inherit it."""
    global _lifeline
    _lifeline = Lifeline()
    return _lifeline


def is_cut() -> bool:
    """This process has a lifeline, and it is cut."""
    return _lifeline is not None and _lifeline.is_cut()
