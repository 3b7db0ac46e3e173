"""The probe of a worker's container, as a container runs it, and the timer that keeps it content."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.database import Database
from tests.conftest import ROOT
from tests.stack import wait_for
from tests.worker_service.test_sweeper import _sweeper
from worker_service import scan
from worker_service.alive import problem
from worker_service.context import Context
from worker_service.heartbeat import Heartbeat, longest_silence


def _probe(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker_service.alive"],
        cwd=ROOT,
        env={"WEIGHBRIDGE_HEARTBEAT_FILE": str(file), "WEIGHBRIDGE_SWEEP_SECONDS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_probe_tells_a_worker_that_lives_from_one_that_hangs(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    Heartbeat(file).beat()
    assert _probe(file).returncode == 0
    os.utime(file, (time.time() - 100, time.time() - 100))
    hangs = _probe(file)
    assert hangs.returncode == 1
    assert f"The worker has not touched {file} for 1" in hangs.stderr
    assert "66 s are the most" in hangs.stderr


def test_a_worker_that_never_gave_a_sign_does_not_live(tmp_path: Path) -> None:
    assert "not touched" in str(problem(tmp_path / "none", longest=90))
    assert "WEIGHBRIDGE_HEARTBEAT_FILE" in str(problem(None, longest=90))


def test_the_limit_leaves_room_for_some_rounds_of_the_slowest_timer() -> None:
    assert longest_silence(60) > 5 * 60


def test_the_timer_gives_signs_of_life_while_the_database_is_away(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    settings = context.settings.model_copy(update={"heartbeat_file": file, "sweep_seconds": 0.02})
    nowhere = Database("postgresql://nobody@127.0.0.1:9/nothing")
    sweeper = _sweeper(replace(context, settings=settings, database=nowhere))
    sweeper.start()
    try:
        first = wait_for("a sign", lambda: file.exists() and file.stat().st_mtime_ns)
        wait_for("another sign", lambda: file.stat().st_mtime_ns > first)
    finally:
        sweeper.stop()


def test_a_long_scan_gives_signs_of_life_too(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, scanned = tmp_path / "heartbeat", scan.scan

    def slow(*args: Any, beat: Callable[[], None]) -> Any:
        wait_for("a sign from within the scan", lambda: beat() or file.exists())
        return scanned(*args, beat=beat)

    monkeypatch.setattr(scan, "scan", slow)
    settings = context.settings.model_copy(update={"heartbeat_file": file})
    _sweeper(replace(context, settings=settings)).sweep()
    assert file.exists()


def test_a_file_that_cannot_be_touched_stops_nothing(tmp_path: Path) -> None:
    Heartbeat(tmp_path / "no such folder" / "heartbeat").beat()
    Heartbeat(None).beat()
    assert list(tmp_path.iterdir()) == []
