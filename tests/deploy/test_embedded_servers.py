"""Real servers, started and killed: they answer, keep what they were given, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import redis

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import CannotStart, is_running
from deploy.local.sockets import socket_folder
from deploy.local.valkey import EmbeddedValkey
from tests.conftest import Servers


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, statement: str) -> Any:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def pid_of(server: EmbeddedPostgres | EmbeddedValkey) -> int:
    assert server.child
    return server.child.pid


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_another_process_finds_the_address_of_a_running_postgres(servers: Servers) -> None:
    other = EmbeddedPostgres(servers.postgres.data_dir)
    other.find()
    assert other.url == servers.postgres.url
    assert ask(other.url, "SELECT 1") == 1


def test_postgres_answers_and_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, durable=False) as postgres:
        assert ask(postgres.url, "SELECT current_database()") == "weighbridge"
        assert ask(postgres.url, "SHOW listen_addresses") == ""
        family = [pid_of(postgres), *(child.pid for child in psutil.Process(pid_of(postgres)).children())]
        folder = Path(ask(postgres.url, "SHOW unix_socket_directories"))
    assert not [pid for pid in family if is_running(pid)]
    assert not folder.exists()


def test_postgres_keeps_its_data_through_kill_9_and_a_foreign_process_with_its_id(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path)
    first.start()
    ask(first.url, "CREATE TABLE kept AS SELECT 42 AS number")
    os.kill(pid_of(first), signal.SIGKILL)
    wait_for(lambda: first.child is not None and first.child.exit_code is not None)
    lock = tmp_path / "postgres" / "postmaster.pid"
    lock.write_text(lock.read_text().replace(str(pid_of(first)), str(os.getppid()), 1))
    with EmbeddedPostgres(tmp_path) as second:
        assert ask(second.url, "SELECT number FROM kept") == 42


def test_postgres_is_not_led_astray_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "elsewhere", "LC_ALL": "xx"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(tmp_path, durable=False) as postgres:
        assert ask(postgres.url, "SELECT 1") == 1


def test_postgres_says_when_another_version_wrote_its_files(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(CannotStart, match="was written by Postgres 12"):
        EmbeddedPostgres(tmp_path).start()


def test_postgres_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("years of work")
    with pytest.raises(CannotStart, match="is no Postgres data folder"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "postgres" / "thesis.txt").exists()


def test_valkey_answers_and_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, durable=False) as valkey, redis.Redis.from_url(valkey.url) as client:
        assert client.ping()
        wanted = {"maxmemory-policy": "noeviction", "port": "0", "appendonly": "no"}
        assert wanted.items() <= client.config_get("*").items()
        pid, path = pid_of(valkey), Path(client.config_get("unixsocket")["unixsocket"])
    assert not is_running(pid)
    assert not path.parent.exists()


def test_valkey_keeps_its_data_through_kill_9(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path)
    first.start()
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "42")
    os.kill(pid_of(first), signal.SIGKILL)
    wait_for(lambda: first.child is not None and first.child.exit_code is not None)
    with EmbeddedValkey(tmp_path) as second, redis.Redis.from_url(second.url) as client:
        assert client.get("kept") == b"42"


def test_valkey_listens_on_loopback_when_asked_for_a_port(tmp_path: Path, free_port: int) -> None:
    with EmbeddedValkey(tmp_path, durable=False, port=free_port) as valkey:
        assert valkey.url == f"redis://127.0.0.1:{free_port}/0"
        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_two_stand_side_by_side(tmp_path: Path, kind: type[EmbeddedPostgres] | type[EmbeddedValkey]) -> None:
    with kind(tmp_path / "one", durable=False) as one, kind(tmp_path / "two", durable=False) as two:
        assert one.url != two.url
        assert is_running(pid_of(one))
        assert is_running(pid_of(two))


def test_leftover_servers_are_taken_down_first(tmp_path: Path) -> None:
    # Started from a thread they don't die with their parent, as if the kernel had no such signal.
    abandon = """
        import os, sys, threading
        from pathlib import Path
        from deploy.local.postgres import EmbeddedPostgres
        from deploy.local.valkey import EmbeddedValkey
        servers = [EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey(Path(sys.argv[1]))]
        thread = threading.Thread(target=lambda: [server.start() for server in servers])
        thread.start(); thread.join()
        print(*[server.child.pid for server in servers], flush=True)
        os._exit(0)
    """
    command = [sys.executable, "-c", textwrap.dedent(abandon), str(tmp_path)]
    leftovers = [int(pid) for pid in subprocess.check_output(command).split()]
    assert all(is_running(pid) for pid in leftovers)
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path):
        assert not any(is_running(pid) for pid in leftovers)
        assert ask(postgres.url, "SELECT 1") == 1


def test_a_socket_folder_is_short_and_stays_the_same(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 40)
    folder = socket_folder(data_dir, "vk")
    assert folder == socket_folder(data_dir, "vk")
    assert len(str(folder / "valkey.sock")) < 104
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = socket_folder(tmp_path, "vk")
    os.chown(folder, 12345, 12345)
    with pytest.raises(CannotStart, match="belongs to somebody else"):
        socket_folder(tmp_path, "vk")
    folder.rmdir()
