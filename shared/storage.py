"""What is known of each volume: a worker looks and writes it down, the API reads it beside the rows."""

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
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from shared import links, volumes
from shared.errors import ValidationError
from shared.manifests import ManifestJson
from shared.tables import UNFINISHED, CachedRepo, Model, ModelSource, Operation, Volume
from shared.volumes import may_be_on


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a worker sees of the volume. Sizes in bytes."""

    total_bytes: int
    available_bytes: int  # with the room that half files of unfinished downloads have taken in advance
    partial_bytes: int  # taken up by all half files


def note(session: Session, volume: str, look: Look) -> None:
    """Keep what a worker sees, in place of what was seen before."""
    values = asdict(look) | {"seen_at": func.now()}
    row = insert(Volume).values(name=volume, **values)
    session.execute(row.on_conflict_do_update(index_elements=[Volume.name], set_=values))


def last_look(session: Session) -> Volume | None:
    """What any worker saw last; None before the first look."""
    return session.scalar(select(Volume).order_by(Volume.seen_at.desc()).limit(1))


# Scans


def hold(session: Session, volume: str) -> None:
    """Until the transaction ends, nobody else writes down what the cache of this volume holds."""
    session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"weighbridge scan {volume}", 0)))
    )


def clock(session: Session) -> datetime:
    """Postgres's clock at this moment, not at the beginning of the transaction."""
    return session.scalar(select(func.clock_timestamp()))  # type: ignore[return-value]


def was_scanned_since(session: Session, volume: str, asked: datetime) -> bool:
    """A scan of this volume has begun after that moment, and is kept."""
    kept = select(Volume.name).where(Volume.name == volume, Volume.scanned_at > asked)
    return session.scalar(kept) is not None


def known(session: Session, volume: str) -> Iterable[Any]:
    """(repo, folders, read_at) of every repository of the last scan."""
    rows = select(CachedRepo.repo, CachedRepo.folders, CachedRepo.read_at)
    return session.execute(rows.where(CachedRepo.volume == volume))


def keep_scan(
    session: Session,
    volume: str,
    *,
    began: datetime,
    changed: Sequence[Mapping[str, Any]],
    gone: Sequence[str],
    half_files: list[dict[str, Any]],
) -> None:
    """Keep what a scan of this cache has found; what it has not named is as it was."""
    if gone:
        session.execute(delete(CachedRepo).where(CachedRepo.volume == volume, CachedRepo.repo.in_(gone)))
    if changed:
        row = insert(CachedRepo)
        names = [*changed[0], "read_at"]
        row = row.on_conflict_do_update(
            index_elements=[CachedRepo.volume, CachedRepo.repo],
            set_={name: getattr(row.excluded, name) for name in names if name != "repo"},
        )
        session.execute(row, [{"volume": volume, "read_at": began, **repo} for repo in changed])
    sizes = select(func.coalesce(func.sum(CachedRepo.size_bytes), 0)).where(CachedRepo.volume == volume)
    held = sizes.scalar_subquery() - links.counted_again(volume)
    if not changed and not gone:
        held = func.coalesce(Volume.cache_bytes, held)
    session.execute(
        update(Volume)
        .where(Volume.name == volume)
        .values(scanned_at=began, cache_bytes=held, half_files=half_files)
    )


def request_scan(session: Session) -> dict[str, datetime]:
    """Ask the workers of each volume that has some for a scan that begins after now; when, by volume."""
    names = [volume.name for volume in volumes.served(session)]
    asked = update(Volume).where(Volume.name.in_(names)).values(scan_requested_at=func.clock_timestamp())
    rows: Sequence[Any] = session.execute(asked.returning(Volume.name, Volume.scan_requested_at)).all()
    return dict(rows)


def is_scan_wanted(session: Session, volume: str) -> bool:
    """Somebody waits for a scan that has not begun yet."""
    found = session.get(Volume, volume)
    if found is None or found.scan_requested_at is None:
        return False
    return found.scanned_at is None or found.scanned_at < found.scan_requested_at


# What is managed


def is_managed() -> Any:
    """SQL: a model of the register has files of this CachedRepo, or is about to get some."""
    has_some = Model.hf_repo == CachedRepo.repo, _has_files(CachedRepo.volume)
    return exists().where(*has_some).correlate(CachedRepo)


