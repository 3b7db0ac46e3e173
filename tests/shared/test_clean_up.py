"""What a plan names, what it leaves out, and in which order a quota takes it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func
from sqlalchemy.orm import Session

from shared import clean_up, storage
from shared.clean_up_items import ItemKind, Plan
from shared.database import Database
from shared.errors import ConfirmationRequired, OperationConflict, PlanChanged
from shared.storage import Look
from shared.tables import (
    DownloadStatus,
    Model,
    ModelReference,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
    ReferencePolicy,
    Volume,
)
from shared.usage import Defaults

PATH = "/cache"
MONTH = timedelta(days=30)
NOW = datetime.now(UTC)
LONG_AGO, LATELY = NOW - timedelta(days=100), NOW - timedelta(days=1)
ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.session() as found:
        storage.note(found, PATH, Look(total_bytes=1000, available_bytes=500, partial_bytes=0))
        yield found


def _manifest(commit: str, files: dict[str, int]) -> dict[str, Any]:
    return {
        "commit": commit,
        "files": [{"path": oid, "size": size, "oid": oid, "is_lfs": True} for oid, size in files.items()],
    }


def _model(session: Session, repo: str, files: dict[str, int], **columns: Any) -> Model:
    """A downloaded model that stands for commit ONE."""
    values = {
        "name": f"model of {uuid.uuid4()}",
        "type": ModelType.LOCAL,
        "source": ModelSource.HUGGINGFACE,
        "hf_repo": repo,
        "revision": "main",
        "model_file": str(uuid.uuid4()),
        "downloaded": True,
        "download_status": DownloadStatus.DOWNLOADED,
        "downloaded_at": LONG_AGO,
        "commit_hash": ONE,
        "manifest": _manifest(ONE, files),
    }
    model = Model(**(values | columns))
    session.add(model)
    session.flush()
    return model


def _revision(commit: str, *refs: str, freed: int = 0, modified: datetime = LONG_AGO) -> dict[str, Any]:
    return {
        "commit": commit,
        "refs": list(refs),
        "size_bytes": freed,
        "freed_bytes": freed,
        "file_count": 1,
        "modified_at": int(modified.timestamp()),
    }


def _scanned(
    session: Session,
    repo: str,
    blobs: dict[str, int],
    *revisions: dict[str, Any],
    read: datetime = LONG_AGO,
    half_files: list[dict[str, Any]] | None = None,
) -> None:
    seen = {
        "repo": repo,
        "size_bytes": sum(blobs.values()),
        "file_count": len(blobs),
        "revisions": list(revisions) or [_revision(ONE, "main")],
        "blobs": {oid: [size, int(read.timestamp())] for oid, size in blobs.items()},
        "modified_at": read,
        "accessed_at": read,
        "folders": {"": 1},
    }
    began = storage.clock(session)
    storage.keep_scan(session, PATH, began=began, changed=[seen], gone=[], half_files=half_files or [])


def _plan(session: Session, *, quota: int | None = None, unused: timedelta = MONTH, **defaults: str) -> Plan:
    return clean_up.plan(session, unused=unused, quota_bytes=quota, defaults=Defaults(**defaults))


def _ids(found: Plan) -> list[str]:
    return [item.id for item in found.items]


def test_before_a_worker_has_looked_there_is_nothing_to_plan(database: Database) -> None:
    with database.session() as session:
        assert _plan(session) == Plan()


def test_a_model_that_nobody_read_for_long_could_go(session: Session) -> None:
    old = _model(session, "org/old", {"a": 10, "b": 20})
    _scanned(session, "org/old", {"a": 10, "b": 20})
    _model(session, "org/read", {"c": 30})
    _scanned(session, "org/read", {"c": 30}, read=LATELY)
    (item,) = _plan(session).items
    assert (item.id, item.kind, item.bytes) == (f"model:{old.id}", ItemKind.UNUSED_MODEL, 30)
    assert (item.model_id, item.repo, item.suggested) == (old.id, "org/old", True)
    assert abs(item.last_used_at - LONG_AGO) < timedelta(seconds=1)


def test_what_another_model_of_the_repository_shares_is_not_freed(session: Session) -> None:
    old = _model(session, "org/name", {"a": 10, "shared": 100})
    _model(session, "org/name", {"b": 20, "shared": 100}, last_used_at=LATELY)
    _scanned(session, "org/name", {"a": 10, "b": 20, "shared": 100})
    assert {item.id: item.bytes for item in _plan(session).items} == {f"model:{old.id}": 10}


def test_a_model_counts_as_used_when_it_came_or_was_used_lately(session: Session) -> None:
    for number, columns in enumerate(({"last_used_at": LATELY}, {"downloaded_at": LATELY})):
        _model(session, f"org/{number}", {"a": 10}, **columns)
        _scanned(session, f"org/{number}", {"a": 10})
    assert _ids(_plan(session)) == []


def test_pinned_blocked_busy_and_default_models_never_go(session: Session) -> None:
    _model(session, "org/pinned", {"a": 1}, is_pinned=True)
    _model(session, "org/default", {"a": 1}, is_default=True)
    named = _model(session, "org/named", {"a": 1})
    blocked = _model(session, "org/blocked", {"a": 1})
    session.add(
        ModelReference(model_id=blocked.id, consumer="search", name="docs", policy=ReferencePolicy.BLOCK)
    )
    busy = _model(session, "org/busy", {"a": 1})
    session.add(Operation(model_id=busy.id, kind=OperationKind.DELETE, status=OperationStatus.PENDING))
    session.flush()
    for repo in ("pinned", "default", "named", "blocked", "busy"):
        _scanned(session, f"org/{repo}", {"a": 1})
    assert _ids(_plan(session, quota=0, embedding=named.name)) == []
    assert _ids(_plan(session, quota=0, llm=str(named.id))) == []
    assert _ids(_plan(session, quota=0)) == [f"model:{named.id}"]


def test_expired_and_warning_references_do_not_hold_a_model(session: Session) -> None:
    model = _model(session, "org/name", {"a": 1})
    for name, policy, expires in (
        ("expired", ReferencePolicy.BLOCK, func.now() - timedelta(seconds=1)),
        ("warns", ReferencePolicy.WARN, None),
    ):
        session.add(
            ModelReference(model_id=model.id, consumer="c", name=name, policy=policy, expires_at=expires)
        )
    _scanned(session, "org/name", {"a": 1})
    assert _ids(_plan(session)) == [f"model:{model.id}"]


def test_a_repository_that_no_model_has_could_go_but_is_not_suggested(session: Session) -> None:
    _scanned(session, "org/foreign", {"a": 10})
    _scanned(session, "org/lately", {"a": 10}, read=LATELY)
    (item,) = _plan(session).items
    assert (item.id, item.kind, item.bytes) == ("repo:org/foreign", ItemKind.UNUSED_REPO, 10)
    assert not item.suggested


def test_a_repository_that_a_download_is_about_to_use_stays(session: Session) -> None:
    model = _model(session, "org/name", {"a": 10}, downloaded=False)
    session.add(Operation(model_id=model.id, kind=OperationKind.DOWNLOAD, status=OperationStatus.PENDING))
    _scanned(session, "org/name", {"a": 10}, _revision(TWO, freed=10))
    assert _ids(_plan(session, quota=0)) == []


def test_commits_without_a_name_and_without_a_model_are_old(session: Session) -> None:
    _model(session, "org/name", {"a": 10}, last_used_at=LATELY)
    _scanned(
        session,
        "org/name",
        {"a": 10, "b": 20, "c": 30},
        _revision(ONE),
        _revision(TWO, freed=20),
        _revision(THREE, "v1", freed=30),
    )
    (item,) = _plan(session).items
    assert (item.id, item.kind) == (f"revision:org/name@{TWO}", ItemKind.OLD_REVISION)
    assert (item.bytes, item.commit_hash, item.suggested) == (20, TWO, True)


def test_what_an_update_has_replaced_could_go_but_is_not_suggested(session: Session) -> None:
    former = {"commit": TWO, "manifest": _manifest(TWO, {"b": 20}), "replaced_at": NOW.isoformat()}
    model = _model(session, "org/name", {"a": 10}, last_used_at=LATELY, former=former)
    _scanned(session, "org/name", {"a": 10, "b": 20}, _revision(ONE, "main"), _revision(TWO, freed=20))
    (item,) = _plan(session).items
    assert (item.id, item.model_id, item.bytes) == (f"revision:org/name@{TWO}", model.id, 20)
    assert not item.suggested


def _half(oid: str, size: int, at: datetime = LONG_AGO) -> dict[str, Any]:
    return {"oid": oid, "bytes": size, "modified_at": int(at.timestamp())}


def _asked(session: Session, model: Model, status: OperationStatus, *blobs: str) -> None:
    manifest = _manifest(ONE, dict.fromkeys(blobs, 100))
    operation = Operation(
        model_id=model.id, kind=OperationKind.DOWNLOAD, status=status, manifest=manifest, finished_at=NOW
    )
    session.add(operation)
    session.flush()


def test_half_files_of_ended_downloads_could_go_together(session: Session) -> None:
    ended = _model(session, "org/a", {}, downloaded=False, download_status=DownloadStatus.CANCELED)
    _asked(session, ended, OperationStatus.CANCELED, "a" * 64, "b" * 64)
    running = _model(session, "org/b", {}, downloaded=False)
    _asked(session, running, OperationStatus.RUNNING, "c" * 64)
    halves = [_half("a" * 64, 5), _half("b" * 64, 6, LATELY), _half("c" * 64, 7), _half("d" * 64, 8)]
    _scanned(session, "org/read", {"x": 1}, read=LATELY, half_files=halves)
    found = {item.id: item for item in _plan(session).items}
    assert found.keys() == {f"partial:model:{ended.id}", "partial:others"}
    own = found[f"partial:model:{ended.id}"]
    assert (own.bytes, own.kind, own.suggested) == (11, ItemKind.PARTIAL, False)
    others = found["partial:others"]
    assert (others.bytes, others.blobs, others.suggested) == (8, ("d" * 64,), True)


def test_a_quota_takes_what_was_used_longest_ago_and_no_more_than_it_must(session: Session) -> None:
    days = [3, 1, 2]
    models = []
    for number, age in enumerate(days):
        at = NOW - timedelta(days=age)
        models.append(_model(session, f"org/{number}", {"a": 100}, last_used_at=at))
        _scanned(session, f"org/{number}", {"a": 100}, read=at)
    found = _plan(session, quota=150)
    assert found.quota is not None
    assert (found.quota.cache_bytes, found.quota.over_bytes) == (300, 150)
    assert found.quota.evict == [f"model:{models[0].id}", f"model:{models[2].id}"]
    # What a quota takes stands in the plan, although it is used often enough otherwise.
    assert set(found.quota.evict) == set(_ids(found))
    assert _plan(session, quota=300).quota.evict == []


def test_half_files_and_old_commits_go_before_models(session: Session) -> None:
    model = _model(session, "org/name", {"a": 100})
    halves = [_half("d" * 64, 8)]
    revisions = (_revision(ONE), _revision(TWO, freed=20))
    _scanned(session, "org/name", {"a": 100, "b": 20}, *revisions, half_files=halves)
    session.get(Volume, PATH).partial_bytes = 8
    assert _plan(session, quota=100).quota.evict == ["partial:others", f"revision:org/name@{TWO}"]
    assert _plan(session, quota=99).quota.evict[-1] == f"model:{model.id}"


def test_choosing_wants_a_confirmation_and_names_what_is_no_longer_there(session: Session) -> None:
    _scanned(session, "org/foreign", {"a": 10})
    found = _plan(session)
    with pytest.raises(ConfirmationRequired) as asked:
        clean_up.choose(found, ["repo:org/foreign"], confirmed=False)
    assert asked.value.facts == {"freed_bytes": 10, "items": ["repo:org/foreign"]}
    with pytest.raises(PlanChanged) as changed:
        clean_up.choose(found, ["repo:org/foreign", "repo:org/gone"], confirmed=True)
    assert changed.value.facts == {"missing": ["repo:org/gone"]}
    assert clean_up.choose(found, ["repo:org/foreign"] * 2, confirmed=True) == found.items


def test_one_clean_up_at_a_time(session: Session) -> None:
    _scanned(session, "org/foreign", {"a": 10})
    items = _plan(session).items
    first = clean_up.request(session, items, requested_by="me", request_id=None)
    assert (first.kind, first.model_id, first.bytes_total) == (OperationKind.CLEAN_UP, None, 10)
    with pytest.raises(OperationConflict) as refused:
        clean_up.request(session, items, requested_by="you", request_id=None)
    assert refused.value.facts["operation_id"] == str(first.id)
    first.status = OperationStatus.COMPLETED
    session.flush()
    assert clean_up.request(session, items, requested_by="you", request_id=None).id != first.id
