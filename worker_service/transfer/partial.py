"""Half files: bytes of a blob at their final offsets, and beside them how far each piece is written.

`<oid>.part` is preallocated. `<oid>.state` is mapped into memory: a header and a counter of bytes for each
piece, stored after each write and without a system call, so that SIGKILL loses nothing. `<oid>.lock` keeps
two transfers of one blob apart. Whether what the counters say is true after a power loss, the checksum tells.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import re
import struct
import threading
import time
from collections.abc import Iterable
from pathlib import Path

PIECE_BYTES = 16 << 20
# A ref that is being written.
DRAFT_SUFFIX = ".draft"
_MAGIC = b"WBPART1\n"
_HEADER = struct.Struct("<8sIIQ64s")  # magic, version, piece size, file size, oid
_VERSION = 1
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CANT_PREALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def partials_folder(cache_dir: Path) -> Path:
    """Where half files stand: on the cache's own volume, so that a rename publishes them."""
    return cache_dir / ".weighbridge" / "partials"


class BlobLock:
    """The right to write one blob's half file: an flock, given back by the kernel if its holder dies."""

    def __init__(self, folder: Path, oid: str) -> None:
        """No lock is taken yet."""
        self._path = folder / f"{_checked(oid)}.lock"
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; never waits."""
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
        return True

    def release(self) -> None:
        """Give the lock back and remove its file; nothing happens without the lock."""
        if self._descriptor is None:
            return
        # Unlinked while held: whoever opened it meanwhile finds that it is no longer the current one.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> int:
        for _ in range(100):
            try:
                return os.open(self._path, _OPEN, 0o666)
            except FileNotFoundError:
                # Another transfer ended just now and took the empty folder away.
                self._path.parent.mkdir(parents=True, exist_ok=True)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path.parent))

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path, follow_symlinks=False))
        except FileNotFoundError:
            return False


class Partial:
    """One open half file; the caller holds its BlobLock. Writes may come from several threads."""

    def __init__(self, folder: Path, oid: str, *, size: int, piece_bytes: int = PIECE_BYTES) -> None:
        """Open it and keep what an earlier transfer left, if the sidecar fits; `size` in bytes.

        OSError if the volume is full or not writable; nothing new stays behind then.
        """
        self.path = folder / f"{_checked(oid)}.part"
        self.size = size
        self._state = self.path.with_suffix(".state")
        self._piece = piece_bytes
        self._header = _header(oid, size, piece_bytes)
        self._lock = threading.Lock()
        self._first_open_piece = 0
        with contextlib.ExitStack() as undo:
            self.descriptor = os.open(self.path, _OPEN, 0o666)
            undo.callback(os.close, self.descriptor)
            kept = self._kept()
            if not any(kept):
                undo.callback(self._unlink)
            _allocate(self.descriptor, size)
            self._map = _map_state(self._state, self._header + struct.pack(f"={len(kept)}I", *kept))
            undo.pop_all()
        self._counters = memoryview(self._map)[_HEADER.size :].cast("I")
        self.held = sum(kept)

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        return self.held == self.size

    def gaps(self) -> list[tuple[int, int]]:
        """What is missing, as half-open byte ranges in file order; neighbours are joined."""
        found: list[tuple[int, int]] = []
        for index, counter in enumerate(self._counters):
            start, end = index * self._piece + counter, self.piece_end(index * self._piece)
            if start == end:
                continue
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found

    def piece_end(self, offset: int) -> int:
        """Where the piece that holds this offset ends; one write never crosses it."""
        return min((offset // self._piece + 1) * self._piece, self.size)

    def frontier(self) -> int:
        """How many bytes from the start are there without a gap."""
        index = self._first_open_piece
        while index < len(self._counters) and self._counters[index] == self._length(index):
            index += 1
        self._first_open_piece = index
        return index * self._piece + self._counters[index] if index < len(self._counters) else self.size

    def write(self, offset: int, data: memoryview) -> int:
        """Write within one piece; the number of bytes that were not there before.

        Bytes that are there already are not written again, and bytes behind a gap are dropped (0): they
        come from a run that has been overtaken.
        """
        index, within = divmod(offset, self._piece)
        upto = within + len(data)
        if not within <= self._counters[index] < upto:
            return 0
        written = 0
        while written < len(data):
            written += os.pwrite(self.descriptor, data[written:], offset + written)
        return self._advance(index, upto)

    def read(self, buffer: bytearray, *, offset: int, upto: int) -> int:
        """Fill the buffer from an offset, not beyond `upto`; the number of bytes read."""
        wanted = memoryview(buffer)[: min(len(buffer), upto - offset)]
        return os.preadv(self.descriptor, [wanted], offset)

    def sync(self) -> None:
        """Bring the bytes safely to disk."""
        os.fsync(self.descriptor)

    def reset(self) -> None:
        """Forget every byte."""
        with self._lock:
            for index in range(len(self._counters)):
                self._counters[index] = 0
            self.held = 0
            self._first_open_piece = 0

    def close(self) -> None:
        """Close and keep what is there."""
        self._counters.release()
        self._map.close()
        os.close(self.descriptor)

    def remove(self) -> None:
        """Close and remove both files (the half file may have been renamed away already)."""
        self.close()
        self._unlink()

    def _advance(self, index: int, upto: int) -> int:
        with self._lock:
            gained = max(0, upto - self._counters[index])
            if gained:
                self._counters[index] = upto
                self.held += gained
        return gained

    def _length(self, index: int) -> int:
        return min(self._piece, self.size - index * self._piece)

    def _kept(self) -> list[int]:
        """The counters of an earlier transfer, or zeros if anything about it does not fit."""
        count = -(-self.size // self._piece)
        if os.fstat(self.descriptor).st_size != self.size:
            return [0] * count
        return _counters(self._state, self._header) or [0] * count

    def _unlink(self) -> None:
        _unlink(self.path, self._state)


def half_files(cache_dir: Path) -> set[str]:
    """The blobs of which there is a half file."""
    return {path.stem for path in partials_folder(cache_dir).glob("*.part") if _OID.fullmatch(path.stem)}


def partial_bytes(cache_dir: Path, oids: Iterable[str]) -> int:
    """Bytes that half files of these blobs hold and that a transfer would not fetch again."""
    return sum(kept_bytes(cache_dir, oid) for oid in set(oids))


def kept_bytes(cache_dir: Path, oid: str) -> int:
    """Bytes that the half file of one blob holds; 0 where there is none or its sidecar is torn."""
    path = partials_folder(cache_dir) / f"{_checked(oid)}.state"
    try:
        header = path.read_bytes()[: _HEADER.size]
        _, _, _, size, _ = _HEADER.unpack(header)
        if path.with_suffix(".part").lstat().st_size != size:
            return 0
    except (OSError, struct.error):
        return 0
    return sum(_counters(path, header) or []) if header[-64:].rstrip(b"\0") == oid.encode() else 0


def allocated_bytes(cache_dir: Path, oid: str) -> int:
    """Bytes of the volume that the half file of one blob takes up."""
    try:
        return (partials_folder(cache_dir) / f"{_checked(oid)}.part").lstat().st_blocks * 512
    except OSError:
        return 0


def bytes_to_take(cache_dir: Path, oid: str, size: int) -> int:
    """Bytes of the volume that one blob of this size will still take; its half file has its own already."""
    return max(0, size - allocated_bytes(cache_dir, oid))


def purge_partials(cache_dir: Path, oids: Iterable[str]) -> int:
    """Remove the half files of these blobs, sidecars and locks too; the bytes of the volume set free.

    Those that a running transfer holds are left alone.
    """
    folder = partials_folder(cache_dir)
    freed = sum(_purge(cache_dir, folder, oid) for oid in set(oids) if any(folder.glob(f"{_checked(oid)}.*")))
    remove_empty(folder)
    return freed


def remove_empty(folder: Path) -> None:
    """Take the folder away if it is empty: `scan_cache_dir` warns of folders that it doesn't know."""
    with contextlib.suppress(OSError):
        for draft in folder.glob(f"*{DRAFT_SUFFIX}"):
            # Of a process that was killed between its two lines; a living one needs milliseconds.
            if time.time() - draft.stat().st_mtime > 3600:
                draft.unlink()
        folder.rmdir()
        folder.parent.rmdir()


