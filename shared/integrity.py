"""What a verify finds, and what is said of it: at the model, and at the others that share its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.errors import ChecksumMismatch, FilesGone
from shared.manifests import ManifestJson

# Damaged files that a model names. A repair of one with so many looks at all of its files again.
MOST_DAMAGED = 100
_REMEDY = "Start the download again: it keeps the commit and fetches only what is missing or wrong."


class Problem(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"  # its name in the snapshot, or the blob behind it, is gone
    CORRUPT = "corrupt"  # other bytes than the Hub's checksum says, or no file of the cache at all


@dataclass(frozen=True)
class Damage:
    """What is wrong at one commit of a repository.

    `paths`: names of the snapshot; `blobs`: by oid, whoever uses them.
    """

    repo: str
    commit: str
    paths: Mapping[str, Problem] = field(default_factory=dict)
    blobs: Mapping[str, Problem] = field(default_factory=dict)

    def of(self, manifest: ManifestJson) -> list[dict[str, Any]]:
        """The files of a manifest that are damaged: [{"path", "problem"}], in path order."""
        is_same = manifest["commit"] == self.commit
        found = {
            file["path"]: (self.paths.get(file["path"]) if is_same else None) or self.blobs.get(file["oid"])
            for file in manifest["files"]
        }
        return [{"path": path, "problem": str(found[path])} for path in sorted(found) if found[path]]


def named(damaged: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As many of the damaged files as a row keeps."""
    return [dict(file) for file in damaged[:MOST_DAMAGED]]


def error_of(damaged: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The error of a model with these damaged files: code, detail, remedy."""
    files = ", ".join(f"{file['path']} ({file['problem']})" for file in damaged[:3])
    more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
    is_corrupt = any(file["problem"] == Problem.CORRUPT for file in damaged)
    kind = ChecksumMismatch if is_corrupt else FilesGone
    return kind(f"Damaged on the volume: {files}{more}.", remedy=_REMEDY).as_dict()
