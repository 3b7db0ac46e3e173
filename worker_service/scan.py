"""Look at the repositories of a Hugging Face cache, whoever filled it; only at what has changed since.

A file comes, goes or is replaced under another name, so the folder around it gets a new mtime. A repository
whose folders all have the mtimes of its last reading is as it was then, and its files are not looked at.
Files that change in place are the business of a verify.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.hub_names import repo_id_problem

# Seconds: a folder that was changed so shortly before it was read may change again without a new mtime.
RACY_SECONDS = 2
# Seconds after which the files of an unchanged repository are looked at all the same: who reads them?
STALE_SECONDS = 3600
_PREFIX = "models--"
# A ref holds a commit of 40 digits; whatever is longer is none.
_LONGEST_REF = 200


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is in the folder of one repository: the columns of its CachedRepo row. Sizes in bytes."""

    repo: str
    size_bytes: int
    file_count: int
    revisions: list[dict[str, Any]]
    blobs: dict[str, list[int]]  # by name: bytes, seconds since 1970 of the last access, inode
    modified_at: datetime | None
    accessed_at: datetime | None
    folders: dict[str, int]


@dataclass(frozen=True)
class Known:
    """What an earlier scan kept of a repository."""

    folders: Mapping[str, int]
    read_at: float  # seconds since 1970


@dataclass(frozen=True)
class Scan:
    """What a scan found: repositories that are new or changed, and the names of those that are gone."""

    changed: list[Seen]
    gone: list[str]


def scan(cache_dir: Path, known: Mapping[str, Known], *, beat: Callable[[], None] = lambda: None) -> Scan:
    """Look at a cache of which an earlier scan kept `known`; `beat` is called before each repository.

    Raises OSError if the cache can't be read at all, and what `beat` raises.
    """
    now, changed, there = time.time(), [], set()
    for repo, folder in _repositories(cache_dir):
        beat()
        there.add(repo)
        before = known.get(repo)
        if before and now - before.read_at < STALE_SECONDS and _is_as_before(folder, before.folders):
            continue
        changed.append(read(folder, repo, cache_dir=cache_dir, now=now))
    return Scan(changed, sorted(known.keys() - there))


def read(folder: str, repo: str, *, cache_dir: Path, now: float | None = None) -> Seen:
    """Everything about the folder of one repository. What goes away meanwhile is not there; never raises."""
    reading = _Reading(folder, os.path.realpath(cache_dir), now or time.time())
    reading.folder("")
    blobs = reading.blobs()
    refs = reading.refs()
    snapshots = {name: reading.snapshot(name, blobs) for name in reading.snapshots()}
    return Seen(
        repo=repo,
        size_bytes=sum(blob.size for blob in blobs.values()),
        file_count=len(blobs),
        revisions=_revisions(snapshots, refs, blobs),
        blobs={_text(name): [blob.size, blob.accessed, blob.inode] for name, blob in blobs.items()},
        modified_at=_moment(max((blob.modified for blob in blobs.values()), default=None)),
        accessed_at=_moment(max((blob.accessed for blob in blobs.values()), default=None)),
        folders={_text(name): mtime for name, mtime in reading.mtimes.items()},
    )


def _repositories(cache_dir: Path) -> Iterator[tuple[str, str]]:
    try:
        entries = os.scandir(cache_dir)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            repo = entry.name.removeprefix(_PREFIX).replace("--", "/")
            if (
                entry.name.startswith(_PREFIX)
                and not repo_id_problem(repo)
                and entry.is_dir(follow_symlinks=False)
            ):
                yield repo, entry.path


def _is_as_before(folder: str, folders: Mapping[str, int]) -> bool:
    try:
        for name, mtime in folders.items():
            if os.lstat(f"{folder}/{name}").st_mtime_ns != mtime:
                return False
    except OSError:
        return False
    return bool(folders)


@dataclass
class _Blob:
    size: int
    modified: int
    accessed: int
    inode: int
    names: int  # of the file, in all repositories

    @classmethod
    def of(cls, seen: os.stat_result) -> "_Blob":
        return cls(seen.st_size, int(seen.st_mtime), int(seen.st_atime), seen.st_ino, seen.st_nlink)


