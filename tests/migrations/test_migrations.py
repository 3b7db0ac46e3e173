import subprocess
import sys

from sqlalchemy import create_engine, inspect

from shared.database import psycopg2_url
from tests.conftest import ROOT, Servers, migrate


def test_the_migrations_go_down_to_nothing_and_up_again(servers: Servers) -> None:
    url = servers.new_database()
    engine = create_engine(psycopg2_url(url))
    before = sorted(inspect(engine).get_table_names())
    migrate(url, "downgrade", "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(url, "upgrade", "head")
    assert sorted(inspect(engine).get_table_names()) == before
    assert {"models", "operations"} <= set(before)
    engine.dispose()


def test_the_migrations_end_in_what_the_tables_declare(servers: Servers) -> None:
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "check"]
    env = {"DATABASE_URL": servers.new_database(), "PATH": "/usr/bin:/bin"}
    checked = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
