"""The command lines of the programs: complete, and in one place."""

import os
import subprocess
import sys
from pathlib import Path

from deploy import serve
from deploy.local.services import default_services
from shared.task_names import QueueName
from tests.conftest import ROOT, make_settings


def _run(*roles: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.serve", *roles],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_queue_is_consumed_by_one_role() -> None:
    commands = [command(make_settings()) for command in serve.ROLES.values()]
    consumed = [argv[argv.index("-Q") + 1] for argv in commands if "-Q" in argv]
    assert sorted(consumed) == sorted(QueueName)


def test_make_run_starts_every_role() -> None:
    settings = make_settings()
    started = [list(service.argv) for service in default_services(settings)]
    assert started == [command(settings) for command in serve.ROLES.values()]


def test_a_role_becomes_its_program_and_ends_with_its_code() -> None:
    # Alembic's own words, by way of the role: the database is missing.
    ended = _run("migrate")
    assert ended.returncode == 1
    assert "DATABASE_URL: is not set" in ended.stderr


def test_a_wrong_setting_or_role_is_told_in_one_line(tmp_path: Path) -> None:
    wrong = _run("api", WEIGHBRIDGE_SECRETS_DIR=str(tmp_path / "none"))
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines()[1:] == ["WEIGHBRIDGE_SECRETS_DIR: there is no such folder"]
    assert _run("beat").stderr == "Say what to run: one of migrate, seed, api, worker, control.\n"


def test_the_images_need_nothing_of_the_one_machine_stack() -> None:
    loads = "import sys, deploy.serve; sys.exit(any(name.startswith('deploy.local') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loads], cwd=ROOT, check=False).returncode == 0
