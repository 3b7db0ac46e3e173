"""Counts of several processes, put together; and what is not counted."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from shared import metric_files
from shared.database import Database
from shared.errors import ServiceUnavailable
from shared.metrics import after_commit, metrics, watch_postgres
from shared.settings import SettingsError
from tests.conftest import ROOT

# A parent and two children, as gunicorn and Celery have them; one child is killed with a stream open.
FAMILY = """
import os, signal
from prometheus_client import generate_latest
from shared import metric_files
from shared.metrics import metrics

metric_files.share("test", family=os.getpid())
metrics().transfer_retries.labels("PARENT").inc()

def child(streams):
    pid = os.fork()
    if pid == 0:
        metric_files.renew()
        metrics().transfer_retries.labels("PARENT").inc(10)
        metrics().http_streams.labels("/api/events").set(streams)
        metrics().hub_requests.labels("info", "ok").observe(0.2)
        os.write(ready, b".")
        signal.pause()
    return pid

done, ready = os.pipe()
children = [child(3), child(4)]
os.read(done, 1), os.read(done, 1)
os.kill(children[0], signal.SIGKILL)
os.waitpid(children[0], 0)
print(generate_latest(metric_files.registry()).decode())
os.kill(children[1], signal.SIGKILL)
os.waitpid(children[1], 0)
"""


def _run(code: str, folder: Path) -> str:
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_counts_of_all_processes_are_added_up_and_a_dead_ones_streams_are_closed(tmp_path: Path) -> None:
    home = tmp_path / f"weighbridge-metrics-{os.getuid()}"
    old = time.time() - 3600
    for name in ("abandoned", "held", "new"):
        (home / name).mkdir(parents=True)
        if name != "new":
            os.utime(home / name, (old, old))
    held = os.open(home / "held", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    told = _run(FAMILY, tmp_path)
    os.close(held)
    assert 'weighbridge_transfer_retries_total{code="PARENT"} 21.0' in told
    assert 'weighbridge_http_streams_open{route="/api/events"} 4.0' in told
    assert 'weighbridge_hub_request_duration_seconds_count{kind="info",outcome="ok"} 2.0' in told
    assert 'weighbridge_leases_expired_total{kind="download"} 0.0' in told
    # What a dead service left is gone; what somebody holds, or has only just made, is not.
    assert {path.name for path in home.iterdir() if not path.name.startswith("test-")} == {"held", "new"}


def test_where_no_file_can_be_made_the_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"weighbridge-metrics-{os.getuid()}").write_text("in the way")
    with pytest.raises(SettingsError, match="WEIGHBRIDGE_METRICS: no files can be made in "):
        metric_files.share("test", family=os.getpid())


def _value(name: str, **labels: str) -> float:
    return metrics().registry.get_sample_value(name, labels) or 0.0


def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    lost = metrics().attempts_lost.labels("verify")
    before = _value("weighbridge_attempts_lost_total", kind="verify")
    with database.session() as session:
        after_commit(session, lost.inc)
        session.execute(text("select 1"))
        session.rollback()
    with database.session() as session:
        session.execute(text("select 1"))
    assert _value("weighbridge_attempts_lost_total", kind="verify") == before
    with database.session() as session:
        after_commit(session, lost.inc)
        session.execute(text("select 1"))
    assert _value("weighbridge_attempts_lost_total", kind="verify") == before + 1


def test_a_postgres_that_is_away_is_counted_and_a_wrong_statement_is_not(database: Database) -> None:
    name, error = "weighbridge_store_errors_total", psycopg2.OperationalError.__name__
    before = _value(name, store="postgres", error=error)
    away = Database("postgresql://nobody@127.0.0.1:9/none")
    watch_postgres(away.engine)
    with pytest.raises(ServiceUnavailable):
        away.ping()
    watch_postgres(database.engine)
    with pytest.raises(Exception, match="no_such"), database.session() as session:
        session.execute(text("select no_such"))
    assert _value(name, store="postgres", error=error) == before + 1
