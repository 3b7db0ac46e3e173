"""Two installations: one with a Hub, and one that has no network and gets its models by hand."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.settings import Settings
from tests.conftest import Servers, make_settings
from tests.hub_server import HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service.air_gap.exporter import chosen, export
from worker_service.air_gap.importer import Outcome, import_archive

WEIGHTS, CONFIG = bytes(range(256)) * 12_000, b'{"model_type": "llama"}'  # 3 MB: through a half file
FILES = {"model.safetensors": WEIGHTS, "config.json": CONFIG, "sub/empty.txt": b""}
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES)
        found.add_repo("org/copy", {"same.safetensors": WEIGHTS, "own.txt": b"own"})
        yield found


@pytest.fixture
def here(settings: Settings, hub: HubServer) -> Iterator[Workbench]:
    """The installation that exports."""
    with workbench(settings, hub) as bench:
        bench.context.redis.flushdb()
        yield bench


@pytest.fixture
def there(servers: Servers, settings: Settings, hub: HubServer, tmp_path: Path) -> Iterator[Workbench]:
    """The one that imports, and never asks the Hub."""
    with servers.borrow_database() as url:
        own = make_settings(
            DATABASE_URL=url,
            REDIS_URL=servers.valkey.url.replace("db=0", "db=7"),
            WEIGHBRIDGE_DATA_DIR=str(tmp_path / "there"),
            WEIGHBRIDGE_MAX_ATTEMPTS="1",
        )
        with workbench(own, hub, hf_endpoint="http://127.0.0.1:9", hf_hub_offline=True) as bench:
            bench.context.redis.flushdb()
            yield bench


def packed(bench: Workbench, *names: str) -> bytes:
    """An archive of these models."""
    out = io.BytesIO()
    with bench.context.database.session() as session:
        models = chosen(session, names)
    export(bench.cache, models, out, KEY)
    return out.getvalue()


def unpacked(bench: Workbench, archive: bytes, key: Any = KEY) -> list[Outcome]:
    """What an import makes of an archive."""
    return list(import_archive(bench.context, io.BytesIO(archive), key.public_key()))


def published(bench: Workbench) -> list[str]:
    """All final names on a volume."""
    found = bench.cache.glob("models--*/**/*")
    return sorted(str(path.relative_to(bench.cache)) for path in found if not path.is_dir())
