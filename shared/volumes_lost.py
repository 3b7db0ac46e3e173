"""A volume that is lost for good is forgotten: what was there is elsewhere again, or nowhere."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session, undefer

from shared import volumes
from shared.errors import FilesGone, VolumeInUse, VolumeNotFound
from shared.integrity import Problem, named
from shared.operations import end, lock_both, now
from shared.tables import (
    UNFINISHED,
    CachedRepo,
    DownloadStatus,
    Model,
    Operation,
    OperationKind,
    OperationStatus,
    Volume,
)

_REMEDY = "Start the download again: it brings the same commit to another volume."
# What any worker can do where the volume is gone: fetch anew, or find nothing to remove.
_ELSEWHERE = (OperationKind.DOWNLOAD, OperationKind.DELETE)


@dataclass(frozen=True)
class Forgotten:
    """Models that are not downloaded any more, and operations that have changed."""

    models: list[int]
    operations: list[Operation]


def forget(session: Session, name: str) -> Forgotten:
    """Take a volume out of the rows; no file is touched, and a worker that comes back brings it back.

    Its models are NotDownloaded, to be repaired at their commits where there is room. Downloads and deletes
    that wait for it may run anywhere; what else waits for it is canceled.
    Raises VolumeNotFound, VolumeInUse.
    """
    volume = session.get(Volume, name, with_for_update=True)
    if volume is None:
        raise VolumeNotFound()
    is_served = volume.seen_at > now(session) - volumes.SEEN_LATELY
    if is_served or session.scalar(_held(name)) is not None:
        raise VolumeInUse()
    released = [_release(session, operation_id) for operation_id in session.scalars(_waiting(name)).all()]
    gone = [_lose(model, name) for model in session.scalars(_models(name)).all()]
    history = update(Operation).where(Operation.volume == name, Operation.status.not_in(UNFINISHED))
    session.execute(history.values(volume=None, purge_requested_at=None, updated_at=Operation.updated_at))
    session.execute(delete(CachedRepo).where(CachedRepo.volume == name))
    session.execute(delete(Volume).where(Volume.name == name))
    return Forgotten(gone, [operation for operation in released if operation])


def _held(name: str) -> Select[uuid.UUID]:
    lease = Operation.status == OperationStatus.RUNNING, Operation.lease_until > func.now()
    return select(Operation.id).where(Operation.volume == name, *lease).limit(1)


def _waiting(name: str) -> Select[uuid.UUID]:
    return select(Operation.id).where(Operation.volume == name, Operation.status.in_(UNFINISHED))


def _release(session: Session, operation_id: uuid.UUID) -> Operation | None:
    model, operation = lock_both(session, operation_id)
    if operation is None or operation.status not in UNFINISHED:
        return None
    if operation.kind not in _ELSEWHERE:
        end(session, model, operation, OperationStatus.CANCELED)
    operation.volume, operation.bytes_done, operation.nudged_at = None, 0, None
    session.flush()
    return operation


def _models(name: str) -> Select[Model]:
    wanted = select(Model).where(Model.volume == name).order_by(Model.id).with_for_update()
    return wanted.options(undefer(Model.manifest)).execution_options(populate_existing=True)


def _lose(model: Model, name: str) -> int:
    missing = [file["path"] for file in model.manifest["files"]] if model.manifest else []
    model.volume, model.downloaded, model.downloaded_at, model.former = None, False, None, None
    if model.download_status not in (DownloadStatus.PENDING, DownloadStatus.DOWNLOADING):
        model.download_status = DownloadStatus.NOT_DOWNLOADED
        model.error = FilesGone(f"The volume {name} is lost.", remedy=_REMEDY).as_dict()
    # The next download is a repair then, and brings the same commit again.
    model.damaged_files = named([{"path": path, "problem": str(Problem.MISSING)} for path in missing]) or None
    return model.id
