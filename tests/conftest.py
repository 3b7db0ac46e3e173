"""Real servers for everything that crosses a process: one embedded Postgres and one Valkey for the session.

Each test gets an empty database of its own: one that an earlier test has left alone, or a copy of a template.
(A copy writes 16 MB: a thousand of them keep the disk busy for everybody.)
"""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from werkzeug.test import TestResponse

from api_service import create_app
from api_service.blueprint import Blueprint
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from shared.database import Database
from shared.redis_client import connect
from shared.settings import Settings, setting_names
from shared.tables import Base, DownloadStatus, Model, ModelSource, ModelType
from tests import contract

pytest_plugins = ["tests.stack"]
ROOT = Path(__file__).parent.parent
ADMIN_TOKEN = "wb_test-admin-token-000000000000"
SECRET_KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own HF_TOKEN or .env must not decide a test."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@dataclass(frozen=True)
class Servers:
    """The two stores of the session."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    _number: Iterator[int]
    _emptied: list[str] = field(default_factory=list)

    def execute(self, statement: str, *, url: str | None = None) -> None:
        """Run a statement that wants no transaction, such as CREATE DATABASE; `url`: of another database."""
        connection = psycopg2.connect(url or self.postgres.url)
        connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def url_of(self, database: str) -> str:
        """The URL of another database of the same server."""
        return self.postgres.url.replace("/weighbridge?", f"/{database}?")

    def new_database(self) -> str:
        """The URL of a fresh, migrated database."""
        name = f"test_{next(self._number)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template_migrated")
        return self.url_of(name)

    @contextmanager
    def borrow_database(self) -> Iterator[str]:
        """The URL of an empty, migrated database, which is emptied again; one still in use is left alone."""
        url = self._emptied.pop() if self._emptied else self.new_database()
        yield url
        if not self._is_in_use(url):
            tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
            self.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE", url=url)
            self._emptied.append(url)

    def _is_in_use(self, url: str) -> bool:
        connection = psycopg2.connect(url)
        try:
            cursor = connection.cursor()
            cursor.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()"
            )
            (others,) = cursor.fetchone() or (1,)
            return bool(others)
        finally:
            connection.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Postgres and Valkey, for the whole session."""
    folder = tmp_path_factory.mktemp("servers")
    folder.chmod(0o755)
    with EmbeddedPostgres(folder, durable=False) as postgres, EmbeddedValkey(folder, durable=False) as valkey:
        found = Servers(postgres, valkey, itertools.count(1))
        found.execute("CREATE DATABASE template_migrated")
        migrate(found.url_of("template_migrated"), "upgrade", "head")
        yield found


def migrate(database_url: str, *command: str) -> None:
    """Run Alembic as people do, in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", *command],
        cwd=ROOT,
        env={"DATABASE_URL": database_url, "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Iterator[Settings]:
    """Settings on an empty database and an emptied Redis; the Hub is a port where nobody listens."""
    with servers.borrow_database() as url:
        yield make_settings(
            DATABASE_URL=url,
            REDIS_URL=servers.valkey.url.replace("db=0", "db=1"),
            WEIGHBRIDGE_DATA_DIR=str(tmp_path / "data"),
            HF_ENDPOINT="http://127.0.0.1:9",
            WEIGHBRIDGE_LOCAL_PATH_ROOTS=str(tmp_path / "local"),
        )


def make_settings(**values: str) -> Settings:
    """Settings from their environment names, with the keys of the tests."""
    ours = {"WEIGHBRIDGE_SECRET_KEYS": SECRET_KEY, "WEIGHBRIDGE_ADMIN_TOKEN": ADMIN_TOKEN}
    ours |= {"WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"}  # where our own providers listen
    return Settings.model_validate(ours | values)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The test's own database."""
    found = Database.from_settings(settings)
    yield found
    found.dispose()


@pytest.fixture
def redis(settings: Settings) -> Iterator[Any]:
    """The test's own, empty Redis."""
    client = connect(settings)
    client.flushdb()
    yield client
    client.close()


def local_model(database: Database) -> Model:
    """A local model in the register, as a registration leaves it."""
    with database.session() as session:
        model = Model(
            name="m",
            type=ModelType.LOCAL,
            source=ModelSource.HUGGINGFACE,
            hf_repo="a/b",
            revision="main",
            download_status=DownloadStatus.NOT_DOWNLOADED,
            downloaded=False,
        )
        session.add(model)
    return model


class Api:
    """The API in this process, called with the admin token; replies are werkzeug's.

    Each reply is held against the OpenAPI document.
    """

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def call(self, method: str, path: str, *, token: str | None = ADMIN_TOKEN, **kwargs: Any) -> TestResponse:
        headers = dict(kwargs.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = self.client.open(path, method=method, headers=headers, **kwargs)
        contract.assert_kept(self.client.application, method, answer)
        return answer

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> TestResponse:
        return self.call("POST", path, json=body, **kwargs)

    def patch(self, path: str, body: Any, **kwargs: Any) -> TestResponse:
        return self.call("PATCH", path, json=body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("DELETE", path, **kwargs)


@pytest.fixture
def api(settings: Settings, redis: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API on the test's own stores; no worker runs, so operations stay pending.

    It is not documented: that takes half of its making, and tests/contract.py has the document already.
    """
    with monkeypatch.context() as undocumented:
        undocumented.setattr(Blueprint, "register_views_in_doc", lambda *_args, **_kwargs: None)
        app = create_app(settings)
    yield Api(app.test_client())
    app.extensions["weighbridge"].database.dispose()


@pytest.fixture
def documented_api(settings: Settings, redis: Any) -> Iterator[Api]:
    """The same with its own document."""
    app = create_app(settings)
    yield Api(app.test_client())
    app.extensions["weighbridge"].database.dispose()


HOSTED = {
    "type": "hosted-llm",
    "name": "GPT",
    "provider": "openai",
    "baseUrl": "https://api.openai.com/v1",
    "apiKey": "sk-canary-1234567890",
}
LOCAL = {
    "type": "local",
    "name": "Qwen",
    "hfRepo": "unsloth/Qwen3-0.6B-GGUF",
    "modelFile": "Qwen3-0.6B-Q4_0.gguf",
}
