"""Shapes of refusals and failures."""

from marshmallow import INCLUDE, fields

from api_service.schemas.base import BaseSchema


class FailureSchema(BaseSchema):
    """What went wrong, and what a person can do."""

    code = fields.String()
    detail = fields.String()
    remedy = fields.String()


class ProblemSchema(BaseSchema):
    """RFC 9457 problem+json; some codes add facts of their own, such as `existingId`."""

    class Meta:
        unknown = INCLUDE

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    code = fields.String(metadata={"description": "Stable, upper snake case."})
    remedy = fields.String()
    request_id = fields.String()
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "With VALIDATION_ERROR: what is wrong, by field."},
    )
