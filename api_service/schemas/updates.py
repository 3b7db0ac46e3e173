"""Shapes of verify and update."""

from marshmallow import fields, validate

from api_service.schemas.base import BaseSchema, ReplySchema, Text
from shared.changes import ChangeKind


class UpdateRequestSchema(BaseSchema):
    """Which commit the model is to stand for."""

    commit_hash = Text(
        most=40,
        checks=[validate.Regexp(r"^[0-9a-f]{40}$", error="Has 40 hexadecimal digits.")],
        metadata={"description": "Absent: what the revision means now; formerCommit: return to it."},
    )


class FileChangeSchema(ReplySchema):
    """A file that an update would bring, replace or leave behind."""

    path = fields.String()
    change = fields.String(validate=validate.OneOf(list(ChangeKind)))
    size_bytes = fields.Integer(metadata={"description": "Of the new file; of a removed one the old."})


class FormerSchema(ReplySchema):
    """What the last update replaced."""

    commit_hash = fields.String()
    replaced_at = fields.DateTime()
    size_bytes = fields.Integer()


class UpdateSchema(ReplySchema):
    """What an update would change."""

    revision = fields.String()
    commit_hash = fields.String(metadata={"description": "What the model stands for."})
    latest_commit = fields.String(metadata={"description": "What its revision means at the Hub now."})
    has_moved = fields.Boolean()
    bytes_to_fetch = fields.Integer(
        metadata={"description": "Of files that the model does not have under another name already."}
    )
    files = fields.List(fields.Nested(FileChangeSchema), metadata={"description": "In path order."})
    former = fields.Nested(FormerSchema, allow_none=True)
