"""Expand and contract: the release before runs on the new schema; the new one waits for its migrations."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, inspect, text
from sqlalchemy.dialects.postgresql import JSONB

from shared import presence, schema
from shared.database import Database, psycopg2_url
from shared.errors import SchemaBehind
from shared.redis_client import connect
from tests.conftest import ROOT, Api, Servers, make_settings
from tests.hub_server import HubServer
from tests.migrations import rules
from tests.stack import Stack, environment, wait_for

CONFIG = Config(str(ROOT / "migrations" / "alembic.ini"))
SCRIPTS = ScriptDirectory.from_config(CONFIG)
# From the first to the newest.
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
PREVIOUS, HEAD = REVISIONS[-2:]
# What the checks of a table want beyond a value of the right type in each column that wants one.
MORE: dict[str, dict[str, Any]] = {
    "models": {"type": "hosted-llm", "provider": "openai"},
    "sign_in_sessions": {"credential_hash": "x"},
}
Alembic = Callable[[str, str], None]


def test_revisions_grow_and_the_code_knows_the_newest() -> None:
    assert sorted(REVISIONS) == REVISIONS
    assert SCRIPTS.get_heads() == [HEAD]
    assert schema.NEWEST == HEAD, "shared/schema.py names the newest migration"


def test_the_migrations_of_a_release_only_add() -> None:
    found = {path.name: rules.problems(path.read_text()) for path in rules.newer_than_the_baseline()}
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ('op.drop_column("models", "x")', "drop_column"),
        ('op.drop_table("models")', "drop_table"),
        ('op.rename_table("models", "y")', "rename_table"),
        ('op.alter_column("models", "x", new_column_name="y")', "new_column_name"),
        ('op.alter_column("models", "x", nullable=False)', "nullable"),
        ('op.alter_column("models", "x", type_=sa.Text())', "type_"),
        ('op.add_column("models", sa.Column("x", sa.Text(), nullable=False))', "without a default"),
        ('op.create_index("uq_x", "models", ["x"], unique=True)', "create_index"),
        ('op.create_check_constraint("ck", "models", "x > 0")', "create_check_constraint"),
        ('op.execute("ALTER TABLE models DROP COLUMN x")', "execute"),
    ],
)
def test_what_the_release_before_would_stumble_over_is_found(statement: str, problem: str) -> None:
    (found,) = rules.problems(f"def upgrade():\n    _deeper()\n\ndef _deeper():\n    {statement}\n")
    assert problem in found
    assert rules.problems(f"def upgrade():\n    {statement}  # expand: nobody has read it since 0.1\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        'op.add_column("models", sa.Column("x", sa.Text(), nullable=True))',
        'op.add_column("models", sa.Column("x", sa.Integer(), server_default="0", nullable=False))',
        'op.create_table("x", sa.Column("y", sa.Text(), nullable=False))\n'
        '    op.create_index("uq_y", "x", ["y"], unique=True)',
        'op.create_index("ix_x", "models", ["x"])',
        'op.drop_index("ix_x", "models")',
        'op.alter_column("models", "x", nullable=True)',
    ],
)
def test_what_only_adds_is_let_through(statement: str) -> None:
    down = 'def downgrade():\n    op.drop_table("x")\n'
    assert rules.problems(f"def upgrade():\n    {statement}\n\n{down}") == []


@pytest.fixture
def url(servers: Servers) -> str:
    return servers.new_database()


@pytest.fixture
def alembic(url: str, monkeypatch: pytest.MonkeyPatch) -> Alembic:
    """Alembic in this process, on the test's own database."""
    monkeypatch.setenv("DATABASE_URL", url)
    return lambda name, revision: getattr(command, name)(CONFIG, revision)


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = create_engine(psycopg2_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as found:
        yield found
    engine.dispose()


def test_each_migration_goes_up_down_and_up_again(alembic: Alembic, connection: Connection) -> None:
    alembic("downgrade", "base")
    before = _shape(connection)
    for revision in REVISIONS:
        alembic("upgrade", revision)
        after = _shape(connection)
        alembic("downgrade", "-1")
        assert _shape(connection) == before, f"{revision} does not go back to where it came from"
        alembic("upgrade", revision)
        assert _shape(connection) == after, f"{revision} is another one the second time"
        before = after


def test_the_release_before_reads_and_writes_its_rows_on_the_new_schema(
    alembic: Alembic, connection: Connection
) -> None:
    alembic("downgrade", PREVIOUS)
    # Whose rows triggers write, as they do for both releases.
    known = [table for table in _tables(connection) if table.name != "row_counts"]
    written = {table.name: _write(connection, table) for table in known}
    alembic("upgrade", HEAD)
    # All that it knows how to say names these tables and columns only.
    assert {table.name: _read(connection, table) for table in known} == written
    for table in reversed(known):
        connection.execute(table.delete())
    for table in known:
        assert _write(connection, table) == _read(connection, table)


def test_the_words_that_the_release_before_writes_are_still_taken(
    alembic: Alembic, connection: Connection
) -> None:
    after = _words(connection)
    alembic("downgrade", PREVIOUS)
    lost = {name: words - after.get(name, words) for name, words in _words(connection).items()}
    assert "operations.ck_operations_operationkind" in lost
    assert {name: words for name, words in lost.items() if words} == {}


def test_a_new_api_on_the_schema_before_lives_but_is_not_ready_and_says_why(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    command.downgrade(CONFIG, PREVIOUS)
    try:
        assert api.get("/healthz", token=None).status_code == 200
        answer = api.get("/readyz", token=None)
        assert (answer.status_code, answer.json["code"]) == (503, "SCHEMA_BEHIND")
        assert f"{PREVIOUS}, and this version wants {HEAD}" in answer.json["detail"]
        assert "make migrate" in answer.json["remedy"]
    finally:
        command.upgrade(CONFIG, "head")
    assert api.get("/readyz", token=None).json == {"status": "ok"}


def test_the_schema_of_a_newer_release_is_no_obstacle_but_an_empty_database_is(database: Database) -> None:
    with database.session() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
        schema.check(session)
        session.execute(text("drop table alembic_version"))
        with pytest.raises(SchemaBehind, match="no tables"):
            schema.check(session)
        session.rollback()


def test_a_new_worker_waits_for_its_migrations_and_then_works(
    servers: Servers, url: str, alembic: Alembic, tmp_path: Path
) -> None:
    alembic("downgrade", PREVIOUS)
    redis_url = servers.valkey.url.replace("db=0", "db=6")
    redis, log = connect(make_settings(REDIS_URL=redis_url)), tmp_path / "waits.log"
    with HubServer() as hub:
        env = environment(url, redis_url, folder=tmp_path, hub=hub)
        stack = Stack("", hub, env, cache=tmp_path / "hub", logs=tmp_path)
        stack.start_worker("waits", "downloads", 1)
        try:
            wait_for("its word", lambda: "SCHEMA_BEHIND" in log.read_text())
            assert presence.workers(redis) == {}
            assert stack.processes["waits"].poll() is None
            alembic("upgrade", HEAD)
            wait_for("the worker", lambda: presence.workers(redis) == {"downloads": 1})
        finally:
            stack.stop("waits")
    assert "Traceback" not in log.read_text()


def _tables(connection: Connection) -> list[Table]:
    """As they are now, without Alembic's own; those that others refer to come first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


_SHAPE = """
    select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
      from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
"""


def _shape(connection: Connection) -> set[str]:
    """Columns, indexes and constraints."""
    return set(connection.scalars(text(_SHAPE)))


def _words(connection: Connection) -> dict[str, set[str]]:
    """By check: the words that a column takes."""
    look = inspect(connection)
    return {
        f"{table.name}.{check['name']}": set(re.findall(r"'([^']*)'", check["sqltext"]))
        for table in _tables(connection)
        for check in look.get_check_constraints(table.name)
        if "ANY" in check["sqltext"]
    }


def _write(connection: Connection, table: Table) -> dict[str, Any]:
    """One row with all that the table wants; returns it as it stands then."""
    checks = inspect(connection).get_check_constraints(table.name)
    wanted = [
        column
        for column in table.columns
        # The id too: other tables refer to it.
        if column.name == "id" or not (column.nullable or column.server_default or column.identity)
    ]
    row = {column.name: _value(column, checks) for column in wanted} | MORE.get(table.name, {})
    connection.execute(table.insert().values(row))
    return _read(connection, table)


def _read(connection: Connection, table: Table) -> dict[str, Any]:
    return dict(connection.execute(table.select()).mappings().one())


def _value(column: Column[Any], checks: Any) -> Any:
    for check in checks:
        if "ANY" in check["sqltext"] and re.match(rf"\(*{column.name}\W", check["sqltext"]):
            return re.findall(r"'([^']*)'", check["sqltext"])[0]
    if isinstance(column.type, JSONB):
        return {}
    kinds: dict[type, Any] = {
        int: 1,
        bool: True,
        str: "x",
        datetime: datetime.now(UTC),
        uuid.UUID: uuid.UUID(int=1),
    }
    return kinds[column.type.python_type]
