"""Which files a model's downloads have asked for, and which of them others need."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from shared.tables import UNFINISHED, Model, Operation, OperationKind

ManifestJson = Mapping[str, Any]


def asked_for(session: Session, model_id: int) -> list[ManifestJson]:
    """What the downloads of a model were to bring, the ended ones too."""
    asked = select(Operation.manifest).where(
        Operation.model_id == model_id,
        Operation.kind == OperationKind.DOWNLOAD,
        Operation.manifest.is_not(None),
    )
    return [manifest for manifest in session.scalars(asked) if manifest]


def needed_by_others(session: Session, model: Model) -> list[ManifestJson]:
    """What other models of the same repository have, or are about to get."""
    others = (Model.hf_repo == model.hf_repo) & (Model.id != model.id)
    have = select(Model.manifest).where(others, Model.downloaded.is_(True))
    about_to = (
        select(Operation.manifest)
        .join(Model, Model.id == Operation.model_id)
        .where(others, Operation.status.in_(UNFINISHED))
    )
    found = [*session.scalars(have), *session.scalars(about_to)]
    return [manifest for manifest in found if manifest]


def awaited(session: Session) -> set[str]:
    """The blobs that unfinished downloads bring; where one has no manifest yet, those of the one before."""
    unfinished = select(Operation.model_id).where(
        Operation.kind == OperationKind.DOWNLOAD, Operation.status.in_(UNFINISHED)
    )
    last = (
        select(Operation.manifest)
        .ext(distinct_on(Operation.model_id))
        .where(Operation.model_id.in_(unfinished), Operation.manifest.is_not(None))
        .order_by(Operation.model_id, Operation.created_at.desc())
    )
    return oids(manifest for manifest in session.scalars(last) if manifest)


def oids(manifests: Iterable[ManifestJson]) -> set[str]:
    """The blobs of all these manifests."""
    return {file["oid"] for manifest in manifests for file in manifest["files"]}
