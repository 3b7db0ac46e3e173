"""Names that people and the Hub's owners give: repositories, revisions, files, patterns, users, paths."""

import glob
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from shared import local_paths, users
from shared.callers import ADMINISTRATOR
from shared.database import Database
from shared.errors import FileNotFound, InvalidLocalPath, UserAlreadyExists, ValidationError
from shared.events import is_note_id
from shared.hub import Hub, RemoteFile
from shared.hub_names import parse_repo, path_problem, repo_id_problem, revision_problem
from shared.manifests import freeze
from shared.tables import Role, User
from tests.fuzz import hostile
from tests.fuzz.form import fuzzed
from worker_service.transfer.publish import repo_folder, snapshot_path

ENDPOINT = "https://hub.example/hf"
CACHE = Path("/cache")
COMMIT = "a" * 40
_SEGMENTS = st.one_of(
    st.sampled_from(["owner", "name", "main", "blob", "tree", "refs", "%2e%2e"]), hostile.TEXTS
)
_LINKS = st.builds(
    lambda site, parts, behind: f"{site}/{'/'.join(parts)}{behind}",
    st.sampled_from(
        ["https://huggingface.co", "http://hf.co", ENDPOINT, "huggingface.co", "ftp://hf.co", ""]
    ),
    st.lists(_SEGMENTS, max_size=7),
    st.sampled_from(["", "?download=true", "#top", "/", "%"]),
)
_NAMES = st.one_of(
    hostile.TEXTS, st.text("ab./-_~^:?*[\\ @{}", max_size=12), st.lists(hostile.TEXTS).map("/".join)
)
_TREES = st.lists(
    st.text("ab.-/é", min_size=1, max_size=8).filter(lambda path: not path_problem(path)),
    min_size=1,
    unique=True,
)
_PATTERNS = st.one_of(st.text("ab.-*?[]!/\\", max_size=10), hostile.TEXTS)


@fuzzed(short=400, long=10_000)
@given(text=st.one_of(_LINKS, hostile.TEXTS))
def test_a_link_is_taken_apart_into_safe_names_or_refused(text: str) -> None:
    try:
        found = parse_repo(text, endpoint=ENDPOINT)
    except ValueError:
        return
    assert parse_repo(found.repo, endpoint=ENDPOINT).repo == found.repo
    assert repo_folder(CACHE, found.repo).parent == CACHE
    assert found.revision is None or revision_problem(found.revision) is None
    assert found.filename is None or path_problem(found.filename) is None


@fuzzed(short=400, long=10_000)
@given(name=_NAMES)
def test_an_accepted_file_name_stands_below_its_folder_on_any_disk(name: str) -> None:
    assume(path_problem(name) is None)
    name.encode()  # a disk, a database and an address take it
    place = Path(os.path.normpath(snapshot_path(CACHE, "owner/name", COMMIT, name)))
    assert place == CACHE / "models--owner--name" / "snapshots" / COMMIT / name
    assert place.name not in ("", ".", "..")
    assert all(len(part.encode()) <= 255 for part in place.parts)


@fuzzed(short=400, long=10_000)
@given(name=_NAMES)
def test_an_accepted_revision_or_repository_is_one_place(name: str) -> None:
    if revision_problem(name) is None:
        name.encode()
        place = Path(os.path.normpath(CACHE / "refs" / name))
        assert place == CACHE / "refs" / name != CACHE / "refs"
    if repo_id_problem(name) is None:
        assert re.fullmatch(r"models--[\w.-]+", repo_folder(CACHE, name).name, re.ASCII)


def _chosen(paths: list[str], **patterns: Any) -> list[str]:
    hub = Hub("http://nobody.example", None, False)
    files = [RemoteFile(path, 1, f"{number:040x}", False) for number, path in enumerate(paths)]
    hub.files = lambda _repo, _revision: (COMMIT, files, {})  # type: ignore[method-assign]
    try:
        return [file.path for file in freeze(hub, repo="a/b", revision="main", **patterns).files]
    except FileNotFound:
        return []


