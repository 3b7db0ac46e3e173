"""Shapes of /api/models."""

from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from api_service.parts import parts
from api_service.schemas.base import BaseSchema, Flag, PageQuery, ReplySchema, Secret, Text
from api_service.schemas.errors import FailureSchema
from api_service.schemas.operations import OperationSchema
from shared.hub_names import parse_repo, path_problem, revision_problem
from shared.integrity import Problem
from shared.tables import Category, DownloadStatus, ModelSource, ModelType, Provider


def inside_repository(path: str) -> None:
    """Refuse what can name no file of a repository, such as `..`, an absolute path or a backslash."""
    if problem := path_problem(path):
        raise ValidationError(
            f"Must be a path inside the repository, like `folder/file.gguf`; this {problem}."
        )


_NO_ADDRESS = "Must be an address that begins with http:// or https://."


def _web_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (raises on a port that is no number)
    except ValueError:
        raise ValidationError("Is not a valid address.") from None
    if not parts.hostname or " " in text:
        raise ValidationError(_NO_ADDRESS)
    if parts.username or parts.password:
        raise ValidationError("Must not contain a user name or password; use apiKey.")


def _revision(text: str) -> None:
    problem = revision_problem(text)
    if problem:
        raise ValidationError(problem)


class HostedFields(BaseSchema):
    """What a hosted model is reached with."""

    provider = fields.Enum(Provider, by_value=True)
    base_url = Text(
        most=2048, checks=[validate.Regexp(r"^https?://", error=_NO_ADDRESS), _web_address], allow_none=True
    )
    api_key = Secret(allow_none=True, metadata={"description": "Stored encrypted, never returned."})
    api_version = Text(
        most=64, allow_none=True, checks=[validate.Regexp(r"^[A-Za-z0-9.-]+$", error="Is like `2024-10-21`.")]
    )
    deployment = Text(
        allow_none=True,
        checks=[validate.Regexp(r"^[A-Za-z0-9._-]+$", error="Letters, digits, `.`, `_`, `-`.")],
    )


