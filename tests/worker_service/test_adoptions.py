"""What another client has downloaded becomes a model: read byte for byte, without asking the Hub."""

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import adoption, operations
from shared.registry import Limits
from shared.tables import DownloadStatus, Model, OperationStatus
from tests.hub_server import HubServer
from tests.worker_service.test_clean_ups import _look
from worker_service.context import Context
from worker_service.downloads import run_download

WEIGHTS, CONFIG = os.urandom(300_000), b'{"model_type": "llama"}'


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo("org/name", {"model.safetensors": WEIGHTS, "config.json": CONFIG, "sub/x.txt": b"x"})
        yield found


@pytest.fixture(autouse=True)
def _filled_by_another_client(context: Context, hub: HubServer) -> None:
    """By now the Hub is away."""
    _as_another_client(hub, context.settings.cache_dir)
    _look(context)


def _as_another_client(hub: HubServer, cache_dir: Path) -> None:
    command = "from huggingface_hub import snapshot_download; snapshot_download('org/name')"
    env = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(cache_dir), "HF_HUB_DISABLE_XET": "1"}
    subprocess.run(
        [sys.executable, "-c", command],
        env=env | {"PATH": os.environ["PATH"], "HOME": str(cache_dir)},
        check=True,
        capture_output=True,
    )


def _adopt(context: Context, **fields: str) -> tuple[int, uuid.UUID]:
    with context.database.session() as session:
        model, operation = adoption.adopt(
            session,
            {"hf_repo": "org/name", **fields},
            secrets=context.secrets,
            limits=Limits(),
            requested_by="me",
            request_id=None,
        )
    return model.id, operation.id


def _outcome(context: Context, model_id: int, operation_id: uuid.UUID) -> tuple[Model, str, str | None]:
    run_download(context, operation_id)
    with context.database.session() as session:
        operation = operations.get(session, operation_id)
        return session.get(Model, model_id), operation.status, operation.error and operation.error["code"]


def test_everything_that_is_here_becomes_a_model_without_the_hub(context: Context) -> None:
    model, status, _error = _outcome(context, *_adopt(context))
    assert (status, model.download_status) == (OperationStatus.COMPLETED, DownloadStatus.DOWNLOADED)
    assert model.verified_at is not None
    assert model.file_size_bytes == len(WEIGHTS) + len(CONFIG) + 1
    assert (Path(model.local_path) / "model.safetensors").read_bytes() == WEIGHTS


def test_one_file_of_it_can_be_meant(context: Context) -> None:
    model, _status, _error = _outcome(context, *_adopt(context, model_file="model.safetensors"))
    assert model.checksum == f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
    assert Path(model.local_path).read_bytes() == WEIGHTS


def test_a_file_that_is_not_here_is_told(context: Context) -> None:
    model, status, error = _outcome(context, *_adopt(context, model_file="other.gguf"))
    assert (status, error) == (OperationStatus.FAILED, "FILE_NOT_FOUND")
    assert model.download_status is DownloadStatus.FAILED


def test_wrong_bytes_are_not_taken_over(context: Context) -> None:
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    blob = context.settings.cache_dir / "models--org--name" / "blobs" / oid
    blob.write_bytes(bytes(len(WEIGHTS)))
    model, status, _error = _outcome(context, *_adopt(context))
    # The bad file is dropped and would be fetched anew, but the Hub is away here.
    assert (status, model.downloaded) == (OperationStatus.PENDING, False)
    assert not blob.exists()


def test_what_is_linked_in_from_outside_is_not_taken_over(context: Context, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(WEIGHTS)
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    blob = context.settings.cache_dir / "models--org--name" / "blobs" / oid
    blob.unlink()
    blob.symlink_to(outside)
    _model, status, error = _outcome(context, *_adopt(context, model_file="model.safetensors"))
    assert (status, error) == (OperationStatus.FAILED, "FILE_NOT_FOUND")