def _has_files(volume: Any) -> Any:
    """SQL: a model has files on the volume (a name, or a column with one), or is about to get some."""
    coming = exists().where(
        Operation.model_id == Model.id,
        Operation.status.in_(UNFINISHED),
        may_be_on(Operation.volume, volume),
    )
    here = or_(Model.downloaded.is_(True), Model.damaged_files.is_not(None)) & may_be_on(Model.volume, volume)
    return or_(here, coming)


def cached_repos(names: Sequence[str]) -> Select[CachedRepo]:
    """The repositories of these volumes' caches."""
    return select(CachedRepo).where(CachedRepo.volume.in_(names))


def cached_repo(session: Session, repo: str, volume: str | None) -> CachedRepo | None:
    """A repository of the cache, of that volume's where one is named.

    Raises ValidationError where several volumes hold it and none is named.
    """
    names = [one.name for one in volumes.known(session) if volume in (None, one.name)]
    found = session.scalars(cached_repos(names).where(CachedRepo.repo == repo)).all()
    if len(found) > 1:
        there = ", ".join(sorted(one.volume for one in found))
        raise ValidationError({"volume": [f"Several volumes hold {repo}; say which of {there} is meant."]})
    return found[0] if found else None


def models_of(session: Session, volume: str, repos: Sequence[str]) -> dict[str, list[Model]]:
    """The models of each repository that have files on the volume or are about to, with their manifests.

    In one query.
    """
    wanted = select(Model).where(
        Model.source == ModelSource.HUGGINGFACE, Model.hf_repo.in_(repos), _has_files(volume)
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


@dataclass(frozen=True)
class Downloaded:
    """Local models that are downloaded, and the bytes of those from the Hub, former commits too."""

    count: int = 0
    bytes: int = 0

    def __add__(self, other: "Downloaded") -> "Downloaded":
        """Both together."""
        return Downloaded(self.count + other.count, self.bytes + other.bytes)


def downloaded(session: Session, names: Sequence[str]) -> dict[str | None, Downloaded]:
    """By volume (None: the one without a name, and what says nothing): what is downloaded.

    Models of one repository may share a file, and repositories may be linked to the same one: the volume
    holds it once, and here it counts once. `names`: of the volumes that are known.
    """
    manifests = [
        select(
            volumes.key(Model.volume).label("volume"),
            Model.hf_repo.label("repo"),
            manifest.label("manifest"),
        ).where(Model.downloaded.is_(True), Model.source == ModelSource.HUGGINGFACE)
        for manifest in (Model.manifest, Model.former["manifest"])
    ]
    both = union_all(*manifests).subquery()
    files = (
        func.jsonb_to_recordset(both.c.manifest["files"])
        .table_valued(column("oid", Text), column("size", BigInteger))
        .render_derived(with_types=True)
    )
    blobs = (
        select(both.c.volume, both.c.repo, files.c.oid, files.c.size)
        .select_from(both)
        .join(files, true())
        .distinct()
        .subquery()
    )
    counts = (
        select(volumes.key(Model.volume), func.count()).where(Model.downloaded.is_(True)).group_by(text("1"))
    )
    sums = select(blobs.c.volume, func.sum(blobs.c.size)).group_by(blobs.c.volume)
    held = {row[0]: int(row[1]) for row in session.execute(sums)}
    for name, again in session.execute(links.counted_again_of(blobs, names)):
        held[name] -= int(again)
    return {name: Downloaded(count, held.get(name, 0)) for name, count in session.execute(counts)}


def unmanaged_counts(session: Session, names: Sequence[str]) -> dict[str, int]:
    """By volume: how many repositories of its cache no model of the register has; none are left out."""
    counted = select(CachedRepo.volume, func.count()).where(CachedRepo.volume.in_(names), ~is_managed())
    return {row[0]: row[1] for row in session.execute(counted.group_by(CachedRepo.volume))}


@dataclass(frozen=True)
class Counted:
    """What nobody knows without reading all models and all repositories of the caches."""

    downloaded: Mapping[str | None, Downloaded]  # by volume, see `downloaded`
    unmanaged: Mapping[str, int]  # by volume, see `unmanaged_counts`

    @property
    def model_count(self) -> int:
        """Local models that are downloaded, on all volumes."""
        return sum(one.count for one in self.downloaded.values())


def count(session: Session) -> Counted:
    """Read them all."""
    names = [volume.name for volume in volumes.known(session)]
    return Counted(downloaded(session, names), unmanaged_counts(session, names))
