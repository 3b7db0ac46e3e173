"""What could go from each volume, and why: a plan that is shown with its bytes before anything is touched.

A plan is made from rows alone. Whoever carries it out looks at each item again, under its locks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Text, column, exists, func, or_, select, true
from sqlalchemy.orm import Session, undefer

from shared import operations, references, storage, volumes
from shared.clean_up_items import Item, ItemKind, Plan, Quota
from shared.errors import ConfirmationRequired, PlanChanged, ValidationError
from shared.links import Links
from shared.manifests import FETCHING, ManifestJson, awaited, oids
from shared.tables import (
    UNFINISHED,
    CachedRepo,
    Model,
    Operation,
    OperationKind,
    OperationStatus,
    Result,
    Volume,
)
from shared.task_names import is_named
from shared.usage import Defaults
from shared.volumes import may_be_on

# A half file that nobody touched for so long is hardly waited for.
FORGOTTEN = timedelta(days=7)


def plan(
    session: Session,
    *,
    unused: timedelta,
    quota_bytes: int | None,
    defaults: Defaults,
    volume: str | None = None,
) -> Plan:
    """What could go now, of all volumes or of one. `unused`: how long nobody has read it; a default model
    never goes. `quota_bytes` is each volume's."""
    known = volumes.known(session)
    asked = [one for one in known if volume in (None, one.name)]
    plans = [_plan(_Look(session, one, defaults, known), unused, quota_bytes) for one in asked]
    if not plans:
        return Plan()
    quotas = [one.quota for one in plans if one.quota]
    scans = [one.scanned_at for one in plans]
    return Plan(
        items=[item for one in plans for item in one.items],
        quota=_together(quotas) if quotas else None,
        scanned_at=None if None in scans else min(at for at in scans if at),
    )


def _plan(look: "_Look", unused: timedelta, quota_bytes: int | None) -> Plan:
    small = look.named([*look.half_files(), *look.old_revisions()])
    by_use = look.named([*look.models(), *look.repos()])
    by_use = sorted(by_use, key=lambda item: (item.last_used_at or _EVER, item.id))
    quota = (
        _quota(look.volume, [*small, *by_use], look.links, quota_bytes) if quota_bytes is not None else None
    )
    evicted = set(quota.evict) if quota else set()
    limit = look.now - unused
    old = [item for item in by_use if (item.last_used_at or _EVER) < limit or item.id in evicted]
    return Plan(items=[*small, *old], quota=quota, scanned_at=look.volume.scanned_at)


def _together(quotas: Sequence[Quota]) -> Quota:
    return Quota(
        quota_bytes=sum(quota.quota_bytes for quota in quotas),
        cache_bytes=sum(quota.cache_bytes for quota in quotas),
        over_bytes=sum(quota.over_bytes for quota in quotas),
        evict=[item for quota in quotas for item in quota.evict],
    )


_EVER = datetime.min.replace(tzinfo=UTC)


def _quota(volume: Volume, items: Iterable[Item], links: Links, quota_bytes: int) -> Quota:
    held = (volume.cache_bytes or 0) + volume.partial_bytes
    over, freed, evict = max(0, held - quota_bytes), 0, []
    for item in items:
        if freed >= over:
            break
        freed += item.bytes + links.drop(item.linked)
        evict.append(item.id)
    return Quota(quota_bytes=quota_bytes, cache_bytes=held, over_bytes=over, evict=evict)


