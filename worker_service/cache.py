"""The volume: what a removal takes away, and whether the files of a model are there.

Nothing here follows a symbolic link, and nothing outside the cache root is ever touched. A blob may have a
name in another repository too (`transfer.reuse`): its bytes are freed by whoever takes the last name.
"""

import errno
import os
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from huggingface_hub.file_download import repo_folder_name

from shared.errors import CachePermissionDenied
from shared.hub_names import path_problem
from shared.manifests import ManifestJson, oids
from worker_service.transfer import allocated_bytes, half_files, purge_partials

# Called before each file that goes; what it raises ends the removal there.
Beat = Callable[[], None]


def _no_beat() -> None:
    """Nobody watches."""


def remove(
    cache_dir: Path,
    repo: str,
    manifest: ManifestJson,
    needed: Sequence[ManifestJson],
    *,
    beat: Beat = _no_beat,
) -> int:
    """Remove the files of a manifest, but for those that the `needed` manifests name; bytes freed.

    A blob goes when no snapshot of the repository points to it any more; the repository's folder goes with
    its last snapshot. What is missing already is no error. Raises CachePermissionDenied.
    """
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    try:
        _refuse_links(_own_folders(cache_dir))
        _empty_trash(cache_dir)
        if not _is_real_folder(folder):
            return 0
        _refuse_links(_folders_of(folder))
        _unlink_snapshot(folder, manifest, needed, beat)
        _drop_refs(folder, is_needed=bool(needed))
        freed = _drop_blobs(folder, oids([manifest]) - oids(needed), beat)
        if not needed and not any((folder / "snapshots").glob("*")):
            freed += _drop_folder(cache_dir, folder)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


def drop_unfinished(
    cache_dir: Path,
    repo: str,
    asked: Sequence[ManifestJson],
    needed: Sequence[ManifestJson],
    *,
    beat: Beat = _no_beat,
) -> int:
    """Drop what unfinished downloads left: half files, and blobs that no snapshot names; bytes freed.

    What the `needed` manifests name stays, and so does what a running download holds.
    Raises CachePermissionDenied.
    """
    unneeded = oids(asked) - oids(needed)
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    try:
        _refuse_links(_own_folders(cache_dir))
        beat()
        freed = purge_partials(cache_dir, unneeded)
        if _is_real_folder(folder):
            _refuse_links(_folders_of(folder))
            freed += _drop_blobs(folder, unneeded, beat)
            if not needed and not any((folder / "snapshots").glob("*")):
                freed += _drop_folder(cache_dir, folder)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


def drop_revision(
    cache_dir: Path, repo: str, commit: str, needed: Sequence[ManifestJson], beat: Beat = _no_beat
) -> int:
    """Remove one snapshot of a repository, and the blobs that only it names; bytes freed.

    What the `needed` manifests name stays. What is missing already is no error. Raises CachePermissionDenied.
    """
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    snapshot = folder / "snapshots" / commit
    try:
        _refuse_links(_own_folders(cache_dir))
        if path_problem(commit) or "/" in commit or not _is_real_folder(folder):
            return 0
        _refuse_links(_folders_of(folder))
        if not _is_real_folder(snapshot):
            return 0
        named = set(_blobs_in_use(snapshot))
        beat()
        freed = _put_aside(cache_dir, snapshot)
        _drop_refs(folder, is_needed=bool(needed))
        freed += _drop_blobs(folder, named - oids(needed))
        if not needed and not any((folder / "snapshots").glob("*")):
            freed += _drop_folder(cache_dir, folder)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


def bytes_there(cache_dir: Path, repo: str, blobs: set[str]) -> int:
    """Bytes of the volume that the end of these blobs of a repository and of their half files would free."""
    taken = sum(allocated_bytes(cache_dir, oid) for oid in half_files(cache_dir) & blobs)
    return taken + sum(_frees(blob) for blob in _blobs_there(cache_dir, repo, blobs))


def any_there(cache_dir: Path, repo: str, blobs: set[str]) -> bool:
    """Whether one of these blobs of a repository, or a half file of one, is on the volume."""
    return bool(half_files(cache_dir) & blobs) or any(True for _ in _blobs_there(cache_dir, repo, blobs))


