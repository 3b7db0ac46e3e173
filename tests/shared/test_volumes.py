"""Workers with a volume each: what runs where, whose bell rings, and what counts on which volume."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import attempts, clean_up, clean_up_items, manifests, operations, storage, sweep, usage, volumes
from shared.clean_up_items import Item, ItemKind
from shared.database import Database
from shared.errors import InsufficientDisk, OperationConflict, ValidationError
from shared.integrity import Damage, Problem
from shared.nudges import Nudge
from shared.progress import Progress
from shared.storage import Downloaded
from shared.tables import Operation
from shared.task_names import TaskName, queue_of
from shared.usage import Defaults
from tests.shared.two_volumes import (
    REPO,
    A,
    B,
    add_model,
    ask,
    begin,
    bring,
    fall_silent,
    manifest_of,
    scan,
    seen,
)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Volumes `one` and `two` have been looked at."""
    with database.session() as found:
        seen(found, "one", "two")
        yield found


# Where it runs


def test_what_may_run_anywhere_belongs_to_the_volume_that_takes_it(session: Session) -> None:
    operation = ask(session, add_model(session))
    assert operation.volume is None
    assert begin(session, operation, "one")
    attempts.give_back(session, operation.id, 1, progress=Progress(bytes_done=5))
    assert begin(session, operation, "two") is None
    assert (operation.status, operation.attempt) == ("pending", 1)
    again = begin(session, operation, "one")
    assert again is not None
    assert (again.volume, again.attempt) == ("one", 2)


def test_the_volume_without_a_name_is_the_same_one_wherever_it_is_mounted(session: Session) -> None:
    operation = ask(session, add_model(session))
    assert begin(session, operation, "/cache")
    attempts.give_back(session, operation.id, 1, progress=Progress(bytes_done=5))
    assert begin(session, operation, "one") is None
    moved = begin(session, operation, "/moved/cache")
    assert moved is not None
    assert moved.volume == "/moved/cache"


def test_what_a_download_has_left_is_gone_on_from_while_somebody_serves_its_volume(session: Session) -> None:
    model = add_model(session)
    bring(session, model, "one", 40)
    again = ask(session, model)
    assert (again.volume, again.bytes_done) == ("one", 40)
    operations.cancel(session, model.id, purge=False)
    fall_silent(session, "one")
    elsewhere = ask(session, model)
    assert (elsewhere.volume, elsewhere.bytes_done) == (None, 0)


def test_a_download_that_brought_nothing_may_begin_elsewhere(session: Session) -> None:
    model = add_model(session)
    bring(session, model, "one", 0)
    assert ask(session, model).volume is None


def _finds_no_room(
    session: Session, operation: Operation, volume: str, *, attempts_left: int = 5
) -> Operation:
    begun = begin(session, operation, volume)
    assert begun is not None
    begun.bytes_total = 300
    return attempts.fail(
        session,
        begun.id,
        begun.attempt,
        error=InsufficientDisk(),
        progress=Progress(),
        max_attempts=begun.failures + 1 + attempts_left,
    )


def test_a_download_that_finds_no_room_goes_where_there_is_some(session: Session) -> None:
    operation = ask(session, add_model(session))
    after = _finds_no_room(session, operation, "one")
    assert (after.status, after.volume) == ("pending", "two")
    seen(session, "one", available=299)
    after = _finds_no_room(session, operation, "two")
    assert (after.status, after.volume, after.error["code"]) == ("failed", "two", "INSUFFICIENT_DISK")  # type: ignore[index]


def test_the_way_from_volume_to_volume_has_an_end(session: Session) -> None:
    after = _finds_no_room(session, ask(session, add_model(session)), "one", attempts_left=0)
    assert (after.status, after.volume) == ("failed", "one")


@pytest.mark.parametrize("what", ["verify", "update", "delete", "repair"])
def test_what_is_asked_of_files_goes_to_their_volume_even_if_nobody_serves_it(
    session: Session, what: str
) -> None:
    fall_silent(session, "two")
    model, asked = add_model(session, "two", A), {"requested_by": "t", "request_id": None}
    if what == "repair":
        model.downloaded, model.damaged_files = False, [{"path": "a.gguf", "problem": "missing"}]
        operation = ask(session, model)
    elif what == "update":
        operation = operations.request_update(session, model.id, commit=None, **asked)[0]
    else:
        rule = operations.request_verify if what == "verify" else operations.request_delete
        operation = rule(session, model.id, **asked)[0]
    assert operation.volume == "two"


