"""What an archive holds, as its manifest says it: models with their files, and nothing that is secret.

A manifest is looked at as a stranger's even when its signature is right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared import model_facts
from shared.errors import ArchiveInvalid, HubUnavailable
from shared.hub import RemoteFile
from shared.hub_names import path_problem, repo_id_problem, revision_problem
from shared.manifests import Manifest
from shared.model_facts import Facts
from shared.tables import Category, Model
from shared.untrusted import LARGEST, text, texts
from shared.version import VERSION

# Bytes. A repository of 10,000 files takes some 2 MB.
LARGEST_MANIFEST = 64 << 20
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
_Patterns = Annotated[list[Annotated[str, Field(min_length=1, max_length=255)]], Field(max_length=128)] | None


class PackedFile(BaseModel):
    """One file at its commit, as a manifest of the register says it."""

    model_config = _STRICT

    path: str
    size: int
    oid: str
    is_lfs: bool


class PackedModel(BaseModel):
    """A model's fields of the register, and its files."""

    model_config = _STRICT

    name: str
    category: Category | None
    repo: str
    revision: str
    model_file: Annotated[str, Field(max_length=1024)] | None
    allow_patterns: _Patterns
    ignore_patterns: _Patterns
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: list[PackedFile] = Field(min_length=1)
    # What only the Hub had said; all else is read from the files.
    license: str | None
    tags: list[str]
    base_model: str | None

    @field_validator("name")
    @classmethod
    def _is_a_line(cls, value: str) -> str:
        return _allowed(value, None if text(value) == value else "is no name of a model")

    @field_validator("repo")
    @classmethod
    def _is_a_repository(cls, value: str) -> str:
        return _allowed(value, repo_id_problem(value))

    @field_validator("revision")
    @classmethod
    def _is_a_revision(cls, value: str) -> str:
        return _allowed(value, revision_problem(value))

    @field_validator("model_file")
    @classmethod
    def _is_inside(cls, value: str | None) -> str | None:
        return value and _allowed(value, path_problem(value))

    @cached_property
    def manifest(self) -> Manifest:
        """Its files. Raises ArchiveInvalid for names and checksums that are none."""
        try:
            files = tuple(RemoteFile(**vars(file)) for file in self.files)
        except HubUnavailable as error:
            raise ArchiveInvalid(f"Its manifest can't be used: {error.detail}") from None
        if len({file.path for file in files}) != len(files):
            raise ArchiveInvalid("Its manifest names a file twice.")
        return Manifest(self.repo, self.revision, self.commit, files)

    @property
    def facts(self) -> Facts:
        """What the Hub had said, in a form that a row may have."""
        license, base = text(self.license), text(self.base_model)
        return Facts(license=license, tags=texts(self.tags), base_model=base)

    @property
    def register_fields(self) -> dict[str, Any]:
        """What a person would have typed to register it."""
        names = ("category", "model_file", "allow_patterns", "ignore_patterns", "revision")
        return {name: getattr(self, name) for name in names} | {"hf_repo": self.repo}

    @classmethod
    def of(cls, model: Model) -> Self:
        """A downloaded model of the register, its manifest loaded."""
        facts, manifest = model_facts.from_json(model.facts), model.manifest or {}
        return cls(
            name=model.name,
            category=model.category,
            repo=str(model.hf_repo),
            revision=str(model.revision),
            model_file=model.model_file,
            allow_patterns=model.allow_patterns,
            ignore_patterns=model.ignore_patterns,
            commit=manifest["commit"],
            files=[PackedFile(**file) for file in manifest["files"]],
            license=facts.license,
            tags=list(facts.tags),
            base_model=facts.base_model,
        )


class Contents(BaseModel):
    """The manifest of an archive. Its bytes are what is signed."""

    model_config = _STRICT

    format: Literal["weighbridge-air-gap"] = "weighbridge-air-gap"
    version: Literal[1] = 1
    made_at: str = ""
    made_by: str = ""
    models: list[PackedModel] = Field(min_length=1)

    @classmethod
    def of(cls, models: Iterable[Model]) -> Self:
        """The manifest for these models."""
        packed = [PackedModel.of(model) for model in models]
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(made_at=made_at, made_by=f"weighbridge {VERSION}", models=packed)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """What a manifest says. Raises ArchiveInvalid."""
        try:
            contents = cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise ArchiveInvalid(f"Its manifest can't be used: {place}: {first['msg']}.") from None
        contents.needs()
        return contents

    def as_bytes(self) -> bytes:
        """What is signed and written."""
        return self.model_dump_json(indent=1).encode()

    def needs(self) -> Mapping[str, "Need"]:
        """Each content once, by its checksum, in the archive's order. Raises ArchiveInvalid."""
        found: dict[str, Need] = {}
        for model in self.models:
            for file in model.manifest.files:
                need = found.setdefault(file.oid, Need(file, {}))
                if need.file.size != file.size:
                    raise ArchiveInvalid("Its manifest gives two sizes for one file.")
                need.models.setdefault(model.repo, model)
        if sum(need.file.size for need in found.values()) > LARGEST:
            raise ArchiveInvalid("Its manifest gives no usable sizes.")
        return found


@dataclass(frozen=True)
class Need:
    """One content, and a model of each repository that needs it."""

    file: RemoteFile
    models: dict[str, PackedModel]


def _allowed(value: str, problem: str | None) -> str:
    if problem:
        raise ValueError(problem)
    return value
