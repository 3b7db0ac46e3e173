"""Shapes of the curated catalog."""

from marshmallow import fields, validate

from api_service.schemas.base import BaseSchema, ReplySchema, Text
from api_service.schemas.hub import RatingsSchema
from api_service.schemas.operations import OperationSchema
from shared.tables import Category, DownloadStatus

POOLINGS = ("mean", "cls", "last-token", "max")


class CatalogQuery(BaseSchema):
    """Filters of the catalog."""

    category = fields.Enum(Category, by_value=True)
    installed = fields.Boolean()
    q = Text(metadata={"description": "Part of the name, repository, file, description, family or a tag."})


class CatalogLinksSchema(ReplySchema):
    """Where to read on."""

    huggingface = fields.String()
    paper = fields.String(allow_none=True)
    homepage = fields.String(allow_none=True)


class _RegisteredSchema(ReplySchema):
    """The registered model of an entry's repository and file, at whatever revision."""

    installed = fields.Boolean(metadata={"description": "Such a model is downloaded."})
    download_status = fields.Enum(
        DownloadStatus, by_value=True, allow_none=True, metadata={"description": "null: not registered."}
    )
    model_id = fields.Integer(allow_none=True)
    active_operation = fields.Nested(OperationSchema, allow_none=True)


class CatalogEntrySchema(_RegisteredSchema):
    """A curated model. What is null is not known, or does not apply to its category."""

    id = fields.String()
    name = fields.String()
    description = fields.String()
    category = fields.Enum(Category, by_value=True)
    repo = fields.String()
    filename = fields.String(allow_none=True, metadata={"description": "null: the whole repository."})
    revision = fields.String()
    allow_patterns = fields.List(fields.String(), allow_none=True)
    ignore_patterns = fields.List(fields.String(), allow_none=True)
    license = fields.String(allow_none=True)
    family = fields.String(allow_none=True)
    parameter_count = fields.Integer(allow_none=True)
    download_bytes = fields.Integer(allow_none=True)
    memory_mb = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "By precision or quantization; MB are millions of bytes."},
    )
    dimension = fields.Integer(allow_none=True)
    max_sequence_length = fields.Integer(allow_none=True)
    pooling = fields.String(allow_none=True, validate=validate.OneOf(POOLINGS))
    is_asymmetric = fields.Boolean(
        allow_none=True, metadata={"description": "Queries and documents are encoded differently."}
    )
    query_prefix = fields.String(allow_none=True)
    document_prefix = fields.String(allow_none=True)
    default_instruction = fields.String(allow_none=True)
    context_window = fields.Integer(allow_none=True)
    tags = fields.List(fields.String())
    links = fields.Nested(CatalogLinksSchema)
    ratings = fields.Nested(
        RatingsSchema, allow_none=True, metadata={"description": "As the entry declares."}
    )
    source = fields.String(metadata={"description": "`built-in`, or the operator's file."})
    size_on_disk_bytes = fields.Integer()


class FeaturedFactsSchema(ReplySchema):
    """What a card tells. Counts of the Hub are not asked for in a list."""

    downloads = fields.Integer(allow_none=True)
    likes = fields.Integer(allow_none=True)
    model_type = fields.Enum(Category, by_value=True)
    family = fields.String(allow_none=True)


class FeaturedModelSchema(_RegisteredSchema):
    """An entry of the catalog that is shown first; its id is what POST /api/downloads takes as catalogId."""

    id = fields.String()
    name = fields.String()
    description = fields.String()
    category = fields.Enum(Category, by_value=True)
    tags = fields.List(fields.String())
    size_category = fields.String(allow_none=True, metadata={"description": "Such as 7B."})
    repo = fields.String()
    filename = fields.String(allow_none=True)
    download_bytes = fields.Integer(allow_none=True)
    metadata = fields.Nested(FeaturedFactsSchema)
    links = fields.Nested(CatalogLinksSchema)


class FeaturedSchema(ReplySchema):
    """The featured models, in the order of their list."""

    models = fields.List(fields.Nested(FeaturedModelSchema))
    last_updated = fields.String(metadata={"description": "The day on which the list changed (RFC 3339)."})
