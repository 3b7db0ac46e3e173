"""What a download does that needs no other process: which formats it takes, and what it tells of them."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import operations
from shared.database import Database
from shared.settings import Settings
from shared.tables import Model, Operation
from tests.conftest import local_model
from tests.hub_server import HubServer
from worker_service.context import Context
from worker_service.downloads import run_download

FILES: dict[str, bytes | Path] = {
    "config.json": b"{}",
    "model.safetensors": b"s" * 1000,
    "pytorch_model.bin": b"p" * 1000,
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo("a/b", FILES)
        yield found


def _download(
    settings: Settings, database: Database, hub: HubServer, *, safetensors_only: bool, **columns: Any
) -> tuple[Model, Operation]:
    """The model and the operation after a worker has seen to it."""
    told = {"hf_endpoint": hub.url, "safetensors_only": safetensors_only, "disk_reserve_bytes": 0}
    context = Context.make(settings.model_copy(update=told))
    model = local_model(database)
    with database.session() as session:
        for name, value in columns.items():
            setattr(session.get_one(Model, model.id), name, value)
        operation, _ = operations.request_download(session, model.id, requested_by="x", request_id=None)
    run_download(context, uuid.UUID(str(operation.id)))
    context.database.dispose()
    context.redis.close()
    with database.session() as session:
        return session.get_one(Model, model.id), session.get_one(Operation, operation.id)


def test_files_that_may_run_code_are_told_at_the_model(
    settings: Settings, database: Database, redis: Any, hub: HubServer
) -> None:
    model, operation = _download(settings, database, hub, safetensors_only=False)
    assert operation.error is None
    assert model.unsafe_files == ["pytorch_model.bin"]


def test_where_only_safe_formats_are_wanted_they_are_refused_before_a_byte_comes(
    settings: Settings, database: Database, redis: Any, hub: HubServer
) -> None:
    model, operation = _download(settings, database, hub, safetensors_only=True)
    assert operation.status == "failed"
    assert operation.error is not None
    assert operation.error["code"] == "UNSAFE_FORMAT"
    assert "pytorch_model.bin" in operation.error["detail"]
    assert model.unsafe_files is None
    assert not [path for path in settings.cache_dir.rglob("*") if path.is_file()]


def test_with_those_left_out_the_rest_is_fetched(
    settings: Settings, database: Database, redis: Any, hub: HubServer
) -> None:
    model, operation = _download(settings, database, hub, safetensors_only=True, ignore_patterns=["*.bin"])
    assert operation.error is None
    assert (model.downloaded, model.unsafe_files) == (True, [])
