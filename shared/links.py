"""Blobs that have a name in more than one repository of the cache: one file, whose bytes are there once.

A worker links what another repository has instead of fetching it. Each repository is shown with its full
size; what the cache holds in all counts such a file once, and what a removal frees counts it with its last
name. It is known by its name and inode as the last scan saw them; rows of older scans share nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    cast,
    column,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared.tables import CachedRepo
from shared.volumes import key

# A blob's name and inode.
Link = tuple[str, int]
# Only what has a sha256 for its name is linked.
_DIGITS = 64


def link_of(blobs: Mapping[str, Any], oid: str) -> Link | None:
    """What a blob of a CachedRepo may have in common with another one's; None if that is not known."""
    seen = blobs.get(oid, ())
    return (oid, seen[2]) if len(oid) == _DIGITS and len(seen) > 2 else None


def counted_again(volume: str) -> ColumnElement[int]:
    """SQL: bytes of a cache that the sizes of its repositories count more than once."""
    each = func.jsonb_each(CachedRepo.blobs).table_valued(column("oid", Text), column("seen", JSONB))
    each = each.render_derived()
    inode = func.jsonb_extract_path_text(each.c.seen, "2")
    size = cast(func.jsonb_extract_path_text(each.c.seen, "0"), BigInteger)
    linked = (
        select((func.max(size) * (func.count() - 1)).label("bytes"))
        .select_from(CachedRepo)
        .join(each, true())
        .where(CachedRepo.volume == volume, func.length(each.c.oid) == _DIGITS, inode.is_not(None))
        .group_by(each.c.oid, inode)
        .having(func.count() > 1)
        .subquery()
    )
    return select(func.coalesce(func.sum(linked.c.bytes), 0)).scalar_subquery()


def counted_again_of(files: Subquery, volumes: Sequence[str]) -> Select[str | None, int]:
    """SQL: the same of some files (volume, repo, oid, size), each there once for each repository that has it,
    by volume (null: the one without a name). `volumes`: those that count."""
    together = func.count().over(partition_by=(files.c.volume, files.c.oid))
    several = select(files, together.label("repos")).subquery()
    inode = func.jsonb_extract_path_text(CachedRepo.blobs, several.c.oid, "2")
    is_there = key(CachedRepo.volume).is_not_distinct_from(several.c.volume) & CachedRepo.volume.in_(volumes)
    linked = (
        select(several.c.volume, (func.max(several.c.size) * (func.count() - 1)).label("bytes"))
        .select_from(several)
        .join(CachedRepo, (CachedRepo.repo == several.c.repo) & is_there)
        .where(several.c.repos > 1, func.length(several.c.oid) == _DIGITS, inode.is_not(None))
        .group_by(several.c.volume, several.c.oid, inode)
        .having(func.count() > 1)
        .subquery()
    )
    return select(linked.c.volume, func.sum(linked.c.bytes)).group_by(linked.c.volume)


def elsewhere(session: Session, volume: str, repo: str | None, oids: Iterable[str]) -> set[str]:
    """Of these blobs of a repository those that another repository of the cache has a name for."""
    of_cache = select(CachedRepo.blobs).where(CachedRepo.volume == volume)
    own = session.scalar(of_cache.where(CachedRepo.repo == repo)) or {}
    links = {link for oid in oids if (link := link_of(own, oid))}
    if not links:
        return set()
    names = cast([oid for oid, _inode in links], ARRAY(Text))
    others = of_cache.where(CachedRepo.repo != repo, CachedRepo.blobs.has_any(names))
    return {link[0] for blobs in session.scalars(others) for link in links if link_of(blobs, link[0]) == link}


class Links:
    """Which blobs of a cache have several names, from all of its rows."""

    def __init__(self, repos: Iterable[CachedRepo]) -> None:
        """The rows come with their blobs."""
        links = (link_of(repo.blobs, oid) for repo in repos for oid in repo.blobs)
        self._names = Counter(link for link in links if link)

    def of(self, repo: CachedRepo, oids: Iterable[str]) -> dict[Link, int]:
        """Of these blobs of a repository those that have a name elsewhere, with their bytes."""
        links = (link_of(repo.blobs, oid) for oid in oids)
        return {link: repo.blobs[link[0]][0] for link in links if link and self._names[link] > 1}

    def drop(self, linked: Mapping[Link, int]) -> int:
        """These names are to go: the bytes of those that were the last ones."""
        self._names.subtract(linked.keys())
        return sum(size for link, size in linked.items() if self._names[link] <= 0)
