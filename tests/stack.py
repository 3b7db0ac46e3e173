"""The whole service for the journeys and the browser tests: API, both worker pools, Postgres, Valkey and a
Hub, each a real process (the Hub a real server in this one). One stack serves the session; every test uses a
repository of its own. tests/conftest.py loads the fixtures as a plugin, so that both rooms share them."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import delete, select

from shared.database import Database
from shared.errors import ServiceUnavailable
from shared.operations import CANCELABLE
from shared.tables import UNFINISHED, Model, Operation
from tests.conftest import ADMIN_TOKEN, ROOT, SECRET_KEY, Servers
from tests.hub_server import HubServer

TERMINAL = {"completed", "failed", "canceled"}


def wait_for(what: str, probe: Callable[[], Any], *, seconds: float = 30) -> Any:
    """The first true answer of the probe; fails with what was last seen."""
    end, seen = time.monotonic() + seconds, None
    while time.monotonic() < end:
        seen = probe()
        if seen:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}; last: {seen}")


@dataclass
class Stack:
    """A running Weighbridge. Replies of `call` are those of requests."""

    url: str
    hub: HubServer
    env: dict[str, str]
    cache: Path
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    metrics_ports: dict[str, int] = field(default_factory=dict)  # of the workers
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, name: str, *command: str, **more: str) -> None:
        """Start one process of the service, with `more` settings; its output goes to a file."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=self.env | more,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_api(self) -> None:
        """Start the HTTP API at its address."""
        address = urlsplit(self.url).netloc
        self.start("api", "gunicorn", "api_service.wsgi:app", "-b", address, *_GUNICORN)

    def start_worker(self, name: str, queue: str, concurrency: int, **settings: str) -> None:
        """Start one worker pool, with these settings beside all."""
        # As deploy/local does: a broker that goes away while workers look for each other ends the worker.
        options = ["-Q", queue, "--concurrency", str(concurrency), "--without-gossip", "--without-mingle"]
        command = ["celery", "-A", "worker_service.app", "worker", *options, "-n", f"{name}@test"]
        port = self.metrics_ports.setdefault(name, _free_port())
        self.start(name, *command, WEIGHBRIDGE_METRICS_PORT=str(port), **settings)

    def stop(self, name: str, sign: signal.Signals = signal.SIGTERM) -> int:
        """Signal a process and wait for its end; what it leaves is killed."""
        process = self.processes.pop(name)
        process.send_signal(sign)
        code = process.wait(30)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return code
        return code

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", **kwargs.pop("headers", {})}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=30, **kwargs)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add_repo(self, files: dict[str, bytes | Path], **kwargs: Any) -> str:
        """A repository that no other test uses."""
        repo = f"org/repo{next(self._numbers)}"
        self.hub.add_repo(repo, files, **kwargs)
        return repo

    def register(self, repo: str, file: str | None = None, **fields: Any) -> dict[str, Any]:
        """Register a local model named after its repository."""
        body = {
            "type": "local",
            "name": f"{repo} {file} {next(self._numbers)}",
            "hfRepo": repo,
            "modelFile": file,
        }
        answer = self.call("POST", "/api/models", body | fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def status(self, model: dict[str, Any]) -> Any:
        return self.get(f"/api/models/{model['id']}/download-status")

    def wait_status(self, model: dict[str, Any], *wanted: str, seconds: float = 30) -> Any:
        """The download status, once it is one of those wanted."""

        def probe() -> Any:
            status = self.status(model)
            return status if status["status"] in wanted else None

        return wait_for(f"{model['name']} to be {wanted}", probe, seconds=seconds)

    def wait_bytes(self, model: dict[str, Any], least: int) -> Any:
        """The download status, once so many bytes are there."""

        def probe() -> Any:
            status = self.status(model)
            return status if status["bytesDownloaded"] >= least else None

        return wait_for(f"{least} bytes", probe)

    def download(self, model: dict[str, Any]) -> requests.Response:
        return self.call("POST", f"/api/models/{model['id']}/download")

    def cancel(self, model: dict[str, Any], **body: Any) -> requests.Response:
        return self.call("POST", f"/api/models/{model['id']}/cancel-download", body)

    def calm_hub(self) -> None:
        """A Hub that does what it should."""
        self.hub.clear_faults()
        self.hub.release()
        self.hub.throttle = None

    def reset(self) -> None:
        """An empty register, an empty volume and a calm Hub, as at the start.

        What runs is canceled and waited for, so that no worker writes afterwards. Redis is left alone: it
        holds the workers' queues, and nobody asks there for a model that is gone.
        """
        self.calm_hub()
        database = Database(self.env["DATABASE_URL"])
        try:
            wait_for("the operations to end", lambda: not self._cancel_unfinished(database))
            wait_for("an empty register", lambda: _empty(database))
            for folder in self.cache.glob("*"):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            database.dispose()

    def _cancel_unfinished(self, database: Database) -> list[Operation]:
        with database.session() as session:
            found = session.scalars(select(Operation).where(Operation.status.in_(UNFINISHED))).all()
        for operation in found:
            if operation.kind in CANCELABLE:
                self.call("POST", f"/api/models/{operation.model_id}/cancel-download")
        return list(found)

    def log_text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.logs.glob("*.log"))


