"""Shapes of /api/modelfiles."""

from marshmallow import fields, validate

from api_service.schemas.base import PageQuery, ReplySchema, Text
from api_service.schemas.catalog import CatalogLinksSchema
from api_service.schemas.hub import AccessQuery, RatingsSchema
from api_service.schemas.models import ModelFactsSchema
from api_service.schemas.operations import OperationSchema
from api_service.schemas.storage import StorageSchema
from shared.tables import Category


class ModelFilesQuery(PageQuery):
    """Which repositories, and what beside them."""

    q = Text(metadata={"description": "Part of the repository's name."})
    include = fields.String(
        validate=validate.OneOf(["storage"]), metadata={"description": "`storage`: the volume too."}
    )


class ModelFileSchema(ReplySchema):
    """A model of the register: one file with its parts, or the whole repository."""

    model_id = fields.Integer()
    name = fields.String()
    filename = fields.String(allow_none=True, metadata={"description": "null: the whole repository."})
    revision = fields.String()
    category = fields.Enum(Category, by_value=True, allow_none=True)
    size_bytes = fields.Integer(
        allow_none=True, metadata={"description": "null: not known before it is here."}
    )
    status = fields.String(validate=validate.OneOf(["available", "downloading", "downloaded"]))
    progress = fields.Nested(
        OperationSchema, allow_none=True, metadata={"description": "What is going on with it now."}
    )
    memory_bytes = fields.Integer(
        allow_none=True, metadata={"description": "To load it, with a cache for at most 8192 tokens."}
    )
    memory_unknown = fields.List(fields.String())
    fits_memory = fields.Boolean(
        allow_none=True, metadata={"description": "A worker's machine could load it; null: none has told."}
    )
    ratings = fields.Nested(RatingsSchema, allow_none=True)
    metadata = fields.Nested(ModelFactsSchema)


class RepositoryFactsSchema(ReplySchema):
    """What is known of a repository without asking the Hub; null where it is not."""

    description = fields.String(allow_none=True, metadata={"description": "From the curated catalog."})
    family = fields.String(allow_none=True)
    architecture = fields.String(allow_none=True)
    parameter_count = fields.Integer(allow_none=True)
    license = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    base_model = fields.String(allow_none=True)
    links = fields.Nested(CatalogLinksSchema)


class RepositorySchema(ReplySchema):
    """A repository that the register has, or the volume."""

    repo = fields.String()
    is_managed = fields.Boolean(metadata={"description": "A model of the register has files of it."})
    size_on_disk_bytes = fields.Integer(
        metadata={"description": "What the cache holds of it, as the last scan saw it."}
    )
    metadata = fields.Nested(RepositoryFactsSchema)
    variants = fields.List(
        fields.Nested(ModelFileSchema), metadata={"description": "Its models, by file and revision."}
    )


class ModelFilesSchema(ReplySchema):
    """What is on the volume and in the register, by repository."""

    repositories = fields.List(fields.Nested(RepositorySchema), metadata={"description": "By name."})
    storage = fields.Nested(
        StorageSchema, allow_none=True, metadata={"description": "With include=storage, else null."}
    )


class MetadataQuery(AccessQuery):
    """Of which repository or file."""

    filename = Text(most=1024, metadata={"description": "One of its files; without, the repository."})


class ModelFileMetadataSchema(ModelFactsSchema):
    """What is known of a repository's model: from the register, else from the Hub."""

    repo = fields.String()
    filename = fields.String(allow_none=True)
    ratings = fields.Nested(RatingsSchema, allow_none=True)
    source = fields.String(validate=validate.OneOf(["register", "hub"]))
    stale = fields.Boolean(
        metadata={"description": "The Hub can't be asked now; this is what it said within the last 24 h."}
    )
