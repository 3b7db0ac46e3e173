"""Files that some client has downloaded into the cache become a model: verified, and nothing is fetched."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from shared import operations, registry, storage
from shared.errors import NotCached
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
    several hold the repository.
    Raises NotCached, and what `registry.register` raises.
    """
    repo, file = fields["hf_repo"], fields.get("model_file")
    cached = storage.cached_repo(session, repo, fields.get("volume"))
    if cached is None or not cached.revisions:
        raise NotCached()
    revision, commit = _place(cached, fields.get("revision"))
    wanted = {
        "type": ModelType.LOCAL,
        "name": fields.get("name") or registry.free_name(session, repo=repo, file=file),
        "category": fields.get("category"),
        "hf_repo": repo,
        "revision": revision,
        "model_file": file,
    }
    model = registry.register(session, wanted, secrets=secrets, limits=limits)
    operation, _outcome = operations.request_download(
        session, model.id, requested_by=requested_by, request_id=request_id
    )
    operation.plan, operation.volume = {"adopt": commit}, cached.volume
    session.flush()
    return model, operation


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
