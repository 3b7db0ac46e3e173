"""Write models of this installation into an archive. Every byte is read and held against its checksum."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from shared import operations
from shared.errors import ChecksumMismatch, FilesGone, ModelNotFound
from shared.hub import RemoteFile
from shared.tables import Model, ModelType
from worker_service.air_gap.archive import BLOCK_BYTES, Writer
from worker_service.air_gap.contents import Contents
from worker_service.transfer.publish import repo_folder
from worker_service.transfer.verify import hasher

_REPAIR = (
    "Verify the model (POST /api/models/{id}/verify), download it again, which mends it, and export then."
)


def chosen(session: Session, names: Sequence[str]) -> list[Model]:
    """Models by id, name or repository (all that are downloaded of it), each once, in the order of the names.

    Raises ModelNotFound, and ModelNotDownloaded and its like for a model that has no files of the Hub here.
    """
    found: dict[int, Model] = {}
    for name in names:
        models = _named(session, name)
        if not models:
            raise ModelNotFound(f"There is no model or downloaded repository “{name}”.")
        found |= {model.id: model for model in models}
    for model in found.values():
        operations.check_is_here(model)
    return list(found.values())


def _named(session: Session, name: str) -> Sequence[Model]:
    whole = select(Model).options(undefer(Model.manifest)).order_by(Model.id)
    by_name = session.scalars(whole.where(Model.name == name)).all()
    if by_name:
        return by_name
    if name.isdecimal() and len(name) < 10:
        return session.scalars(whole.where(Model.id == int(name))).all()
    of_repo = Model.hf_repo == name, Model.downloaded.is_(True), Model.type == ModelType.LOCAL
    return session.scalars(whole.where(*of_repo)).all()


def export(cache_dir: Path, models: Sequence[Model], out: BinaryIO, key: Ed25519PrivateKey) -> Contents:
    """Write the archive; what it holds. Raises ChecksumMismatch, FilesGone, OSError."""
    contents = Contents.of(models)
    manifest = contents.as_bytes()
    writer = Writer(out)
    writer.add("manifest.json", len(manifest), [manifest])
    writer.add("manifest.sig", 64, [key.sign(manifest)])
    for oid, need in contents.needs().items():
        writer.add(f"blobs/{oid}", need.file.size, _read(cache_dir, next(iter(need.models)), need.file))
    writer.close()
    return contents


def _read(cache_dir: Path, repo: str, file: RemoteFile) -> Iterator[memoryview]:
    digest, buffer, left = hasher(file.oid, size=file.size), memoryview(bytearray(BLOCK_BYTES)), file.size
    descriptor = _open(cache_dir, repo, file)
    with os.fdopen(descriptor, "rb", buffering=0) as opened:
        # No byte more than the header says, and none less.
        while left and (count := opened.readinto(buffer[: min(left, BLOCK_BYTES)])):
            digest.update(buffer[:count])
            left -= count
            yield buffer[:count]
        is_over = not opened.read(1)
    if left or not is_over or digest.hexdigest() != file.oid:
        raise ChecksumMismatch(f"{file.path} of {repo} is damaged on the volume.", remedy=_REPAIR)


def _open(cache_dir: Path, repo: str, file: RemoteFile) -> int:
    """A blob of the cache, and nothing that a link leads out of it to."""
    root = cache_dir.resolve()
    place = (repo_folder(cache_dir, repo) / "blobs" / file.oid).resolve()
    try:
        if not place.is_relative_to(root):
            raise FileNotFoundError
        return os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise FilesGone(f"{file.path} of {repo} is no longer on the volume.") from None
