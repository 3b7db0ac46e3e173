"""What a clean-up's plan is made of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.links import Link


class ItemKind(StrEnum):
    """What an item of a plan is."""

    PARTIAL = "partial"  # half files of downloads that have ended
    OLD_REVISION = "old-revision"  # a commit that no model stands for and no branch or tag names
    UNUSED_MODEL = "unused-model"  # files of a model that nobody read lately; the model stays registered
    UNUSED_REPO = "unused-repo"  # a repository of the cache that no model has, and nobody read lately


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something that could go. Sizes in bytes; `id` says the same thing in every plan."""

    id: str
    kind: ItemKind
    repo: str | None
    bytes: int
    reason: str
    suggested: bool
    commit_hash: str | None = None
    model_id: int | None = None
    model_name: str | None = None
    last_used_at: datetime | None = None
    blobs: tuple[str, ...] = ()  # of half files that belong to no model
    volume: str | None = None
    linked: Mapping[Link, int] = field(default_factory=dict)  # beside `bytes`: freed with their last names

    def as_json(self) -> dict[str, Any]:
        """What an operation keeps of it."""
        kept = asdict(self)
        names = ("id", "kind", "repo", "commit_hash", "model_id", "blobs", "bytes")
        return {name: kept[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How far the cache is beyond its quota, and what would go, in this order. Sizes in bytes."""

    quota_bytes: int
    cache_bytes: int
    over_bytes: int
    evict: list[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that could go."""

    items: list[Item] = field(default_factory=list)
    quota: Quota | None = None
    scanned_at: datetime | None = None

    @property
    def total_bytes(self) -> int:
        """What all items free together, at least: those that share a file free it together only."""
        return sum(item.bytes for item in self.items)
