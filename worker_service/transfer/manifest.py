"""What to fetch: the files of a repository at one commit, frozen before the first byte."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub.utils import filter_repo_objects

from shared.errors import FileNotFound, HubUnavailable
from shared.hub import LARGEST, Hub, RemoteFile

_SHARD = re.compile(r"(?P<stem>.+-)(?P<number>\d{5})-of-(?P<count>\d{5})(?P<rest>\.[^/]+)")


@dataclass(frozen=True)
class Manifest:
    """The files of `repo` at `commit`, which is what `revision` meant when it was frozen; in path order."""

    repo: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes on disk once all is there: a blob that stands under two names counts once."""
        return sum({file.oid: file.size for file in self.files}.values())


def freeze(
    hub: Hub,
    *,
    repo: str,
    revision: str,
    commit: str | None = None,
    model_file: str | None = None,
    allow_patterns: Sequence[str] | None = None,
    ignore_patterns: Sequence[str] | None = None,
) -> Manifest:
    """Ask the Hub what a revision holds now, or what the already frozen `commit` holds, and choose from it.

    `model_file`: that file, with all its parts if it is one of several (`…-00001-of-00003.gguf`).
    Otherwise the patterns (shell globs) choose; without any, every file is taken.
    Raises FileNotFound if nothing is left, and what `Hub.files` raises.
    """
    found, files = hub.files(repo, commit or revision)
    if commit and found != commit:
        raise HubUnavailable(f"The Hub answered with commit {found} where {commit} was asked for.")
    chosen = _parts(files, model_file) if model_file else _matching(files, allow_patterns, ignore_patterns)
    ordered = tuple(sorted(chosen, key=lambda file: file.path))
    _check_sizes(ordered)
    return Manifest(repo, revision, found, ordered)


def _parts(files: list[RemoteFile], model_file: str) -> list[RemoteFile]:
    by_path = {file.path: file for file in files}
    wanted = _part_names(model_file)
    if missing := [path for path in wanted if path not in by_path]:
        raise FileNotFound(f"The repository has no file {', '.join(missing[:5])} at this revision.")
    return [by_path[path] for path in wanted]


def _part_names(model_file: str) -> list[str]:
    found = _SHARD.fullmatch(model_file)
    if not found or not 1 <= int(found["number"]) <= int(found["count"]):
        return [model_file]
    numbers = range(1, int(found["count"]) + 1)
    return [f"{found['stem']}{number:05}-of-{found['count']}{found['rest']}" for number in numbers]


def _matching(
    files: list[RemoteFile], allow_patterns: Sequence[str] | None, ignore_patterns: Sequence[str] | None
) -> list[RemoteFile]:
    chosen: list[RemoteFile] = list(
        filter_repo_objects(
            files,
            # None, not an empty list: that would allow nothing.
            allow_patterns=list(allow_patterns or ()) or None,
            ignore_patterns=list(ignore_patterns or ()) or None,
            key=lambda file: file.path,
        )
    )
    if not chosen:
        raise FileNotFound("No file of the repository matches the patterns, or it is empty.")
    return chosen


def _check_sizes(files: Sequence[RemoteFile]) -> None:
    """One blob has one size and one name stands for one file, whatever a hostile listing says."""
    if len({(file.oid, file.size) for file in files}) != len({file.oid for file in files}):
        raise HubUnavailable("The Hub gives two sizes for one file.")
    if len({file.path for file in files}) != len(files):
        raise HubUnavailable("The Hub lists a file twice.")
    if sum({file.oid: file.size for file in files}.values()) > LARGEST:
        raise HubUnavailable("The Hub gives no usable sizes.")
