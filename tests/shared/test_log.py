import json
import subprocess
import sys

from tests.conftest import ROOT

CODE = """
import logging, structlog
from shared import log
from shared.settings import Settings
log.set_up(Settings.model_validate({"LOG_FORMAT": "%s"}), "api")
structlog.contextvars.bind_contextvars(request_id="r1")
structlog.get_logger("here").info("done", operation="o1")
logging.getLogger("celery").warning("plain")
secret = "canary"
try:
    raise ValueError("broken")
except ValueError:
    structlog.get_logger("here").exception("oh")
"""


def _run(form: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", CODE % form], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "canary" not in ran.stderr.replace('secret = "canary"', "")
    return ran.stderr.splitlines()


def test_json_lines_carry_service_level_time_and_ids() -> None:
    lines = [json.loads(line) for line in _run("json")]
    assert [line["event"] for line in lines] == ["done", "plain", "oh"]
    assert all(
        line["service"] == "api" and line["timestamp"].endswith("Z") and line["level"] for line in lines
    )
    assert (lines[0]["request_id"], lines[0]["operation"]) == ("r1", "o1")
    assert "ValueError: broken" in lines[2]["exception"]


def test_console_lines_are_for_people() -> None:
    assert any("done" in line and "operation=o1" in line for line in _run("console"))
