"""Volumes, models and what is asked of them, as the tests of several volumes set them up."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from shared import attempts, operations, storage, volumes
from shared.progress import Progress
from shared.storage import Look
from shared.tables import DownloadStatus, Model, ModelSource, ModelType, Operation, Volume

REPO = "org/repo"
A, B = "a" * 64, "b" * 64
NOW = datetime.now(UTC)


def seen(session: Session, *names: str, available: int = 500) -> None:
    """A worker of each looks at its volume."""
    for name in names:
        storage.note(session, name, Look(total_bytes=1000, available_bytes=available, partial_bytes=0))


def fall_silent(session: Session, name: str) -> None:
    """Nobody has looked at it lately."""
    ago = func.now() - volumes.SEEN_LATELY - timedelta(seconds=1)
    session.execute(update(Volume).where(Volume.name == name).values(seen_at=ago))


def manifest_of(*oids: str) -> dict[str, Any]:
    """Of these blobs, 100 bytes each."""
    files = [{"path": f"{oid[0]}.gguf", "size": 100, "oid": oid, "is_lfs": True} for oid in oids]
    return {"commit": "c" * 40, "files": files}


def add_model(session: Session, volume: str | None = None, *oids: str, repo: str = REPO) -> Model:
    """A model, downloaded to the volume where one is named."""
    model = Model(
        name=str(uuid.uuid4()),
        type=ModelType.LOCAL,
        source=ModelSource.HUGGINGFACE,
        hf_repo=repo,
        revision=str(uuid.uuid4()),
        download_status=DownloadStatus.DOWNLOADED if oids else DownloadStatus.NOT_DOWNLOADED,
        downloaded=bool(oids),
        manifest=manifest_of(*oids) if oids else None,
        volume=volume,
    )
    session.add(model)
    session.flush()
    return model


def ask(session: Session, model: Model) -> Operation:
    """Ask for its download."""
    return operations.request_download(session, model.id, requested_by="t", request_id=None)[0]


def begin(session: Session, operation: Operation, volume: str) -> Operation | None:
    """A worker of the volume takes it, if it may."""
    return attempts.begin(session, operation.id, worker="w", lease_seconds=30, volume=volume)


def bring(session: Session, model: Model, volume: str, held: int) -> Operation:
    """A download that was canceled with so many bytes on the volume."""
    operation = ask(session, model)
    assert begin(session, operation, volume)
    attempts.stop_canceled(session, operation.id, 1, progress=Progress(bytes_done=held, bytes_total=100))
    return operation


def scan(session: Session, volume: str, **blobs: list[int]) -> None:
    """As a worker's scan leaves it: [bytes, read, inode] of the blobs A and B."""
    found = {
        "repo": REPO,
        "size_bytes": sum(size for size, *_ in blobs.values()),
        "file_count": len(blobs),
        "revisions": [],
        "blobs": {{"A": A, "B": B}[name]: facts for name, facts in blobs.items()},
        "modified_at": NOW,
        "accessed_at": NOW - timedelta(days=100),
        "folders": {},
    }
    began = storage.clock(session)
    storage.keep_scan(session, volume, began=began, changed=[found], gone=[], half_files=[])
    session.expire_all()
