"""The services of the one-machine stack, as data: what is started, in this order, and how it is stopped."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from deploy import serve
from deploy.healthy import answers
from shared.settings import Settings


@dataclass(frozen=True)
class Service:
    """One program. With `ready` the next one waits for it; one that `runs_once` must end with code 0.

    `stops_alongside`: at the same time as the one before it, not before it.
    """

    name: str
    argv: Sequence[str]
    grace_seconds: float = 10
    ready: Callable[[], bool] | None = None
    runs_once: bool = False
    stops_alongside: bool = False
    announcement: str = ""


def default_services(settings: Settings) -> list[Service]:
    """Migrations, the first models, the API, and the worker service with its two pools."""
    return [
        Service("migrate", serve.migrate(settings), runs_once=True, announcement="Making the tables"),
        Service("seed", serve.seed(settings), runs_once=True),
        Service(
            "api",
            serve.api(settings),
            grace_seconds=5,
            ready=partial(answers, settings, "/readyz"),
            announcement="Starting the API and the workers",
        ),
        Service("downloads", serve.worker(settings)),
        Service("control", serve.control(settings), stops_alongside=True),
    ]


def environment_of_services(settings: Settings, database_url: str, redis_url: str) -> Mapping[str, str]:
    """What the services see.

    The launcher's own environment passes through unread (settings are read only in shared/settings.py), with
    the addresses of the embedded servers and absolute paths. Keys and tokens are not added: the services read
    them from the data dir.
    """
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "WEIGHBRIDGE_DATA_DIR": str(settings.data_dir),
        "HF_HUB_CACHE": str(settings.cache_dir),
        "PYTHONUNBUFFERED": "1",  # a line shall be seen when it is written
    }
