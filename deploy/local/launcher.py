"""Brings the whole stack up, in order, and takes it down again."""

import errno
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Never
from urllib.parse import quote

from deploy.local.data_dir import held, make_keys
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import CannotStart
from deploy.local.screen import Screen
from deploy.local.services import Service, default_services, environment_of_services
from deploy.local.supervisor import StopRequested, Supervisor
from deploy.local.valkey import EmbeddedValkey
from deploy.serve import url_host
from shared.settings import Settings, SettingsError

ListServices = Callable[[Settings], Sequence[Service]]


def main() -> int:
    """The exit code of `python -m deploy.local`."""
    try:
        return launch(Settings.from_env())
    except SettingsError as error:
        print(f"weighbridge: the settings can't be used\n{error}", file=sys.stderr)
        return 1


def launch(settings: Settings, list_services: ListServices = default_services) -> int:
    """Run until somebody asks to stop (0), or something can't start or dies (1)."""
    settings = settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})
    services = list_services(settings)
    screen = Screen(sys.stdout, width=max(len("postgres"), *(len(service.name) for service in services)))
    try:
        with held(settings.data_dir), Supervisor(screen, settings.data_dir / "run") as supervisor:
            return _run_until_stopped(settings, services, supervisor, screen)
    except CannotStart as error:
        screen.complain(str(error))
        return error.exit_status


def _run_until_stopped(
    settings: Settings, services: Sequence[Service], supervisor: Supervisor, screen: Screen
) -> int:
    """What is said here is said before the children are stopped, which may take a while."""
    try:
        _run(settings, services, supervisor, screen)
    except StopRequested:
        screen.say("Stopping everything; once more ends it at once")
        return 0
    except CannotStart as error:
        screen.complain(str(error))
        return error.exit_status


def _run(settings: Settings, services: Sequence[Service], supervisor: Supervisor, screen: Screen) -> Never:
    for service in reversed(services):
        supervisor.child_of(service).stop_leftover()
    _check_port(settings.host, settings.port)
    settings = make_keys(settings)
    stack = _Stack(settings, supervisor, screen)
    environment = environment_of_services(settings, stack.database_url(), stack.redis_url())
    for service in services:
        stack.announce(service.announcement)
        supervisor.start(service, environment)
    stack.say_ready()
    supervisor.watch()


def _check_port(host: str, port: int) -> None:
    """Find out before anything is started: a taken port is the commonest trouble of all."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"Port {port} on {host} is taken. Stop what listens there, or choose another: "
                f"PORT={port + 1} make run"
            ) from None
        raise CannotStart(
            f"Can't listen on {host} port {port}: {error.strerror}. Set HOST and PORT."
        ) from None


class _Stack:
    """The parts around the services: the embedded servers, and what a person is told."""

    def __init__(self, settings: Settings, supervisor: Supervisor, screen: Screen) -> None:
        self._settings, self._supervisor, self._screen = settings, supervisor, screen
        self._is_first_start = not (settings.data_dir / "run" / "started-once").exists()
        self.announce(f"First start: everything is kept in {settings.data_dir}")

    def announce(self, text: str) -> None:
        """Only at the first start, which takes a while; later ones have nothing to tell."""
        if self._is_first_start and text:
            self._screen.say(text)

    def database_url(self) -> str:
        if self._settings.database_url:
            return self._settings.database_url.get_secret_value()
        postgres = EmbeddedPostgres(self._settings.data_dir, emit=self._screen.writer("postgres"))
        self.announce("Starting Postgres")
        self._supervisor.start_server(postgres)
        return postgres.url

    def redis_url(self) -> str:
        if self._settings.redis_url:
            return self._settings.redis_url.get_secret_value()
        valkey = EmbeddedValkey(self._settings.data_dir, emit=self._screen.writer("valkey"))
        self.announce("Starting Valkey")
        self._supervisor.start_server(valkey)
        return valkey.url

    def say_ready(self) -> None:
        """The sign-in link goes to the terminal alone: it is as good as the admin's password."""
        settings = self._settings
        assert settings.admin_token
        address = f"http://{url_host(settings.host)}:{settings.port}"
        (settings.data_dir / "run" / "started-once").touch()
        self._screen.say(f"Weighbridge is ready at {address}")
        token = quote(settings.admin_token.get_secret_value(), safe="")
        self._screen.say(f"Sign in: {address}/sign-in#token={token}")
