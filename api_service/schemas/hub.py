"""Shapes of /api/hub."""

from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate

from api_service.schemas.base import MAX_ID, BaseSchema, ReplySchema, Text
from api_service.schemas.models import DimensionsSchema, QuantizationSchema
from shared.hub_access import AccessStatus
from shared.hub_names import path_problem, repo_id_problem, revision_problem
from shared.memory import CacheType

# Longer than any model's context, and a cache's size stays a number that JSON carries.
MOST_TOKENS = 100_000_000


def _by(problem_of: Callable[[str], str | None]) -> Callable[[str], None]:
    """The check that refuses what a rule finds a problem with."""

    def check(text: str) -> None:
        problem = problem_of(text)
        if problem:
            raise ValidationError(problem)

    return check


def _gated(**options: Any) -> fields.Field:
    choices = [False, "auto", "manual", *([None] if options else [])]
    meaning = "Whether a license must be accepted first, and who decides."
    return fields.Raw(metadata={"enum": choices, "description": meaning}, **options)


def _memory_unknown() -> fields.Field:
    meaning = "What the memory figure leaves out, because it is not known."
    return fields.List(fields.String(), metadata={"description": meaning})


class KeptSchema(ReplySchema):
    """How old the Hub's answer is."""

    stale = fields.Boolean(
        metadata={"description": "The Hub can't be asked now; this is what it said at fetchedAt."}
    )
    fetched_at = fields.DateTime()


class ResolveQuery(BaseSchema):
    """What a person typed or pasted."""

    input = Text(
        required=True, most=2048, metadata={"description": "owner/name, or the link of a page or file."}
    )


class RepoRefSchema(ReplySchema):
    """What was meant; revision and filename are null where they were not said."""

    repo = fields.String()
    revision = fields.String(allow_none=True)
    filename = fields.String(allow_none=True)


class AccessQuery(BaseSchema):
    """Which repository, and whose token."""

    repo = Text(required=True, checks=[_by(repo_id_problem)], metadata={"description": "owner/name."})
    model_id = fields.Integer(
        validate=validate.Range(min=1, max=MAX_ID),
        metadata={"description": "Ask with this model's token, if it has one of its own."},
    )


class RepoQuery(AccessQuery):
    """Which repository at which revision."""

    revision = Text(
        load_default="main",
        checks=[_by(revision_problem)],
        metadata={"description": "A branch, tag or commit."},
    )


class EstimateQuery(RepoQuery):
    """Of what, and for how long a text."""

    filename = Text(
        most=1024,
        checks=[_by(path_problem)],
        metadata={
            "description": "A GGUF file (of a sharded one the first part); none: the whole repository."
        },
    )
    context_length = fields.Integer(
        validate=validate.Range(min=1, max=MOST_TOKENS),
        metadata={"description": "Tokens; none: 8192, or the model's own context if that is shorter."},
    )
    cache_type = fields.Enum(
        CacheType,
        by_value=True,
        load_default=CacheType.F16,
        metadata={"description": "How the KV cache is stored."},
    )


class SearchQuery(BaseSchema):
    """What a person has typed so far."""

    q = Text(required=True, metadata={"description": "A part of owner/name."})
    limit = fields.Integer(
        load_default=10, validate=validate.Range(min=1, max=50), metadata={"description": "At most so many."}
    )


class FoundRepoSchema(ReplySchema):
    """A repository that the Hub has found."""

    repo = fields.String()
    likes = fields.Integer(allow_none=True)
    downloads = fields.Integer(allow_none=True)
    gated = _gated()
    private = fields.Boolean()
    pipeline_tag = fields.String(allow_none=True)
    library_name = fields.String(allow_none=True)
    last_modified = fields.DateTime(allow_none=True)


class AccessSchema(ReplySchema):
    """Whether a repository's files could be fetched now; if not, why, and what solves it."""

    repo = fields.String()
    status = fields.Enum(AccessStatus, by_value=True)
    gated = _gated(allow_none=True)
    detail = fields.String(metadata={"description": "What stands in the way, as a sentence."})
    remedy = fields.String(allow_none=True, metadata={"description": "What to do; null where all is well."})
    link = fields.String(metadata={"description": "The repository's page, where a license is accepted."})
    token_source = fields.String(
        allow_none=True,
        validate=validate.OneOf(["model", "server", None]),
        metadata={"description": "Whose token was sent; null: none."},
    )


class RatingsSchema(ReplySchema):
    """One to five, five being best; null where nothing is known."""

    speed = fields.Integer(allow_none=True)
    memory = fields.Integer(allow_none=True)
    quality = fields.Integer(allow_none=True)