def _purge(cache_dir: Path, folder: Path, oid: str) -> int:
    lock = BlobLock(folder, oid)
    if not lock.try_acquire():
        return 0
    try:
        freed = allocated_bytes(cache_dir, oid)
        _unlink(folder / f"{oid}.part", folder / f"{oid}.state")
        return freed
    finally:
        lock.release()


def _unlink(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _checked(oid: str) -> str:
    if not _OID.fullmatch(oid):
        raise ValueError("an oid has 40 or 64 hexadecimal digits")
    return oid


def _header(oid: str, size: int, piece_bytes: int) -> bytes:
    return _HEADER.pack(_MAGIC, _VERSION, piece_bytes, size, oid.encode())


def _counters(path: Path, header: bytes) -> list[int] | None:
    """The counters of a sidecar with exactly this header; None if it is missing, torn or foreign."""
    magic, version, piece, size, _ = _HEADER.unpack(header)
    if magic != _MAGIC or version != _VERSION or not piece:
        return None
    count = -(-size // piece)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[: _HEADER.size] != header or len(content) != _HEADER.size + 4 * count:
        return None
    counters = list(struct.unpack_from(f"={count}I", content, _HEADER.size))
    fit = all(counter <= min(piece, size - index * piece) for index, counter in enumerate(counters))
    return counters if fit else None


def _allocate(descriptor: int, size: int) -> None:
    if os.fstat(descriptor).st_size > size:
        os.ftruncate(descriptor, 0)
    if not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _CANT_PREALLOCATE:
            raise
        os.ftruncate(descriptor, size)


def _map_state(path: Path, content: bytes) -> mmap.mmap:
    descriptor = os.open(path, _OPEN, 0o666)
    try:
        # Written, not truncated into being: a store into a hole of a full volume would be a SIGBUS.
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        return mmap.mmap(descriptor, len(content))
    finally:
        os.close(descriptor)
