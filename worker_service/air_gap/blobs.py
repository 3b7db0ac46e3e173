"""Put the contents of an archive on the volume, where each repository that needs one finds it.

Large ones go through a half file, so that an interrupted import goes on where it stopped; nothing has its
final name before its checksum is right.
"""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import (
    CachePermissionDenied,
    ChecksumMismatch,
    InsufficientDisk,
    OperationConflict,
    WeighbridgeError,
)
from shared.hub import RemoteFile
from worker_service.air_gap.archive import BLOCK_BYTES, Reader
from worker_service.air_gap.contents import Need
from worker_service.transfer.halt import Halt
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import Partial
from worker_service.transfer.publish import Room, repo_folder
from worker_service.transfer.reuse import Elsewhere
from worker_service.transfer.verify import is_oid_of, is_right

# A content up to so many bytes comes whole, without a half file.
_SMALL = BLOCK_BYTES
# The blocks of a content from an offset.
Blocks = Callable[[int], Iterator[memoryview]]


class Shelf:
    """The volume as an import fills it."""

    def __init__(self, cache_dir: Path) -> None:
        """Nothing is touched yet."""
        self._cache_dir = cache_dir
        self._right: dict[str, set[str]] = {}  # by repository: what was found right just now

    def put(self, need: Need, reader: Reader) -> None:
        """Let each repository have its content; the archive's member is read only where none has it.

        Raises ChecksumMismatch, ArchiveInvalid, OperationConflict, InsufficientDisk, CachePermissionDenied.
        """
        file = need.file
        source: Blocks = lambda start: reader.blocks(start=start)  # noqa: E731
        for repo, model in need.models.items():
            room = Room(self._cache_dir, repo, model.commit)
            try:
                room.prepare()
                if not room.has_blob(file.oid, file.size) and not self._link(repo, file):
                    self._store(room, file, source)
                room.sync_blobs()
            except OSError as error:
                room.tidy()
                raise _problem(error, self._cache_dir) from error
            except WeighbridgeError:
                room.tidy()
                raise
            self._right.setdefault(repo, set()).add(file.oid)
            # A member is read once; the next repository copies where it can't link.
            source = _blocks_of(repo_folder(self._cache_dir, repo) / "blobs" / file.oid)

    def _link(self, repo: str, file: RemoteFile) -> bool:
        elsewhere = Elsewhere(
            self._cache_dir, repo, vouches=lambda name: self._right.get(name, ()), fence=lambda: None
        )
        folders = elsewhere.find([file.oid]).get(file.oid, [])
        return elsewhere.bring(file, folders, lambda: None)

    def _store(self, room: Room, file: RemoteFile, source: Blocks) -> None:
        if file.size <= _SMALL:
            content = memoryview(b"".join(bytes(block) for block in source(0)))
            if not is_oid_of(file.oid, content):
                raise _wrong(file)
            room.publish_drafts({file.oid: room.write_draft(file.oid, content)})
            return
        lock = BlobLock(room.partials, file.oid)
        if not lock.try_acquire():
            raise OperationConflict(
                f"A download is bringing {file.path} just now.",
                remedy="Wait for it, or cancel it, and import again: what is here by then stays.",
            )
        try:
            self._through_half_file(
                room, file, Partial(room.partials, file.oid, size=file.size, lock=lock), source
            )
        finally:
            lock.release()

    def _through_half_file(self, room: Room, file: RemoteFile, partial: Partial, source: Blocks) -> None:
        is_done = False
        try:
            _fill(partial, source)
            partial.sync()
            is_done = True
            if not is_right(partial, file.oid, halt=Halt()):
                raise _wrong(file)
            room.publish_blob(partial, file.oid)
        finally:
            # What is not whole yet is kept for the next import; what is wrong is not.
            end = partial.remove if is_done else partial.close
            end()


def _fill(partial: Partial, source: Blocks) -> None:
    offset = partial.frontier()
    for block in source(offset):
        while block:
            count = min(len(block), partial.piece_end(offset) - offset)
            partial.write(offset, block[:count])
            offset, block = offset + count, block[count:]


def _blocks_of(path: Path) -> Blocks:
    def blocks(start: int) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(BLOCK_BYTES))
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while count := file.readinto(buffer):
                yield buffer[:count]

    return blocks


def _wrong(file: RemoteFile) -> ChecksumMismatch:
    return ChecksumMismatch(
        f"The bytes of {file.path} are not those that the manifest names.",
        remedy="Nothing wrong was published. Import again; if it repeats, copy the archive anew.",
    )


def _problem(error: OSError, cache_dir: Path) -> InsufficientDisk | CachePermissionDenied:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientDisk(f"The volume of {cache_dir} is full: {error.strerror}.")
    return CachePermissionDenied(f"{error.filename or cache_dir} can't be written to: {error.strerror}.")
