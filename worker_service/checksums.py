"""What is on the volume, held against the checksums of a manifest; nothing is changed.

A link is followed only to what lies under the real root of the cache. What lies elsewhere counts as corrupt:
nobody can vouch for it.
"""

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.errors import CachePermissionDenied, DownloadFailed
from shared.hub import RemoteFile
from shared.integrity import Damage, Problem
from shared.manifests import Manifest
from shared.progress import Progress
from worker_service.transfer import snapshot_path
from worker_service.transfer.halt import Halt
from worker_service.transfer.publish import repo_folder
from worker_service.transfer.verify import BLOCK_BYTES, hasher

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM})
# A link where a file was a moment ago, and a disk that gives the bytes back no more.
_UNREADABLE = frozenset({errno.ELOOP, errno.EIO})


class Check:
    """One look at the files of a manifest. Runs once; `stop` and `snapshot` from any thread."""

    def __init__(
        self, cache_dir: Path, manifest: Manifest, *, files: Iterable[RemoteFile] | None = None
    ) -> None:
        """`files`: those to look at; all of the manifest's without it."""
        self._manifest = manifest
        self._files = manifest.files if files is None else tuple(files)
        self._cache_dir = cache_dir
        self._root = Path(os.path.realpath(cache_dir))
        self._blobs = repo_folder(cache_dir, manifest.repo) / "blobs"
        self._halt = Halt()
        self._sizes = {file.oid: file.size for file in self._files}
        self._known: dict[tuple[str, str], Problem | None] = {}  # by place and oid
        self._uncounted = set(self._sizes)
        self._begun = 0  # bytes of the blobs that are done
        self._done = 0  # and of the current one
        self._files_done = 0
        self._current = ""

    @property
    def bytes_total(self) -> int:
        """Bytes to hash: a blob under two names is hashed once."""
        return sum(self._sizes.values())

    @property
    def files_total(self) -> int:
        """Names to look at."""
        return len(self._files)

    def run(self) -> Damage:
        """What is wrong with the files under their names. Raises TransferStopped, CachePermissionDenied,
        DownloadFailed (the volume could not be read)."""
        paths: dict[str, Problem] = {}
        blobs: dict[str, Problem] = {}
        for file in self._files:
            self._current = file.path
            if problem := self._of_name(file, blobs):
                paths[file.path] = problem
            self._files_done += 1
        return Damage(self._manifest.repo, self._manifest.commit, paths, blobs)

    def wrong_blobs(self) -> Mapping[str, os.stat_result]:
        """The blobs that are there and hold wrong bytes, as they were seen before. Raises as `run` does."""
        found = {}
        for file in self._files:
            self._current = file.path
            seen = _look(self._blobs / file.oid)
            if seen is not None and self._of_blob(file) is Problem.CORRUPT:
                found[file.oid] = seen
            self._files_done += 1
        return found

    def stop(self) -> None:
        """End it with TransferStopped before the next block is read."""
        self._halt.pull()

    def snapshot(self) -> Progress:
        """How far it is."""
        return Progress(
            phase="verifying",
            bytes_done=self._done,
            bytes_total=self.bytes_total,
            files_done=self._files_done,
            files_total=self.files_total,
            current_file=self._current,
        )

    def _of_name(self, file: RemoteFile, blobs: dict[str, Problem]) -> Problem | None:
        name = snapshot_path(self._cache_dir, self._manifest.repo, self._manifest.commit, file.path)
        place = os.path.realpath(name)
        if _look(Path(place)) is not None and place != os.path.realpath(self._blobs / file.oid):
            # Not a link to its blob: some clients put the file itself there, and others may put anything.
            return self._of_place(place, file)
        problem = self._of_blob(file)
        if problem:
            blobs[file.oid] = problem
        is_named = _look(Path(place)) is not None
        return problem if is_named else problem or Problem.MISSING

    def _of_blob(self, file: RemoteFile) -> Problem | None:
        return self._of_place(os.path.realpath(self._blobs / file.oid), file)

    def _of_place(self, place: str, file: RemoteFile) -> Problem | None:
        """What is wrong with the content of a place, which is no link; looked at once."""
        key = (place, file.oid)
        if key not in self._known:
            self._known[key] = self._judge(Path(place), file)
            if file.oid in self._uncounted:
                self._uncounted.remove(file.oid)
                self._begun += file.size
                self._done = self._begun
        return self._known[key]

    def _judge(self, place: Path, file: RemoteFile) -> Problem | None:
        self._halt.check()
        if not place.is_relative_to(self._root):
            return Problem.CORRUPT
        found = _look(place)
        if found is None:
            return Problem.MISSING
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
            return Problem.CORRUPT
        try:
            return None if self._is_right(place, file) else Problem.CORRUPT
        except OSError as error:
            return _problem_of(error, place)

    def _is_right(self, place: Path, file: RemoteFile) -> bool:
        # Neither a link nor a pipe that has taken the file's place since holds anybody up.
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        digest, buffer, done = hasher(file.oid, size=file.size), bytearray(BLOCK_BYTES), 0
        with os.fdopen(descriptor, "rb", buffering=0) as opened:
            while count := opened.readinto(buffer):
                self._halt.check()
                digest.update(memoryview(buffer)[:count])
                done += count
                if file.oid in self._uncounted:
                    self._done = self._begun + min(done, file.size)
        return done == file.size and digest.hexdigest() == file.oid


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError as error:
        _problem_of(error, path)
        return None


def _problem_of(error: OSError, place: Path) -> Problem:
    if error.errno in _GONE:
        return Problem.MISSING
    if error.errno in _UNREADABLE:
        return Problem.CORRUPT
    if error.errno in _NOT_ALLOWED:
        raise CachePermissionDenied(f"The worker can't read {place} ({error.strerror}).") from error
    reason = error.strerror or type(error).__name__
    raise DownloadFailed(f"The volume could not be read at {place}: {reason}.", remedy="Ask for it again.")
