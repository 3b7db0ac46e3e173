"""Shapes of /api/models/{id}/references."""

from marshmallow import fields

from api_service.schemas.base import BaseSchema, Instant, ReplySchema, Text
from shared.tables import ReferencePolicy


class ReferenceRequestSchema(BaseSchema):
    """What a consumer says of its use of a model."""

    policy = fields.Enum(
        ReferencePolicy,
        by_value=True,
        required=True,
        metadata={"description": "block: the model must not be deleted; warn: whoever deletes it confirms."},
    )
    detail = Text(most=500, load_default=None, allow_none=True, metadata={"description": "For people."})
    expires_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "In the future; from then on it counts no more. null: until it is removed."},
    )


class ReferenceSchema(ReplySchema):
    """A consumer's word that it uses a model."""

    consumer = fields.String()
    name = fields.String()
    policy = fields.Enum(ReferencePolicy, by_value=True)
    detail = fields.String(allow_none=True)
    expires_at = fields.DateTime(allow_none=True)
    is_expired = fields.Boolean()
    created_at = fields.DateTime()
    updated_at = fields.DateTime()
