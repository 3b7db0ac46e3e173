"""What deleting a model would mean: who forbids it, who would miss it, and what it would free.

Sizes are exact as far as rows can tell: each blob counts once, and neither what another model of the
repository needs nor what another repository is linked to is freed. A snapshot that another Hub client made
may keep a blob as well; only the volume knows that.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import links, manifests, operations, references, storage, volumes
from shared.errors import ConfirmationRequired, ModelInUse
from shared.settings import Settings
from shared.tables import CachedRepo, Model, ModelSource, Operation, Volume


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The models, by id or name, that this installation uses where nobody names one."""

    embedding: str | None = None
    llm: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Defaults":
        """Those of the settings."""
        return cls(embedding=settings.default_embedding_model, llm=settings.default_llm)

    def include(self, model: Model) -> bool:
        """Whether the model is a default, by these settings or by WEIGHBRIDGE_DEFAULT_MODELS."""
        return bool(self.warnings(model))

    def warnings(self, model: Model) -> list[str]:
        """A sentence for each way in which the model is a default."""
        ways = {
            "It is the default embedding model.": _is(model, self.embedding),
            "It is the default LLM.": _is(model, self.llm),
            "It is a default model of this installation.": model.is_default,
        }
        return [sentence for sentence, is_so in ways.items() if is_so]


def _is(model: Model, named: str | None) -> bool:
    return named is not None and named in (str(model.id), model.name)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Can a model be deleted, what would that free, and who would miss it. Sizes in bytes."""

    model_id: int
    is_installed: bool
    size_on_disk_bytes: int  # what stands on the volume for it, half files and a former commit included
    estimated_freed_bytes: int  # of these what nobody else needs
    former_bytes: int  # of these what only the former commit needs
    files_stay: bool  # source=path: its files are not ours
    blocked_by: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_default: bool
    # Whoever loads models will say so here; there is no runtime yet.
    loaded_in: list[str] = field(default_factory=list)
    active_operation: Operation | None = None

    @property
    def can_delete(self) -> bool:
        """Nobody forbids it."""
        return not self.blocked_by

    @property
    def requires_confirmation(self) -> bool:
        """There is something to read before."""
        return bool(self.warnings)


def usage(session: Session, model: Model, *, defaults: Defaults) -> Usage:
    """What deleting the model would mean; for a local path nothing is freed, since its files stay."""
    stay = model.source is ModelSource.PATH
    volume = None if stay else _volume(session, model)
    there = {} if stay else _there(session, model, volume)
    free = there.keys() - _needed(session, model, volume) if there else set()
    free -= links.elsewhere(session, volume.name, model.hf_repo, free) if volume and free else set()
    own = manifests.oids([model.manifest] if model.manifest else [])
    former = manifests.oids([model.former["manifest"]] if model.former else [])
    return Usage(
        model_id=model.id,
        is_installed=bool(model.downloaded),
        size_on_disk_bytes=(model.file_size_bytes or 0) if stay else sum(there.values()),
        estimated_freed_bytes=sum(there[oid] for oid in free),
        former_bytes=sum(there[oid] for oid in free & former - own),
        files_stay=stay,
        blocked_by=[
            {"consumer": one.consumer, "name": one.name, "detail": one.detail}
            for one in references.blocking(session, model.id)
        ],
        warnings=[_missed(*uses) for uses in references.warning(session, model.id)]
        + defaults.warnings(model),
        is_default=defaults.include(model),
        active_operation=operations.unfinished(session, model.id),
    )


def allow_delete(session: Session, model_id: int, *, confirmed: bool, defaults: Defaults) -> Model:
    """Lock the model and make sure that it may be deleted.

    Raises ModelNotFound, ModelInUse, ConfirmationRequired (both with the usage as a fact).
    """
    model = operations.lock_model(session, model_id)
    found = usage(session, model, defaults=defaults)
    if found.active_operation is not None:
        session.expunge(found.active_operation)  # a refusal rolls back, and must still be able to tell of it
    if not found.can_delete:
        blocking = references.blocking(session, model_id)
        raise ModelInUse(f"The model is used by {references.told(blocking)}.", usage=found)
    if found.requires_confirmation and not confirmed:
        raise ConfirmationRequired(usage=found)
    return model


def _missed(consumer: str, uses: int) -> str:
    return f"{uses} {'use' if uses == 1 else 'uses'} by {consumer} would break."


def _volume(session: Session, model: Model) -> Volume | None:
    """Where its files are, or what its last download has left; None where nobody has looked."""
    last = None if model.volume else operations.latest_download(session, model.id)
    return volumes.place_of(volumes.known(session), model.volume or (last.volume if last else None))


def _needed(session: Session, model: Model, volume: Volume | None) -> set[str]:
    return manifests.oids(manifests.needed_by_others(session, model, volume.name if volume else ""))


def _there(session: Session, model: Model, volume: Volume | None) -> dict[str, int]:
    """What stands on the volume for a model, by blob: its files, and what unfinished downloads left."""
    blobs: dict[str, int] = {}
    if model.downloaded or model.damaged_files:
        missing = {file["path"] for file in model.damaged_files or () if file["problem"] == "missing"}
        for manifest in storage.kept_manifests(model):
            for file in manifest["files"]:
                if manifest is not model.manifest or file["path"] not in missing:
                    blobs[file["oid"]] = file["size"]
    asked = manifests.oids(manifests.asked_for(session, model.id)) if volume else set()
    if volume is not None and asked:
        blobs |= _seen(session, volume, model, asked - blobs.keys())
        for half in volume.half_files or ():
            if half["oid"] in asked:
                blobs[half["oid"]] = blobs.get(half["oid"], 0) + half["bytes"]
    return blobs


def _seen(session: Session, volume: Volume, model: Model, oids: set[str]) -> dict[str, int]:
    """Of these blobs, those that the last scan saw: a download that did not end may have published some."""
    wanted = select(CachedRepo.blobs).where(
        CachedRepo.volume == volume.name, CachedRepo.repo == model.hf_repo
    )
    seen = (session.scalar(wanted) if oids else None) or {}
    return {oid: seen[oid][0] for oid in oids & seen.keys()}
