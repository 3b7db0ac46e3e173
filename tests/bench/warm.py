"""Memory that is really there.

A virtual machine may give freed pages back to its host within seconds. The next touch then costs up to
3.7 s/GiB, which would be charged to whoever happens to write next.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 1 << 20
# How much more than the client has taken so far lies ready for it.
_AHEAD = 512 << 20
_POLL_SECONDS = 0.005


@contextlib.contextmanager
def warm_pages(folder: Path, size: int, *, at_once: bool) -> Iterator[None]:
    """Inside, what is written to `folder`, a tmpfs, lands on `size` bytes of memory that was just in use.

    `at_once`: give them all now, to a client that preallocates; else as they are taken, before they cool.
    """
    reservoir = folder / "reservoir"
    done = threading.Event()
    file = os.open(reservoir, os.O_CREAT | os.O_RDWR)
    giver = threading.Thread(target=_give, args=(file, folder, size, at_once, done))
    try:
        block = memoryview(bytes(_BLOCK))
        for _ in range(size // _BLOCK):
            os.write(file, block)
        giver.start()
        try:
            yield
        finally:
            done.set()
            giver.join()
    finally:
        os.close(file)
        reservoir.unlink()


def _give(file: int, folder: Path, size: int, at_once: bool, done: threading.Event) -> None:
    full, left = _used(folder), size
    while left and not done.wait(0 if left == size else _POLL_SECONDS):
        taken = _used(folder) - full + (size - left)
        wanted = size if at_once else min(size, taken + _AHEAD)
        if size - left < wanted:
            left = size - wanted
            os.ftruncate(file, left)


def _used(folder: Path) -> int:
    volume = os.statvfs(folder)
    return (volume.f_blocks - volume.f_bfree) * volume.f_frsize
