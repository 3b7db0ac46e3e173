"""The service taken apart: its stores, one API, and as many worker services as a part asks for, each its own
process and, where this machine allows it, in a network namespace behind a line of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from cryptography.fernet import Fernet
from redis import Redis

from deploy.local import postgres
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from shared.settings import Settings
from tests.bench.hub import ROOT, HubProcess
from tests.bench.service import TOKEN, Api, free_port, wait_for
from tests.conftest import migrate

# More than `make run` allows: eight workers ask for what one host's would not.
CONNECTIONS = 400
_START_SECONDS = 60
_END_SECONDS = 60


@dataclass
class Fleet:
    """A running Weighbridge of separate processes; its stores are as durable as in life."""

    url: str
    env: dict[str, str]
    folder: Path
    api: Api
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """What every process of it was told."""
        return Settings.model_validate(self.env)

    @property
    def redis(self) -> "Redis[Any]":
        """Its Redis."""
        return Redis.from_url(self.env["REDIS_URL"], decode_responses=True)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask its Postgres."""
        connection = psycopg2.connect(self.env["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def start(self, name: str, *command: str, within: Sequence[str] = ()) -> None:
        """Start a module of Python; `within`: the words before it, such as those of a network namespace."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*within, sys.executable, "-m", *command],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_worker(self, name: str, queue: str, *, at_a_time: int, within: Sequence[str] = ()) -> None:
        """Start a worker service and wait until it has said that it lives."""
        options = ("-Q", queue, "--concurrency", str(at_a_time), "--without-gossip", "--without-mingle")
        self.start(
            name,
            *("celery", "-A", "worker_service.app", "worker", *options, "-n", f"{name}@bench"),
            within=within,
        )
        member = f"{queue} {name}@bench"
        wait_for(
            lambda: self.redis.zscore("weighbridge:workers", member) or self._died(name),
            f"the worker {name}",
            seconds=_START_SECONDS,
            pause=0.05,
        )

    def stop(self, name: str) -> float:
        """SIGTERM, and seconds until its end; one that does not end well ends the benchmark."""
        process, began = self.processes.pop(name), time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(_END_SECONDS)
        if code not in (0, -signal.SIGTERM):
            sys.exit(f"{name} ended with {code}:\n{self._log(name)}")
        return time.monotonic() - began

    def wait_downloaded(self, models: Sequence[int], *, seconds: float) -> None:
        """Until all are there; a download that fails ends the benchmark."""

        def left() -> bool:
            found = self.rows(
                "select download_status, count(*) from models where id = any(%s) group by 1", list(models)
            )
            states = dict(found)
            if "Failed" in states:
                sys.exit(f"a download failed: {states}")
            return states == {"Downloaded": len(models)}

        wait_for(left, f"{len(models)} downloads", seconds=seconds, pause=0.1)

    def end(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _died(self, name: str) -> bool:
        if self.processes[name].poll() is not None:
            sys.exit(f"{name} ended:\n{self._log(name)}")
        return False

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def running_fleet(hub_url: str, *, cache: Path, **settings: str) -> Iterator[Fleet]:
    """The stores and the API on fresh data; workers are the caller's to start."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs in another account
        with _postgres(folder) as server, EmbeddedValkey(folder) as valkey:
            migrate(server.url, "upgrade", "head")
            port = free_port()
            env = {
                "PATH": os.environ["PATH"],
                "HOME": name,
                "DATABASE_URL": server.url,
                "REDIS_URL": valkey.url,
                "WEIGHBRIDGE_DATA_DIR": str(folder / "data"),
                "WEIGHBRIDGE_SECRET_KEYS": Fernet.generate_key().decode(),
                "WEIGHBRIDGE_ADMIN_TOKEN": TOKEN,
                "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
                "HF_ENDPOINT": hub_url,
                "HF_HUB_CACHE": str(cache),
                "LOG_LEVEL": "WARNING",
            }
            fleet = Fleet(f"http://127.0.0.1:{port}", env | settings, folder, Api(f"http://127.0.0.1:{port}"))
            try:
                fleet.start("api", "gunicorn", "api_service.wsgi:app", "-b", f"127.0.0.1:{port}", *_GUNICORN)
                wait_for(lambda: _answers(fleet), "the API", seconds=_START_SECONDS, pause=0.1)
                yield fleet
            finally:
                fleet.end()


_GUNICORN = ("-k", "gthread", "--workers", "2", "--threads", "64", "--no-control-socket")


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    kept = dict(postgres._SETTINGS)
    postgres._SETTINGS |= {"max_connections": CONNECTIONS}
    try:
        with EmbeddedPostgres(folder) as server:
            yield server
    finally:
        postgres._SETTINGS.update(kept)


def _answers(fleet: Fleet) -> bool:
    if fleet.processes["api"].poll() is not None:
        sys.exit(f"the API ended:\n{fleet._log('api')}")
    try:
        with urllib.request.urlopen(f"{fleet.url}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


# Lines


class Lines:
    """A network namespace for each worker, reached through a line of so many bytes per second.

    The far ends meet in a bridge that carries the Hub's address. The stores are reached by sockets of files,
    which no namespace hides. The addresses are those that RFC 2544 sets aside for benchmarks.
    """

    HUB = "198.18.0.1"
    _BRIDGE = "wbbench"

    def __init__(self, rate: float) -> None:
        """`rate`: of each line, in bytes per second, with the headers of the packets."""
        self._rate = rate
        self._names: list[str] = []

    def __enter__(self) -> "Lines":
        """Make the bridge."""
        _ip("link", "add", self._BRIDGE, "type", "bridge")
        try:
            _ip("address", "add", f"{self.HUB}/24", "dev", self._BRIDGE)
            _ip("link", "set", self._BRIDGE, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take down what was made, the last first."""
        for name in self._names:
            _ip("netns", "delete", name)
        _ip("link", "delete", self._BRIDGE)

    def add(self) -> tuple[str, ...]:
        """One more namespace with its line; the words that run a command in it."""
        number = len(self._names) + 1
        name, near, far = f"wbbench{number}", f"wbb{number}n", f"wbb{number}f"
        _ip("netns", "add", name)
        self._names.append(name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("link", "set", near, "master", self._BRIDGE, "up")
        for words in (
            ("address", "add", f"198.18.0.{number + 1}/24", "dev", far),
            ("link", "set", far, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-netns", name, *words)
        # Half a second of packets may wait: what a home router keeps, and no packet is lost for a burst.
        rate = ("rate", f"{round(self._rate * 8)}bit", "burst", "64kb", "latency", "500ms")
        _run("tc", "qdisc", "add", "dev", near, "root", "tbf", *rate)
        return ("ip", "netns", "exec", name)


def lines_work() -> bool:
    """Whether this machine lets us make namespaces and lines: as root, with iproute2, tbf in the kernel."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("tc"):
        return False
    try:
        with Lines(1e6) as lines:
            lines.add()
    except OSError:
        return False
    return True


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def counted_sources(hub: HubProcess, folder: Path, name: str, *, count: int, size: int) -> list[str]:
    """So many repositories with one file of `size` bytes each, no two blocks of all of them alike."""
    block = bytearray(os.urandom(1 << 16))
    repos = [f"{name}/{number}" for number in range(count)]
    for number, repo in enumerate(repos):
        path = folder / repo / "model.safetensors"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            for position in range(0, size, len(block)):
                block[:16] = number.to_bytes(8, "big") + position.to_bytes(8, "big")
                file.write(block[: size - position])
        hub.add_repo(repo, path.parent)
    return repos
