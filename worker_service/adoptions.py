"""What the cache itself says of the files at a commit: enough to make a model of them without the Hub."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from shared.errors import FileNotFound
from shared.hub import RemoteFile
from shared.hub_names import path_problem
from shared.manifests import Manifest, part_names
from shared.tables import Model
from worker_service.transfer import snapshot_path
from worker_service.transfer.publish import repo_folder

# The Hub's names for content, and so the standard client's for blobs: sha256, or git's sha1 of small files.
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REMEDY = "Register the repository and download it; what the cache has of it is not fetched again."


def manifest_of(cache_dir: Path, model: Model, commit: str) -> Manifest:
    """The model's files as the standard client keeps them: each a link to a blob that bears its checksum.

    Whether the bytes are right is asked by whoever takes them over. Raises FileNotFound.
    """
    repo = str(model.hf_repo)
    there = {file.path: file for file in _files(cache_dir, repo, commit)}
    wanted = part_names(model.model_file) if model.model_file else sorted(there)
    missing = [path for path in wanted if path not in there]
    if missing or not wanted:
        named = ", ".join(missing[:3]) or "any file"
        raise FileNotFound(f"The cache does not hold {named} of {repo} at {commit}.", remedy=_REMEDY)
    return Manifest(repo, str(model.revision), commit, tuple(there[path] for path in wanted))


def _files(cache_dir: Path, repo: str, commit: str) -> Iterator[RemoteFile]:
    blobs = repo_folder(cache_dir, repo) / "blobs"
    top, root = snapshot_path(cache_dir, repo, commit), cache_dir.resolve()
    for folder, _folders, names in os.walk(top):
        for name in names:
            place = Path(folder) / name
            path = str(place.relative_to(top))
            if path_problem(path) or not place.is_symlink():
                continue
            oid = os.path.basename(os.readlink(place))
            blob = (blobs / oid).resolve()
            is_here = place.resolve() == blob and blob.is_relative_to(root) and blob.is_file()
            if _OID.fullmatch(oid) and is_here:
                yield RemoteFile(path, blob.stat().st_size, oid, is_lfs=len(oid) == 64)
