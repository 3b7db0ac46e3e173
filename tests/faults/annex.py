"""A small service beside the stack: rows, queues and a volume of its own, its API in this process.

A test starts the workers that it wants to break, and what breaks here touches no other test.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import psycopg2.extras
from redis import Redis
from werkzeug.serving import WSGIRequestHandler, make_server

from api_service import create_app
from tests.conftest import Servers, make_settings
from tests.faults.crashing import Plan, struck
from tests.hub_server import HubServer
from tests.stack import Stack, environment, wait_for
from worker_service.transfer.partial import kept_bytes

MB = 1_000_000


@dataclass(kw_only=True)
class Annex(Stack):
    """A Stack whose workers are started one by one, also such as end at an exact step (`crashing`)."""

    plans: Path
    redis: "Redis[str]"

    def start_crashing(self, name: str, queue: str, concurrency: int, **env: str) -> None:
        """Start a worker pool that follows the plans; `env`: what it is told besides."""
        options = ["-Q", queue, "--concurrency", str(concurrency), "-n", f"{name}@test"]
        common, self.env = self.env, self.env | env
        try:
            self.start(
                name, "tests.faults.crashing", "celery", "-A", "worker_service.app", "worker", *options
            )
        finally:
            self.env = common

    def wait_ready(self, name: str) -> None:
        """Wait until a worker takes work."""
        wait_for(f"{name} to be ready", lambda: f"{name}@test ready." in self.log(name), seconds=60)

    def kill(self, name: str) -> None:
        """kill -9 of a worker and all that it started."""
        for process in self.tree(name):
            process.kill()
        self.processes.pop(name).wait(10)

    def arm(self, model: dict[str, Any], **plan: Any) -> None:
        """Whoever takes up this model ends as planned."""
        Plan(**plan).arm(self.plans, model["id"])

    def disarm(self, model: dict[str, Any]) -> None:
        """From now on the model is taken up as any other."""
        (self.plans / f"{model['id']}.plan").unlink()

    def struck(self, model: dict[str, Any]) -> list[int]:
        """The processes that ended as planned for the model."""
        return struck(self.plans, model["id"])

    def tree(self, name: str) -> list[psutil.Process]:
        """A worker and its pool children."""
        top = psutil.Process(self.processes[name].pid)
        return [top, *top.children(recursive=True)]

    def hold_bodies(self, after_bytes: int) -> None:
        """Each answer stops after so many bytes of a file until `calm_hub`; nothing is on its way then."""
        self.hub.fault("stall", after_bytes=after_bytes, times=None)

    def new(self, size: int, file: str = "file.gguf", **fields: Any) -> "Wanted":
        """A registered model of one new file."""
        data = os.urandom(size)
        return Wanted(self, self.register(self.add_repo({file: data}), file, **fields), data)

    def row(self, model: dict[str, Any]) -> dict[str, Any]:
        """The model's last operation as it stands in Postgres."""
        connection = psycopg2.connect(self.env["DATABASE_URL"])
        try:
            with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(
                    "select * from operations where model_id = %s order by created_at desc limit 1",
                    (model["id"],),
                )
                return dict(cursor.fetchone() or {})
        finally:
            connection.close()

    def half_files(self) -> list[str]:
        """What stands in the folder of half files."""
        return sorted(path.name for path in (self.cache / ".weighbridge" / "partials").glob("*"))

    def published(self) -> dict[str, str]:
        """Each name under the repositories of the cache, and what is behind it."""
        found = self.cache.glob("models--*/**/*")
        return {str(path.relative_to(self.cache)): _digest(path) for path in found if not path.is_dir()}

    def file(self, model: dict[str, Any]) -> bytes:
        """The published file of a model."""
        return Path(self.get(f"/api/models/{model['id']}")["localPath"]).read_bytes()

    def log(self, name: str) -> str:
        """What a process has said so far."""
        return (self.logs / f"{name}.log").read_text(errors="replace")


@dataclass
class Wanted:
    """A model whose file is to arrive."""

    house: Annex
    model: dict[str, Any]
    data: bytes

    @property
    def row(self) -> dict[str, Any]:
        """Its last operation."""
        return self.house.row(self.model)

    @property
    def served(self) -> int:
        """Bytes of its file that the Hub has sent."""
        return self.house.hub.bytes_served(f"{self.model['hfRepo']}/*")

    def served_since(self, request: int) -> int:
        """Bytes of its file that were sent for the requests from this one on."""
        since = self.house.hub.requests[request:]
        return sum(one.bytes_sent for one in since if one.repo == self.model["hfRepo"] and one.file)

    @property
    def kept(self) -> int:
        """Bytes of its file that need not come again: published, or in its half file."""
        oid = hashlib.sha256(self.data).hexdigest()
        folder = self.house.cache / f"models--{self.model['hfRepo'].replace('/', '--')}"
        return len(self.data) if (folder / "blobs" / oid).exists() else kept_bytes(self.house.cache, oid)

    def is_(self, status: str) -> bool:
        """Whether its operation stands so."""
        return bool(self.row["status"] == status)

    def is_right(self) -> bool:
        """Whether what is published is what the Hub has."""
        return self.house.file(self.model) == self.data


def _digest(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "dangling"
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """The test tells what matters."""


@contextmanager
def annex(servers: Servers, folder: Path, hub: HubServer, **settings: str) -> Iterator[Annex]:
    """The annex; no worker runs yet. `settings`: environment variables of its parts."""
    plans = folder / "plans"
    plans.mkdir()
    stores = (servers.new_database(), servers.valkey.url.replace("db=0", "db=3"))
    env = environment(*stores, folder=folder, hub=hub) | {"CRASH_PLANS": str(plans)} | settings
    app = create_app(make_settings(**env))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="annex", daemon=True)
    thread.start()
    redis: Redis[str] = Redis.from_url(env["REDIS_URL"], decode_responses=True)
    redis.flushdb()
    url, cache = f"http://127.0.0.1:{server.server_port}", Path(env["HF_HUB_CACHE"])
    found = Annex(url, hub, env, cache, folder, plans=plans, redis=redis)
    try:
        yield found
    finally:
        for name in list(found.processes):
            found.kill(name)
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["weighbridge"].database.dispose()
        redis.close()
