"""What is known of the volume: a worker looks and writes it down, the API reads it beside the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    column,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from shared import links
from shared.manifests import ManifestJson
from shared.tables import UNFINISHED, CachedRepo, Model, ModelSource, Operation, Volume


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a worker sees of the volume. Sizes in bytes."""

    total_bytes: int
    available_bytes: int  # with the room that half files of unfinished downloads have taken in advance
    partial_bytes: int  # taken up by all half files


def note(session: Session, path: str, look: Look) -> None:
    """Keep what a worker sees, in place of what was seen before."""
    values = asdict(look) | {"seen_at": func.now()}
    row = insert(Volume).values(path=path, **values)
    session.execute(row.on_conflict_do_update(index_elements=[Volume.path], set_=values))


def last_look(session: Session) -> Volume | None:
    """What a worker saw last; None before the first look."""
    return session.scalar(select(Volume).order_by(Volume.seen_at.desc()).limit(1))


# Scans


def hold(session: Session, path: str) -> None:
    """Until the transaction ends, nobody else writes down what the cache of this path holds."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"weighbridge scan {path}", 0))))


def clock(session: Session) -> datetime:
    """Postgres's clock at this moment, not at the beginning of the transaction."""
    return session.scalar(select(func.clock_timestamp()))  # type: ignore[return-value]


def was_scanned_since(session: Session, path: str, asked: datetime) -> bool:
    """A scan of this cache has begun after that moment, and is kept."""
    kept = select(Volume.path).where(Volume.path == path, Volume.scanned_at > asked)
    return session.scalar(kept) is not None


def known(session: Session, path: str) -> Iterable[Any]:
    """(repo, folders, read_at) of every repository of the last scan."""
    rows = select(CachedRepo.repo, CachedRepo.folders, CachedRepo.read_at)
    return session.execute(rows.where(CachedRepo.path == path))


def keep_scan(
    session: Session,
    path: str,
    *,
    began: datetime,
    changed: Sequence[Mapping[str, Any]],
    gone: Sequence[str],
    half_files: list[dict[str, Any]],
) -> None:
    """Keep what a scan of this cache has found; what it has not named is as it was."""
    if gone:
        session.execute(delete(CachedRepo).where(CachedRepo.path == path, CachedRepo.repo.in_(gone)))
    if changed:
        row = insert(CachedRepo)
        names = [*changed[0], "read_at"]
        row = row.on_conflict_do_update(
            index_elements=[CachedRepo.path, CachedRepo.repo],
            set_={name: getattr(row.excluded, name) for name in names if name != "repo"},
        )
        session.execute(row, [{"path": path, "read_at": began, **repo} for repo in changed])
    sizes = select(func.coalesce(func.sum(CachedRepo.size_bytes), 0)).where(CachedRepo.path == path)
    held = sizes.scalar_subquery() - links.counted_again(path)
    if not changed and not gone:
        held = func.coalesce(Volume.cache_bytes, held)
    session.execute(
        update(Volume)
        .where(Volume.path == path)
        .values(scanned_at=began, cache_bytes=held, half_files=half_files)
    )


def request_scan(session: Session) -> datetime | None:
    """Ask the workers of the volume for a scan that begins after now; None where no worker ever looked."""
    newest = select(Volume.path).order_by(Volume.seen_at.desc()).limit(1).scalar_subquery()
    asked = update(Volume).where(Volume.path == newest).values(scan_requested_at=func.clock_timestamp())
    return session.scalar(asked.returning(Volume.scan_requested_at))


def is_scan_wanted(session: Session, path: str) -> bool:
    """Somebody waits for a scan that has not begun yet."""
    volume = session.get(Volume, path)
    if volume is None or volume.scan_requested_at is None:
        return False
    return volume.scanned_at is None or volume.scanned_at < volume.scan_requested_at


# What is managed


def is_managed() -> Any:
    """SQL: a model of the register has files of this CachedRepo, or is about to get some."""
    return exists().where(Model.hf_repo == CachedRepo.repo, _has_files()).correlate(CachedRepo)


def _has_files() -> Any:
    return or_(
        Model.downloaded.is_(True),
        Model.damaged_files.is_not(None),
        exists().where(Operation.model_id == Model.id, Operation.status.in_(UNFINISHED)),
    )


def cached_repos(path: str) -> Select[CachedRepo]:
    """The repositories of a cache."""
    return select(CachedRepo).where(CachedRepo.path == path)


def models_of(session: Session, repos: Sequence[str]) -> dict[str, list[Model]]:
    """The models of each repository that have files or are about to, with their manifests, in one query."""
    wanted = select(Model).where(
        Model.source == ModelSource.HUGGINGFACE, Model.hf_repo.in_(repos), _has_files()
    )
    found: dict[str, list[Model]] = {}
    whole = wanted.options(undefer(Model.manifest), undefer(Model.former))
    for model in session.scalars(whole.order_by(Model.id)):
        found.setdefault(str(model.hf_repo), []).append(model)
    return found


def kept_manifests(model: Model) -> list[ManifestJson]:
    """What a model stands for, and what it stood for before its last update."""
    former = model.former["manifest"] if model.former else None
    return [manifest for manifest in (model.manifest, former) if manifest]


def downloaded(session: Session) -> tuple[int, int]:
    """How many local models are downloaded, and the bytes of those from the Hub, former commits too.

    Models of one repository may share a file, and repositories may be linked to the same one: the volume
    holds it once, and here it counts once.
    """
    manifests = [
        select(Model.hf_repo.label("repo"), manifest.label("manifest")).where(
            Model.downloaded.is_(True), Model.source == ModelSource.HUGGINGFACE
        )
        for manifest in (Model.manifest, Model.former["manifest"])
    ]
    both = union_all(*manifests).subquery()
    files = (
        func.jsonb_to_recordset(both.c.manifest["files"])
        .table_valued(column("oid", Text), column("size", BigInteger))
        .render_derived(with_types=True)
    )
    blobs = (
        select(both.c.repo, files.c.oid, files.c.size)
        .select_from(both)
        .join(files, true())
        .distinct()
        .subquery()
    )
    count = select(func.count()).select_from(Model).where(Model.downloaded.is_(True)).scalar_subquery()
    newest = select(Volume.path).order_by(Volume.seen_at.desc()).limit(1).scalar_subquery()
    again = links.counted_again_of(blobs, newest)
    row = session.execute(select(count, func.coalesce(func.sum(blobs.c.size), 0) - again)).one()
    return int(row[0]), int(row[1])


def unmanaged_count(session: Session, path: str) -> int:
    """How many repositories of a cache no model of the register has."""
    counted = select(func.count()).select_from(CachedRepo)
    return session.scalar(counted.where(CachedRepo.path == path, ~is_managed())) or 0


@dataclass(frozen=True)
class Counted:
    """What nobody knows without reading all models and all repositories of the cache."""

    model_count: int  # local models that are downloaded
    managed_bytes: int
    unmanaged_repo_count: int | None  # null: the cache was not scanned yet


def count(session: Session) -> Counted:
    """Read them all."""
    volume = last_look(session)
    models, managed = downloaded(session)
    is_scanned = volume is not None and volume.scanned_at is not None
    return Counted(models, managed, unmanaged_count(session, volume.path) if volume and is_scanned else None)
