"""The cache against hostile names and planted links: nothing outside its root is written or removed."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import CachePermissionDenied, HubUnavailable
from shared.hub import RemoteFile
from shared.hub_names import path_problem, revision_problem
from tests.fuzz import hostile
from tests.fuzz.form import fuzzed
from tests.fuzz.watch import outside, written
from worker_service import cache as volume
from worker_service.transfer.publish import Room

REPO, COMMIT = "owner/name", "c" * 40
OIDS = ("a" * 64, "b" * 64, "d" * 40)
FOLDER = "models--owner--name"
_PATHS = st.one_of(st.text("ab./", min_size=1, max_size=6), hostile.TEXTS)
_LISTS = st.lists(st.tuples(_PATHS, st.sampled_from(OIDS)), max_size=4)
# What a stranger may put into the cache, and where it leads.
_PLANTED = st.lists(
    st.tuples(
        st.sampled_from(
            [
                FOLDER,
                f"{FOLDER}/snapshots",
                f"{FOLDER}/blobs",
                f"{FOLDER}/refs",
                f"{FOLDER}/refs/main",
                f"{FOLDER}/snapshots/{COMMIT}",
                f"{FOLDER}/snapshots/{COMMIT}/a",
                f"{FOLDER}/blobs/{OIDS[0]}",
                ".locks",
                f".locks/{FOLDER}",
                ".weighbridge",
                ".weighbridge/trash",
                ".weighbridge/trash/x",
                ".weighbridge/partials",
                f".weighbridge/partials/{OIDS[0]}.part",
            ]
        ),
        st.sampled_from(["outside", "outside/secret", "nowhere", "cache"]),
    ),
    max_size=3,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a cache in it, and beside it what must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("mine")
    names = ("secret", OIDS[0], f"{OIDS[0]}.part", f"{OIDS[0]}.state")
    for name in names:
        (tmp_path / "outside" / name).write_text("mine")
    yield tmp_path
    assert {path.name: path.read_text() for path in (tmp_path / "outside").iterdir()} == dict.fromkeys(
        names, "mine"
    )


def _fresh(place: Path, planted: list[tuple[str, str]]) -> Path:
    cache = place / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir()
    _plant(place, cache, planted)
    return cache


def _but_blobs(planted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without those through which the test itself would write."""
    return [each for each in planted if "/blobs/" not in each[0]]


def _plant(place: Path, cache: Path, planted: list[tuple[str, str]]) -> None:
    """Put links in place of whatever is there."""
    for where, target in planted:
        link = cache / where
        if link.parent.resolve().is_relative_to(cache):
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            link.unlink(missing_ok=True)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place / target)


def _files(listed: list[tuple[str, str]]) -> list[RemoteFile]:
    found = []
    for path, oid in listed:
        with suppress(HubUnavailable):
            found.append(RemoteFile(path, 4, oid, len(oid) == 64))
    return found


def _publish(cache: Path, files: list[RemoteFile], revision: str) -> None:
    """The steps of a transfer, without its bytes. What can't be done ends it, as it would end a transfer."""
    room = Room(cache, REPO, COMMIT)
    room.prepare()
    for file in files:
        (cache / FOLDER / "blobs" / file.oid).write_bytes(b"blob")
    room.link(files)
    room.write_ref(revision)
    room.tidy()


_NOT_DONE = (CachePermissionDenied, OSError, ValueError)


@fuzzed(short=80, long=1_000)
@given(listed=_LISTS, planted=_PLANTED, revision=_PATHS)
def test_publishing_stays_inside_the_cache(
    place: Path, listed: list[tuple[str, str]], planted: list[tuple[str, str]], revision: str
) -> None:
    cache = _fresh(place, _but_blobs(planted))
    with written() as paths:
        with suppress(*_NOT_DONE):
            _publish(cache, _files(listed), revision)
    assert outside(paths, cache) == []


def _manifest(listed: list[tuple[str, str]], commit: str = COMMIT) -> dict[str, Any]:
    return {"commit": commit, "files": [{"path": path, "size": 4, "oid": oid} for path, oid in listed]}


@fuzzed(short=80, long=1_000)
@given(listed=_LISTS, kept=_LISTS, planted=_PLANTED, revision=_PATHS)
def test_removing_stays_inside_the_cache(
    place: Path,
    listed: list[tuple[str, str]],
    kept: list[tuple[str, str]],
    planted: list[tuple[str, str]],
    revision: str,
) -> None:
    cache = _fresh(place, [])
    files, others = _files(listed), _files(kept)
    with suppress(*_NOT_DONE):
        _publish(cache, [*files, *others], revision)
    _plant(place, cache, planted)
    asked = _manifest([(file.path, file.oid) for file in files])
    needed = [_manifest([(file.path, file.oid) for file in others])] if others else []
    with written() as paths:
        with suppress(CachePermissionDenied):
            volume.drop_unfinished(cache, REPO, [asked], needed)
        with suppress(CachePermissionDenied):
            volume.remove(cache, REPO, asked, needed)
    assert outside(paths, cache) == []


@fuzzed(short=80, long=1_000)
@given(listed=_LISTS, planted=_PLANTED, revision=_PATHS, file=_PATHS)
def test_a_file_is_found_inside_the_cache_or_not_at_all(
    place: Path, listed: list[tuple[str, str]], planted: list[tuple[str, str]], revision: str, file: str
) -> None:
    assume(path_problem(file) is None and revision_problem(revision) is None)
    cache = _fresh(place, _but_blobs(planted))
    with suppress(*_NOT_DONE):
        _publish(cache, _files(listed), "main")
    found = volume.find_file(cache, REPO, revision, file)
    assert found is None or found[1].resolve().is_relative_to(cache.resolve())
