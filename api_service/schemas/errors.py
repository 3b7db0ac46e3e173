"""Shapes of refusals and failures."""

from marshmallow import INCLUDE, fields

from api_service.schemas.base import BaseSchema, ReplySchema


class FailureSchema(ReplySchema):
    """What went wrong, and what a person can do."""

    code = fields.String()
    detail = fields.String()
    remedy = fields.String()


class ProblemSchema(BaseSchema):
    """RFC 9457 problem+json; some codes add facts of their own, such as `existingId`."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Stable, upper snake case."})
    remedy = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "With VALIDATION_ERROR: what is wrong, by field."},
    )
