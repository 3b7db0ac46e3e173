"""Shapes of access: signing in, users, API tokens, the audit log."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from api_service.schemas.base import (
    MAX_ID,
    BaseSchema,
    Flag,
    Instant,
    PageQuery,
    ReplySchema,
    Secret,
    Text,
    no_control_characters,
)
from shared.audit import Action
from shared.tables import Role
from shared.users import LONGEST_NAME, LONGEST_PASSWORD, SHORTEST_PASSWORD


class Password(fields.String):
    """A password, as typed: its spaces count. Its value never stands in an error message."""

    def __init__(self, **kwargs: Any) -> None:
        checks = [validate.Length(min=1, max=LONGEST_PASSWORD), no_control_characters]
        super().__init__(validate=checks, load_only=True, **kwargs)


class LoginSchema(BaseSchema):
    """What somebody signs in with: a token, or name and password."""

    token = Secret(metadata={"description": "An API token, such as the admin token."})
    name = Text(most=LONGEST_NAME)
    password = Password()

    @validates_schema(skip_on_field_errors=True)
    def _is_one_of_the_two(self, data: dict[str, Any], **_: Any) -> None:
        if data.keys() not in ({"token"}, {"name", "password"}):
            raise ValidationError("Send a token, or a name and its password.")


class PasswordChangeSchema(BaseSchema):
    """One's own password, old and new."""

    current_password = Password(required=True)
    new_password = Password(
        required=True, metadata={"description": f"At least {SHORTEST_PASSWORD} characters."}
    )


class MeSchema(ReplySchema):
    """Who is signed in, and how."""

    name = fields.String()
    role = fields.Enum(Role, by_value=True)
    via = fields.String(validate=validate.OneOf(["token", "session"]))
    has_password = fields.Boolean(metadata={"description": "Whether POST /api/auth/password can change it."})
    csrf_token = fields.String(
        allow_none=True, metadata={"description": "With a session: send it as X-CSRF-Token with every write."}
    )
    expires_at = fields.DateTime(
        allow_none=True, metadata={"description": "When the session ends by itself."}
    )


class ProviderSchema(ReplySchema):
    """The identity provider of single sign-on."""

    label = fields.String(metadata={"description": "What the button is called."})
    url = fields.String(metadata={"description": "Where the browser goes."})


class MethodsSchema(ReplySchema):
    """The ways to sign in."""

    password = fields.Boolean(metadata={"description": "Whether there is a user with a password."})
    token = fields.Boolean()
    provider = fields.Nested(ProviderSchema, allow_none=True)


class UserSchema(ReplySchema):
    """A user."""

    id = fields.Integer()
    name = fields.String()
    role = fields.Enum(Role, by_value=True)
    is_active = fields.Boolean()
    has_password = fields.Boolean()
    issuer = fields.String(allow_none=True, metadata={"description": "The identity provider, if any."})
    created_at = fields.DateTime()
    last_sign_in_at = fields.DateTime(allow_none=True)


class UserCreateSchema(BaseSchema):
    """A new user."""

    name = Text(required=True, most=LONGEST_NAME)
    role = fields.Enum(Role, by_value=True, required=True)
    password = Password(required=True, metadata={"description": f"At least {SHORTEST_PASSWORD} characters."})


class UserPatchSchema(BaseSchema):
    """What can be changed about a user."""

    name = Text(most=LONGEST_NAME)
    role = fields.Enum(Role, by_value=True)
    is_active = Flag(metadata={"description": "false: may not sign in; sessions and tokens end."})
    password = Password(metadata={"description": "A new password; all of the user's sessions end."})


class TokenSchema(ReplySchema):
    """An API token, without itself."""

    id = fields.Integer()
    name = fields.String()
    prefix = fields.String(metadata={"description": "How it begins."})
    role = fields.Enum(Role, by_value=True)
    owner = fields.String(metadata={"description": "Whose it is."})
    created_at = fields.DateTime()
    expires_at = fields.DateTime(allow_none=True)
    last_used_at = fields.DateTime(allow_none=True, metadata={"description": "To the minute."})


class NewTokenSchema(TokenSchema):
    """An API token, this once with itself."""

    token = fields.String(metadata={"description": "Keep it now: it is shown this once."})


class TokenCreateSchema(BaseSchema):
    """A new API token."""

    name = Text(required=True, most=100, metadata={"description": "What it is for."})
    role = fields.Enum(Role, by_value=True, load_default=Role.VIEWER)
    expires_at = Instant(load_default=None, allow_none=True, metadata={"description": "null: never."})


class AuditEventSchema(ReplySchema):
    """Who did what, when and from where."""

    id = fields.Integer()
    at = fields.DateTime()
    action = fields.String(metadata={"description": "A word such as model.created."})
    actor = fields.String()
    role = fields.Enum(Role, by_value=True, allow_none=True)
    token = fields.String(allow_none=True, metadata={"description": "Name and beginning of the API token."})
    address = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    model_id = fields.Integer(allow_none=True)
    model_name = fields.String(allow_none=True)
    details = fields.Dict(allow_none=True)


class AuditQuery(PageQuery):
    """Which events."""

    action = fields.Enum(Action, by_value=True)
    actor = Text()
    model_id = fields.Integer(validate=validate.Range(min=1, max=MAX_ID))
    since = Instant()
    until = Instant()
    q = Text(metadata={"description": "Part of a name, model, address or token."})
    format = fields.String(
        validate=validate.OneOf(["csv", "json"]),
        metadata={"description": "Export all events that match as a file, without pages."},
    )