@pytest.fixture(scope="session")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(servers, tmp_path_factory.mktemp("stack"), redis_db=2) as found:
        yield found


@contextmanager
def running_stack(servers: Servers, folder: Path, *, redis_db: int, **settings: str) -> Iterator[Stack]:
    """A stack of its own, on a fresh database and that one of Redis; `settings` beside those of all."""
    with HubServer() as hub, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        stores = (servers.new_database(), servers.valkey.url.replace("db=0", f"db={redis_db}"))
        env = environment(*stores, folder=folder, hub=hub) | settings
        found = Stack(f"http://127.0.0.1:{port}", hub, env, folder / "hub", folder)
        try:
            found.start_api()
            found.start_worker("downloads", "downloads", 2)
            found.start_worker("control", "control", 2)
            wait_for("the service", lambda: is_up(found), seconds=60)
            yield found
        finally:
            for name in list(found.processes):
                found.stop(name)


def _empty(database: Database) -> bool:
    """Whether the register is empty now. A sweep may lock the same rows in another order: then try again."""
    try:
        with database.session() as session:
            for table in (Operation, Model):
                session.execute(delete(table))
    except ServiceUnavailable:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


# Of each API process. A page that watches holds one, and eight stay free for requests.
_THREADS = "32"
_GUNICORN = (
    *("-k", "gthread", "--workers", "2", "--threads", _THREADS),
    *("--no-control-socket", "--graceful-timeout", "3"),
)


def environment(database_url: str, redis_url: str, *, folder: Path, hub: HubServer) -> dict[str, str]:
    """What every process of a stack is told: short leases, quick sweeps, and where everything is."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "WEIGHBRIDGE_DATA_DIR": str(folder / "data"),
        "WEIGHBRIDGE_SECRET_KEYS": SECRET_KEY,
        "WEIGHBRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "WEIGHBRIDGE_API_THREADS": _THREADS,
        "WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        # One test's faults of the Hub must not keep the next test from asking it.
        "WEIGHBRIDGE_HUB_FAILURE_THRESHOLD": "1000",
        # All tests are one caller, in one hurry.
        "WEIGHBRIDGE_SIGN_IN_LIMIT": "100000 per minute",
        "WEIGHBRIDGE_TEST_CONNECTION_LIMIT": "100000 per minute",
        "WEIGHBRIDGE_HUB_LIMIT": "100000 per minute",
        "WEIGHBRIDGE_LEASE_SECONDS": "6",
        "WEIGHBRIDGE_MAX_ATTEMPTS": "5",
        "WEIGHBRIDGE_SWEEP_SECONDS": "1",
        "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(folder / "hub"),
        "WEIGHBRIDGE_METRICS": "1",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
    }


def is_up(stack: Stack) -> bool:
    """Whether every part answers; fails when a process has ended."""
    dead = {name: process.poll() for name, process in stack.processes.items() if process.poll() is not None}
    assert not dead, f"{dead}\n{stack.log_text()}"
    try:
        return bool(requests.get(f"{stack.url}/api/health", timeout=5).json()["status"] == "ok")
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.fixture
def stack_database(stack: Stack) -> Iterator[Database]:
    """The stack's own database."""
    database = Database(stack.env["DATABASE_URL"])
    yield database
    database.dispose()
