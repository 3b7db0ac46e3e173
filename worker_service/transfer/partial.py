"""Half files: bytes of a blob at their final offsets, and beside them how far each piece is written.

`<oid>.part` is preallocated. `<oid>.state` is mapped into memory: a header and a counter of bytes for each
piece, stored after each write and without a system call, so that SIGKILL loses nothing. `<oid>.lock` keeps
two transfers of one blob apart. Whether what the counters say is true after a power loss, the checksum tells.

A worker may also freeze with all of that open, and wake later. Who takes its work over never shares a half
file with it, but fills one of another name, `<oid>~<of whom>.part`, that begins with a copy of its bytes.
"""

import contextlib
import errno
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from worker_service.transfer.lock import OID, OPEN, BlobLock, checked

PIECE_BYTES = 16 << 20
# A ref that is being written.
DRAFT_SUFFIX = ".draft"
_MAGIC = b"WBPART1\n"
_HEADER = struct.Struct("<8sIIQ64s")  # magic, version, piece size, file size, oid
_VERSION = 1
_CANT_PREALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_COPY_BYTES = 1 << 20


def partials_folder(cache_dir: Path) -> Path:
    """Where half files stand: on the cache's own volume, so that a rename publishes them."""
    return cache_dir / ".weighbridge" / "partials"


class Partial:
    """One open half file; the caller holds its BlobLock. Writes may come from several threads."""

    def __init__(
        self,
        folder: Path,
        oid: str,
        *,
        size: int,
        piece_bytes: int = PIECE_BYTES,
        lock: BlobLock | None = None,
    ) -> None:
        """Open it and keep what an earlier transfer left, if the sidecar fits; `size` in bytes.

        OSError if the volume is full or not writable; nothing new stays behind then.
        """
        self.path = folder / f"{lock.name if lock else checked(oid)}.part"
        self.size = size
        self._oid = oid
        self._passed = lock.passed if lock else {}
        self._state = self.path.with_suffix(".state")
        self._piece = piece_bytes
        self._header = _header(oid, size, piece_bytes)
        self._lock = threading.Lock()
        self._first_open_piece = 0
        if not self._passed:
            _take_back(folder, oid)
        with contextlib.ExitStack() as undo:
            self.descriptor = os.open(self.path, OPEN, 0o666)
            undo.callback(os.close, self.descriptor)
            kept = self._kept()
            if not any(kept):
                undo.callback(self._unlink)
            _allocate(self.descriptor, size)
            self._map = _map_state(self._state, self._header + struct.pack(f"={len(kept)}I", *kept))
            undo.pop_all()
        self._counters = memoryview(self._map)[_HEADER.size :].cast("I")
        self.held = sum(kept)

    def inherit(self, beat: Callable[[], None]) -> None:
        """Copy what those that have lost their work have brought; what `beat` raises ends it."""
        for name in self._passed:
            source = self.path.with_name(f"{name}.part")
            counters = _counters(source.with_suffix(".state"), self._header) or []
            with contextlib.suppress(FileNotFoundError), source.open("rb") as file:
                for index, counter in enumerate(counters):
                    start = index * self._piece
                    for offset in range(start + self._counters[index], start + counter, _COPY_BYTES):
                        beat()
                        count = min(_COPY_BYTES, start + counter - offset)
                        self.write(offset, memoryview(os.pread(file.fileno(), count, offset)))

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
        """Close and remove both files (the half file may have been renamed away already).

        Those of a frozen holder go too, but not its lock: while it lives, nobody gets a name that it knows.
        """
        self.close()
        self._unlink()
        for name, lock in self._passed.items():
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self.path.with_name(f"{name}.lock").stat(), lock):
                    _unlink(self.path.with_name(f"{name}.part"), self.path.with_name(f"{name}.state"))

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
    names = {path.stem.partition("~")[0] for path in partials_folder(cache_dir).glob("*.part")}
    return {name for name in names if OID.fullmatch(name)}


def partial_bytes(cache_dir: Path, oids: Iterable[str]) -> int:
    """Bytes that half files of these blobs hold and that a transfer would not fetch again."""
    return sum(kept_bytes(cache_dir, oid) for oid in set(oids))


