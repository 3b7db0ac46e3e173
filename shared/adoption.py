"""Files that some client has downloaded into the cache become a model: verified, and nothing is fetched."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from shared import operations, registry, storage
from shared.errors import NotCached
from shared.manifests import ManifestJson
from shared.operations import Requested
from shared.registry import Limits
from shared.secrets import SecretBox
from shared.tables import CachedRepo, Model, ModelType, Operation


def adopt(
    session: Session,
    fields: Mapping[str, Any],
    *,
    secrets: SecretBox,
    limits: Limits,
    requested_by: str,
    request_id: str | None,
) -> tuple[Model, Operation]:
    """Register what the cache holds, and ask a worker to verify it there.

    `fields`: hf_repo; revision, model_file, name, category where they are known. Without a revision it is
    `main`, else the branch or tag that the cache has, else the newest commit. `volume`: whose cache, where
    several hold the repository. A model of it that is registered already, but not downloaded, is taken as it
    is: its row may be older than its files, as after the restore of a backup. Raises NotCached, and what
    `registry.register` raises.
    """
    repo, file = fields["hf_repo"], fields.get("model_file")
    cached = storage.cached_repo(session, repo, fields.get("volume"))
    if cached is None or not cached.revisions:
        raise NotCached()
    revision, commit = _place(cached, fields.get("revision"))
    same = registry.find_same(session, repo=repo, revision=revision, file=file)
    if same is not None and not same.downloaded and operations.unfinished(session, same.id) is None:
        registry.check_download(same, limits)
        return same, take_over(
            session, same, commit, volume=cached.volume, requested_by=requested_by, request_id=request_id
        )
    wanted = {
        "type": ModelType.LOCAL,
        "name": fields.get("name") or registry.free_name(session, repo=repo, file=file),
        "category": fields.get("category"),
        "hf_repo": repo,
        "revision": revision,
        "model_file": file,
    }
    model = registry.register(session, wanted, secrets=secrets, limits=limits)
    return model, take_over(
        session, model, commit, volume=cached.volume, requested_by=requested_by, request_id=request_id
    )


def take_over(
    session: Session,
    model: Model,
    commit: str,
    *,
    volume: str | None,
    requested_by: str,
    request_id: str | None = None,
    manifest: ManifestJson | None = None,
) -> Operation:
    """Ask a worker to read what a volume has of a model at a commit, and to let it stand for that.

    For a model that is not downloaded and has no unfinished operation; every byte is read, whatever was
    known of it. `manifest`: which files, where somebody knows that; else those that the model stood for, or
    all of the commit's that are here. Where it is known, a file that proves wrong is fetched anew.
    """
    model = operations.lock_model(session, model.id)
    before = model.manifest if model.manifest and model.manifest["commit"] == commit else None
    model.damaged_files = None
    operation, outcome = operations.request_download(
        session, model.id, requested_by=requested_by, request_id=request_id
    )
    if outcome is not Requested.CREATED:
        raise operations.conflict(operation)
    operation.plan, operation.manifest = {"adopt": commit}, dict(manifest) if manifest else before
    operation.volume = volume
    session.flush()
    return operation


def _place(cached: CachedRepo, asked: str | None) -> tuple[str, str]:
    """(revision, commit) of the cache; the revision is the commit where no branch or tag means it."""
    if asked is not None:
        for revision in cached.revisions:
            if asked == revision["commit"] or asked in revision["refs"]:
                return asked, revision["commit"]
        raise NotCached(f"The cache does not hold {cached.repo} at {asked}.")
    by_ref = {ref: revision["commit"] for revision in cached.revisions for ref in revision["refs"]}
    if by_ref:
        ref = "main" if "main" in by_ref else sorted(by_ref)[0]
        return ref, by_ref[ref]
    newest = cached.revisions[0]["commit"]
    return newest, newest