@fuzzed(short=200, long=3_000)
@given(paths=_TREES, allowed=st.lists(_PATTERNS, max_size=4), ignored=st.lists(_PATTERNS, max_size=4))
def test_patterns_choose_from_the_files_and_nothing_else(
    paths: list[str], allowed: list[str], ignored: list[str]
) -> None:
    chosen = _chosen(paths, allow_patterns=allowed, ignore_patterns=ignored)
    everything = set(_chosen(paths, allow_patterns=allowed))
    assert set(chosen) <= everything <= set(paths)
    assert everything - set(chosen) == set(_chosen(paths, allow_patterns=ignored)) & everything or not ignored


@fuzzed(short=100, long=1_000)
@given(paths=_TREES)
def test_a_pattern_without_wildcards_is_a_name(paths: list[str]) -> None:
    assert _chosen(paths, allow_patterns=[glob.escape(paths[0])]) == [paths[0]]
    assert set(_chosen(paths, ignore_patterns=[glob.escape(paths[0])])) == set(paths[1:])
    assert _chosen(paths, model_file=paths[0]) in ([paths[0]], [])


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """A folder that is allowed, beside one that is not, with links that lead out of it."""
    allowed = tmp_path / "allowed"
    (allowed / "model" / "deep").mkdir(parents=True)
    (allowed / "model" / "a.gguf").write_bytes(b"a")
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "allowed-not" / "b.gguf").write_bytes(b"b")
    (allowed / "out").symlink_to(tmp_path / "allowed-not")
    (allowed / "file-out").symlink_to(tmp_path / "allowed-not" / "b.gguf")
    (allowed / "loop").symlink_to(allowed / "loop")
    os.mkfifo(allowed / "pipe")
    os.mkdir(os.fsencode(allowed) + b"/\xff")
    (allowed / "strange").symlink_to(os.fsdecode(b"\xff"))
    return allowed


_STEPS = st.sampled_from(
    [
        "model",
        "deep",
        "a.gguf",
        "out",
        "file-out",
        "loop",
        "pipe",
        "strange",
        "..",
        ".",
        "",
        "allowed",
        "allowed-not",
    ]
)


@fuzzed(short=200, long=3_000)
@given(steps=st.lists(st.one_of(_STEPS, _STEPS, hostile.TEXTS), max_size=6))
def test_a_local_path_is_inside_a_root_or_refused(roots: Path, steps: list[str]) -> None:
    for path in ("/".join([str(roots), *steps]), "/".join(steps)):
        try:
            real = local_paths.resolve(path, [str(roots)])
        except InvalidLocalPath:
            continue
        assert real.is_relative_to(roots)
        assert real == real.resolve(strict=True)
        assert real.is_file() or real.is_dir()
        str(real).encode()


@fuzzed(short=400, long=10_000)
@given(text=st.one_of(hostile.TEXTS, st.text("0123456789-٣", max_size=45)))
def test_what_passes_for_the_id_of_an_event_is_one(text: str) -> None:
    if is_note_id(text):
        assert all(0 <= int(part) < 2**64 for part in text.split("-"))
        assert text.isascii()


@pytest.fixture
def session(database: Database) -> Any:
    """One transaction for all examples; it is never kept."""
    with database.session() as found:
        yield found
        found.rollback()


@fuzzed(short=40, long=600)
@given(name=hostile.TEXTS, number=st.integers(1, 5))
def test_whoever_a_provider_vouches_for_gets_a_name_of_our_kind(
    session: Session, name: str, number: int
) -> None:
    known = users.known_by_provider(
        session,
        issuer="https://id.example",
        subject=f"{name.encode(errors='replace').hex()[:200]}-{number}",
        name=name,
        role=Role.VIEWER,
        role_is_told=False,
    )
    assert known is not None
    assert users.NAME.fullmatch(known.name)
    assert len(known.name) <= users.LONGEST_NAME
    assert known.name.lower() != ADMINISTRATOR


@fuzzed(short=25, long=300)
@given(
    name=st.one_of(hostile.TEXTS, st.text("aB1._@+-", max_size=66)),
    password=hostile.TEXTS.filter(str.isprintable),
)
def test_a_user_has_a_plain_name_and_no_weak_password(session: Session, name: str, password: str) -> None:
    before = session.query(User).count()
    try:
        made = users.create(session, name=name, role=Role.VIEWER, password=password)
    except (ValidationError, UserAlreadyExists):
        assert session.query(User).count() == before
        return
    assert users.NAME.fullmatch(made.name)
    assert len(password) >= users.SHORTEST_PASSWORD
    assert name.lower() not in (ADMINISTRATOR, password.lower())
