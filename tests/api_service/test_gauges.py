"""What a scrape tells of the stores."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, func

from api_service import gauges as module
from api_service.gauges import WANTED_SCHEMA, Gauges
from api_service.hub_breaker import HubBreaker
from shared import presence, storage
from shared.database import Database
from shared.redis_client import connect
from shared.settings import Settings
from shared.storage import Look
from shared.tables import Operation, OperationKind, OperationStatus
from tests.conftest import ROOT, Servers, make_settings


@pytest.fixture
def gauges(database: Database, redis: Any, settings: Settings) -> Gauges:
    return Gauges(database, redis, _breaker(settings))


def _breaker(settings: Settings) -> HubBreaker:
    return HubBreaker(connect(settings, decode=False), failure_threshold=1, recovery_seconds=60)


def _value(gauges: Gauges, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(gauges)
    return registry.get_sample_value(f"weighbridge_{name}", labels)


def _operation(kind: OperationKind, model: int, **columns: Any) -> Operation:
    return Operation(kind=kind, model_id=model, **columns)


def test_the_queue_is_what_is_due_and_as_old_as_its_oldest(database: Database, gauges: Gauges) -> None:
    ago = lambda seconds: func.now() - timedelta(seconds=seconds)  # noqa: E731
    with database.session() as session:
        session.add_all(
            [
                _operation(OperationKind.DOWNLOAD, 1, created_at=ago(300)),
                _operation(OperationKind.VERIFY, 2, created_at=ago(900), not_before=ago(40)),
                _operation(OperationKind.UPDATE, 3, created_at=ago(900), not_before=ago(-60)),
                _operation(OperationKind.DOWNLOAD, 4, created_at=ago(900), status=OperationStatus.RUNNING),
                _operation(OperationKind.DOWNLOAD, 5, created_at=ago(900), status=OperationStatus.COMPLETED),
            ]
        )
    assert _value(gauges, "operations", kind="download", status="pending") == 1
    assert _value(gauges, "operations", kind="download", status="running") == 1
    assert _value(gauges, "operations", kind="delete", status="pending") == 0
    assert _value(gauges, "operations", kind="download", status="completed") is None
    assert _value(gauges, "queue_operations", queue="downloads") == 2
    assert 300 <= (_value(gauges, "queue_oldest_seconds", queue="downloads") or 0) < 310
    assert _value(gauges, "queue_oldest_seconds", queue="control") == 0


def test_workers_messages_and_volumes_are_told(database: Database, gauges: Gauges, redis: Any) -> None:
    presence.beat(redis, "downloads@a", ["downloads"])
    presence.beat(redis, "downloads@b", ["downloads"])
    redis.rpush("weighbridge:control", "1", "2", "3")
    with database.session() as session:
        storage.note(session, "/v", Look(total_bytes=100, available_bytes=40, partial_bytes=7))
    assert _value(gauges, "workers", queue="downloads") == 2
    assert _value(gauges, "workers", queue="control") == 0
    assert _value(gauges, "queue_messages", queue="control") == 3
    assert [
        _value(gauges, f"volume_{name}_bytes", volume="/v") for name in ("total", "available", "partial")
    ] == [
        100,
        40,
        7,
    ]
    seen = _value(gauges, "volume_seen_timestamp_seconds", volume="/v") or 0
    assert abs(seen - datetime.now(UTC).timestamp()) < 60


def test_an_open_breaker_is_told(gauges: Gauges, settings: Settings) -> None:
    from shared.errors import HubUnavailable

    def fail() -> None:
        raise HubUnavailable()

    with pytest.raises(HubUnavailable):
        _breaker(settings).call(fail)
    states = {
        state: _value(gauges, "hub_breaker_state", state=state) for state in ("closed", "open", "half_open")
    }
    assert states == {"closed": 0, "open": 1, "half_open": 0}


def test_without_a_store_the_rest_is_told(settings: Settings, redis: Any) -> None:
    away = Gauges(Database("postgresql://nobody@127.0.0.1:9/none"), redis, _breaker(settings))
    assert _value(away, "store_up", store="postgres") == 0
    assert _value(away, "store_up", store="redis") == 1
    assert _value(away, "queue_operations", queue="downloads") is None
    assert _value(away, "workers", queue="downloads") == 0
    there = Database.from_settings(settings)
    no_redis = make_settings(REDIS_URL="redis://127.0.0.1:9/0")
    away = Gauges(there, connect(no_redis), _breaker(no_redis))
    assert _value(away, "store_up", store="redis") == 0
    assert _value(away, "queue_operations", queue="downloads") == 0
    there.dispose()


def test_many_scrapes_ask_the_stores_once(
    database: Database, gauges: Gauges, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    _value(gauges, "store_up", store="postgres")
    asked = len(statements)
    for _ in range(10):
        _value(gauges, "store_up", store="postgres")
    assert len(statements) == asked > 0
    monkeypatch.setattr(module, "KEPT_SECONDS", -1)
    fresh = Gauges(database, gauges._redis, gauges._breaker)
    _value(fresh, "store_up", store="postgres")
    _value(fresh, "store_up", store="postgres")
    assert len(statements) == 3 * asked


def test_the_schema_is_the_newest_migrations_and_the_database_has_it(gauges: Gauges) -> None:
    names = (path.name for path in (ROOT / "migrations" / "versions").glob("*.py"))
    newest = max(int(re.match(r"\d+", name)[0]) for name in names)  # type: ignore[index]
    assert newest == WANTED_SCHEMA == _value(gauges, "schema_wanted") == _value(gauges, "schema_revision")


def test_of_a_database_without_tables_only_its_schema_is_told(
    servers: Servers, redis: Any, settings: Settings
) -> None:
    empty = Database(servers.url_of("postgres"))
    found = Gauges(empty, redis, _breaker(settings))
    assert _value(found, "store_up", store="postgres") == 1
    assert _value(found, "schema_revision") == 0
    assert _value(found, "operations", kind="download", status="pending") is None
    empty.dispose()
