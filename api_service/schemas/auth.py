"""Shapes of signing in and out."""

from marshmallow import fields, validate

from api_service.schemas.base import BaseSchema, ReplySchema, Secret


class LoginSchema(BaseSchema):
    """What a person signs in with."""

    token = Secret(required=True, metadata={"description": "An API token, such as the admin token."})


class MeSchema(ReplySchema):
    """Who is signed in, and how."""

    name = fields.String()
    role = fields.String(validate=validate.OneOf(["viewer", "operator", "admin"]))
    via = fields.String(validate=validate.OneOf(["token", "session"]))
    csrf_token = fields.String(
        allow_none=True, metadata={"description": "With a session: send it as X-CSRF-Token with every write."}
    )
    expires_at = fields.DateTime(
        allow_none=True, metadata={"description": "When the session ends by itself."}
    )