def _blobs_there(cache_dir: Path, repo: str, blobs: set[str]) -> Iterator[os.stat_result]:
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    if _is_real_folder(folder) and _is_real_folder(folder / "blobs"):
        for oid in blobs:
            with suppress(OSError):
                yield (folder / "blobs" / oid).lstat()


def _frees(found: os.stat_result, names: int = 1) -> int:
    """Bytes that are free once so many names of a file are gone: all of them or none."""
    return found.st_size if found.st_nlink <= names else 0


def has_names(cache_dir: Path, repo: str, manifests: Iterable[ManifestJson]) -> bool:
    """Whether a snapshot has a name of these manifests, whether or not a file stands behind it."""
    snapshots = cache_dir / repo_folder_name(repo_id=repo, repo_type="model") / "snapshots"
    return any(
        os.path.lexists(snapshots / manifest["commit"] / file["path"])
        for manifest in manifests
        for file in manifest["files"]
    )


def count_names(cache_dir: Path, repo: str) -> int:
    """How many files and folders a repository has: fewer than before where something went."""
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    return sum(len(folders) + len(names) for _, folders, names in os.walk(folder))


def drop_repo(cache_dir: Path, repo: str) -> int:
    """Remove a whole repository, whoever downloaded it; bytes freed, 0 where there is none.

    Raises CachePermissionDenied.
    """
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    try:
        _refuse_links(_own_folders(cache_dir))
        _empty_trash(cache_dir)
        return _drop_folder(cache_dir, folder) if _is_real_folder(folder) else 0
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error


def drop_wrong_blobs(cache_dir: Path, repo: str, wrong: Mapping[str, os.stat_result]) -> int:
    """Remove blobs that were found to hold wrong bytes; bytes freed.

    `wrong`: how each was seen before. One that is not so any more was replaced meanwhile, and stays; so do
    names that point to a blob: they wait for the right bytes. Raises CachePermissionDenied.
    """
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    freed = 0
    try:
        if not _is_real_folder(folder):
            return 0
        _refuse_links(_folders_of(folder))
        for oid, seen in wrong.items():
            blob = folder / "blobs" / oid
            with suppress(FileNotFoundError):
                found = blob.lstat()
                if _identity(found) == _identity(seen):
                    blob.unlink()
                    freed += _frees(found)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """An inode's number is given again soon; the time of its last change is not."""
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _own_folders(cache_dir: Path) -> tuple[Path, ...]:
    own = cache_dir / ".weighbridge"
    return own, own / "trash", own / "partials"


def _folders_of(folder: Path) -> tuple[Path, ...]:
    return folder / "snapshots", folder / "blobs", folder / "refs"


def _refuse_links(folders: Sequence[Path]) -> None:
    """Neither we nor any client make these anything but folders; a link in their place leads elsewhere."""
    for part in folders:
        if part.is_symlink():
            raise CachePermissionDenied(
                f"{part} is a symbolic link.", remedy="See what it points to and remove the link by hand."
            )


def _unlink_snapshot(
    folder: Path, manifest: ManifestJson, needed: Sequence[ManifestJson], beat: Beat
) -> None:
    commit = manifest["commit"]
    kept = {file["path"] for other in needed if other["commit"] == commit for file in other["files"]}
    snapshot = folder / "snapshots" / commit
    for path in sorted({file["path"] for file in manifest["files"]} - kept):
        if _is_inside(snapshot, path):
            beat()
            (snapshot / path).unlink(missing_ok=True)
    # Where a download is about to put a name, its folder stays.
    _drop_empty_folders(snapshot, but={snapshot / above for path in kept for above in Path(path).parents})


def _is_inside(snapshot: Path, path: str) -> bool:
    """Every folder on the way is a real one: a planted link must not lead the removal elsewhere."""
    steps = [snapshot, *(snapshot / parent for parent in reversed(Path(path).parents[:-1]))]
    return all(_is_real_folder(step) for step in steps)