class HubFields(BaseSchema):
    """Which files of the Hub are meant."""

    hf_repo = Text(
        most=2048,
        metadata={"description": "owner/name, or a full Hub URL or file link, which is taken apart."},
    )
    revision = Text(checks=[_revision], allow_none=True, metadata={"description": "null: main."})
    model_file = Text(
        most=1024,
        allow_none=True,
        checks=[inside_repository],
        metadata={"description": "null: the whole repository. A first shard brings all its parts."},
    )

    @post_load
    def _take_apart(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data.get("revision", "") is None:
            data["revision"] = "main"
        if not data.get("hf_repo"):
            return data
        try:
            found = parse_repo(data["hf_repo"], endpoint=parts().settings.hf_endpoint)
        except ValueError as error:
            raise ValidationError(str(error), self._outside("hf_repo")) from None
        for name, value in (("revision", found.revision), ("model_file", found.filename)):
            if value is not None and data.setdefault(name, value) != value:
                raise ValidationError(f"The repository's link says `{value}`.", self._outside(name))
            if value is not None:
                self._check_of_link(name, value)
        return data | {"hf_repo": found.repo}

    def _check_of_link(self, name: str, value: str) -> None:
        """What a link says must be what the field itself takes."""
        try:
            for check in self.fields[name].validators:
                check(value)
        except ValidationError as error:
            raise ValidationError(error.messages, self._outside("hf_repo")) from None

    def _outside(self, name: str) -> str:
        return str(self.fields[name].data_key)


class LocalFields(HubFields):
    """Which files a local model is made of."""

    source = fields.Enum(ModelSource, by_value=True)
    allow_patterns = fields.List(
        Text(checks=[inside_repository]), allow_none=True, validate=validate.Length(max=64)
    )
    ignore_patterns = fields.List(
        Text(checks=[inside_repository]), allow_none=True, validate=validate.Length(max=64)
    )
    hf_token = Secret(allow_none=True, metadata={"description": "Stored encrypted, never returned."})
    local_path = Text(most=4096, metadata={"description": "Absolute; only for source=path."})
    download_now = Flag(load_only=True)


class _CommonFields(BaseSchema):
    name = Text(metadata={"description": "Unique."})
    category = fields.Enum(Category, by_value=True, allow_none=True)
    is_active = Flag()
    is_pinned = Flag(
        metadata={"description": "Its files are kept whatever the quota says; clean-up plans leave it out."}
    )


class ModelPatchSchema(HostedFields, LocalFields, _CommonFields):
    """The fields that change; an absent secret stays, a string replaces it, null removes it."""


class ModelCreateSchema(HostedFields, LocalFields, _CommonFields):
    """A model to register: the hosted fields or the local ones, by its type."""

    name = Text(required=True, metadata={"description": "Unique."})
    type = fields.Enum(ModelType, by_value=True, required=True)


class TestConnectionSchema(HostedFields):
    """The hosted fields of a model to be, or modelId and the fields that differ from the stored ones."""

    model_id = fields.Integer(strict=True, validate=validate.Range(min=1))

    @validates_schema
    def _is_whole(self, data: dict[str, Any], **_: Any) -> None:
        if "model_id" not in data and "provider" not in data:
            raise ValidationError("Is required without modelId.", "provider")


class TestConnectionResultSchema(ReplySchema):
    """What the provider answered."""

    ok = fields.Boolean()
    latency_ms = fields.Integer(metadata={"description": "Milliseconds until the answer."})
    models = fields.List(
        fields.String(), metadata={"description": "Models or deployments that the key may use."}
    )
    error = fields.Nested(FailureSchema, allow_none=True)


class ConnectionSchema(ReplySchema):
    """How the last test of a hosted model's connection ended."""

    ok = fields.Boolean()
    tested_at = fields.DateTime()
    latency_ms = fields.Integer(metadata={"description": "Milliseconds until the answer."})
    error = fields.Nested(FailureSchema, allow_none=True)


class QuantizationSchema(ReplySchema):
    """How the weights were made smaller."""

    method = fields.String()
    bits = fields.Integer()


class DimensionsSchema(ReplySchema):
    """The model's own measures; null where they are not known."""

    context_length = fields.Integer(allow_none=True, metadata={"description": "Tokens."})
    hidden_size = fields.Integer(allow_none=True)
    layers = fields.Integer(allow_none=True)
    heads = fields.Integer(allow_none=True)
    kv_heads = fields.Integer(allow_none=True)
    head_dim = fields.Integer(allow_none=True)
    vocab_size = fields.Integer(allow_none=True)


class ModelFactsSchema(DimensionsSchema):
    """What is known about a local model; null where it is not known."""

    architecture = fields.String(allow_none=True)
    family = fields.String(allow_none=True)
    parameter_count = fields.Integer(allow_none=True)
    quantization = fields.Nested(QuantizationSchema, allow_none=True)
    dtype = fields.String(
        allow_none=True, metadata={"description": "Of the tensors; null where they have several."}
    )
    is_generative = fields.Boolean(
        allow_none=True, metadata={"description": "Writes text token by token, so it keeps a KV cache."}
    )
    license = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    base_model = fields.String(allow_none=True)
    requires_trust_remote_code = fields.Boolean(allow_none=True)
    weights_bytes = fields.Integer(
        allow_none=True, metadata={"description": "Of the tensors as they are stored."}
    )


class RuntimeSchema(ReplySchema):
    """Whether the model is loaded into memory."""

    status = fields.String()
    precision = fields.String(allow_none=True)
    loaded_at = fields.DateTime(allow_none=True)
    memory_bytes = fields.Integer(allow_none=True)


class DamagedFileSchema(ReplySchema):
    """A file of a model that is not as it should be."""

    path = fields.String()
    problem = fields.String(validate=validate.OneOf(list(Problem)))


class ModelSchema(ReplySchema):
    """A registered model; never a secret."""

    id = fields.Integer()
    name = fields.String()
    type = fields.Enum(ModelType, by_value=True)
    category = fields.Enum(Category, by_value=True, allow_none=True)
    is_active = fields.Boolean()
    is_pinned = fields.Boolean()
    is_default = fields.Boolean(
        metadata={"description": "Named as a default by the settings; to delete it wants a confirmation."}
    )
    created_at = fields.DateTime()
    updated_at = fields.DateTime()
    last_used_at = fields.DateTime(allow_none=True)
    provider = fields.Enum(Provider, by_value=True, allow_none=True)
    base_url = fields.String(allow_none=True)
    api_version = fields.String(allow_none=True)
    deployment = fields.String(allow_none=True)
    has_api_key = fields.Boolean()
    connection = fields.Nested(
        ConnectionSchema,
        allow_none=True,
        metadata={"description": "null: local, or not tested since address or key have changed."},
    )
    source = fields.Enum(ModelSource, by_value=True, allow_none=True)
    hf_repo = fields.String(allow_none=True)
    revision = fields.String(allow_none=True)
    commit_hash = fields.String(allow_none=True)
    model_file = fields.String(allow_none=True)
    allow_patterns = fields.List(fields.String(), allow_none=True)
    ignore_patterns = fields.List(fields.String(), allow_none=True)
    has_hf_token = fields.Boolean()
    catalog_id = fields.String(
        allow_none=True, metadata={"description": "The entry of the curated catalog that it matches."}
    )
    download_status = fields.Enum(DownloadStatus, by_value=True, allow_none=True)
    downloaded = fields.Boolean(allow_none=True)
    downloaded_at = fields.DateTime(allow_none=True)
    local_path = fields.String(allow_none=True)
    file_size_bytes = fields.Integer(allow_none=True)
    volume = fields.String(
        allow_none=True, metadata={"description": "The volume that has its files, as in GET /api/storage."}
    )
    checksum = fields.String(allow_none=True)
    unsafe_files = fields.List(
        fields.String(),
        allow_none=True,
        metadata={"description": "Files that may run code when they are loaded; null: not known yet."},
    )
    verified_at = fields.DateTime(
        allow_none=True,
        metadata={"description": "When every byte was last found right, by a download or a verify."},
    )
    damaged_files = fields.List(
        fields.Nested(DamagedFileSchema),
        allow_none=True,
        metadata={"description": "What a download would repair; the first 100 of them."},
    )
    former_commit = fields.String(
        allow_none=True,
        metadata={"description": "What the last update replaced and POST …/update can return to."},
    )
    error = fields.Nested(FailureSchema, allow_none=True)
    active_operation = fields.Nested(OperationSchema, allow_none=True)
    metadata = fields.Nested(ModelFactsSchema, allow_none=True)
    runtime = fields.Nested(RuntimeSchema, allow_none=True)


MODEL_SORTS = (
    "name",
    "createdAt",
    "updatedAt",
    "lastUsedAt",
    "downloadedAt",
    "fileSizeBytes",
    "type",
    "category",
    "downloadStatus",
    "provider",
    "hfRepo",
)


def _both_ways(names: tuple[str, ...]) -> list[str]:
    return [sign + name for name in names for sign in ("", "-")]


_COUNT = validate.Range(min=1, max=2**63 - 1)


class ModelQuery(PageQuery):
    """Filters of the list of models. One of `metadata` leaves out what is not known of."""

    type = fields.Enum(ModelType, by_value=True)
    category = fields.Enum(Category, by_value=True)
    status = fields.Enum(DownloadStatus, by_value=True)
    installed = fields.Boolean()
    is_active = fields.Boolean()
    hf_repo = Text()
    volume = Text(most=4096, metadata={"description": "The volume that has its files."})
    name = Text()
    q = Text(metadata={"description": "Part of the name, repository or file."})
    architecture = Text(metadata={"description": "In any case."})
    family = Text(metadata={"description": "In any case."})
    quantization = Text(metadata={"description": "Its method, such as Q4_K_M, in any case."})
    license = Text(metadata={"description": "In any case."})
    hidden_size = fields.Integer(validate=_COUNT)
    min_context_length = fields.Integer(validate=_COUNT, metadata={"description": "Tokens."})
    min_parameter_count = fields.Integer(validate=_COUNT)
    max_parameter_count = fields.Integer(validate=_COUNT)
    sort = fields.String(load_default="name", validate=validate.OneOf(_both_ways(MODEL_SORTS)))


class DeleteQuery(BaseSchema):
    """How much is deleted."""

    delete_local_file = fields.Boolean(load_default=False)
    confirm = fields.Boolean(load_default=False, metadata={"description": "The warnings were read."})


class CancelSchema(BaseSchema):
    """How a download is canceled."""

    purge = Flag(
        load_default=False,
        metadata={"description": "Drop the partial bytes too."},
    )


class BlockSchema(ReplySchema):
    """A use that forbids to delete a model."""

    consumer = fields.String()
    name = fields.String()
    detail = fields.String(allow_none=True)


class UsageSchema(ReplySchema):
    """Can it be deleted, what would that free, who uses it."""

    model_id = fields.Integer()
    is_installed = fields.Boolean()
    size_on_disk_bytes = fields.Integer(
        metadata={"description": "With half files and the former commit; what a blob takes counts once."}
    )
    estimated_freed_bytes = fields.Integer(
        metadata={"description": "Of these what no other model of the repository needs."}
    )
    former_bytes = fields.Integer(
        metadata={"description": "Of these what only the commit needs that an update has replaced."}
    )
    files_stay = fields.Boolean(
        metadata={"description": "true: the files are not ours (source=path), only the entry goes."}
    )
    blocked_by = fields.List(fields.Nested(BlockSchema))
    warnings = fields.List(
        fields.String(), metadata={"description": "Sentences with counts; no names of people."}
    )
    is_default = fields.Boolean()
    loaded_in = fields.List(fields.String(), metadata={"description": "Empty: nothing is loaded here yet."})
    active_operation = fields.Nested(OperationSchema, allow_none=True)
    can_delete = fields.Boolean()
    requires_confirmation = fields.Boolean()
