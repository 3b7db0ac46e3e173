"""Removal on a cache laid out as huggingface_hub does it."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import scan_cache_dir

from shared.errors import CachePermissionDenied
from worker_service import cache

REPO = "org/name"
ONE, TWO = "1" * 40, "2" * 40


def _oid(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


def _publish(root: Path, commit: str, *names: str, ref: str | None = None) -> dict[str, Any]:
    folder = root / "models--org--name"
    for name in names:
        blob = folder / "blobs" / _oid(name)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"x" * 100)
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../" * (1 + len(Path(name).parts))) / "blobs" / _oid(name))
    if ref:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    files = [{"path": name, "size": 100, "oid": _oid(name), "is_lfs": True} for name in names]
    return {"commit": commit, "files": files}


def test_the_last_files_take_the_whole_folder_with_them(tmp_path: Path) -> None:
    manifest = _publish(tmp_path, ONE, "a", "sub/b", ref="main")
    assert cache.remove(tmp_path, REPO, manifest, []) == 200
    assert not (tmp_path / "models--org--name").exists()
    assert cache.remove(tmp_path, REPO, manifest, []) == 0


def test_trash_that_a_killed_delete_left_goes_with_the_next_one(tmp_path: Path) -> None:
    manifest = _publish(tmp_path, ONE, "a")
    trash = tmp_path / ".weighbridge" / "trash"
    (trash / "left" / "blobs").mkdir(parents=True)
    (trash / "left" / "blobs" / "x").write_bytes(b"x")
    (trash / "link").symlink_to(tmp_path / "models--org--name")
    cache.remove(tmp_path, "org/other", manifest, [])
    assert [path.name for path in trash.iterdir()] == ["link"]
    assert (tmp_path / "models--org--name" / "blobs" / _oid("a")).exists()


def test_what_another_model_needs_stays(tmp_path: Path) -> None:
    whole = _publish(tmp_path, ONE, "a", "b", ref="main")
    one = {"commit": ONE, "files": whole["files"][:1]}
    assert cache.remove(tmp_path, REPO, whole, [one]) == 100
    (repo,) = scan_cache_dir(tmp_path).repos
    assert [file.file_name for revision in repo.revisions for file in revision.files] == ["a"]
    assert repo.refs.keys() == {"main"}


def test_a_blob_that_another_revision_uses_stays(tmp_path: Path) -> None:
    first = _publish(tmp_path, ONE, "a", ref="old")
    _publish(tmp_path, TWO, "a", ref="main")
    assert cache.remove(tmp_path, REPO, first, []) == 0
    found = scan_cache_dir(tmp_path)
    assert found.warnings == []
    assert [revision.commit_hash for repo in found.repos for revision in repo.revisions] == [TWO]
    assert not (tmp_path / "models--org--name" / "refs" / "old").exists()


@pytest.mark.parametrize(
    "planted", ["models--org--name", "snapshots", f"snapshots/{ONE}", f"snapshots/{ONE}/sub", "blobs", "refs"]
)
def test_a_planted_link_leads_nowhere(tmp_path: Path, planted: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    manifest = _publish(root, ONE, "sub/file", ref="main")
    target = root / planted if planted.startswith("models") else root / "models--org--name" / planted
    target.rename(outside)
    target.symlink_to(outside)
    before = sorted(str(path) for path in outside.rglob("*"))
    if planted in ("snapshots", "blobs", "refs"):
        with pytest.raises(CachePermissionDenied, match="symbolic link"):
            cache.remove(root, REPO, manifest, [])
    else:
        cache.remove(root, REPO, manifest, [])
    assert sorted(str(path) for path in outside.rglob("*")) == before


@pytest.mark.parametrize("planted", [".weighbridge", ".weighbridge/trash", ".weighbridge/partials"])
def test_a_link_in_place_of_our_own_folders_is_refused(tmp_path: Path, planted: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    manifest = _publish(root, ONE, "a")
    outside.mkdir()
    half = outside / f"{_oid('a')}.part"
    half.write_bytes(b"x")
    (root / planted).parent.mkdir(exist_ok=True)
    (root / planted).symlink_to(outside)
    with pytest.raises(CachePermissionDenied, match="symbolic link"):
        cache.remove(root, REPO, manifest, [])
    with pytest.raises(CachePermissionDenied, match="symbolic link"):
        cache.drop_unfinished(root, REPO, [manifest], [])
    assert list(outside.iterdir()) == [half]


def test_a_volume_that_cannot_be_changed_says_so(tmp_path: Path) -> None:
    manifest = _publish(tmp_path, ONE, "a")
    blob = tmp_path / "models--org--name" / "blobs" / _oid("a")
    blob.unlink()
    blob.mkdir()  # a folder can't be unlinked, not even by root
    with pytest.raises(CachePermissionDenied):
        cache.remove(tmp_path, REPO, manifest, [])


def test_a_file_is_found_by_branch_and_by_commit(tmp_path: Path) -> None:
    _publish(tmp_path, ONE, "a", ref="main")
    assert cache.find_file(tmp_path, REPO, "main", "a") == cache.find_file(tmp_path, REPO, ONE, "a")
    assert cache.find_file(tmp_path, REPO, "main", "missing") is None
    assert cache.find_file(tmp_path, "org/other", "main", "a") is None


def test_a_file_that_a_link_takes_out_of_the_cache_is_not_found(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    _publish(root, ONE, "a", ref="main")
    (tmp_path / "secret").write_bytes(b"x")
    planted = root / "models--org--name" / "snapshots" / ONE / "planted"
    planted.symlink_to(tmp_path / "secret")
    assert cache.find_file(root, REPO, "main", "planted") is None
    assert cache.find_file(root, REPO, "main", "a") is not None


def _linked(root: Path, *names: str) -> Path:
    """Another repository, linked to these blobs of the first."""
    blobs = root / "models--org--other" / "blobs"
    blobs.mkdir(parents=True)
    for name in names:
        (blobs / _oid(name)).hardlink_to(root / "models--org--name" / "blobs" / _oid(name))
    return blobs


def test_a_blob_is_freed_with_its_last_name(tmp_path: Path) -> None:
    manifest = _publish(tmp_path, ONE, "a", "b")
    blobs = _linked(tmp_path, "a")
    assert cache.bytes_there(tmp_path, REPO, {_oid("a"), _oid("b")}) == 100
    assert cache.any_there(tmp_path, REPO, {_oid("a")})
    assert cache.remove(tmp_path, REPO, manifest, []) == 100
    assert (blobs / _oid("a")).read_bytes() == b"x" * 100
    assert cache.drop_repo(tmp_path, "org/other") == 100


def test_a_folder_frees_what_has_no_name_outside_of_it(tmp_path: Path) -> None:
    _publish(tmp_path, ONE, "a", "b")
    blobs = _linked(tmp_path, "a")
    (blobs / "again").hardlink_to(blobs / _oid("a"))
    (blobs / "own").write_bytes(b"x" * 7)
    (blobs / "own again").hardlink_to(blobs / "own")
    assert cache.drop_repo(tmp_path, "org/other") == 7
    assert cache.drop_repo(tmp_path, REPO) == 200


def test_an_old_commit_whose_file_is_linked_frees_nothing(tmp_path: Path) -> None:
    _publish(tmp_path, ONE, "a")
    _linked(tmp_path, "a")
    assert cache.drop_revision(tmp_path, REPO, ONE, []) == 0
    assert not (tmp_path / "models--org--name").exists()


def test_wrong_bytes_that_are_linked_stay_under_the_other_name(tmp_path: Path) -> None:
    _publish(tmp_path, ONE, "a")
    blobs = _linked(tmp_path, "a")
    wrong = {_oid("a"): (blobs / _oid("a")).lstat()}
    assert cache.drop_wrong_blobs(tmp_path, REPO, wrong) == 0
    assert [path.name for path in blobs.iterdir()] == [_oid("a")]
    assert list((tmp_path / "models--org--name" / "blobs").iterdir()) == []