def _drop_empty_folders(top: Path, *, but: Iterable[Path] = ()) -> None:
    if not _is_real_folder(top):
        return
    kept = {str(folder) for folder in but}
    for folder, _folders, _names in os.walk(top, topdown=False):
        try:
            if folder not in kept:
                os.rmdir(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise


def _drop_refs(folder: Path, *, is_needed: bool) -> None:
    """A ref to a snapshot that is gone would make readers stumble.

    Where the repository `is_needed`, a download may be about to write a ref: its folder stays.
    """
    for ref in list((folder / "refs").rglob("*")):
        if (
            not ref.is_symlink()
            and ref.is_file()
            and not (folder / "snapshots" / ref.read_text(errors="replace").strip()).is_dir()
        ):
            ref.unlink()
    if not is_needed:
        _drop_empty_folders(folder / "refs")


def _drop_blobs(folder: Path, unneeded: set[str], beat: Beat = _no_beat) -> int:
    used = set(_blobs_in_use(folder / "snapshots"))
    freed = 0
    for oid in unneeded - used:
        blob = folder / "blobs" / oid
        if os.path.lexists(blob):
            beat()
            found = blob.lstat()
            blob.unlink()
            freed += _frees(found)
    return freed


def _blobs_in_use(snapshots: Path) -> Iterator[str]:
    for folder, _folders, names in os.walk(snapshots):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield os.path.basename(os.readlink(path))


def _drop_folder(cache_dir: Path, folder: Path) -> int:
    """Rename first: readers see the repository whole or not at all, and a crash leaves only trash."""
    freed = _put_aside(cache_dir, folder)
    locks = cache_dir / ".locks" / folder.name
    if _is_real_folder(locks):
        shutil.rmtree(locks, ignore_errors=True)
    return freed


def _put_aside(cache_dir: Path, folder: Path) -> int:
    """Rename a folder into the trash and burn it there; the bytes of files that have no name elsewhere."""
    trash = cache_dir / ".weighbridge" / "trash" / uuid.uuid4().hex
    trash.parent.mkdir(parents=True, exist_ok=True)
    # Before it is trash: from then on another removal may burn it, too.
    parts = [folder / "blobs", folder / "snapshots"] if folder.parent == cache_dir else [folder]
    freed = _freed_with(path for part in parts for path in part.rglob("*"))
    folder.rename(trash)
    _burn(trash)
    return freed


def _freed_with(paths: Iterable[Path]) -> int:
    """Bytes that are free once all of these files are gone; they may be names of one another."""
    found = [path.lstat() for path in paths]
    files = {(one.st_dev, one.st_ino): one for one in found if stat.S_ISREG(one.st_mode)}
    names = Counter((one.st_dev, one.st_ino) for one in found)
    return sum(_frees(one, names[which]) for which, one in files.items())


def _empty_trash(cache_dir: Path) -> None:
    """What a delete that was killed has left there: nobody else would take it away."""
    trash = cache_dir / ".weighbridge" / "trash"
    if _is_real_folder(trash.parent) and _is_real_folder(trash):
        for folder in filter(_is_real_folder, trash.iterdir()):
            _burn(folder)


def _burn(folder: Path) -> None:
    """Two may do it at once: what the other one has removed is no error."""
    while _is_real_folder(folder):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def is_there(path: str) -> bool:
    """The published file or snapshot of a model still stands, with its blob behind it."""
    return os.path.isfile(path) or (os.path.isdir(path) and any(os.scandir(path)))


def missing_names(cache_dir: Path, repo: str, manifest: ManifestJson | None) -> list[str]:
    """The files of a manifest that can't be read under their names."""
    if manifest is None:
        return []
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    snapshot = folder / "snapshots" / manifest["commit"]
    return [file["path"] for file in manifest["files"] if not (snapshot / file["path"]).is_file()]


def find_file(cache_dir: Path, repo: str, revision: str, file: str) -> tuple[str, Path] | None:
    """(commit, path) of a file that some Hub client downloaded at a branch, tag or commit, or None."""
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    ref = folder / "refs" / revision
    commit = ref.read_text(errors="replace").strip() if ref.is_file() else revision
    path = folder / "snapshots" / commit / file
    inside = path.resolve().is_relative_to(cache_dir.resolve())
    return (commit, path) if inside and path.is_file() else None
