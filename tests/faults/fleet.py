"""A whole service of its own, whose stores and workers may be killed: no other test shares it.

Its Postgres and its Valkey keep their data on disk as in life, and come back at the same address.
"""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from redis import Redis

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.server import EmbeddedServer
from deploy.local.valkey import EmbeddedValkey
from tests.conftest import migrate
from tests.hub_server import HubServer
from tests.stack import Stack, environment, is_up, wait_for

HF_TOKEN = "hf_FaultSuiteCanary0123456789"
# Two download workers on one volume, and the one for cancels and deletes; two at a time each.
WORKERS = {"downloads1": "downloads", "downloads2": "downloads", "control": "control"}
AT_A_TIME = 2


@dataclass(frozen=True)
class Held:
    """An operation that a live pool child works on."""

    operation: str
    failures: int
    child: int
    worker: str


@dataclass(kw_only=True)
class Fleet(Stack):
    """A Stack with stores of its own. What was killed is started again by whoever killed it."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    _frozen: set[int] = field(default_factory=set)

    def start_all(self) -> None:
        """Start every process of the service and wait until it answers."""
        self.start_api()
        for name in WORKERS:
            self.start_one(name)
        wait_for("the fleet", lambda: is_up(self), seconds=90)

    def start_one(self, name: str) -> None:
        """Start one worker by its name."""
        self.start_worker(name, WORKERS[name], AT_A_TIME)

    def heal(self) -> None:
        """Every part runs again and the Hub behaves, whatever a failed test has left."""
        for pid in list(self._frozen):
            self.thaw(pid)
        if not self.is_redis_up:
            self.valkey.start()
        if not self.is_postgres_up:
            self.postgres.start()
        for name in WORKERS:
            if name not in self.processes or self.processes[name].poll() is not None:
                self.start_one(name)
        self.calm_hub()
        wait_for("the fleet", lambda: is_up(self), seconds=90)

    def stop_all(self) -> None:
        """End every process of the service; nobody waits for a drain any more."""
        for pid in list(self._frozen):
            self.thaw(pid)
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL)

    # Workers

    def tree(self, name: str) -> list[psutil.Process]:
        """A worker and its pool children; nothing when it has just ended."""
        try:
            top = psutil.Process(self.processes[name].pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill_tree(self, name: str) -> None:
        """kill -9 of a worker and all that it started, and a new one at once."""
        for process in self.tree(name):
            _kill(process.pid)
        self.processes.pop(name).wait(10)
        self.start_one(name)

    def kill_child(self, pid: int) -> None:
        """kill -9 of one pool child; its worker starts another by itself."""
        assert self._worker_of(pid), f"{pid} is no pool child of ours"
        _kill(pid)

    def held(self) -> list[Held]:
        """The operations that living pool children of ours work on now."""
        found = []
        for id_, failures, worker in self.rows(
            "select id, failures, worker from operations where status = 'running'"
        ):
            child = int(worker.rpartition(":")[2])
            name = self._worker_of(child)
            if name:
                found.append(Held(str(id_), failures, child, name))
        return found

    def _worker_of(self, child: int) -> str | None:
        """Which of our workers a living process is the child of."""
        try:
            process = psutil.Process(child)
            parent = process.ppid() if process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None
        return next((name for name in WORKERS if self.processes[name].pid == parent), None)

    # Stores

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask Postgres directly, by a connection of its own. Raises psycopg2.OperationalError."""
        connection = psycopg2.connect(self.env["DATABASE_URL"], connect_timeout=5)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall())
        finally:
            connection.close()

    @cached_property
    def redis(self) -> "Redis[str]":
        """Redis as the service sees it."""
        return Redis.from_url(self.env["REDIS_URL"], decode_responses=True, socket_timeout=2)

    @property
    def is_redis_up(self) -> bool:
        """Whether its process runs."""
        return self.valkey.child is not None and self.valkey.child.exit_code is None

    @property
    def is_postgres_up(self) -> bool:
        """Whether its process runs."""
        return self.postgres.child is not None and self.postgres.child.exit_code is None

    def kill_redis(self, *, forget: bool = False) -> None:
        """kill -9; with `forget` its files are lost too."""
        _end(self.valkey, signal.SIGKILL)
        if forget:
            shutil.rmtree(self.valkey.folder)

    def start_redis(self) -> None:
        """Start it again at the same address; return when it answers."""
        self.valkey.start()

    def stop_postgres(self) -> None:
        """Stop it in immediate mode, as a crash would: no checkpoint, all connections cut."""
        _end(self.postgres, signal.SIGQUIT)

    def start_postgres(self) -> None:
        """Start it again at the same address; return when it answers."""
        self.postgres.start()

    def cut_postgres_connections(self) -> int:
        """End every connection of the service; how many there were."""
        ours = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weighbridge'"
        return len(self.rows(ours))

    def cut_redis_connections(self) -> int:
        """End every connection to Redis but the one that asks."""
        return int(self.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))

    def freeze(self, pid: int) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        os.kill(pid, signal.SIGSTOP)
        self._frozen.add(pid)

    def thaw(self, pid: int) -> None:
        """SIGCONT."""
        self._frozen.discard(pid)
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _end(server: EmbeddedServer, sign: signal.Signals) -> None:
    assert server.child, "it was not started"
    os.kill(server.child.pid, sign)
    assert server.child.wait(30), f"{server.child.name} did not end"
    server.stop()  # only what a dead server leaves: its socket, its process id file


@contextmanager
def running_fleet(folder: Path) -> Iterator[Fleet]:
    """The fleet, started; everything of it is gone at the end."""
    folder.chmod(0o755)  # root lends Postgres another account, which must reach its folder
    with (
        EmbeddedPostgres(folder) as postgres,
        EmbeddedValkey(folder) as valkey,
        HubServer() as hub,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        free.close()
        hub.add_token(HF_TOKEN)
        migrate(postgres.url, "upgrade", "head")
        env = environment(postgres.url, valkey.url, folder=folder, hub=hub) | {"HF_TOKEN": HF_TOKEN}
        logs = folder / "logs"
        logs.mkdir()
        fleet = Fleet(url, hub, env, folder / "hub", logs, postgres=postgres, valkey=valkey)
        try:
            fleet.start_all()
            yield fleet
        finally:
            fleet.stop_all()