@dataclass
class _Snapshot:
    modified: float
    files: int = 0
    blobs: set[str] = field(default_factory=set)


class _Reading:
    """One walk through a repository's folder; each mtime is taken before its folder is listed."""

    def __init__(self, top: str, root: str, now: float) -> None:
        self.mtimes: dict[str, int] = {}
        self._top = top
        self._root = root
        self._now = now

    def folder(self, name: str) -> list[os.DirEntry[str]]:
        """Its entries; none where it is no real folder."""
        path = f"{self._top}/{name}"
        try:
            seen = os.lstat(path)
            if not stat.S_ISDIR(seen.st_mode):
                return []
            # 0 is never found again: the next scan reads this repository once more.
            self.mtimes[name] = seen.st_mtime_ns if self._now - seen.st_mtime > RACY_SECONDS else 0
            with os.scandir(path) as entries:
                return list(entries)
        except OSError:
            return []

    def blobs(self) -> dict[str, _Blob]:
        """By name. The client may keep a blob elsewhere and link to it: that counts inside the cache only."""
        found = {}
        for entry in self.folder("blobs"):
            with suppress(OSError):
                if entry.is_symlink() and not os.path.realpath(entry.path).startswith(f"{self._root}/"):
                    continue
                seen = entry.stat()
                if stat.S_ISREG(seen.st_mode):
                    found[entry.name] = _Blob.of(seen)
        return found

    def refs(self) -> dict[str, list[str]]:
        """The branches and tags by the commit that they name."""
        found: dict[str, list[str]] = {}
        for name, entry in self._files("refs"):
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    with open(entry.path, "rb") as file:
                        commit = file.read(_LONGEST_REF).decode(errors="replace").strip()
                    found.setdefault(commit, []).append(name)
        return found

    def snapshots(self) -> list[str]:
        """The commits that have a folder."""
        return [entry.name for entry in self.folder("snapshots") if entry.is_dir(follow_symlinks=False)]

    def snapshot(self, commit: str, blobs: dict[str, _Blob]) -> _Snapshot:
        """The files of one commit; one that is no link to a blob is put beside them under its own name."""
        found = _Snapshot(0)
        for name, entry in self._files(f"snapshots/{commit}"):
            with suppress(OSError):
                seen = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(seen.st_mode):
                    blob = os.path.basename(os.readlink(entry.path))
                else:
                    blob = f"{commit}/{name}"
                    blobs[blob] = _Blob.of(seen)
                found.files += 1
                found.blobs.add(blob)
                found.modified = max(found.modified, seen.st_mtime)
        return found

    def _files(self, top: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """All that is no folder below a folder, with its name in there."""
        waiting = [""]
        while waiting:
            inner = waiting.pop()
            for entry in self.folder(f"{top}/{inner}".rstrip("/")):
                name = f"{inner}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                else:
                    yield name, entry


def _revisions(
    snapshots: dict[str, _Snapshot], refs: dict[str, list[str]], blobs: dict[str, _Blob]
) -> list[dict[str, Any]]:
    users: dict[str, int] = {}
    for snapshot in snapshots.values():
        for blob in snapshot.blobs:
            users[blob] = users.get(blob, 0) + 1
    found = [
        {
            "commit": _text(commit),
            "refs": sorted(_text(ref) for ref in refs.get(commit, [])),
            "size_bytes": sum(blobs[blob].size for blob in snapshot.blobs if blob in blobs),
            "freed_bytes": sum(
                blobs[blob].size
                for blob in snapshot.blobs
                if blob in blobs and users[blob] == 1 and blobs[blob].names == 1
            ),
            "file_count": snapshot.files,
            "modified_at": int(snapshot.modified),
        }
        for commit, snapshot in snapshots.items()
    ]
    return sorted(found, key=lambda revision: (-revision["modified_at"], revision["commit"]))


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _text(name: str) -> str:
    """A name on a disk need not be text, but a row takes nothing else."""
    return os.fsencode(name).decode(errors="replace")
