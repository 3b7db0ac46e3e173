"""What the embedded Postgres and Valkey have in common: how they come up and go down."""

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from deploy.local.process import Child, Emit, Hurry, no_hurry


class EmbeddedServer(ABC):
    """A server of one data dir, reached by a socket in a folder of its own. Also a context manager."""

    def __init__(self, *, emit: Emit | None) -> None:
        """`emit` gets the server's lines once it runs; its words while starting are noise unless it fails."""
        self.child: Child | None = None
        self._emit = emit
        self._socket_folder: Path | None = None

    @abstractmethod
    def _start(self) -> None: ...

    def start(self) -> None:
        """Start the server, at the first time make its files; return when it answers."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, hurry: Hurry = no_hurry) -> None:
        """Stop it; what it holds is on disk when this returns."""
        if self.child:
            self.child.emit = None
            self.child.stop(hurry=hurry)
        if self._socket_folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
