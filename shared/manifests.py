"""Manifests: the files of a repository at one commit, frozen before the first byte; and who needs which."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub.utils import filter_repo_objects
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from shared.errors import FileNotFound, HubUnavailable
from shared.hub import LARGEST, Hub, RemoteFile
from shared.model_facts import Facts, from_hub
from shared.tables import UNFINISHED, Model, Operation, OperationKind
from shared.volumes import is_on, may_be_on

# As it stands in a row: {"commit", "files": [{"path", "size", "oid", "is_lfs"}]}.
ManifestJson = Mapping[str, Any]
# The operations that bring files.
FETCHING = (OperationKind.DOWNLOAD, OperationKind.UPDATE)
_SHARD = re.compile(r"(?P<stem>.+-)(?P<number>\d{5})-of-(?P<count>\d{5})(?P<rest>\.[^/]+)")


@dataclass(frozen=True)
class Manifest:
    """The files of `repo` at `commit`, which is what `revision` meant when it was frozen; in path order."""

    repo: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]
    # What the Hub said when these were chosen; a row keeps it elsewhere.
    facts: Facts = field(default=Facts(), compare=False)

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
    found, files, info = hub.files(repo, commit or revision)
    if commit and found != commit:
        raise HubUnavailable(f"The Hub answered with commit {found} where {commit} was asked for.")
    chosen = _parts(files, model_file) if model_file else _matching(files, allow_patterns, ignore_patterns)
    ordered = tuple(sorted(chosen, key=lambda file: file.path))
    _check_sizes(ordered)
    return Manifest(repo, revision, found, ordered, from_hub(info, repo))


def _parts(files: list[RemoteFile], model_file: str) -> list[RemoteFile]:
    by_path = {file.path: file for file in files}
    wanted = part_names(model_file)
    if missing := [path for path in wanted if path not in by_path]:
        raise FileNotFound(f"The repository has no file {', '.join(missing[:5])} at this revision.")
    return [by_path[path] for path in wanted]


def part_names(model_file: str) -> list[str]:
    """All parts of a file that is one of several (`…-00001-of-00003.gguf`); of any other its own name."""
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


def as_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as it stands in a row."""
    files = [
        {"path": file.path, "size": file.size, "oid": file.oid, "is_lfs": file.is_lfs}
        for file in manifest.files
    ]
    return {"commit": manifest.commit, "files": files}


def from_json(repo: str, revision: str, kept: ManifestJson) -> Manifest:
    """The manifest that a row keeps."""
    return Manifest(repo, revision, kept["commit"], tuple(RemoteFile(**file) for file in kept["files"]))


def checksum(manifest: Manifest) -> str:
    """`sha256:` of the one LFS file; of several (or of a small file, which the Hub knows by its git id) the
    sha256 of the lines `<oid>  <path>` in path order, as sha256sum would list them."""
    if len(manifest.files) == 1 and manifest.files[0].is_lfs:
        return f"sha256:{manifest.files[0].oid}"
    lines = "".join(
        f"{file.oid}  {file.path}\n" for file in sorted(manifest.files, key=lambda file: file.path)
    )
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def asked_for(session: Session, model_id: int) -> list[ManifestJson]:
    """What the downloads of a model were to bring, the ended ones too."""
    asked = select(Operation.manifest).where(
        Operation.model_id == model_id,
        Operation.kind.in_(FETCHING),
        Operation.manifest.is_not(None),
    )
    return [manifest for manifest in session.scalars(asked) if manifest]


def needed_by_others(session: Session, model: Model, volume: str) -> list[ManifestJson]:
    """What other models of the same repository have, had before their last update, or are about to get."""
    return needed_of_repo(session, str(model.hf_repo), volume, but=model.id)


def needed_of_repo(session: Session, repo: str, volume: str, *, but: int | None = None) -> list[ManifestJson]:
    """What models of a repository have on a volume, could return to, or are about to get there; all, or all
    `but` one.

    What a repair goes on from counts too: a damaged model's whole files are still wanted.
    """
    others = (Model.hf_repo == repo) & (Model.id.is_distinct_from(but))
    here = or_(Model.downloaded.is_(True), Model.damaged_files.is_not(None))
    here &= may_be_on(Model.volume, volume)
    have = select(Model.manifest, Model.former["manifest"]).where(others, here)
    about_to = (
        select(Operation.manifest)
        .join(Model, Model.id == Operation.model_id)
        .where(others, Operation.status.in_(UNFINISHED), may_be_on(Operation.volume, volume))
    )
    # In this order: a download that completes between the two is seen twice and not overlooked.
    coming = session.scalars(about_to).all()
    found = [manifest for pair in session.execute(have) for manifest in pair]
    return [manifest for manifest in (*coming, *found) if manifest]


def vouched_for(session: Session, repo: str, volume: str) -> set[str]:
    """The blobs of models downloaded to this volume: they were found right when they came, or later."""
    here = Model.hf_repo == repo, Model.downloaded.is_(True), is_on(Model.volume, volume)
    have = select(Model.manifest).where(*here)
    return oids(manifest for manifest in session.scalars(have) if manifest)


def damaged_blobs(session: Session) -> set[str]:
    """The blobs of all models of which a verify found files damaged: those files' and the others'."""
    damaged = select(Model.manifest).where(Model.damaged_files.is_not(None))
    return oids(manifest for manifest in session.scalars(damaged) if manifest)


def hold_repo(session: Session, repo: str) -> None:
    """Until the transaction ends, nobody else removes files of this repository or decides to rely on some.

    A download takes it to write its manifest down, a removal from its look at what is needed to its last
    unlink: so what one sees, the other respects. Taken before the lock of any row: who waits here holds none.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"weighbridge repo {repo}", 0))))


def awaited(session: Session, volume: str) -> set[str]:
    """The blobs that unfinished downloads may bring to this volume; where one has no manifest yet, those of
    the one before."""
    unfinished = select(Operation.model_id).where(
        Operation.kind.in_(FETCHING), Operation.status.in_(UNFINISHED), may_be_on(Operation.volume, volume)
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
