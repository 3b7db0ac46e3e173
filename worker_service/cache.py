"""The volume: what a removal takes away, and whether the files of a model are there.

Nothing here follows a symbolic link, and nothing outside the cache root is ever touched.
"""

import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from huggingface_hub.file_download import repo_folder_name

from shared.errors import CachePermissionDenied
from worker_service.manifests import ManifestJson, oids
from worker_service.transfer import purge_partials


def remove(cache_dir: Path, repo: str, manifest: ManifestJson, needed: Sequence[ManifestJson]) -> int:
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
        _unlink_snapshot(folder, manifest, needed)
        _drop_refs(folder)
        freed = _drop_blobs(folder, oids([manifest]) - oids(needed))
        if not needed and not any((folder / "snapshots").glob("*")):
            freed += _drop_folder(cache_dir, folder)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


def drop_unfinished(
    cache_dir: Path, repo: str, asked: Sequence[ManifestJson], needed: Sequence[ManifestJson]
) -> int:
    """Drop what unfinished downloads left: half files, and blobs that no snapshot names; bytes freed.

    What the `needed` manifests name stays, and so does what a running download holds.
    Raises CachePermissionDenied.
    """
    unneeded = oids(asked) - oids(needed)
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    try:
        _refuse_links(_own_folders(cache_dir))
        freed = purge_partials(cache_dir, unneeded)
        if _is_real_folder(folder):
            _refuse_links(_folders_of(folder))
            freed += _drop_blobs(folder, unneeded)
            if not needed and not any((folder / "snapshots").glob("*")):
                freed += _drop_folder(cache_dir, folder)
    except OSError as error:
        raise CachePermissionDenied(f"{cache_dir} can't be changed: {error.strerror}.") from error
    return freed


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


def _unlink_snapshot(folder: Path, manifest: ManifestJson, needed: Sequence[ManifestJson]) -> None:
    commit = manifest["commit"]
    kept = {file["path"] for other in needed if other["commit"] == commit for file in other["files"]}
    snapshot = folder / "snapshots" / commit
    for path in sorted({file["path"] for file in manifest["files"]} - kept):
        if _is_inside(snapshot, path):
            (snapshot / path).unlink(missing_ok=True)
    _drop_empty_folders(snapshot)


def _is_inside(snapshot: Path, path: str) -> bool:
    """Every folder on the way is a real one: a planted link must not lead the removal elsewhere."""
    steps = [snapshot, *(snapshot / parent for parent in reversed(Path(path).parents[:-1]))]
    return all(_is_real_folder(step) for step in steps)


def _drop_empty_folders(top: Path) -> None:
    if not _is_real_folder(top):
        return
    for folder, _folders, _names in os.walk(top, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)


def _drop_refs(folder: Path) -> None:
    """A ref to a snapshot that is gone would make readers stumble."""
    for ref in list((folder / "refs").rglob("*")):
        if (
            not ref.is_symlink()
            and ref.is_file()
            and not (folder / "snapshots" / ref.read_text(errors="replace").strip()).is_dir()
        ):
            ref.unlink()
    _drop_empty_folders(folder / "refs")


def _drop_blobs(folder: Path, unneeded: set[str]) -> int:
    used = set(_blobs_in_use(folder / "snapshots"))
    freed = 0
    for oid in unneeded - used:
        blob = folder / "blobs" / oid
        if os.path.lexists(blob):
            freed += blob.lstat().st_size
            blob.unlink()
    return freed


def _blobs_in_use(snapshots: Path) -> Iterator[str]:
    for folder, _folders, names in os.walk(snapshots):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield os.path.basename(os.readlink(path))


def _drop_folder(cache_dir: Path, folder: Path) -> int:
    """Rename first: readers see the repository whole or not at all, and a crash leaves only trash."""
    freed = sum(blob.lstat().st_size for blob in (folder / "blobs").glob("*"))
    trash = cache_dir / ".weighbridge" / "trash" / uuid.uuid4().hex
    trash.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(trash)
    _burn(trash)
    locks = cache_dir / ".locks" / folder.name
    if _is_real_folder(locks):
        shutil.rmtree(locks, ignore_errors=True)
    return freed


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


def find_file(cache_dir: Path, repo: str, revision: str, file: str) -> tuple[str, Path] | None:
    """(commit, path) of a file that some Hub client downloaded at a branch, tag or commit, or None."""
    folder = cache_dir / repo_folder_name(repo_id=repo, repo_type="model")
    ref = folder / "refs" / revision
    commit = ref.read_text(errors="replace").strip() if ref.is_file() else revision
    path = folder / "snapshots" / commit / file
    inside = path.resolve().is_relative_to(cache_dir.resolve())
    return (commit, path) if inside and path.is_file() else None
