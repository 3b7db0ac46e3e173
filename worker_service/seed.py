"""`python -m worker_service.seed`: register the default models once, and see whether their files are here.

A default model counts as Downloaded only when its file is really in the cache and its sha256 is right.
Deleting one is for good: what was seeded is remembered by its spec.
"""

import hashlib
import sys
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import log as logging
from shared import operations, registry, schema
from shared.errors import WeighbridgeError
from shared.hub_names import repo_id_problem, revision_problem
from shared.settings import SettingsError
from shared.tables import (
    Category,
    DownloadStatus,
    Model,
    ModelType,
    SeededModel,
)
from worker_service import cache
from worker_service.context import Context, context, settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Spec:
    """One entry of WEIGHBRIDGE_DEFAULT_MODELS: owner/name[@revision][:file]."""

    repo: str
    revision: str = "main"
    file: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Take an entry apart. Raises SettingsError."""
        place, _, file = text.partition(":")
        repo, _, revision = place.partition("@")
        spec = cls(repo, revision or "main", file or None)
        problem = repo_id_problem(spec.repo) or revision_problem(spec.revision) or _file_problem(spec.file)
        if problem:
            raise SettingsError(f"WEIGHBRIDGE_DEFAULT_MODELS: `{text}`: {problem}")
        return spec


def _file_problem(file: str | None) -> str | None:
    if file is None or (not file.startswith("/") and "\\" not in file and ".." not in file.split("/")):
        return None
    return "The file must be a path inside the repository."


def seed(context: Context) -> None:
    """Register what was never seeded; adopt files that are here. Safe to run again and beside itself."""
    for text in context.settings.default_models:
        spec = Spec.parse(text)
        with context.database.session() as session:
            _register(session, context, text, spec)
        with context.database.session() as session:
            _adopt(session, context, spec)


def _register(session: Session, context: Context, text: str, spec: Spec) -> None:
    # Two that start at once wait for each other here.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("weighbridge seed"))))
    if session.get(SeededModel, text) is not None:
        return
    session.add(SeededModel(spec=text))
    known = _find(session, spec)
    if known is None:
        # What its formats may be is asked when it is downloaded.
        fields = _fields(session, spec)
        known = registry.register(session, fields, secrets=context.secrets, limits=registry.Limits())
        log.info("default model registered", model=known.id, name=known.name)
    known.is_default = True


def _fields(session: Session, spec: Spec) -> dict[str, Any]:
    return {
        "type": ModelType.LOCAL,
        "name": registry.free_name(session, repo=spec.repo, file=spec.file),
        "category": Category.LLM if spec.file and spec.file.endswith(".gguf") else None,
        "hf_repo": spec.repo,
        "revision": spec.revision,
        "model_file": spec.file,
    }


def _find(session: Session, spec: Spec) -> Model | None:
    return registry.find_same(session, repo=spec.repo, revision=spec.revision, file=spec.file)


def _adopt(session: Session, context: Context, spec: Spec) -> None:
    """A file that another Hub client downloaded is as good as one that we did, if its bytes are right."""
    model = _find(session, spec)
    if model is None or spec.file is None:
        return
    # The checksum of a large file takes its time, and the lock stays held meanwhile.
    session.execute(select(func.set_config("idle_in_transaction_session_timeout", "0", True)))
    operations.lock_model(session, model.id)
    # What a verify has found damaged, a download mends: this look is at one file only.
    if model.downloaded or model.damaged_files or operations.unfinished(session, model.id):
        return
    found = cache.find_file(context.settings.cache_dir, spec.repo, spec.revision, spec.file)
    if found is None:
        return
    commit, path = found
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    oid, size = path.resolve().name, path.stat().st_size
    if len(oid) == 64 and oid != sha256:
        log.warning("default model's file is damaged", model=model.id, path=str(path))
        return
    model.download_status, model.downloaded, model.downloaded_at = DownloadStatus.DOWNLOADED, True, func.now()
    model.commit_hash, model.local_path, model.error = commit, str(path), None
    model.volume = context.volume
    model.verified_at = func.now() if len(oid) == 64 else None
    model.file_size_bytes, model.checksum = size, f"sha256:{sha256}"
    file_facts = {"path": spec.file, "size": size, "oid": oid, "is_lfs": len(oid) == 64}
    model.manifest = {"commit": commit, "files": [file_facts]}
    log.info("default model is here", model=model.id, bytes=size)


def main() -> None:
    """The command."""
    try:
        here = context()
        logging.set_up(settings(), "seed")
        with here.database.session() as session:
            schema.check(session)
        seed(here)
    except (SettingsError, WeighbridgeError) as error:
        sys.exit(f"The default models can't be registered:\n{error}")


if __name__ == "__main__":
    main()