class _Look:
    """The rows that a plan is made of, read once."""

    def __init__(self, session: Session, volume: Volume, defaults: Defaults, known: Sequence[Volume]) -> None:
        self.now = operations.now(session)
        self.volume = volume
        self._session = session
        self._known = known
        whole = storage.cached_repos([volume.name]).options(undefer(CachedRepo.blobs))
        self._repos = session.scalars(whole.order_by(CachedRepo.repo)).all()
        self.links = Links(self._repos)
        self._models = storage.models_of(session, volume.name, [repo.repo for repo in self._repos])
        self._awaited = awaited(session, volume.name)
        self._coming = set(session.scalars(_repos_of_unfinished(volume.name)))
        self._protected = set(session.scalars(_protected()))
        self._defaults = defaults

    def named(self, items: Iterable[Item]) -> list[Item]:
        """The same, of this volume; the ids tell those of several volumes apart."""
        name = self.volume.name
        prefix = f"{name}:" if is_named(name) else ""
        return [replace(item, id=prefix + item.id, volume=name) for item in items]

    def half_files(self) -> Iterator[Item]:
        """Those that no unfinished download goes on from, together for each model."""
        there = self.volume.half_files or ()
        dead = {half["oid"]: half for half in there if half["oid"] not in self._awaited}
        owners = _owners(self._session, list(dead))
        by_model: dict[int | None, list[dict[str, Any]]] = {}
        for oid, half in dead.items():
            by_model.setdefault(owners.get(oid), []).append(half)
        for model_id, halves in by_model.items():
            model = self._session.get(Model, model_id) if model_id else None
            yield self._half_file(model, halves)

    def _half_file(self, model: Model | None, halves: list[dict[str, Any]]) -> Item:
        touched = datetime.fromtimestamp(max(half["modified_at"] for half in halves), UTC)
        word = str(model.download_status) if model and model.download_status else ""
        reason = (
            f"What its download has brought so far ({word}); it would go on from here."
            if model and not model.downloaded
            else "Half files that no model of the register goes on from."
        )
        return Item(
            id=f"partial:model:{model.id}" if model else "partial:others",
            kind=ItemKind.PARTIAL,
            repo=model.hf_repo if model else None,
            model_id=model.id if model else None,
            model_name=model.name if model else None,
            bytes=sum(half["bytes"] for half in halves),
            blobs=tuple(sorted(half["oid"] for half in halves)),
            reason=reason,
            last_used_at=touched,
            suggested=model is None or bool(model.downloaded) or self.now - touched > FORGOTTEN,
        )

    def old_revisions(self) -> Iterator[Item]:
        """Commits that no model stands for: those that an update replaced, and those without a name."""
        for repo in self._repos:
            models = self._models.get(repo.repo, [])
            stands = {model.commit_hash for model in models}
            former = {model.former["commit"]: model for model in models if model.former}
            if repo.repo in self._coming:
                continue
            for revision in repo.revisions:
                commit = revision["commit"]
                if commit in stands or (revision["refs"] and commit not in former):
                    continue
                yield _old_revision(repo, revision, former.get(commit))

    def models(self) -> Iterator[Item]:
        """Downloaded models that may go by the rules of a delete, with what their files alone take."""
        seen = {repo.repo: repo for repo in self._repos}
        for name, models in self._models.items():
            for model in models:
                kept = model.is_pinned or model.id in self._protected or self._defaults.include(model)
                is_here = volumes.place_of(self._known, model.volume) is self.volume
                if model.downloaded and is_here and not kept:
                    others = [
                        one for other in models if other is not model for one in storage.kept_manifests(other)
                    ]
                    yield _unused_model(model, seen[name], others, self.links)

    def repos(self) -> Iterator[Item]:
        """Repositories that no model has, or is about to have."""
        for repo in self._repos:
            if repo.repo not in self._models:
                linked = self.links.of(repo, repo.blobs)
                yield Item(
                    id=f"repo:{repo.repo}",
                    kind=ItemKind.UNUSED_REPO,
                    repo=repo.repo,
                    bytes=repo.size_bytes - sum(linked.values()),
                    linked=linked,
                    reason="No model of the register has it; another client of the Hub brought it.",
                    last_used_at=repo.accessed_at,
                    suggested=False,
                )


def _old_revision(repo: CachedRepo, revision: dict[str, Any], former_of: Model | None) -> Item:
    reason = (
        f"An update of {former_of.name} has replaced it; without it there is no way back."
        if former_of
        else "No model stands for it, and no branch or tag names it any more."
    )
    return Item(
        id=f"revision:{repo.repo}@{revision['commit']}",
        kind=ItemKind.OLD_REVISION,
        repo=repo.repo,
        commit_hash=revision["commit"],
        model_id=former_of.id if former_of else None,
        model_name=former_of.name if former_of else None,
        bytes=revision["freed_bytes"],
        reason=reason,
        last_used_at=datetime.fromtimestamp(revision["modified_at"], UTC),
        suggested=former_of is None,
    )


def _unused_model(model: Model, repo: CachedRepo, others: Sequence[ManifestJson], links: Links) -> Item:
    own = {file["oid"]: file["size"] for one in storage.kept_manifests(model) for file in one["files"]}
    read = [repo.blobs[oid][1] for oid in own if oid in repo.blobs]
    times = [datetime.fromtimestamp(max(read), UTC)] if read else []
    used = max((*times, *(at for at in (model.last_used_at, model.downloaded_at) if at)), default=None)
    alone = own.keys() - oids(others)
    linked = links.of(repo, alone)
    return Item(
        id=f"model:{model.id}",
        kind=ItemKind.UNUSED_MODEL,
        repo=model.hf_repo,
        model_id=model.id,
        model_name=model.name,
        bytes=sum(own[oid] for oid in alone) - sum(linked.values()),
        linked=linked,
        reason="Nobody has read its files for a long time; it stays registered and can be fetched again.",
        last_used_at=used,
        suggested=True,
    )


