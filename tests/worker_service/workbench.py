"""A worker in this process: it carries out what a test asks for, against a Hub on loopback."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import undefer

from shared import operations
from shared.settings import Settings
from shared.tables import Model, ModelSource, ModelType, Operation, OperationKind
from tests.hub_server import HubServer
from worker_service.context import Context
from worker_service.downloads import run_download
from worker_service.transfer.publish import repo_folder, snapshot_path
from worker_service.updates import run_update
from worker_service.verifies import run_verify

REPO = "a/b"
RUN = {
    OperationKind.DOWNLOAD: run_download,
    OperationKind.VERIFY: run_verify,
    OperationKind.UPDATE: run_update,
}
ASK = {
    OperationKind.DOWNLOAD: operations.request_download,
    OperationKind.VERIFY: operations.request_verify,
    OperationKind.UPDATE: operations.request_update,
}


class Workbench:
    """The context of a worker, and short words for what tests do with it."""

    def __init__(self, context: Context, hub: HubServer) -> None:
        self.context, self.hub = context, hub
        self.cache = context.settings.cache_dir

    def add(self, name: str = "m", **columns: Any) -> int:
        """Register a model of the repository."""
        facts = {"hf_repo": REPO, "revision": "main", "download_status": "NotDownloaded", "downloaded": False}
        with self.context.database.session() as session:
            model = Model(
                name=name, type=ModelType.LOCAL, source=ModelSource.HUGGINGFACE, **(facts | columns)
            )
            session.add(model)
        return model.id

    def ask(self, kind: OperationKind, model_id: int, **asked: Any) -> uuid.UUID:
        if kind is OperationKind.UPDATE:
            asked = {"commit": None} | asked
        with self.context.database.session() as session:
            return ASK[kind](session, model_id, requested_by="t", request_id=None, **asked)[0].id

    def do(self, kind: OperationKind, model_id: int, **asked: Any) -> Operation:
        """Ask for it, carry it out, and give what became of the operation."""
        operation_id = self.ask(kind, model_id, **asked)
        self.run(operation_id)
        return self.operation(operation_id)

    def run(self, operation_id: uuid.UUID, context: Context | None = None) -> None:
        RUN[self.operation(operation_id).kind](context or self.context, operation_id)

    def download(self, model_id: int) -> Operation:
        return self.do(OperationKind.DOWNLOAD, model_id)

    def verify(self, model_id: int) -> Operation:
        return self.do(OperationKind.VERIFY, model_id)

    def update(self, model_id: int, commit: str | None = None) -> Operation:
        return self.do(OperationKind.UPDATE, model_id, commit=commit)

    def here(self, name: str = "m", **columns: Any) -> int:
        """A model that is downloaded."""
        model_id = self.add(name, **columns)
        assert self.download(model_id).status == "completed"
        return model_id

    def model(self, model_id: int) -> Model:
        whole = (
            select(Model).where(Model.id == model_id).options(undefer(Model.manifest), undefer(Model.former))
        )
        with self.context.database.session() as session:
            return session.scalars(whole).one()

    def operation(self, operation_id: uuid.UUID) -> Operation:
        whole = select(Operation).where(Operation.id == operation_id)
        whole = whole.options(undefer(Operation.manifest), undefer(Operation.plan))
        with self.context.database.session() as session:
            return session.scalars(whole).one()

    def blob(self, model_id: int, path: str) -> Path:
        """Where the bytes of a model's file stand."""
        manifest: Any = self.model(model_id).manifest
        oid = next(file["oid"] for file in manifest["files"] if file["path"] == path)
        return repo_folder(self.cache, REPO) / "blobs" / oid

    def name(self, model_id: int, path: str) -> Path:
        """Where readers find a model's file."""
        return snapshot_path(self.cache, REPO, str(self.model(model_id).commit_hash), path)

    def ref(self, revision: str = "main") -> str:
        return (repo_folder(self.cache, REPO) / "refs" / revision).read_text()

    def flip(self, model_id: int, path: str, at: int = 0) -> None:
        """Change one byte of a file on the volume."""
        blob = self.blob(model_id, path)
        data = bytearray(blob.read_bytes())
        data[at] ^= 1
        blob.write_bytes(data)

    def is_whole(self, model_id: int, files: dict[str, bytes]) -> bool:
        """Whether readers find exactly these bytes under the model's names."""
        return all(self.name(model_id, path).read_bytes() == data for path, data in files.items())


@contextmanager
def workbench(settings: Settings, hub: HubServer, **told: Any) -> Iterator[Workbench]:
    """A workbench; `told`: other settings than those of the test."""
    values = {"hf_endpoint": hub.url, "disk_reserve_bytes": 0} | told
    context = Context.make(settings.model_copy(update=values))
    try:
        yield Workbench(context, hub)
    finally:
        context.database.dispose()
        context.redis.close()