def test_a_model_of_before_there_were_names_is_asked_anywhere(session: Session) -> None:
    model = add_model(session, None, A)
    assert operations.request_verify(session, model.id, requested_by="t", request_id=None)[0].volume is None


# Whose bell rings


def test_a_bell_rings_where_the_operation_has_to_run() -> None:
    def queue(task: TaskName, volume: str | None) -> str:
        return Nudge(task, Operation(volume=volume)).queue

    assert queue(TaskName.DOWNLOAD, None) == "downloads"
    assert queue(TaskName.DOWNLOAD, "/cache") == "downloads"
    assert queue(TaskName.VERIFY, "node-1.a") == "downloads.node-1.a"
    assert queue(TaskName.CANCEL, "one") == "control.one"
    assert Nudge(TaskName.SCAN, volume="one").queue == queue_of(TaskName.SCAN, "one") == "control.one"


def test_the_sweep_rings_again_only_on_queues_that_are_empty(session: Session) -> None:
    anywhere, bound = ask(session, add_model(session)), ask(session, add_model(session))
    purged = bring(session, add_model(session), "two", 5)
    bound.volume = "one"
    purged.purge_requested_at = func.now()

    def swept(*slack: str) -> tuple[set[str], dict[str, uuid.UUID]]:
        """The queues that were asked about, and the bells by queue."""
        asked: set[str] = set()
        long_ago = func.now() - timedelta(seconds=sweep.NUDGE_AFTER + 1)
        session.execute(update(Operation).values(nudged_at=long_ago))

        def is_slack(queues: set[str]) -> set[str]:
            asked.update(queues)
            return queues.intersection(slack)

        found = sweep.sweep(session, max_attempts=3, slack=is_slack).nudges
        return asked, {nudge.queue: nudge.operation.id for nudge in found if nudge.operation}

    every = {"downloads", "downloads.one", "control.two"}
    assert swept() == (every, {})
    assert swept("downloads") == (every, {"downloads": anywhere.id})
    assert swept("downloads.one", "control.two") == (
        every,
        {"downloads.one": bound.id, "control.two": purged.id},
    )


# What counts where


def test_only_models_of_the_own_volume_need_its_files(session: Session) -> None:
    add_model(session, "one", A)
    add_model(session, "two", B)
    add_model(session, None, A, B, repo="org/old")

    def needed(volume: str, repo: str = REPO) -> set[str]:
        return manifests.oids(manifests.needed_of_repo(session, repo, volume))

    assert (needed("one"), needed("two"), needed("three")) == ({A}, {B}, set())
    assert manifests.vouched_for(session, REPO, "one") == {A}
    # A row that says nothing may be of this volume: its files stay, and its word does not count for others.
    assert needed("one", "org/old") == {A, B}
    assert manifests.vouched_for(session, "org/old", "one") == set()
    assert manifests.vouched_for(session, "org/old", "/cache") == {A, B}


def test_a_half_file_is_awaited_only_on_the_volume_of_its_download(session: Session) -> None:
    operation = ask(session, add_model(session))
    begin(session, operation, "one")
    attempts.freeze(session, operation.id, 1, manifest=manifest_of(A))
    assert manifests.awaited(session, "one") == {A}
    assert manifests.awaited(session, "two") == set()
    assert manifests.oids(manifests.needed_of_repo(session, REPO, "two")) == set()


def test_damage_on_one_volume_says_nothing_of_another(session: Session) -> None:
    here, beside, elsewhere = (add_model(session, name, A) for name in ("one", "one", "two"))
    operation = operations.request_verify(session, here.id, requested_by="t", request_id=None)[0]
    begin(session, operation, "one")
    damage = Damage(REPO, "c" * 40, {"a.gguf": Problem.CORRUPT}, {A: Problem.CORRUPT})
    marked = attempts.complete_verify(session, operation.id, 1, progress=Progress(), damage=damage)
    assert sorted(marked) == [here.id, beside.id]
    assert elsewhere.downloaded


def test_a_delete_frees_what_nobody_else_needs_on_that_volume(session: Session) -> None:
    model = add_model(session, "one", A)
    add_model(session, "two", A)
    scan(session, "one", A=[100, 0, 1])
    found = usage.usage(session, model, defaults=Defaults())
    assert (found.size_on_disk_bytes, found.estimated_freed_bytes) == (100, 100)
    add_model(session, "one", A)
    assert usage.usage(session, model, defaults=Defaults()).estimated_freed_bytes == 0


