"""Shapes of signing in and out."""

from marshmallow import fields

from api_service.schemas.base import BaseSchema, Secret


class LoginSchema(BaseSchema):
    """What a person signs in with."""

    token = Secret(required=True, metadata={"description": "An API token, such as the admin token."})


class MeSchema(BaseSchema):
    """Who is signed in, and how."""

    name = fields.String()
    role = fields.String(metadata={"description": "viewer, operator or admin"})
    via = fields.String(metadata={"description": "token or session"})
    csrf_token = fields.String(
        allow_none=True, metadata={"description": "With a session: send it as X-CSRF-Token with every write."}
    )
    expires_at = fields.DateTime(
        allow_none=True, metadata={"description": "When the session ends by itself."}
    )
