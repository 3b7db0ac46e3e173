"""Who may write a blob's half file, and what becomes of that right when its holder dies or freezes."""

import contextlib
import errno
import fcntl
import os
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path

OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Seconds between two questions whether the holder of a lock has lost its work.
_ASK_SECONDS = 1.0


def checked(oid: str) -> str:
    """The same, if it has the form of one; it becomes part of file names. Raises ValueError."""
    if not OID.fullmatch(oid):
        raise ValueError("an oid has 40 or 64 hexadecimal digits")
    return oid


class BlobLock:
    """The right to write one blob's half file: an flock, given back by the kernel if its holder dies.

    One that froze keeps it, and may wake. If it has lost its work, the next one locks another name.
    """

    def __init__(
        self, folder: Path, oid: str, *, owner: str = "", is_lost: Callable[[str], bool] = lambda _: False
    ) -> None:
        """No lock is taken yet. `owner` is told to others, who ask `is_lost` of it."""
        self.name = checked(oid)  # of the half file that the lock is for
        self.passed: dict[str, os.stat_result] = {}  # names, and locks, of those that have lost their work
        self._oid = oid
        self._folder = folder
        self._owner = owner
        self._is_lost = is_lost
        self._asked = -_ASK_SECONDS
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, or another name's if its holder has lost its work; never waits."""
        self.name, self.passed = self._oid, {}
        while self.name not in self.passed:
            if self.take(self.name):
                return True
            if not self._pass():
                break
        return False

    def take(self, name: str) -> bool:
        """Take the lock of the half file of this name if it is free; never waits."""
        self.name = name
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = self._is_current(descriptor)
        except BlockingIOError:
            current = False
        if not current:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, self._owner.encode(), 0)
        return True

    def _pass(self) -> bool:
        """Whether the holder has lost its work; then `name` is what comes after its own."""
        if time.monotonic() - self._asked < _ASK_SECONDS:
            return False
        with contextlib.suppress(OSError):
            seen, holder = self._path.stat(), self._path.read_text()
            if holder and self._is_lost(holder):
                self.passed[self.name] = seen
                self.name = f"{self._oid}~{zlib.crc32(holder.encode()):08x}"
                return True
        self._asked = time.monotonic()
        return False

    def release(self) -> None:
        """Give the lock back and remove its file; nothing happens without the lock."""
        if self._descriptor is None:
            return
        # Unlinked while held: whoever opened it meanwhile finds that it is no longer the current one.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    @property
    def _path(self) -> Path:
        return self._folder / f"{self.name}.lock"

    def _open(self) -> int:
        for _ in range(100):
            try:
                return os.open(self._path, OPEN, 0o666)
            except FileNotFoundError:
                # Another transfer ended just now and took the empty folder away.
                self._path.parent.mkdir(parents=True, exist_ok=True)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path.parent))

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path, follow_symlinks=False))
        except FileNotFoundError:
            return False
