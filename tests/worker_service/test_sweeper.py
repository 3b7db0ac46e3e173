from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import delete, func, insert, select, update

from shared import attempts, claims, events, fleet, operations, presence, progress
from shared.tables import DownloadStatus, IdempotencyKey, Model, Operation, Turn, Volume
from tests.conftest import local_model
from worker_service.context import Context
from worker_service.sweeper import Sweeper, forget_outworn, mark_missing
from worker_service.volume import claim_found, note_volume


@pytest.fixture
def model(context: Context) -> Model:
    return local_model(context.database)


def _sweeper(context: Context) -> Sweeper:
    from shared.broker import celery_options

    app = Celery("test", set_as_current=True)
    app.conf.update(celery_options(context.settings))
    return Sweeper(context, app, worker="w@test", queues=["control"])


def _sweep_again(sweeper: Sweeper, context: Context) -> None:
    """A round, as if the time of the one before were over."""
    with context.database.session() as session:
        session.execute(delete(Turn))
    sweeper.sweep()


def test_after_a_flush_the_claim_and_the_nudge_come_back(context: Context, model: Model) -> None:
    with context.database.session() as session:
        asked, _ = operations.request_download(session, model.id, requested_by="t", request_id=None)
        session.execute(update(Operation).values(nudged_at=func.now() - timedelta(minutes=1)))
    context.redis.flushdb()
    sweeper = _sweeper(context)
    sweeper.sweep()
    assert context.redis.get(f"weighbridge:active:{model.id}") == f"download:{asked.id}"
    assert context.redis.llen("weighbridge:downloads") == 1
    assert presence.workers(context.redis) == {"control": 1}
    _sweep_again(sweeper, context)
    assert context.redis.llen("weighbridge:downloads") == 1, "one waiting message is enough"
    sweeper.stop()
    assert presence.workers(context.redis) == {}


def test_each_sweep_tells_what_memory_the_machine_has_and_the_end_takes_it_back(context: Context) -> None:
    sweeper = _sweeper(context)
    sweeper.sweep()
    (machine,) = fleet.machines(context.redis)
    ram = machine.devices[0]
    assert (machine.worker, ram.kind) == ("w@test", "cpu")
    assert 0 < ram.available_bytes < ram.total_bytes
    sweeper.stop()
    assert fleet.machines(context.redis) == []


def test_an_operation_that_the_sweep_ends_gives_its_claim_back(context: Context, model: Model) -> None:
    with context.database.session() as session:
        asked, _ = operations.request_download(session, model.id, requested_by="t", request_id=None)
        attempts.begin(session, asked.id, worker="w", lease_seconds=30)
        operations.cancel(session, model.id, purge=False)
        session.execute(update(Operation).values(lease_until=func.now() - timedelta(seconds=1)))
    claims.take(context.redis, asked)
    _sweeper(context).sweep()
    assert context.redis.get(claims.key(model.id)) is None


def test_what_an_ended_operation_left_in_redis_is_dropped_and_the_next_ones_claim_stays(
    context: Context, model: Model
) -> None:
    with context.database.session() as session:
        ended, _ = operations.request_download(session, model.id, requested_by="t", request_id=None)
        operations.cancel(session, model.id, purge=False)
    # Redis was away when it ended, or a sweep that had seen it running renewed it just afterwards.
    claims.take(context.redis, ended)
    progress.ask_to_cancel(context.redis, ended.id)
    sweeper = _sweeper(context)
    sweeper.sweep()
    assert context.redis.get(claims.key(model.id)) is None
    assert not context.redis.exists(progress.cancel_key(ended.id))
    with context.database.session() as session:
        asked, _ = operations.request_download(session, model.id, requested_by="t", request_id=None)
    claims.take(context.redis, ended)  # once more, so that the next one finds it in its way
    progress.ask_to_cancel(context.redis, asked.id)
    _sweep_again(sweeper, context)
    assert context.redis.get(claims.key(model.id)) == f"download:{asked.id}"
    assert context.redis.exists(progress.cancel_key(asked.id))


def test_those_who_watch_learn_of_a_delete_whose_worker_died(context: Context, model: Model) -> None:
    with context.database.session() as session:
        asked, _ = operations.request_delete(session, model.id, requested_by="t", request_id=None)
        attempts.begin(session, asked.id, worker="w", lease_seconds=30)
        session.execute(update(Operation).values(lease_until=func.now() - timedelta(seconds=1)))
    _sweeper(context).sweep()
    assert [(note.type, note.model_id) for note in events.since(context.redis, "0-0")] == [
        ("model.updated", model.id)
    ]


