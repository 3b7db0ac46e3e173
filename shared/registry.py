"""The rules about models: what may be registered, changed, seeded and removed."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from psycopg2.errors import UniqueViolation
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import catalog, file_facts, local_paths, model_facts, operations
from shared.catalog import Catalog
from shared.errors import (
    ModelAlreadyDownloaded,
    ModelAlreadyExists,
    ModelNotFound,
    NotInCatalog,
    ValidationError,
)
from shared.formats import MOST_NAMED, refuse_unsafe, unsafe_files
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.tables import DownloadStatus, Model, ModelSource, ModelType, Provider

HOSTED_FIELDS = frozenset({"provider", "base_url", "api_key", "api_version", "deployment"})
HUB_FIELDS = frozenset({"hf_repo", "revision", "model_file", "allow_patterns", "ignore_patterns", "hf_token"})
LOCAL_FIELDS = HUB_FIELDS | {"source", "local_path", "download_now"}
SECRET_FIELDS = frozenset({"api_key", "hf_token"})
# What decides whether a hosted model can be reached.
CONNECTION_COLUMNS = ("provider", "base_url", "api_version", "deployment", "api_key_encrypted")
# What decides which bytes a model stands for.
IDENTITY_FIELDS = frozenset(
    {"source", "hf_repo", "revision", "model_file", "allow_patterns", "ignore_patterns", "local_path"}
)

LONGEST_NAME = 255
OPENAI_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Limits:
    """What the operator allows of files: folders of local paths, safe formats or all, the catalog or all."""

    roots: Sequence[str] = ()
    safe_formats_only: bool = False
    catalog: Catalog | None = None  # null: whatever the Hub has

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those of the settings."""
        only = catalog.load(settings.catalog_dir) if settings.catalog_only else None
        return cls(settings.local_path_roots, settings.safetensors_only, only)


def register(session: Session, fields: Mapping[str, Any], *, secrets: SecretBox, limits: Limits) -> Model:
    """Insert a model. `fields` is the request in snake case, each value already checked for its form.

    Raises ValidationError, InvalidLocalPath, UnsafeFormat, NotInCatalog, ModelAlreadyExists.
    """
    values = _with_defaults(dict(fields))
    _check(values)
    _check_catalog(values, limits)
    _check_format(values, limits)
    model = Model(
        **{name: value for name, value in values.items() if name not in SECRET_FIELDS | {"download_now"}}
    )
    if model.type is ModelType.LOCAL:
        model.download_status, model.downloaded = DownloadStatus.NOT_DOWNLOADED, False
    if model.source is ModelSource.PATH:
        _adopt_path(model, limits)
    with _written(session, model):
        session.add(model)
    _store_secrets(model, values, secrets)
    session.flush()
    return model


def change(
    session: Session, model_id: int, fields: Mapping[str, Any], *, secrets: SecretBox, limits: Limits
) -> Model:
    """Change the given fields; an absent secret stays, a string replaces it, None removes it.

    Raises ModelNotFound, ValidationError, ModelAlreadyDownloaded, OperationConflict, NotInCatalog,
    ModelAlreadyExists.
    """
    model = operations.lock_model(session, model_id)
    if _refuse_new_identity(session, model, fields):
        # What was known, to be repaired or returned to was of the files that the model stood for before.
        model.facts, model.damaged_files, model.former, model.volume = None, None, None, None
    merged = {
        name: getattr(model, name, None) for name in HOSTED_FIELDS | LOCAL_FIELDS if _is_set(model, name)
    }
    _check(merged | dict(fields) | {"type": model.type})
    if any(fields[name] != getattr(model, name) for name in IDENTITY_FIELDS & fields.keys()):
        _check_catalog(merged | dict(fields), limits)
    _check_format(fields, limits)
    before = connection_of(model)
    with _written(session, model):
        for name, value in fields.items():
            if name not in SECRET_FIELDS | {"download_now"}:
                setattr(model, name, value)
        if "local_path" in fields:
            _adopt_path(model, limits)
        _store_secrets(model, fields, secrets)
        if connection_of(model) != before:
            model.connection, model.connection_tested_at = None, None
    session.refresh(model)
    return model


def connection_of(model: Model) -> tuple[Any, ...]:
    """What a hosted model is reached with, the key encrypted: a test's outcome holds for this only."""
    return tuple(getattr(model, name) for name in CONNECTION_COLUMNS)


