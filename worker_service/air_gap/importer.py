"""Bring the models of an archive into this installation: verified, published, registered.

First what the archive says of itself (signature, names, sizes) and whether it fits; then the bytes, each file
under its final name only once its checksum is right; then the models, by the rules of the register, which let
every byte be read once more. It may be interrupted at any moment and run again.
"""

import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from shared import adoption, model_facts, operations, registry
from shared.errors import InsufficientDisk, WeighbridgeError
from shared.formats import refuse_unsafe
from shared.manifests import as_json
from shared.registry import Limits
from shared.tables import Model, ModelSource, ModelType, Operation, OperationKind, OperationStatus
from worker_service.admission import reserved
from worker_service.air_gap import keys
from worker_service.air_gap.archive import Reader
from worker_service.air_gap.blobs import Shelf
from worker_service.air_gap.contents import LARGEST_MANIFEST, Contents, Need, PackedModel
from worker_service.context import Context
from worker_service.downloads import run_download
from worker_service.transfer import bytes_to_take, has_blob
from worker_service.transfer.publish import Room
from worker_service.updates import run_update

_WHO = "air-gap import"
_RUN: dict[OperationKind, Callable[[Context, uuid.UUID], None]] = {
    OperationKind.DOWNLOAD: run_download,
    OperationKind.UPDATE: run_update,
}


@dataclass(frozen=True)
class Outcome:
    """What became of one model; `error` has a code and a remedy."""

    model: PackedModel
    what: str
    error: dict[str, str] | None = None


def opened(source: BinaryIO, key: Ed25519PublicKey) -> tuple[Reader, Contents]:
    """The archive after its manifest, whose signature is right. Raises ArchiveInvalid, ArchiveUntrusted."""
    reader = Reader(source)
    reader.expect("manifest.json", most=LARGEST_MANIFEST)
    manifest = reader.content()
    reader.expect("manifest.sig", size=64)
    keys.verify(key, manifest, reader.content())
    return reader, Contents.parse(manifest)


def import_archive(context: Context, source: BinaryIO, key: Ed25519PublicKey) -> Iterator[Outcome]:
    """Bring the bytes, then each model; what became of it as soon as that is known.

    Raises ArchiveInvalid, ArchiveUntrusted, ChecksumMismatch, InsufficientDisk, NotInCatalog, UnsafeFormat,
    CachePermissionDenied, OperationConflict, ServiceUnavailable: then no model has been touched.
    """
    reader, contents = opened(source, key)
    limits = Limits.of(context.settings)
    for model in contents.models:
        _refuse_forbidden(model, limits)
    needs = contents.needs()
    _check_room(context, needs.values())
    fill(context.settings.cache_dir, reader, needs)
    for model in contents.models:
        yield _bring(context, model, limits)


def fill(cache_dir: Path, reader: Reader, needs: Mapping[str, Need]) -> None:
    """Put all contents of an archive on the volume, where no model stands for them yet.

    Raises ArchiveInvalid, ChecksumMismatch, OperationConflict, InsufficientDisk, CachePermissionDenied.
    """
    shelf = Shelf(cache_dir)
    for oid, need in needs.items():
        reader.expect(f"blobs/{oid}", size=need.file.size)
        shelf.put(need, reader)
    reader.end()


def _refuse_forbidden(model: PackedModel, limits: Limits) -> None:
    """What this installation would not download either."""
    fields = model.register_fields
    names = ("hf_repo", "revision", "model_file")
    row = Model(source=ModelSource.HUGGINGFACE, **{name: fields[name] for name in names})
    registry.check_download(row, limits)
    if limits.safe_formats_only:
        refuse_unsafe(file.path for file in model.manifest.files)


def _check_room(context: Context, needs: Collection[Need]) -> None:
    cache_dir, reserve = context.settings.cache_dir, context.settings.disk_reserve_bytes
    missing = {
        need.file.oid: need.file.size
        for need in needs
        if not any(has_blob(cache_dir, repo, need.file.oid, need.file.size) for repo in need.models)
    }
    needed = sum(bytes_to_take(cache_dir, oid, size) for oid, size in missing.items())
    with context.database.session() as session:
        promised = reserved(session, context, frozenset(missing))
    free = shutil.disk_usage(_nearest(cache_dir)).free
    if needed and needed + promised > free - reserve:
        raise InsufficientDisk(
            f"{needed:,} bytes are needed and {free:,} are free on the volume, of which {promised:,} are "
            f"reserved for running downloads and {reserve:,} are to stay free."
        )


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _bring(context: Context, model: PackedModel, limits: Limits) -> Outcome:
    room = Room(context.settings.cache_dir, model.repo, model.commit)
    try:
        room.link(model.manifest.files)
        room.write_ref(model.revision)
        with context.database.session() as session:
            operation = _ask(session, context, model, limits)
        if operation is None:
            return Outcome(model, "was here already")
        _RUN[operation.kind](context, operation.id)
        with context.database.session() as session:
            after = operations.get(session, operation.id)
    except WeighbridgeError as error:
        return Outcome(model, "was not brought in", error.as_dict())
    if after.status is OperationStatus.COMPLETED:
        return Outcome(model, "updated" if after.kind is OperationKind.UPDATE else "brought in")
    return Outcome(model, f"is {after.status}", after.error)


def _ask(session: Session, context: Context, model: PackedModel, limits: Limits) -> Operation | None:
    """The operation that makes a model of the register stand for these files; None where it does."""
    manifest, fields = as_json(model.manifest), model.register_fields
    same = registry.find_same(session, repo=model.repo, revision=model.revision, file=model.model_file)
    if same is None:
        name = registry.free_name(session, repo=model.repo, file=model.model_file, preferred=model.name)
        wanted = fields | {"type": ModelType.LOCAL, "name": name}
        same = registry.register(session, wanted, secrets=context.secrets, limits=limits)
        same.facts = model_facts.as_json(model.facts) or None
    active = operations.unfinished(session, same.id)
    if active is not None:
        raise operations.conflict(active)
    if not same.downloaded:
        return adoption.take_over(
            session, same, model.commit, volume=context.settings.volume, requested_by=_WHO, manifest=manifest
        )
    if same.commit_hash == model.commit:
        return None
    operation, _ = operations.request_update(
        session, same.id, commit=model.commit, requested_by=_WHO, request_id=None
    )
    operation.manifest = manifest
    return operation
