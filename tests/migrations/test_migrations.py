"""The migrations end in what the tables declare; test_upgrades.py has the way there."""

import subprocess
import sys
import uuid
from datetime import UTC, datetime

from sqlalchemy import create_engine, text

from shared.database import psycopg2_url
from tests.conftest import ROOT, Servers, migrate


def test_the_migrations_end_in_what_the_tables_declare(servers: Servers) -> None:
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "check"]
    env = {"DATABASE_URL": servers.new_database(), "PATH": "/usr/bin:/bin"}
    checked = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


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