def keep_outcome(
    session: Session, model_id: int, *, connection: tuple[Any, ...], outcome: Mapping[str, Any]
) -> bool:
    """Keep how a test of this connection ended; False when the model is reached otherwise by now, or gone.

    A test is no edit: `updated_at` stays.
    """
    unchanged = (
        getattr(Model, name).is_not_distinct_from(value)
        for name, value in zip(CONNECTION_COLUMNS, connection, strict=True)
    )
    kept = (
        update(Model)
        .where(Model.id == model_id, *unchanged)
        .values(connection=outcome, connection_tested_at=func.now(), updated_at=Model.updated_at)
        .returning(Model.id)
    )
    return session.scalar(kept) is not None


def get(session: Session, model_id: int) -> Model:
    """The model. Raises ModelNotFound."""
    model = session.get(Model, model_id)
    if model is None:
        raise ModelNotFound()
    return model


def several(session: Session, model_ids: Sequence[int]) -> Sequence[Model]:
    """Those of these models that there are, in any order."""
    return session.scalars(select(Model).where(Model.id.in_(model_ids))).all()


def check_download(model: Model, limits: Limits) -> None:
    """Raise NotInCatalog where bytes of this model may not be fetched: it may be older than the switch."""
    names = ("source", "hf_repo", "revision", "model_file")
    _check_catalog({name: getattr(model, name) for name in names}, limits)


def former_commits(session: Session, model_ids: Sequence[int]) -> dict[int, str]:
    """What each model stood for before its last update, where it can return to that; in one query."""
    commit = Model.former["commit"].astext
    kept = Model.id.in_(model_ids), Model.former.is_not(None)
    return {row[0]: row[1] for row in session.execute(select(Model.id, commit).where(*kept))}


def remove(session: Session, model: Model) -> None:
    """Delete the locked row and leave the files. Raises OperationConflict while an operation is active."""
    active = operations.unfinished(session, model.id)
    if active is not None:
        raise operations.conflict(active)
    session.delete(model)
    session.flush()


def find_same(session: Session, *, repo: str, revision: str, file: str | None) -> Model | None:
    """The registered model of a repository's file (or of the whole repository) at a revision."""
    same_file = Model.model_file == file if file else Model.model_file.is_(None)
    return session.scalar(
        select(Model).where(
            Model.source == ModelSource.HUGGINGFACE,
            Model.hf_repo == repo,
            Model.revision == revision,
            same_file,
        )
    )


def free_name(session: Session, *, repo: str, file: str | None, preferred: str | None = None) -> str:
    """A name for a model that nobody has named: `Qwen3-0.6B-Q4_0.gguf` -> `Qwen3 0.6B Q4_0`.

    Where that (and the preferred one) is taken the repository stands before it, and then a number behind it.
    """
    own = repo.rsplit("/", 1)[-1]
    known = PurePosixPath(file).stem if file else own
    short = preferred or known.replace("-", " ").strip() or own.replace("-", " ")
    numbered = (f"{repo} {short}"[: LONGEST_NAME - 6] + f" ({number})" for number in itertools.count(2))
    names = itertools.chain((short[:LONGEST_NAME], f"{repo} {short}"[:LONGEST_NAME]), numbered)
    return next(name for name in names if session.scalar(select(Model.id).where(Model.name == name)) is None)


def check_fields_fit(model_type: ModelType, fields: Mapping[str, Any]) -> None:
    """Raise ValidationError when a field of hosted models is set on a local one, or the reverse."""
    alien = LOCAL_FIELDS if model_type is ModelType.HOSTED_LLM else HOSTED_FIELDS
    word = "local" if model_type is ModelType.HOSTED_LLM else "hosted"
    wrong = sorted(alien & fields.keys())
    if wrong:
        raise ValidationError({name: [f"Is a field of {word} models."] for name in wrong})


def _with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    if values["type"] is ModelType.HOSTED_LLM:
        if values.get("provider") is Provider.OPENAI and not values.get("base_url"):
            values["base_url"] = OPENAI_BASE_URL
        return values
    values["source"] = values.get("source") or ModelSource.HUGGINGFACE
    if values["source"] is ModelSource.HUGGINGFACE and not values.get("revision"):
        values["revision"] = "main"
    return values


def _check(values: Mapping[str, Any]) -> None:
    check_fields_fit(values["type"], values)
    errors: dict[str, list[str]] = {}
    for name in _required(values):
        if not values.get(name):
            errors[name] = ["Is required here."]
    if values.get("source") is ModelSource.PATH:
        for name in sorted(HUB_FIELDS & {key for key, value in values.items() if value is not None}):
            errors[name] = ["Is a field of models from Hugging Face (source=huggingface)."]
    elif values.get("local_path") and values["type"] is ModelType.LOCAL:
        errors["local_path"] = ["Is set by the download; only source=path takes it."]
    if errors:
        raise ValidationError(errors)


