"""What a worker process works with: made after each fork, since connections don't survive one."""

import os
import socket
from dataclasses import dataclass, field
from functools import cache

from redis import Redis

from shared.database import Database
from shared.hub import Hub
from shared.metrics import watch_postgres
from shared.redis_client import connect
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.tables import Model

NEEDS = ("database_url", "redis_url", "secret_keys")
# A task, its heartbeat and its fence use one connection each; the sweep another.
CONNECTIONS = 4


@dataclass(frozen=True)
class Context:
    """The stores and settings of this process."""

    settings: Settings
    database: Database
    redis: Redis
    secrets: SecretBox
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    @classmethod
    def make(cls, settings: Settings) -> "Context":
        """Connect this process to the stores that the settings name."""
        # Whoever takes over from a worker that froze needs the locks of its transaction by then.
        database = Database.from_settings(settings, pool_size=CONNECTIONS, silence=settings.lease_seconds)
        watch_postgres(database.engine)
        return cls(settings, database, connect(settings), SecretBox.from_settings(settings))

    @property
    def volume(self) -> str:
        """The name of this worker's volume: its own, or the path of the cache that all share."""
        return self.settings.volume or str(self.settings.cache_dir)

    def token(self, model: Model) -> str | None:
        """The Hub token for a model: its own, else the installation's. Raises UndecryptableSecret."""
        common = self.settings.hf_token
        return self.secrets.get(model, "hf_token") or (common.get_secret_value() if common else None)

    def hub(self, token: str | None) -> Hub:
        """The Hub that this installation asks."""
        return Hub(self.settings.hf_endpoint, token, offline=self.settings.hf_hub_offline)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.from_env(needs=NEEDS)


@cache
def context() -> Context:
    """The context of this process; `context.cache_clear()` after a fork."""
    return Context.make(settings())
