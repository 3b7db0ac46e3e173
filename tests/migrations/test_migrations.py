"""The migrations end in what the tables declare; test_upgrades.py has the way there."""

import subprocess
import sys

from tests.conftest import ROOT, Servers


def test_the_migrations_end_in_what_the_tables_declare(servers: Servers) -> None:
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "check"]
    env = {"DATABASE_URL": servers.new_database(), "PATH": "/usr/bin:/bin"}
    checked = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