def _required(values: Mapping[str, Any]) -> tuple[str, ...]:
    if values["type"] is ModelType.HOSTED_LLM:
        return ("provider", "base_url")
    return ("local_path",) if values.get("source") is ModelSource.PATH else ("hf_repo", "revision")


def _is_set(model: Model, name: str) -> bool:
    # A download writes local_path itself; only for source=path is it a person's word.
    if name == "local_path":
        return model.source is ModelSource.PATH
    return getattr(model, name, None) is not None


def _refuse_new_identity(session: Session, model: Model, fields: Mapping[str, Any]) -> bool:
    """Whether the model is to stand for other files, which is refused while it has some."""
    moved = sorted(name for name in IDENTITY_FIELDS & fields.keys() if fields[name] != getattr(model, name))
    if not moved or model.type is not ModelType.LOCAL:
        return False
    active = operations.unfinished(session, model.id)
    if active is not None:
        raise operations.conflict(active)
    if model.downloaded:
        raise ModelAlreadyDownloaded(fields=moved)
    return True


def _check_catalog(values: Mapping[str, Any], limits: Limits) -> None:
    if limits.catalog is None or values.get("source") is not ModelSource.HUGGINGFACE:
        return
    repo, revision, file = values["hf_repo"], values["revision"], values.get("model_file") or None
    entries = [entry for entry in limits.catalog.entries if (entry.repo, entry.filename) == (repo, file)]
    if not entries:
        raise NotInCatalog(f"The catalog has no {repo}, {file or 'the whole repository'}.")
    # Anybody may propose another revision (refs/pr/1) of somebody's repository.
    if all(entry.revision != revision for entry in entries):
        raise NotInCatalog(f"The catalog has {repo} at {entries[0].revision} only, not at {revision}.")


def _check_format(values: Mapping[str, Any], limits: Limits) -> None:
    if limits.safe_formats_only and values.get("model_file"):
        refuse_unsafe([values["model_file"]])


def _adopt_path(model: Model, limits: Limits) -> None:
    real = local_paths.resolve(str(model.local_path), limits.roots)
    files = local_paths.files(real)
    if limits.safe_formats_only:
        refuse_unsafe(files)
    model.local_path, model.file_size_bytes = str(real), sum(files.values())
    model.facts = model_facts.as_json(file_facts.facts_of(real if real.is_dir() else real.parent, files))
    # A name on a disk need not be text.
    model.unsafe_files = [
        os.fsencode(name).decode(errors="replace") for name in unsafe_files(files)[:MOST_NAMED]
    ]
    model.download_status, model.downloaded = DownloadStatus.DOWNLOADED, True
    model.downloaded_at = func.now()


def _store_secrets(model: Model, values: Mapping[str, Any], secrets: SecretBox) -> None:
    if "api_key" in values:
        secrets.put(model, "api_key", values["api_key"])
    if "hf_token" in values:
        secrets.put(model, "hf_token", values["hf_token"])


@contextmanager
def _written(session: Session, model: Model) -> Iterator[None]:
    """Write what the block sets; a broken unique index becomes the refusal that names the other model."""
    twins: dict[str, _Twin] = {}
    try:
        # The changes are made inside the savepoint: a session writes out what is pending before it sets one.
        with session.begin_nested():
            yield
            twins = _twins(model)
            session.flush()
    except IntegrityError as error:
        broken = error.orig.diag.constraint_name if isinstance(error.orig, UniqueViolation) else None
        if broken not in twins:
            raise
        twin = twins[broken]
        existing = session.scalar(select(Model.id).where(twin.same))
        raise ModelAlreadyExists(twin.detail, existing_id=existing, field=twin.field) from None


@dataclass(frozen=True)
class _Twin:
    field: str
    same: ColumnElement[bool]
    detail: str


def _twins(model: Model) -> dict[str, _Twin]:
    """By unique index: the field to blame, how to find the other model, and what to say."""
    same_file = (
        (Model.hf_repo == model.hf_repo)
        & (Model.revision == model.revision)
        & (func.coalesce(Model.model_file, "") == (model.model_file or ""))
    )
    file = f"{model.hf_repo}, {model.model_file or 'the whole repository'} at {model.revision}"
    return {
        "uq_models_name": _Twin(
            "name", Model.name == model.name, f"A model named “{model.name}” is registered already."
        ),
        "uq_models_repository_file": _Twin("hf_repo", same_file, f"{file} is registered already."),
        "uq_models_local_path": _Twin(
            "local_path", Model.local_path == model.local_path, "This path is registered already."
        ),
    }