def test_each_round_looks_at_the_volume(context: Context) -> None:
    sweeper = _sweeper(context)
    seen = []
    for _ in range(2):
        _sweep_again(sweeper, context)
        with context.database.session() as session:
            seen.append(session.scalars(select(Volume)).one())
    assert seen[0].name == str(context.settings.cache_dir)
    assert seen[1].seen_at > seen[0].seen_at


def test_of_many_workers_one_does_what_is_anybodys_and_each_says_that_it_lives(context: Context) -> None:
    looks = []
    for name in ("a@test", "b@test", "c@test"):
        sweeper = Sweeper(context, Celery("test"), worker=name, queues=["control"])
        sweeper.sweep()
        with context.database.session() as session:
            looks.append(session.scalars(select(Volume.seen_at)).one())
    assert looks[0] == looks[1] == looks[2]
    assert presence.workers(context.redis) == {"control": 3}


def test_a_worker_that_sweeps_too_early_leaves_a_lost_operation_to_the_next_round(
    context: Context, model: Model
) -> None:
    sweeper = _sweeper(context)
    sweeper.sweep()
    with context.database.session() as session:
        asked, _ = operations.request_download(session, model.id, requested_by="t", request_id=None)
        attempts.begin(session, asked.id, worker="w", lease_seconds=30)
        session.execute(update(Operation).values(lease_until=func.now() - timedelta(seconds=1)))
    statuses = []
    for sweep in (sweeper.sweep, lambda: _sweep_again(sweeper, context)):
        sweep()
        with context.database.session() as session:
            statuses.append(session.scalar(select(Operation.status)))
    assert statuses == ["running", "pending"]


def test_a_downloaded_model_whose_file_is_gone_is_marked(
    context: Context, model: Model, tmp_path: Path
) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"x")
    with context.database.session() as session:
        session.execute(
            update(Model).values(
                downloaded=True, download_status=DownloadStatus.DOWNLOADED, local_path=str(file)
            )
        )
    for status in (DownloadStatus.DOWNLOADED, DownloadStatus.NOT_DOWNLOADED):
        mark_missing(context)
        with context.database.session() as session:
            assert session.scalar(select(Model.download_status)) is status
        file.unlink(missing_ok=True)


def _named(context: Context, volume: str) -> Context:
    return replace(context, settings=context.settings.model_copy(update={"volume": volume}))


def _downloaded_to(context: Context, volume: str | None, path: Path) -> None:
    values = {"downloaded": True, "download_status": DownloadStatus.DOWNLOADED, "volume": volume}
    with context.database.session() as session:
        session.execute(update(Model).values(local_path=str(path), **values))


def _volume(context: Context) -> tuple[str | None, str | None]:
    with context.database.session() as session:
        row = session.execute(select(Model.volume, Model.download_status)).one()
        return row.volume, row.download_status


def test_only_files_of_the_own_volume_can_be_gone(context: Context, model: Model) -> None:
    one, two = _named(context, "one"), _named(context, "two")
    note_volume(one)
    note_volume(two)
    gone = context.settings.cache_dir / "gone"
    for volume in ("one", None):
        _downloaded_to(context, volume, gone)
        mark_missing(two)
        assert _volume(context) == (volume, "Downloaded")
    _downloaded_to(context, "one", gone)
    mark_missing(one)
    assert _volume(context)[1] == "NotDownloaded"


def test_where_there_is_one_volume_it_is_that_of_older_rows(context: Context, model: Model) -> None:
    only = _named(context, "only")
    note_volume(only)
    _downloaded_to(context, None, context.settings.cache_dir / "gone")
    mark_missing(only)
    assert _volume(context)[1] == "NotDownloaded"


@pytest.mark.parametrize("before", [None, "/the/path/of/then"])
def test_a_volume_that_gets_a_name_claims_what_stands_on_it(
    context: Context, model: Model, before: str | None
) -> None:
    named, file = _named(context, "one"), context.settings.cache_dir / "weights"
    _downloaded_to(context, before, file)
    claim_found(named)
    assert _volume(context)[0] == before
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    claim_found(context)
    assert _volume(context)[0] == before, "without a name there is nothing to claim"
    claim_found(named)
    assert _volume(context)[0] == "one"
    claim_found(_named(context, "two"))
    assert _volume(context)[0] == "one"


def test_outworn_idempotency_keys_are_forgotten(context: Context) -> None:
    with context.database.session() as session:
        for key, hours in (("old", 25), ("young", 23)):
            values = {
                "key": key,
                "caller": "c",
                "fingerprint": "f",
                "created_at": func.now() - timedelta(hours=hours),
            }
            session.execute(insert(IdempotencyKey).values(values))
    forget_outworn(context)
    with context.database.session() as session:
        assert session.scalars(select(IdempotencyKey.key)).all() == ["young"]
