"""What lies between two manifests of a repository."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.manifests import ManifestJson


class ChangeKind(StrEnum):
    """What an update does to a file."""

    ADDED = "added"
    CHANGED = "changed"  # the same path, other bytes
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """A file that is not the same in both; its size is that of the newer one, if it has it."""

    path: str
    change: ChangeKind
    size_bytes: int


def between(old: ManifestJson, new: ManifestJson) -> list[Change]:
    """The files that an update from `old` to `new` changes, in path order."""
    return sorted(_changes(_by_path(old), _by_path(new)), key=lambda change: change.path)


def bytes_to_fetch(old: ManifestJson, new: ManifestJson) -> int:
    """Bytes of the blobs that only `new` has, each once."""
    known = {file["oid"] for file in old["files"]}
    return sum({file["oid"]: file["size"] for file in new["files"] if file["oid"] not in known}.values())


def _by_path(manifest: ManifestJson) -> dict[str, Any]:
    return {file["path"]: file for file in manifest["files"]}


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for path, file in new.items():
        if path not in old:
            yield Change(path, ChangeKind.ADDED, file["size"])
        elif old[path]["oid"] != file["oid"]:
            yield Change(path, ChangeKind.CHANGED, file["size"])
    for path in old.keys() - new.keys():
        yield Change(path, ChangeKind.REMOVED, old[path]["size"])