def _protected() -> Any:
    """Models that somebody forbids to delete, or that an operation is at."""
    busy = exists().where(Operation.model_id == Model.id, Operation.status.in_(UNFINISHED))
    return select(Model.id).where(or_(references.is_blocked(), busy))


def _repos_of_unfinished(volume: str) -> Any:
    return (
        select(Model.hf_repo)
        .join(Operation, Operation.model_id == Model.id)
        .where(
            Operation.status.in_(UNFINISHED), Model.hf_repo.is_not(None), may_be_on(Operation.volume, volume)
        )
    )


def _owners(session: Session, blobs: list[str]) -> dict[str, int]:
    """By blob: the model of the register whose download was the last that was to bring it."""
    files = (
        func.jsonb_to_recordset(Operation.manifest["files"])
        .table_valued(column("oid", Text), column("size", BigInteger))
        .render_derived(with_types=True)
    )
    rows = (
        select(files.c.oid, Operation.model_id)
        .select_from(Operation)
        .join(files, true())
        .join(Model, Model.id == Operation.model_id)
        .where(Operation.kind.in_(FETCHING), Operation.manifest.is_not(None), files.c.oid.in_(blobs))
        .order_by(Operation.created_at)
    )
    return {row.oid: row.model_id for row in session.execute(rows)} if blobs else {}


# Carrying out


def choose(found: Plan, ids: Sequence[str], *, confirmed: bool) -> list[Item]:
    """The items of these ids, in the plan's order. Raises PlanChanged, ConfirmationRequired; ValidationError
    where they lie on several volumes: each is cleaned up by workers of its own."""
    by_id = {item.id: item for item in found.items}
    missing = sorted(set(ids) - by_id.keys())
    if missing:
        raise PlanChanged(missing=missing)
    chosen = [item for item in found.items if item.id in set(ids)]
    if len(there := sorted({str(item.volume) for item in chosen})) > 1:
        said = f"These lie on several volumes ({', '.join(there)}); ask for those of each by themselves."
        raise ValidationError({"items": [said]})
    if not confirmed:
        freed = sum(item.bytes for item in chosen)
        raise ConfirmationRequired(
            f"This removes {len(chosen)} {'item' if len(chosen) == 1 else 'items'} from the volume.",
            freed_bytes=freed,
            items=[item.id for item in chosen],
        )
    return chosen


def request(
    session: Session, items: Sequence[Item], *, requested_by: str, request_id: str | None
) -> Operation:
    """Ask the workers of their volume to remove these. Raises OperationConflict while another clean-up of it
    is on its way."""
    volume = items[0].volume if items else None
    # Two that ask at once wait for each other here; the unique index is the last word.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("weighbridge clean-up", 0))))
    active = unfinished(session, volume)
    if active is not None:
        raise operations.conflict(active)
    operation = Operation(
        model_id=None,
        kind=OperationKind.CLEAN_UP,
        volume=volume,
        plan={"items": [item.as_json() for item in items]},
        bytes_total=sum(item.bytes for item in items),
        files_total=len(items),
        requested_by=requested_by,
        request_id=request_id,
        nudged_at=func.now(),
    )
    session.add(operation)
    session.flush()
    session.refresh(operation)
    return operation


def nothing_to_do(session: Session, *, requested_by: str, request_id: str | None) -> Operation:
    """A clean-up that has ended already: what it was to remove is not there."""
    operation = Operation(
        model_id=None,
        kind=OperationKind.CLEAN_UP,
        status=OperationStatus.COMPLETED,
        result=Result.NOT_INSTALLED,
        bytes_freed=0,
        bytes_total=0,
        requested_by=requested_by,
        request_id=request_id,
        finished_at=func.now(),
    )
    session.add(operation)
    session.flush()
    session.refresh(operation)
    return operation


def is_protected(session: Session, model: Model, defaults: Defaults) -> bool:
    """Whether a model must stay whatever a plan says."""
    if model.is_pinned or defaults.include(model):
        return True
    return session.scalar(_protected().where(Model.id == model.id)) is not None


def unfinished(session: Session, volume: str | None) -> Operation | None:
    """The clean-up of a volume that has not ended."""
    here = may_be_on(Operation.volume, volume) if is_named(volume) else volumes.is_on(Operation.volume, "")
    return session.scalar(
        select(Operation).where(
            Operation.kind == OperationKind.CLEAN_UP, Operation.status.in_(UNFINISHED), here
        )
    )