def kept_bytes(cache_dir: Path, oid: str) -> int:
    """Bytes that the half file of one blob holds; 0 where there is none or its sidecar is torn."""
    return max((_held(path, oid) for path in _half_files(partials_folder(cache_dir), oid)), default=0)


def allocated_bytes(cache_dir: Path, oid: str) -> int:
    """Bytes of the volume that the half file of one blob takes up."""
    total = 0
    for path in _half_files(partials_folder(cache_dir), oid):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total


def touched_at(cache_dir: Path, oid: str) -> int:
    """When bytes came last to the half file of one blob, in seconds since 1970; 0 where there is none."""
    times = [0]
    for path in _half_files(partials_folder(cache_dir), oid):
        with contextlib.suppress(OSError):
            times.append(int(path.lstat().st_mtime))
    return max(times)


def bytes_to_take(cache_dir: Path, oid: str, size: int) -> int:
    """Bytes of the volume that one blob of this size will still take; its half file has its own already."""
    return max(0, size - allocated_bytes(cache_dir, oid))


def _half_files(folder: Path, oid: str) -> list[Path]:
    """The half file of a blob, and those of them who stood in for a frozen holder."""
    return [folder / f"{checked(oid)}.part", *folder.glob(f"{oid}~*.part")]


def _held(path: Path, oid: str) -> int:
    try:
        header = path.with_suffix(".state").read_bytes()[: _HEADER.size]
        _, _, _, size, _ = _HEADER.unpack(header)
        if path.lstat().st_size != size:
            return 0
    except (OSError, struct.error):
        return 0
    counters = _counters(path.with_suffix(".state"), header) or []
    return sum(counters) if header[-64:].rstrip(b"\0") == oid.encode() else 0


def _take_back(folder: Path, oid: str) -> None:
    """The fullest half file of those who stood in for a frozen holder becomes the blob's own."""
    own = folder / f"{oid}.part"
    for path in folder.glob(f"{oid}~*.part"):
        lock = BlobLock(folder, oid)
        if not lock.take(path.stem):
            continue
        if _held(path, oid) > _held(own, oid):
            own.with_suffix(".state").unlink(missing_ok=True)
            path.replace(own)
            path.with_suffix(".state").replace(own.with_suffix(".state"))
        _unlink(path, path.with_suffix(".state"))
        lock.release()


def purge_partials(cache_dir: Path, oids: Iterable[str]) -> int:
    """Remove the half files of these blobs, sidecars and locks too; the bytes of the volume set free.

    Those that a running transfer holds are left alone.
    """
    folder = partials_folder(cache_dir)
    freed = sum(
        _purge(cache_dir, folder, oid) for oid in set(oids) if any(folder.glob(f"{checked(oid)}[.~]*"))
    )
    remove_empty(folder)
    return freed


def remove_empty(folder: Path) -> None:
    """Take the folder away if it is empty: `scan_cache_dir` warns of folders that it doesn't know."""
    with contextlib.suppress(OSError):
        for draft in folder.glob(f"*{DRAFT_SUFFIX}"):
            # Of a process that was killed between its two lines; a living one needs milliseconds.
            if time.time() - draft.stat().st_mtime > 3600:
                draft.unlink()
        for path in (*folder.glob("*.state"), *folder.glob("*.lock")):
            if not path.with_suffix(".part").exists():
                _drop_stray(folder, path)
        folder.rmdir()
        folder.parent.rmdir()


def _drop_stray(folder: Path, path: Path) -> None:
    """A sidecar or a lock without a half file: of a process that was killed, unless somebody holds it."""
    oid = path.stem.partition("~")[0]
    if OID.fullmatch(oid) and (lock := BlobLock(folder, oid)).take(path.stem):
        _unlink(path.with_suffix(".state"))
        lock.release()


def _purge(cache_dir: Path, folder: Path, oid: str) -> int:
    lock = BlobLock(folder, oid)
    if not lock.try_acquire():
        return 0
    try:
        _take_back(folder, oid)
        freed = allocated_bytes(cache_dir, oid)
        _unlink(folder / f"{oid}.part", folder / f"{oid}.state")
        return freed
    finally:
        lock.release()


def _unlink(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


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
    descriptor = os.open(path, OPEN, 0o666)
    try:
        # Written, not truncated into being: a store into a hole of a full volume would be a SIGBUS.
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        return mmap.mmap(descriptor, len(content))
    finally:
        os.close(descriptor)
