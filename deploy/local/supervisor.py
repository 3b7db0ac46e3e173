"""Keeps the children of the launcher: started in order, watched, stopped in reverse."""

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Never, Protocol, Self

from deploy.local.process import Child, ChildDied, Hurry, wait_until
from deploy.local.screen import Screen
from deploy.local.services import Service

_START_SECONDS = 90
_POLL_SECONDS = 0.1


class StopRequested(Exception):
    """Somebody asked us to stop: Ctrl-C, SIGTERM, or the terminal was closed."""


class Server(Protocol):
    """EmbeddedPostgres and EmbeddedValkey."""

    child: Child | None

    def start(self) -> None:
        """Return when it answers."""

    def stop(self, *, hurry: Hurry) -> None:
        """Return when it is gone."""


class Supervisor:
    """One launcher's children. Leave the `with` block and they are gone."""

    def __init__(self, screen: Screen, run_dir: Path) -> None:
        self._screen, self._run_dir = screen, run_dir
        self._stoppers: list[Callable[[], None]] = []
        self._watched: list[Child] = []
        self._requests = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup makes a process deaf to SIGHUP, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._request_stop)
        return self

    def __exit__(self, *_: object) -> None:
        for stop in reversed(self._stoppers):
            stop()

    def start_server(self, server: Server) -> None:
        """Start an embedded server; it waits by itself until it answers."""
        self.check()
        self._stoppers.append(lambda: server.stop(hurry=self._in_a_hurry))
        server.start()
        assert server.child
        self._watched.append(server.child)

    def start(self, service: Service, environment: Mapping[str, str]) -> None:
        """Start a service and wait until it is ready, or, if it runs only once, has ended well."""
        self.check()
        child = self.child_of(service, environment)
        self._stoppers.append(self._stopper(service, child))
        child.start()
        if service.runs_once:
            self._wait_for_end(child)
            return
        self._watched.append(child)
        if service.ready:
            self._wait_until_ready(child, service.ready)

    def child_of(self, service: Service, environment: Mapping[str, str] | None = None) -> Child:
        """The process of a service, not yet started."""
        return Child(
            name=service.name,
            argv=service.argv,
            grace_seconds=service.grace_seconds,
            pid_file=self._run_dir / f"{service.name}.pid",
            options={"env": environment},
            emit=None if service.runs_once else self._screen.writer(service.name),
        )

    def watch(self) -> Never:
        """Return never: StopRequested when asked to stop, ChildDied when a child did."""
        while True:
            self.check()
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raise what ends the run."""
        if self._requests:
            raise StopRequested
        for child in self._watched:
            if child.exit_code is not None:
                raise ChildDied(child)

    def _stopper(self, service: Service, child: Child) -> Callable[[], None]:
        before = self._watched[-1] if service.stops_alongside and self._watched else None

        def stop() -> None:
            if before:
                before.ask_to_stop()
            child.stop(hurry=self._in_a_hurry)

        return stop

    def _wait_until_ready(self, child: Child, ready: Callable[[], bool]) -> None:
        def is_ready() -> bool:
            self.check()
            return ready()

        wait_until(is_ready, child, _START_SECONDS)

    def _wait_for_end(self, child: Child) -> None:
        """Its lines are shown only if it fails: at each start they would say the same."""
        while not child.wait(_POLL_SECONDS):
            self.check()
        child.stop()
        if child.exit_code:
            for line in child.last_lines:
                self._screen.writer(child.name)(line)
            raise ChildDied(child)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._requests += 1

    def _in_a_hurry(self) -> bool:
        return self._requests > 1