class VariantSchema(ReplySchema):
    """One choice of what to download: a GGUF file with all its parts, or the whole repository."""

    kind = fields.String(validate=validate.OneOf(["gguf", "repository"]))
    filename = fields.String(
        allow_none=True, metadata={"description": "What modelFile says: the (first) file; null for all."}
    )
    files = fields.Integer()
    file_names = fields.List(fields.String())
    size_bytes = fields.Integer()
    quantization = fields.Nested(
        QuantizationSchema, allow_none=True, metadata={"description": "As the file's name says."}
    )
    recommended = fields.Boolean(metadata={"description": "True for one, if there is a choice."})
    fits = fields.Boolean(
        allow_none=True,
        metadata={"description": "Memory and disk; null: not known of one, and the other does."},
    )
    fits_memory = fields.Boolean(
        allow_none=True, metadata={"description": "A worker's machine could load it; null: none has told."}
    )
    fits_disk = fields.Boolean(
        allow_none=True,
        metadata={"description": "The volume has room for it after the queue; null: no worker has looked."},
    )
    memory_bytes = fields.Integer(
        allow_none=True,
        metadata={"description": "To load it, with a cache for estimateContextLength tokens."},
    )
    memory_unknown = _memory_unknown()
    ratings = fields.Nested(RatingsSchema, allow_none=True)
    status = fields.String(validate=validate.OneOf(["available", "downloading", "downloaded"]))
    model_id = fields.Integer(
        allow_none=True, metadata={"description": "The model that is registered for it."}
    )


class ExtraSchema(ReplySchema):
    """A file that belongs to the variants and is none."""

    filename = fields.String()
    size_bytes = fields.Integer()
    kind = fields.String(validate=validate.OneOf(["projector", "imatrix"]))


class PrecisionSizeSchema(ReplySchema):
    """What the weights would take at one precision."""

    disk_bytes = fields.Integer()
    memory_bytes = fields.Integer(
        metadata={
            "description": "To load them, with a cache for estimateContextLength tokens if it is known."
        }
    )
    fits = fields.Boolean(
        allow_none=True, metadata={"description": "A worker's machine could load it; null: none has told."}
    )


class EstimatedSizesSchema(ReplySchema):
    """By precision."""

    q4 = fields.Nested(PrecisionSizeSchema)
    q8 = fields.Nested(PrecisionSizeSchema)
    fp16 = fields.Nested(PrecisionSizeSchema)


class RepoPreviewSchema(KeptSchema):
    """A repository of the Hub at one commit; null where the Hub does not say."""

    repo = fields.String()
    revision = fields.String()
    commit_hash = fields.String()
    name = fields.String()
    description = fields.String(allow_none=True)
    license = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    likes = fields.Integer(allow_none=True)
    downloads = fields.Integer(allow_none=True)
    last_modified = fields.DateTime(allow_none=True)
    base_model = fields.String(allow_none=True)
    gated = _gated()
    private = fields.Boolean()
    library_name = fields.String(allow_none=True)
    pipeline_tag = fields.String(allow_none=True)
    requires_trust_remote_code = fields.Boolean()
    architecture = fields.String(allow_none=True)
    family = fields.String(allow_none=True)
    parameter_count = fields.Integer(allow_none=True)
    context_length = fields.Integer(allow_none=True)
    dimensions = fields.Nested(DimensionsSchema)
    quantization = fields.Nested(
        QuantizationSchema, allow_none=True, metadata={"description": "Of the repository as a whole."}
    )
    dtype = fields.String(
        allow_none=True, metadata={"description": "Of all the tensors; null: mixed or not known."}
    )
    estimated_sizes = fields.Nested(
        EstimatedSizesSchema,
        allow_none=True,
        metadata={"description": "null: the number of parameters is not known."},
    )
    estimate_context_length = fields.Integer(
        allow_none=True,
        metadata={"description": "How many tokens the memory figures count with; null: it keeps no cache."},
    )
    total_bytes = fields.Integer(
        allow_none=True, metadata={"description": "null: the file list is not shown without access."}
    )
    file_count = fields.Integer(allow_none=True)
    variants = fields.List(fields.Nested(VariantSchema), metadata={"description": "By size."})
    extras = fields.List(fields.Nested(ExtraSchema))


class FitSchema(ReplySchema):
    """A device of a worker's machine, and whether it has the room."""

    worker = fields.String()
    device = fields.String(validate=validate.OneOf(["cpu", "gpu"]))
    name = fields.String()
    total_bytes = fields.Integer()
    available_bytes = fields.Integer()
    fits = fields.Boolean()


class EstimateSchema(ReplySchema):
    """What one precision takes in memory."""

    precision = fields.String(
        metadata={
            "description": "Of a file its method (Q4_K_M), of a repository q4, q8, fp16, or as it is stored."
        }
    )
    weights_bytes = fields.Integer()
    kv_cache_bytes = fields.Integer(
        allow_none=True, metadata={"description": "0: the model keeps none; null: not known."}
    )
    overhead_bytes = fields.Integer()
    total_bytes = fields.Integer(metadata={"description": "Without what is not known."})
    unknown = _memory_unknown()
    fits = fields.Boolean(
        allow_none=True, metadata={"description": "A worker's machine has the room; null: none has told."}
    )
    fits_on = fields.List(fields.Nested(FitSchema))


class MemoryEstimateSchema(KeptSchema):
    """What loading takes in memory, and where there is room."""

    repo = fields.String()
    revision = fields.String()
    filename = fields.String(allow_none=True)
    context_length = fields.Integer(
        allow_none=True,
        metadata={"description": "How many tokens the cache is counted for; null: it keeps none."},
    )
    cache_type = fields.Enum(CacheType, by_value=True)
    parameter_count = fields.Integer(allow_none=True)
    estimates = fields.List(
        fields.Nested(EstimateSchema),
        metadata={"description": "None: neither sizes nor the number of parameters are known."},
    )
