"""Blobs that another repository of the cache holds already: linked in, and not fetched.

A hard link, so each repository keeps its own name whatever becomes of the other. Where the volume allows
none, the bytes are copied into the half file, whose checksum is looked at as if they had been fetched. Only
what the Hub knows by its sha256 is looked for. No link that somebody has planted is followed: every folder
on the way is opened as one, and only the standard client's own store, inside the cache, may stand behind a
name.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import structlog

from shared.hub import RemoteFile
from worker_service.transfer.partial import Partial, purge_partials
from worker_service.transfer.publish import repo_folder
from worker_service.transfer.verify import BLOCK_BYTES, hasher

# What the client writes as a name of its store for the whole cache, `blobs/<2 digits>/<Xet's hash>`.
_STORED = re.compile(r"\.\./\.\./blobs/([0-9a-f]{2})/([0-9a-f]{64})")
_SHA256_DIGITS = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Neither a link nor a pipe that has taken a file's place holds anybody up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PREFIX = "models--"

# Called between two blocks; what it raises ends the work there.
Beat = Callable[[], None]
# The repository's name -> its blobs that were found right before, and need no look.
Vouches = Callable[[str], Collection[str]]

log = structlog.get_logger(__name__)


class Elsewhere:
    """What the other repositories of a cache hold of the blobs that one repository wants. Any thread."""

    def __init__(self, cache_dir: Path, repo: str, *, vouches: Vouches, fence: Beat) -> None:
        """`vouches`: whose bytes are not read before they are linked. `fence`: called before each link."""
        self._cache_dir = cache_dir
        self._own = repo_folder(cache_dir, repo).name
        self._vouches = vouches
        self._fence = fence
        self._vouched: dict[str, Collection[str]] = {}
        self._to_copy: dict[str, str] = {}  # by oid: the folder whose blob can't be linked

    def find(self, oids: Iterable[str]) -> dict[str, list[str]]:
        """The folders of the repositories that have a name for these blobs, whatever stands behind it.

        One listing of each repository, and none if no oid is a sha256. Never raises for what it can't read.
        """
        wanted = {oid for oid in oids if len(oid) == _SHA256_DIGITS}
        found: dict[str, list[str]] = {}
        for folder in self._others() if wanted else ():
            for oid in wanted.intersection(self._names(folder)):
                found.setdefault(oid, []).append(folder)
        return found

    def bring(self, file: RemoteFile, folders: Iterable[str], beat: Beat) -> bool:
        """Link a blob in from the first of these folders that holds its right bytes; whether it is here now.

        What nobody vouches for is read and hashed first. Raises what `beat` and the fence raise.
        """
        for folder in folders:
            with contextlib.ExitStack() as opened:
                try:
                    descriptor = self._open(folder, file, opened)
                    is_right = descriptor is not None and self._is_right(descriptor, folder, file, beat)
                except OSError as error:
                    log.info("blob not reused", file=file.path, folder=folder, error=error.strerror)
                    continue
                if descriptor is None or not is_right:
                    continue
                if not self._link(descriptor, file):
                    self._to_copy[file.oid] = folder
                    return False
                log.info("blob reused", file=file.path, folder=folder, bytes=file.size)
                self._touch(folder)
                # Of an earlier attempt, or of a download of another repository that has ended.
                purge_partials(self._cache_dir, [file.oid])
                return True
        return False

    def fill(self, partial: Partial, file: RemoteFile, beat: Beat) -> None:
        """Copy into a half file what could not be linked; its checksum is still to be looked at.

        Raises OSError if the half file can't be written, and what `beat` raises.
        """
        folder = self._to_copy.pop(file.oid, None)
        if folder is None:
            return
        with contextlib.ExitStack() as opened:
            descriptor = self._open_or_none(folder, file, opened)
            for start, end in partial.gaps() if descriptor is not None else ():
                if descriptor is None or not _copy(descriptor, partial, start, end, beat):
                    return

    def _others(self) -> list[str]:
        with contextlib.suppress(OSError), os.scandir(self._cache_dir) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name.startswith(_PREFIX)
                and entry.name != self._own
                and entry.is_dir(follow_symlinks=False)
            )
        return []

    def _names(self, folder: str) -> list[str]:
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            return os.listdir(self._folder(opened, folder, "blobs"))
        return []

    def _folder(self, opened: contextlib.ExitStack, *names: str) -> int:
        """A folder below the cache's root, each step of the way a real one. Raises OSError."""
        descriptor = os.open(self._cache_dir, _FOLDER & ~os.O_NOFOLLOW)
        opened.callback(os.close, descriptor)
        for name in names:
            descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
            opened.callback(os.close, descriptor)
        return descriptor

    def _open(self, folder: str, file: RemoteFile, opened: contextlib.ExitStack) -> int | None:
        """A blob of another repository, opened to be read; None if it isn't the regular file that it must be.

        Raises OSError.
        """
        blobs, name = self._folder(opened, folder, "blobs"), file.oid
        if stat.S_ISLNK(os.lstat(name, dir_fd=blobs).st_mode):
            stored = _STORED.fullmatch(os.readlink(name, dir_fd=blobs))
            if stored is None:
                return None
            blobs, name = self._folder(opened, "blobs", stored[1]), stored[2]
        descriptor = os.open(name, _FILE, dir_fd=blobs)
        opened.callback(os.close, descriptor)
        seen = os.fstat(descriptor)
        return descriptor if stat.S_ISREG(seen.st_mode) and seen.st_size == file.size else None

    def _open_or_none(self, folder: str, file: RemoteFile, opened: contextlib.ExitStack) -> int | None:
        with contextlib.suppress(OSError):
            return self._open(folder, file, opened)
        return None

    def _is_right(self, descriptor: int, folder: str, file: RemoteFile, beat: Beat) -> bool:
        repo = folder.removeprefix(_PREFIX).replace("--", "/")
        if repo not in self._vouched:
            self._vouched[repo] = self._vouches(repo)
        if file.oid in self._vouched[repo]:
            return True
        digest = hasher(file.oid, size=file.size)
        for block in _blocks(descriptor, 0, file.size):
            beat()
            digest.update(block)
        return digest.hexdigest() == file.oid

    def _link(self, descriptor: int, file: RemoteFile) -> bool:
        """Give the opened file, and no other that has taken its place since, a name in our repository."""
        self._fence()
        with contextlib.ExitStack() as opened:
            try:
                # Another client may have left it in memory only.
                os.fsync(descriptor)
                blobs = self._folder(opened, self._own, "blobs")
                os.link(f"/proc/self/fd/{descriptor}", file.oid, dst_dir_fd=blobs, follow_symlinks=True)
            except FileExistsError:
                # Another worker was quicker; or it has the wrong size, and a rename will replace it.
                return _has_size(file, blobs)
            except OSError as error:
                log.info("blob not linked", file=file.path, error=error.strerror)
                return False
        return True

    def _touch(self, folder: str) -> None:
        """Nothing has changed in the other folder but the count of names: the next scan shall see it."""
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            os.utime(self._folder(opened, folder, "blobs"))


def _has_size(file: RemoteFile, blobs: int) -> bool:
    with contextlib.suppress(OSError):
        seen = os.lstat(file.oid, dir_fd=blobs)
        return stat.S_ISREG(seen.st_mode) and seen.st_size == file.size
    return False


def _copy(descriptor: int, partial: Partial, start: int, end: int, beat: Beat) -> bool:
    """Whether all of these bytes could be read."""
    offset = start
    while offset < end:
        upto = min(partial.piece_end(offset), end)
        for block in _blocks(descriptor, offset, upto):
            beat()
            partial.write(offset, block)
            offset += len(block)
        if offset < upto:
            return False
    return True


def _blocks(descriptor: int, start: int, end: int) -> Iterator[memoryview]:
    """The bytes between two offsets, fewer where no more can be read; each block is good until the next."""
    buffer = memoryview(bytearray(min(BLOCK_BYTES, end - start)))
    while start < end:
        try:
            count = os.preadv(descriptor, [buffer[: end - start]], start)
        except OSError as error:
            log.info("blob not read", offset=start, error=error.strerror)
            return
        if not count:
            return
        yield buffer[:count]
        start += count
