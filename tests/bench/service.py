"""The whole service as `make run` starts it, with data, port and Hub of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local.postgres import EmbeddedPostgres
from tests.bench.hub import ROOT

TOKEN = "wb_bench-admin-token-000000000000"
_START_SECONDS = 120


class Api:
    """A kept-alive connection to the API, signed in."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; a refusal ends the benchmark."""
        payload = None if body is None else json.dumps(body)
        try:
            answer = self._ask(method, path, payload)
        except ConnectionError:
            # Nobody has asked for a while, and so gunicorn has ended the connection.
            self._connection.close()
            answer = self._ask(method, path, payload)
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def register(self, repo: str) -> int:
        """Register a local model; its id."""
        found = self.call("POST", "/api/models", {"type": "local", "name": repo, "hfRepo": repo})
        return int(found["id"])

    def status(self, model: int) -> Any:
        """The download status."""
        return self.call("GET", f"/api/models/{model}/download-status")

    def wait_status(self, model: int, *wanted: str, pause: float = 0.005) -> Any:
        """The download status, as soon as it is one of these."""
        return wait_for(
            lambda: (seen := self.status(model))["status"] in wanted and seen, f"{wanted}", pause=pause
        )

    def _ask(self, method: str, path: str, payload: str | None) -> HTTPResponse:
        self._connection.request(method, path, payload, self._headers)
        return self._connection.getresponse()


class Service:
    """A running Weighbridge."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self.url = url
        self.api = Api(url)
        self._data_dir = data_dir

    @property
    def database_url(self) -> str:
        """Its Postgres."""
        postgres = EmbeddedPostgres(self._data_dir)
        postgres.find()
        return postgres.url


def wait_for(probe: Callable[[], Any], what: str, *, seconds: float = 120, pause: float = 0.005) -> Any:
    """The first true answer; the benchmark ends if none comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen := probe():
            return seen
        time.sleep(pause)
    return sys.exit(f"waited {seconds} s for {what}")


def free_port() -> int:
    """A port where nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running_service(hub_url: str, *, cache: Path | None = None, **settings: str) -> Iterator[Service]:
    """Start it on fresh data, and end it. `cache`: its folder; else on the disk, with the data."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs in another account
        env = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "PORT": str(port),
            "WEIGHBRIDGE_DATA_DIR": str(folder / "data"),
            "WEIGHBRIDGE_ADMIN_TOKEN": TOKEN,
            "WEIGHBRIDGE_DEFAULT_MODELS": "none",
            "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
            "HF_ENDPOINT": hub_url,
            "HF_HUB_CACHE": str(cache or folder / "hub"),
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local"],
                cwd=ROOT,
                env=env | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_for(lambda: _is_up(process, url, folder / "log"), "the service", seconds=_START_SECONDS)
            yield Service(url, folder / "data")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _is_up(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    if process.poll() is not None:
        sys.exit(f"the service ended:\n{log.read_text(errors='replace')}")
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=10) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except OSError:
        return False
