"""What must hold for the house as a whole, not for one room."""

import ast
import json
import re
import subprocess
import sys

import pytest

from api_service.errors import OPERATION_ONLY, STATUS_OF_CODE
from shared import errors
from shared.task_names import TASK_QUEUES, QueueName, TaskName
from tests.conftest import ROOT

PACKAGES = ("api_service", "worker_service", "shared")


def _all_errors(
    kind: type[errors.WeighbridgeError] = errors.WeighbridgeError,
) -> list[type[errors.WeighbridgeError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _all_errors(child))]


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_message_a_remedy_and_a_status(kind: type[errors.WeighbridgeError]) -> None:
    assert kind.__doc__
    assert kind.remedy
    assert (kind.code in STATUS_OF_CODE) != (kind.code in OPERATION_ONLY)


def test_every_error_code_is_documented() -> None:
    for_callers, for_operators = (ROOT / "docs" / "errors.md").read_text().split("## For whoever runs it")
    for code in {*STATUS_OF_CODE, *OPERATION_ONLY}:
        assert f"| `{code}` |" in for_callers, code
        assert f"`{code}`" in for_operators, code


def test_every_task_has_a_queue_and_is_registered() -> None:
    assert TASK_QUEUES.keys() == set(TaskName)
    code = "import worker_service.tasks, celery; print(*celery.current_app.tasks)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {str(task) for task in TaskName} <= set(ran.stdout.split())


def test_every_queue_is_consumed_by_the_embedded_stack() -> None:
    services = (ROOT / "deploy" / "local" / "services.py").read_text()
    assert set(QueueName) == set(TASK_QUEUES.values())
    for queue in QueueName:
        assert f'"{queue}"' in services or f"QueueName.{queue.name}" in services


def test_the_import_contracts_hold() -> None:
    ran = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False, env=_path())
    assert ran.returncode == 0, ran.stdout


def _path() -> dict[str, str]:
    return {"PATH": f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin"}


def test_the_environment_is_read_in_settings_only() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "settings.py":
                assert not re.search(r"os\.environ|os\.getenv|getenv\(", path.read_text()), path


def test_http_statuses_appear_in_the_api_only_and_in_the_transfers_own_http() -> None:
    for path in (*(ROOT / "shared").rglob("*.py"), *(ROOT / "worker_service").glob("*.py")):
        if path.name not in ("hub.py", "hub_refusals.py"):  # they speak HTTP with the Hub
            assert "HTTPStatus" not in path.read_text(), path


def test_no_file_but_the_tests_waits_by_sleeping() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert "time.sleep" not in path.read_text(), path


def test_locks_name_no_host() -> None:
    for path in ROOT.glob("requirements*.lock"):
        assert not re.search(r"https?://|--index-url|--find-links", path.read_text()), path


@pytest.mark.parametrize("folder", ["dashboard", "dashboard/types"])
def test_package_locks_name_no_host(folder: str) -> None:
    lock = (ROOT / folder / "package-lock.json").read_text()
    assert "://" not in lock, "run `make lock`, which takes out what npm writes of authors' pages"
    packages = json.loads(lock)["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    # What keeps the next `npm install` from writing them.
    settings = (ROOT / folder / ".npmrc").read_text().splitlines()
    assert "omit-lockfile-registry-resolved=true" in settings


def test_files_and_functions_keep_the_houses_measures() -> None:
    for package in (*PACKAGES, "deploy"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            assert text.count("\n") <= 400, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"
