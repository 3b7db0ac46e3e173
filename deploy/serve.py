"""`python -m deploy.serve ROLE`: become one of the programs of Weighbridge. The entry point of the images.

The one place that knows their command lines: deploy/local starts the same ones as its children. There is no
scheduler among them (Celery's beat): every worker's own timer sweeps, so there is none to lose.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from shared.settings import Settings, SettingsError
from shared.task_names import QueueName

# Cancels, deletes and scans at a time in one `control`.
CONTROL_CONCURRENCY = 2
# Where processes share one socket, sixteen kept connections may all fall to one of them, which then does the
# work of both. Linux divides connections among several sockets; other systems give them all to one.
_SOCKET_FOR_EACH = ("--reuse-port",) if sys.platform == "linux" else ()


def migrate(_settings: Settings) -> list[str]:
    """Bring the database up to date, and end."""
    return _python("-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head")


def seed(_settings: Settings) -> list[str]:
    """Register the default models, and end; it looks at the volume."""
    return _python("-m", "worker_service.seed")


def api(settings: Settings) -> list[str]:
    """The HTTP API with the dashboard's pages."""
    return _python(
        *("-m", "gunicorn", "api_service.wsgi:app"),
        *("--bind", f"{url_host(settings.host)}:{settings.port}"),
        *("--worker-class", "gthread", "--workers", "2", "--threads", str(settings.api_threads)),
        *_SOCKET_FOR_EACH,
        # The app logs its requests and its start itself.
        *("--no-control-socket", "--graceful-timeout", "3", "--log-level", "warning"),
    )


def worker(settings: Settings) -> list[str]:
    """The worker pool of downloads."""
    return _celery(settings, QueueName.DOWNLOADS, settings.download_concurrency)


def control(settings: Settings) -> list[str]:
    """The worker pool of cancels, deletes and scans: one of its own, so that none waits behind downloads."""
    return _celery(settings, QueueName.CONTROL, CONTROL_CONCURRENCY)


ROLES: Mapping[str, Callable[[Settings], list[str]]] = {
    command.__name__: command for command in (migrate, seed, api, worker, control)
}


def main(arguments: Sequence[str]) -> None:
    """The command. It does not return: the program takes this process, and so gets its signals."""
    if len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"Say what to run: one of {', '.join(ROLES)}.")
    try:
        argv = ROLES[arguments[0]](Settings.from_env())
    except SettingsError as error:
        sys.exit(f"weighbridge: the settings can't be used\n{error}")
    os.execv(argv[0], argv)


def url_host(host: str) -> str:
    """A host as it stands in a URL or behind --bind: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _celery(settings: Settings, queue: QueueName, concurrency: int) -> list[str]:
    return _python(
        # As root Celery prints a page of warning at each start; on one's own machine that is noise.
        *("-W", "ignore:You're running the worker with superuser privileges"),
        *("-m", "celery", "-q", "-A", "worker_service.app", "worker", "-Q", str(queue)),
        *("--concurrency", str(concurrency), "--loglevel", settings.log_level),
        # The port, as two stacks side by side may share a broker and names must differ.
        *("-n", f"{queue}-{settings.port}@%h", "--without-gossip", "--without-mingle"),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
