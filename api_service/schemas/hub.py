"""Shapes of /api/hub."""

from collections.abc import Callable

from marshmallow import ValidationError, fields, validate

from api_service.schemas.base import MAX_ID, BaseSchema, ReplySchema, Text
from api_service.schemas.models import QuantizationSchema
from shared.hub_names import repo_id_problem, revision_problem


def _by(problem_of: Callable[[str], str | None]) -> Callable[[str], None]:
    """The check that refuses what a rule finds a problem with."""

    def check(text: str) -> None:
        problem = problem_of(text)
        if problem:
            raise ValidationError(problem)

    return check


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


class RepoQuery(BaseSchema):
    """Which repository, and whose token."""

    repo = Text(required=True, checks=[_by(repo_id_problem)], metadata={"description": "owner/name."})
    revision = Text(
        load_default="main",
        checks=[_by(revision_problem)],
        metadata={"description": "A branch, tag or commit."},
    )
    model_id = fields.Integer(
        validate=validate.Range(min=1, max=MAX_ID),
        metadata={"description": "Ask with this model's token, if it has one of its own."},
    )


class RatingsSchema(ReplySchema):
    """One to five."""

    speed = fields.Integer()
    memory = fields.Integer()
    quality = fields.Integer()


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
    fits = fields.Boolean(allow_none=True, metadata={"description": "null: not known."})
    memory_bytes = fields.Integer(allow_none=True)
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


class RepoPreviewSchema(ReplySchema):
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
    gated = fields.Raw(
        metadata={
            "enum": [False, "auto", "manual"],
            "description": "Whether a license must be accepted first, and who decides.",
        }
    )
    private = fields.Boolean()
    library_name = fields.String(allow_none=True)
    pipeline_tag = fields.String(allow_none=True)
    requires_trust_remote_code = fields.Boolean()
    architecture = fields.String(allow_none=True)
    family = fields.String(allow_none=True)
    parameter_count = fields.Integer(allow_none=True)
    context_length = fields.Integer(allow_none=True)
    total_bytes = fields.Integer(
        allow_none=True, metadata={"description": "null: the file list is not shown without access."}
    )
    file_count = fields.Integer(allow_none=True)
    variants = fields.List(fields.Nested(VariantSchema), metadata={"description": "By size."})
    extras = fields.List(fields.Nested(ExtraSchema))
