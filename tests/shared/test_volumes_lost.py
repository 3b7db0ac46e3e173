"""A volume that is lost for good: what was there can be had again, and nothing waits for it for ever."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import attempts, operations, storage
from shared.database import Database
from shared.errors import VolumeInUse, VolumeNotFound
from shared.progress import Progress
from shared.tables import CachedRepo, Model, Operation, Volume
from shared.volumes_lost import forget
from tests.shared.two_volumes import A, B, add_model, ask, begin, bring, fall_silent, scan, seen

ASKED: dict[str, Any] = {"requested_by": "t", "request_id": None}


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Volume `lost` is served by nobody, `two` is."""
    with database.session() as found:
        seen(found, "lost", "two")
        fall_silent(found, "lost")
        yield found


def test_its_models_are_repaired_elsewhere_at_the_same_commit(session: Session) -> None:
    model, other = add_model(session, "lost", A, B), add_model(session, "two", A)
    scan(session, "lost", A=[100, 0, 1])
    assert forget(session, "lost").models == [model.id]
    session.expire_all()
    assert (model.download_status, model.downloaded, model.volume) == ("NotDownloaded", False, None)
    assert model.error["detail"] == "The volume lost is lost."  # type: ignore[index]
    assert other.downloaded
    again = ask(session, model)
    assert (again.volume, again.bytes_done, again.bytes_total) == (None, 0, 200)
    assert again.manifest["commit"] == model.manifest["commit"]  # type: ignore[index]
    assert session.scalars(select(Volume.name)).all() == ["two"]
    assert session.scalars(select(CachedRepo)).all() == []


def test_what_waits_for_it_runs_elsewhere_or_is_canceled(session: Session) -> None:
    removed, verified = add_model(session, "lost", A), add_model(session, "lost", A)
    half = add_model(session)
    bring(session, half, "two", 50)
    fetched = ask(session, half)
    fetched.volume = "lost"
    operations.request_delete(session, removed.id, **ASKED)
    operations.request_verify(session, verified.id, **ASKED)
    changed = {
        one.kind: (one.status, one.volume, one.bytes_done) for one in forget(session, "lost").operations
    }
    assert changed == {
        "download": ("pending", None, 0),
        "delete": ("pending", None, 0),
        "verify": ("canceled", None, 0),
    }
    assert begin(session, fetched, "two")


def test_no_purge_waits_for_it(session: Session) -> None:
    ended = bring(session, add_model(session), "lost", 50)
    ended.purge_requested_at = func.now()
    session.flush()
    forget(session, "lost")
    session.refresh(ended)
    assert (ended.purge_requested_at, ended.volume) == (None, None)


def test_a_volume_that_is_served_is_not_forgotten(session: Session) -> None:
    with pytest.raises(VolumeInUse):
        forget(session, "two")
    operation = ask(session, add_model(session))
    attempts.begin(session, operation.id, worker="w", lease_seconds=30, volume="lost")
    with pytest.raises(VolumeInUse):
        forget(session, "lost")
    attempts.stop_canceled(session, operation.id, 1, progress=Progress())
    forget(session, "lost")
    with pytest.raises(VolumeNotFound):
        forget(session, "lost")


def test_a_path_that_nobody_uses_any_more_is_forgotten_beside_a_newer_one(session: Session) -> None:
    seen(session, "/old", "/new")
    fall_silent(session, "/old")
    model = add_model(session, "/new", A)
    forget(session, "/old")
    assert storage.last_look(session) is not None
    assert session.get_one(Model, model.id).downloaded
    assert session.get(Volume, "/old") is None
    assert session.scalars(select(Operation)).all() == []
