"""A file with a name in several repositories is there once: in the total, in plans, and before a delete."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from shared import clean_up, clean_up_items, links, storage, usage
from shared.database import Database
from shared.storage import Downloaded, Look
from shared.tables import CachedRepo, DownloadStatus, Model, ModelSource, ModelType
from shared.usage import Defaults

PATH = "/cache"
LONG_AGO = datetime.now(UTC) - timedelta(days=100)
A, B, C = "a" * 64, "b" * 64, "c" * 64
SMALL = "5" * 40


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.session() as found:
        storage.note(found, PATH, Look(total_bytes=1000, available_bytes=500, partial_bytes=0))
        yield found


def _scan(session: Session, *gone: str, **repos: dict[str, list[int]]) -> int | None:
    """What the rows say that the cache holds, after a scan that found these: [bytes, read, inode] by blob."""
    changed = [
        {
            "repo": f"o/{name}",
            "size_bytes": sum(seen[0] for seen in blobs.values()),
            "file_count": len(blobs),
            "revisions": [],
            "blobs": blobs,
            "modified_at": LONG_AGO,
            "accessed_at": LONG_AGO,
            "folders": {},
        }
        for name, blobs in repos.items()
    ]
    storage.keep_scan(session, PATH, began=LONG_AGO, changed=changed, gone=gone, half_files=[])
    session.expire_all()
    volume = storage.last_look(session)
    assert volume
    return volume.cache_bytes


def _model(session: Session, repo: str, **files: int) -> Model:
    oids = {"A": A, "B": B, "C": C, "SMALL": SMALL}
    manifest = {
        "commit": "1" * 40,
        "files": [
            {"path": name, "size": size, "oid": oids[name], "is_lfs": True} for name, size in files.items()
        ],
    }
    values: dict[str, Any] = {
        "name": f"model of {repo}",
        "type": ModelType.LOCAL,
        "source": ModelSource.HUGGINGFACE,
        "hf_repo": repo,
        "revision": "main",
        "downloaded": True,
        "download_status": DownloadStatus.DOWNLOADED,
        "downloaded_at": LONG_AGO,
        "commit_hash": "1" * 40,
        "manifest": manifest,
    }
    model = Model(**values)
    session.add(model)
    session.flush()
    return model


def test_the_cache_holds_a_linked_file_once(session: Session) -> None:
    assert _scan(session, x={A: [100, 0, 7], B: [10, 0, 8]}) == 110
    assert _scan(session, y={A: [100, 0, 7], C: [1, 0, 9]}, z={A: [100, 0, 7]}) == 111
    # Nothing new; then two of the three names go.
    assert _scan(session) == 111
    assert _scan(session, "o/x", "o/y") == 100


def test_files_of_one_content_that_are_not_linked_count_each(session: Session) -> None:
    assert _scan(session, x={A: [100, 0, 7]}, y={A: [100, 0, 8]}, z={A: [100, 0]}, w={A: [100, 0]}) == 400
    # Another name of the same inode is on another volume; git's names are never linked.
    assert _scan(session, y={B: [100, 0, 7], SMALL: [5, 0, 1]}, z={SMALL: [5, 0, 1]}) == 310


def test_what_models_hold_counts_a_linked_file_once(session: Session) -> None:
    for repo in ("o/x", "o/y", "o/z"):
        _model(session, repo, A=100, SMALL=5)
    assert storage.downloaded(session, [PATH]) == {None: Downloaded(3, 315)}
    inodes = {"x": 7, "y": 7, "z": 8}
    _scan(session, **{repo: {A: [100, 0, inode], SMALL: [5, 0, 1]} for repo, inode in inodes.items()})
    assert storage.downloaded(session, [PATH]) == {None: Downloaded(3, 215)}


def test_a_delete_frees_what_no_other_repository_is_linked_to(session: Session) -> None:
    model = _model(session, "o/x", A=100, B=10, C=1)
    _scan(session, x={A: [100, 0, 7], B: [10, 0, 8], C: [1, 0, 9]}, y={A: [100, 0, 7], B: [10, 0, 5]})
    found = usage.usage(session, model, defaults=Defaults())
    assert (found.size_on_disk_bytes, found.estimated_freed_bytes) == (111, 11)
    assert links.elsewhere(session, PATH, "o/x", [A, B, C]) == {A}
    assert links.elsewhere(session, "/another", "o/x", [A]) == set()
    assert links.elsewhere(session, PATH, "o/not there", [A]) == set()


def _plan(session: Session, quota: int | None = None) -> clean_up_items.Plan:
    return clean_up.plan(session, unused=timedelta(days=30), quota_bytes=quota, defaults=Defaults())


def test_a_plan_says_what_each_item_frees_alone(session: Session) -> None:
    _scan(session, x={A: [100, 0, 7], B: [10, 0, 8]}, y={A: [100, 0, 7], C: [1, 0, 9]})
    model = _model(session, "o/y", A=100, C=1)
    found = {item.id: item.bytes for item in _plan(session).items}
    assert found == {"repo:o/x": 10, f"model:{model.id}": 1}


def test_a_quota_counts_a_linked_file_with_its_last_name(session: Session) -> None:
    blobs = {"x": {A: [100, 0, 7]}, "y": {A: [100, 0, 7]}, "z": {B: [10, 0, 8]}}
    assert _scan(session, **blobs) == 110
    quota = _plan(session, quota=20).quota
    assert quota
    assert (quota.over_bytes, quota.evict) == (90, ["repo:o/x", "repo:o/y"])
    assert session.get_one(CachedRepo, (PATH, "o/x")).size_bytes == 100
