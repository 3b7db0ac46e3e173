"""A scan sees what huggingface_hub's own sees, and looks only at what has changed."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import scan_cache_dir

from shared.hub import RemoteFile
from worker_service import scan
from worker_service.scan import Known, Scan, Seen
from worker_service.transfer.reuse import Elsewhere

ONE, TWO = "1" * 40, "2" * 40
LONG_AGO = time.time() - 86_400


def _publish(root: Path, repo: str, commit: str, files: dict[str, bytes], *, ref: str | None = None) -> Path:
    folder = root / f"models--{repo.replace('/', '--')}"
    for name, content in files.items():
        blob = folder / "blobs" / content.hex().ljust(64, "0")[:64]
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content * 100)
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if ref:
        (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    return folder


def _calm(root: Path) -> None:
    """As if everything had been written long ago: a folder that has just changed is read again anyway."""
    for path, _folders, _names in os.walk(root):
        os.utime(path, (LONG_AGO, LONG_AGO))


def _known(found: Scan) -> dict[str, Known]:
    return {seen.repo: Known(seen.folders, time.time()) for seen in found.changed}


def _only(found: Scan) -> Seen:
    (seen,) = found.changed
    return seen


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two commits of one repository that share a file, and another repository."""
    _publish(tmp_path, "org/name", ONE, {"a": b"a", "sub/b": b"bb"})
    _publish(tmp_path, "org/name", TWO, {"a": b"a", "c": b"ccc"}, ref="main")
    _publish(tmp_path, "single", "5" * 40, {"d": b"dddd"}, ref="refs/pr/1")
    _calm(tmp_path)
    return tmp_path


def test_it_sees_what_huggingface_hub_sees(cache: Path) -> None:
    ours = {seen.repo: seen for seen in scan.scan(cache, {}).changed}
    theirs = {repo.repo_id: repo for repo in scan_cache_dir(cache).repos}
    assert ours.keys() == theirs.keys()
    for name, repo in theirs.items():
        assert (ours[name].size_bytes, ours[name].file_count) == (repo.size_on_disk, repo.nb_files)
        revisions = {revision["commit"]: revision for revision in ours[name].revisions}
        for revision in repo.revisions:
            own = revisions[revision.commit_hash]
            assert own["size_bytes"] == revision.size_on_disk
            assert own["file_count"] == len(revision.files)
            assert set(own["refs"]) == set(revision.refs)
        assert ours[name].modified_at.timestamp() == int(repo.last_modified)
        assert ours[name].accessed_at.timestamp() == int(repo.last_accessed)


def test_dropping_a_revision_frees_what_no_other_one_names(cache: Path) -> None:
    found = {seen.repo: seen for seen in scan.scan(cache, {}).changed}["org/name"]
    freed = {revision["commit"]: revision["freed_bytes"] for revision in found.revisions}
    assert freed == {ONE: 200, TWO: 300}
    assert scan_cache_dir(cache).delete_revisions(ONE).expected_freed_size == freed[ONE]


def test_what_has_not_changed_is_not_looked_at(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = _known(scan.scan(cache, {}))
    monkeypatch.setattr(scan, "read", None)
    assert scan.scan(cache, known) == Scan([], [])


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "blobs" / "new").write_bytes(b"x"),
        lambda folder: next((folder / "blobs").iterdir()).unlink(),
        lambda folder: (folder / "snapshots" / ONE / "sub" / "b").unlink(),
        lambda folder: (folder / "snapshots" / ONE / "sub" / "new").symlink_to("../../../blobs/x"),
        lambda folder: shutil.rmtree(folder / "snapshots" / ONE),
        lambda folder: (folder / "refs" / "v1").write_text(ONE),
        lambda folder: (folder / "refs" / "main").replace(folder / "refs" / "moved"),
    ],
)
def test_every_change_of_a_repository_is_seen(cache: Path, change: Any) -> None:
    known = _known(scan.scan(cache, {}))
    change(cache / "models--org--name")
    assert _only(scan.scan(cache, known)).repo == "org/name"


def test_a_ref_that_is_written_anew_in_place_shows_by_its_snapshot(cache: Path) -> None:
    known = _known(scan.scan(cache, {}))
    _publish(cache, "org/name", "3" * 40, {"a": b"a"}, ref="main")
    seen = _only(scan.scan(cache, known))
    assert {revision["commit"]: revision["refs"] for revision in seen.revisions} == {
        ONE: [],
        TWO: [],
        "3" * 40: ["main"],
    }


def test_a_folder_that_has_just_changed_is_read_once_more(tmp_path: Path) -> None:
    _publish(tmp_path, "org/name", ONE, {"a": b"a"})
    known = _known(scan.scan(tmp_path, {}))
    assert _only(scan.scan(tmp_path, known)).repo == "org/name"
    _calm(tmp_path)
    known = _known(scan.scan(tmp_path, known))
    assert scan.scan(tmp_path, known) == Scan([], [])


