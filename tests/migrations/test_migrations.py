"""The migrations end in what the tables declare; test_upgrades.py has the way there."""

import os
import signal
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
from sqlalchemy import create_engine, text

from deploy.local.postgres import EmbeddedPostgres
from shared.database import psycopg2_url
from tests.conftest import ROOT, Servers, migrate


def test_the_migrations_end_in_what_the_tables_declare(servers: Servers) -> None:
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "check"]
    env = {"DATABASE_URL": servers.new_database(), "PATH": "/usr/bin:/bin"}
    checked = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_a_crash_soon_after_the_first_start_leaves_every_table_writable(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path)
    first.start()
    migrate(first.url, "upgrade", "head")
    _add_operation(first.url, model=1)
    assert first.child
    os.kill(first.child.pid, signal.SIGKILL)
    assert first.child.wait(10)
    with EmbeddedPostgres(tmp_path) as second:
        _add_operation(second.url, model=2)


def test_numbers_that_a_crash_gave_out_again_are_left_behind(servers: Servers) -> None:
    url = servers.new_database()
    migrate(url, "downgrade", "0014")
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT setval('row_counts_id_seq', 1, false)")
    migrate(url, "upgrade", "head")
    _add_operation(url, model=1)


def _add_operation(url: str, *, model: int) -> None:
    insert = "INSERT INTO operations (id, kind, model_id) VALUES (gen_random_uuid(), 'download', %s)"
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(insert, (model,))


def test_without_volumes_there_is_one_clean_up_at_a_time_again(servers: Servers) -> None:
    url = servers.new_database()
    engine = create_engine(psycopg2_url(url))
    with engine.begin() as connection:
        for number, volume in enumerate(("one", "two")):
            values = {"id": uuid.uuid4(), "volume": volume, "at": datetime(2026, 11, 21, number, tzinfo=UTC)}
            insert = (
                "INSERT INTO operations (id, kind, volume, created_at) VALUES (:id, 'clean-up', :volume, :at)"
            )
            connection.execute(text(insert), values)
    migrate(url, "downgrade", "0011")
    with engine.begin() as connection:
        statuses = connection.execute(text("SELECT status FROM operations ORDER BY created_at")).scalars()
        assert statuses.all() == ["pending", "canceled"]
    engine.dispose()
