"""The Hugging Face cache as others read it, and the order in which a finished file enters it.

Blob (rename), snapshot links, ref: so at any moment the standard clients find whole files or nothing.
"""

import contextlib
import os
import re
import stat
import uuid
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import filelock

from shared.errors import CachePermissionDenied
from shared.hub import RemoteFile
from shared.hub_names import path_problem, repo_id_problem, revision_problem
from worker_service.transfer.lock import OPEN, checked
from worker_service.transfer.partial import DRAFT_SUFFIX, Partial, partials_folder

_COMMIT = re.compile(r"[0-9a-f]{40}")


def repo_folder(cache_dir: Path, repo: str) -> Path:
    """Where the standard clients keep a model repository; ValueError for what is no repository name."""
    if problem := repo_id_problem(repo):
        raise ValueError(problem)
    return cache_dir / "--".join(("models", *repo.split("/")))


def snapshot_path(cache_dir: Path, repo: str, commit: str, path: str | None = None) -> Path:
    """The folder of a repository's files at a commit, or the place of one of them; it may not exist."""
    if not _COMMIT.fullmatch(commit):
        raise ValueError("a commit has 40 hexadecimal digits")
    folder = repo_folder(cache_dir, repo) / "snapshots" / commit
    if path is None:
        return folder
    if problem := path_problem(path):
        raise ValueError(f"the file's name {problem}")
    return folder / path


def has_blob(cache_dir: Path, repo: str, oid: str, size: int) -> bool:
    """Whether a repository's blob is in the cache; it may be a link into the client's shared store."""
    return _has_size(repo_folder(cache_dir, repo) / "blobs" / oid, size)


def published_files(cache_dir: Path, repo: str, commit: str, files: Iterable[RemoteFile]) -> bool:
    """Whether every one of these files can be read in the cache, with its size; content is not looked at."""
    folder = snapshot_path(cache_dir, repo, commit)
    return all(
        not path_problem(file.path) and _has_size(f"{folder}/{file.path}", file.size) for file in files
    )


class Room:
    """One repository's place in the cache. Nothing is ever written outside the cache's real root."""

    def __init__(self, cache_dir: Path, repo: str, commit: str) -> None:
        """Nothing is touched yet."""
        self.root = cache_dir
        self.partials = partials_folder(cache_dir)
        self._folder = repo_folder(cache_dir, repo)
        self._snapshot = snapshot_path(cache_dir, repo, commit)
        self._blobs = self._folder / "blobs"
        self._refs = self._folder / "refs"
        self._locks = cache_dir / ".locks" / self._folder.name
        self._commit = commit
        # Tells our drafts from those of another repository, and of another transfer of ours.
        self._kin = f"{zlib.crc32(self._folder.name.encode()):08x}"
        self._own = f"{self._kin}.{uuid.uuid4().hex}"

    def prepare(self) -> None:
        """Make the folders; CachePermissionDenied if one of them leads out of the cache, else OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        # Made at once and empty: `scan_cache_dir` warns of a repository without `snapshots`.
        for folder in (self.partials, self._blobs, self._refs, self._snapshot.parent, self._locks):
            self._make(folder)

    def has_blob(self, oid: str, size: int) -> bool:
        """Whether the blob is there already; it may be a link into the client's shared store."""
        return _has_size(f"{self._blobs}/{oid}", size)

    def lock(self, oid: str) -> filelock.BaseFileLock:
        """The lock under which the standard client writes this blob, not taken yet."""
        self._make(self._locks)
        return filelock.FileLock(self._locks / f"{oid}.lock", mode=0o664, thread_local=False)

    def publish_blob(self, partial: Partial, oid: str) -> None:
        """Give a verified, synced half file its final name; `sync_blobs` makes the name last."""
        self._make(self._blobs)
        partial.path.replace(self._blobs / oid)

    def write_draft(self, oid: str, content: memoryview) -> Path:
        """Write a whole, verified blob beside the half files, safely on disk but without its final name."""
        draft = self.partials / f"{checked(oid)}.{self._own}{DRAFT_SUFFIX}"
        try:
            descriptor = os.open(draft, OPEN | os.O_EXCL, 0o666)
        except FileNotFoundError:  # another transfer has found the folder empty
            self._make(self.partials)
            descriptor = os.open(draft, OPEN | os.O_EXCL, 0o666)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return draft

    def publish_drafts(self, drafts: Mapping[str, Path]) -> None:
        """Give drafts their final names, by blob; `sync_blobs` makes the names last."""
        self._make(self._blobs)
        for oid, draft in drafts.items():
            try:
                draft.replace(self._blobs / oid)
            except FileNotFoundError:
                # Another transfer has brought the same blob, and tidied up.
                if not (self._blobs / oid).exists():
                    raise

    def drop_drafts(self, oids: Collection[str]) -> None:
        """Take away drafts of our blobs that are in the cache by now: killed transfers have left them."""
        for draft in self.partials.glob(f"*.{self._kin}.*{DRAFT_SUFFIX}"):
            if draft.name.partition(".")[0] in oids:
                draft.unlink(missing_ok=True)

    def sync_blobs(self) -> None:
        """Bring the names of published blobs safely to disk."""
        _sync_folder(self._blobs)

    def tidy(self) -> None:
        """Take the repository's folders away again if nothing was published."""
        for folder in (self._snapshot.parent, self._refs, self._blobs, self._folder):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def link(self, files: Iterable[RemoteFile]) -> None:
        """Let each file's name in the snapshot point to its blob."""
        # Plain text, not Path: of 500 small files this was a fifth of the time that their transfer takes.
        blobs_from: dict[str, str] = {}
        for file in files:
            place = f"{self._snapshot}/{file.path}"
            folder = os.path.dirname(place)
            if folder not in blobs_from:
                self._make(Path(folder))
                blobs_from[folder] = os.path.relpath(self._blobs, folder)
            self._link(place, f"{blobs_from[folder]}/{file.oid}")
        for made in {self._snapshot.parent, self._snapshot, *map(Path, blobs_from)}:
            _sync_folder(made)

    def write_ref(self, revision: str) -> None:
        """Let a branch or tag mean the commit; nothing for a commit itself. ValueError for a hostile name."""
        if revision == self._commit:
            return
        if problem := revision_problem(revision):
            raise ValueError(problem)
        place = self._refs / revision
        self._make(place.parent)
        # Not beside its final place: every file in `refs` is taken for a ref.
        self.partials.mkdir(parents=True, exist_ok=True)
        draft = self.partials / f"{uuid.uuid4().hex}{DRAFT_SUFFIX}"
        try:
            with draft.open("w") as file:
                file.write(self._commit)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(place.parent)

    def _link(self, place: str, target: str) -> None:
        try:
            os.symlink(target, place)
        except FileExistsError:
            if not os.path.islink(place) or os.readlink(place) != target:
                Path(place).unlink(missing_ok=True)
                os.symlink(target, place)

    def _make(self, folder: Path) -> None:
        self._check(folder)
        folder.mkdir(parents=True, exist_ok=True)

    def _check(self, folder: Path) -> None:
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise CachePermissionDenied(f"{folder} leads out of the cache directory {self.root}.")


def _has_size(path: Path | str, size: int) -> bool:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return stat.S_ISREG(found.st_mode) and found.st_size == size
    return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