def test_what_a_canceled_download_left_is_counted_on_its_volume(session: Session) -> None:
    model = add_model(session)
    operation = bring(session, model, "one", 40)
    operation.manifest = manifest_of(A)
    scan(session, "one", A=[100, 0, 1])
    scan(session, "two", A=[77, 0, 1])
    assert usage.usage(session, model, defaults=Defaults()).size_on_disk_bytes == 100


def test_what_is_downloaded_is_told_by_volume(session: Session) -> None:
    add_model(session, "one", A, B)
    add_model(session, "one", A)
    add_model(session, "two", A)
    add_model(session, "/cache", B)
    add_model(session, None, B)
    assert storage.downloaded(session, ["one", "two"]) == {
        "one": Downloaded(2, 200),
        "two": Downloaded(1, 100),
        None: Downloaded(2, 100),
    }


def test_a_repository_is_managed_on_the_volume_where_a_model_has_files_of_it(session: Session) -> None:
    scan(session, "one", A=[100, 0, 1])
    scan(session, "two", A=[100, 0, 1])
    add_model(session, "one", A)
    assert storage.unmanaged_counts(session, ["one", "two"]) == {"two": 1}


def test_every_volume_that_somebody_serves_is_asked_for_a_scan(session: Session) -> None:
    seen(session, "lost")
    fall_silent(session, "lost")
    assert storage.request_scan(session).keys() == {"one", "two"}
    assert storage.is_scan_wanted(session, "two")
    assert not storage.is_scan_wanted(session, "lost")


def test_of_paths_only_the_newest_is_a_volume(session: Session) -> None:
    seen(session, "/old", "/new")
    fall_silent(session, "/old")
    known = volumes.known(session)
    assert [volume.name for volume in known] == ["/new", "one", "two"]
    names = {name: volumes.place_of(known, name) for name in (None, "/old", "two", "gone")}
    assert {name: place and place.name for name, place in names.items()} == {
        None: "/new",
        "/old": "/new",
        "two": "two",
        "gone": None,
    }


# Clean-ups


def _plan(session: Session, quota: int | None = None, volume: str | None = None) -> clean_up_items.Plan:
    month = timedelta(days=30)
    return clean_up.plan(session, unused=month, quota_bytes=quota, defaults=Defaults(), volume=volume)


def test_a_plan_tells_volumes_apart_and_is_carried_out_one_at_a_time(session: Session) -> None:
    scan(session, "one", A=[100, 0, 1])
    scan(session, "two", A=[100, 0, 1])
    found = _plan(session)
    assert [(item.id, item.volume) for item in found.items] == [
        (f"one:repo:{REPO}", "one"),
        (f"two:repo:{REPO}", "two"),
    ]
    assert [item.volume for item in _plan(session, volume="two").items] == ["two"]
    with pytest.raises(ValidationError) as refused:
        clean_up.choose(found, [item.id for item in found.items], confirmed=True)
    assert "one, two" in refused.value.facts["errors"]["items"][0]
    assert clean_up.choose(found, [f"two:repo:{REPO}"], confirmed=True)


def test_each_volume_has_the_quota(session: Session) -> None:
    scan(session, "one", A=[100, 0, 1], B=[50, 0, 2])
    scan(session, "two", A=[100, 0, 1])
    quota = _plan(session, quota=120).quota
    assert quota
    assert (quota.quota_bytes, quota.cache_bytes, quota.over_bytes) == (240, 250, 30)
    assert quota.evict == [f"one:repo:{REPO}"]


def _item(volume: str | None) -> Item:
    return Item(
        id="x", kind=ItemKind.UNUSED_REPO, repo=REPO, bytes=1, reason="", suggested=False, volume=volume
    )


def test_volumes_are_cleaned_up_beside_each_other_and_each_by_one_at_a_time(session: Session) -> None:
    asked: dict[str, Any] = {"requested_by": "t", "request_id": None}
    first = clean_up.request(session, [_item("one")], **asked)
    assert clean_up.request(session, [_item("two")], **asked).volume == "two"
    with pytest.raises(OperationConflict):
        clean_up.request(session, [_item("one")], **asked)
    session.flush()
    session.add(Operation(model_id=None, kind=first.kind, volume="one"))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
