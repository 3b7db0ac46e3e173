"""The default models: registered once, Downloaded only when the file is really there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from shared.database import Database
from shared.settings import Settings, SettingsError
from shared.tables import Model
from tests.conftest import make_settings
from worker_service.context import Context
from worker_service.seed import Spec, seed

COMMIT = "c" * 40


@pytest.fixture
def context(settings: Settings, tmp_path: Path) -> Iterator[Context]:
    found = _context(settings, tmp_path, "unsloth/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q4_0.gguf")
    yield found
    found.database.dispose()


def _context(settings: Settings, tmp_path: Path, models: str) -> Context:
    assert settings.database_url
    assert settings.redis_url
    return Context.make(
        make_settings(
            DATABASE_URL=settings.database_url.get_secret_value(),
            REDIS_URL=settings.redis_url.get_secret_value(),
            HF_HUB_CACHE=str(tmp_path / "hub"),
            WEIGHBRIDGE_DEFAULT_MODELS=models,
        )
    )


def _models(database: Database) -> list[Model]:
    with database.session() as session:
        return list(session.scalars(select(Model).order_by(Model.id)))


def _put_into_cache(tmp_path: Path, data: bytes, oid: str) -> Path:
    folder = tmp_path / "hub" / "models--unsloth--Qwen3-0.6B-GGUF"
    path = folder / "snapshots" / COMMIT / "Qwen3-0.6B-Q4_0.gguf"
    for parent in (path.parent, folder / "blobs", folder / "refs"):
        parent.mkdir(parents=True)
    (folder / "blobs" / oid).write_bytes(data)
    (folder / "refs" / "main").write_text(COMMIT)
    path.symlink_to(Path("..", "..", "blobs", oid))
    return path


def test_a_default_model_without_its_file_stands_ready_to_start(context: Context) -> None:
    seed(context)
    (model,) = _models(context.database)
    assert (model.name, model.is_default, model.category) == ("Qwen3 0.6B Q4_0", True, "llm")
    assert (model.download_status, model.downloaded) == ("NotDownloaded", False)


def test_a_default_model_whose_file_is_in_the_cache_is_downloaded(context: Context, tmp_path: Path) -> None:
    data = b"weights" * 1000
    sha256 = hashlib.sha256(data).hexdigest()
    path = _put_into_cache(tmp_path, data, sha256)
    seed(context)
    (model,) = _models(context.database)
    assert (model.download_status, model.downloaded, model.commit_hash) == ("Downloaded", True, COMMIT)
    assert (model.file_size_bytes, model.checksum) == (7000, f"sha256:{sha256}")
    assert model.local_path == str(path)


def test_a_file_whose_bytes_are_wrong_does_not_count(context: Context, tmp_path: Path) -> None:
    _put_into_cache(tmp_path, b"damaged", hashlib.sha256(b"right").hexdigest())
    seed(context)
    assert _models(context.database)[0].download_status == "NotDownloaded"


def test_a_file_that_comes_later_is_seen_at_the_next_start(context: Context, tmp_path: Path) -> None:
    seed(context)
    _put_into_cache(tmp_path, b"data", hashlib.sha256(b"data").hexdigest())
    seed(context)
    assert [model.download_status for model in _models(context.database)] == ["Downloaded"]


def test_a_deleted_default_model_stays_deleted(context: Context) -> None:
    seed(context)
    with context.database.session() as session:
        session.execute(delete(Model))
    seed(context)
    assert _models(context.database) == []


def test_several_defaults_are_registered_under_names_of_their_own(settings: Settings, tmp_path: Path) -> None:
    context = _context(settings, tmp_path, "a/b:m.gguf,c/d:m.gguf,e/f@v1")
    seed(context)
    assert [(m.name, m.hf_repo, m.revision, m.model_file) for m in _models(context.database)] == [
        ("m", "a/b", "main", "m.gguf"),
        ("c/d m", "c/d", "main", "m.gguf"),
        ("f", "e/f", "v1", None),
    ]
    context.database.dispose()


@pytest.mark.parametrize("text", ["a/b/c", "a/b:../x", "a/b@../..", "a/b:/abs", ":file"])
def test_a_default_model_that_makes_no_sense_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="WEIGHBRIDGE_DEFAULT_MODELS"):
        Spec.parse(text)