def test_after_an_hour_the_times_of_access_are_looked_at(cache: Path) -> None:
    known = {
        name: Known(each.folders, each.read_at - scan.STALE_SECONDS)
        for name, each in _known(scan.scan(cache, {})).items()
    }
    blob = next((cache / "models--single" / "blobs").iterdir())
    os.utime(blob, (LONG_AGO + 5000, blob.stat().st_mtime))
    found = {seen.repo: seen for seen in scan.scan(cache, known).changed}
    assert found["single"].accessed_at.timestamp() == int(LONG_AGO + 5000)


def test_a_repository_that_has_gone_is_named(cache: Path) -> None:
    known = _known(scan.scan(cache, {}))
    shutil.rmtree(cache / "models--single")
    assert scan.scan(cache, known) == Scan([], ["single"])


def test_a_cache_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert scan.scan(tmp_path / "none", {"org/name": Known({"": 1}, 0)}) == Scan([], ["org/name"])


def test_what_is_no_repository_is_left_out(tmp_path: Path) -> None:
    _publish(tmp_path, "org/name", ONE, {"a": b"a"})
    for name in ("datasets--a--b", ".locks", "version.txt.d", "models--..--x", "models--a--b--c"):
        (tmp_path / name).mkdir()
    (tmp_path / "models--file--x").write_text("a file")
    (tmp_path / "models--link--x").symlink_to(tmp_path / "models--org--name")
    assert _only(scan.scan(tmp_path, {})).repo == "org/name"


def test_links_that_lead_out_of_the_cache_are_neither_followed_nor_counted(tmp_path: Path) -> None:
    outside, cache = tmp_path / "outside", tmp_path / "cache"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x" * 1000)
    folder = _publish(cache, "org/name", ONE, {"a": b"a"})
    (folder / "blobs" / "leak").symlink_to(outside / "secret")
    (folder / "snapshots" / ONE / "leak").symlink_to(outside / "secret")
    (folder / "snapshots" / TWO).symlink_to(outside)
    (folder / "refs").symlink_to(outside)
    seen = _only(scan.scan(cache, {}))
    assert (seen.size_bytes, [revision["commit"] for revision in seen.revisions]) == (100, [ONE])


def test_a_blob_that_the_client_keeps_elsewhere_in_the_cache_counts(tmp_path: Path) -> None:
    folder = _publish(tmp_path, "org/name", ONE, {"a": b"a"})
    blob = next((folder / "blobs").iterdir())
    (tmp_path / "store").mkdir()
    blob.rename(tmp_path / "store" / "x")
    blob.symlink_to(tmp_path / "store" / "x")
    assert _only(scan.scan(tmp_path, {})).size_bytes == 100


def test_files_of_a_snapshot_that_are_no_links_count_by_themselves(tmp_path: Path) -> None:
    folder = _publish(tmp_path, "org/name", ONE, {"a": b"a"})
    (folder / "snapshots" / ONE / "real").write_bytes(b"x" * 50)
    seen = _only(scan.scan(tmp_path, {}))
    assert (seen.size_bytes, seen.revisions[0]["freed_bytes"]) == (150, 150)


def test_names_that_are_no_text_do_not_break_the_rows(tmp_path: Path) -> None:
    folder = _publish(tmp_path, "org/name", ONE, {"a": b"a"})
    os.mkdir(os.fsencode(folder / "snapshots" / ONE) + b"/\xff")
    (folder / "blobs" / os.fsdecode(b"\xfe")).write_bytes(b"x")
    seen = _only(scan.scan(tmp_path, {}))
    for name in (*seen.blobs, *seen.folders):
        name.encode()


def test_a_file_with_a_name_in_two_repositories_shows_as_one(cache: Path) -> None:
    blobs = cache / "models--org--name" / "blobs"
    blob = next(path for path in blobs.iterdir() if path.stat().st_size == 300)
    (cache / "models--single" / "blobs" / blob.name).hardlink_to(blob)
    found = {seen.repo: seen for seen in scan.scan(cache, {}).changed}
    one, other = found["org/name"].blobs[blob.name], found["single"].blobs[blob.name]
    assert (one[0], one[2]) == (other[0], other[2]) == (300, blob.stat().st_ino)
    # Each repository has its size, but the commit would free it no more.
    assert (found["org/name"].size_bytes, found["single"].size_bytes) == (600, 700)
    freed = {revision["commit"]: revision["freed_bytes"] for revision in found["org/name"].revisions}
    assert freed == {ONE: 200, TWO: 0}


def test_a_repository_that_was_linked_from_is_looked_at_again(cache: Path) -> None:
    known = _known(scan.scan(cache, {}))
    blob = next((cache / "models--single" / "blobs").iterdir())
    wanted = RemoteFile("d", size=blob.stat().st_size, oid=blob.name, is_lfs=True)
    elsewhere = Elsewhere(cache, "org/name", vouches=lambda _: {blob.name}, fence=lambda: None)
    assert elsewhere.bring(wanted, elsewhere.find([blob.name])[blob.name], lambda: None)
    again = {seen.repo: seen for seen in scan.scan(cache, known).changed}
    assert [revision["freed_bytes"] for revision in again["single"].revisions] == [0]
