"""Shapes of POST /api/models/{id}/compatibility."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from api_service.schemas.base import BaseSchema, Flag, ReplySchema, Text
from shared.compatibility import RULES, Verdict
from shared.tables import Category

# What the register can count.
_COUNT = validate.Range(min=1, max=2**63 - 1)
_MOST_WORDS = validate.Length(min=1, max=64)


class RequirementsSchema(BaseSchema):
    """What a service needs of a model; what is not named does not matter. Words are compared in any case."""

    downloaded = Flag()
    category = fields.Enum(Category, by_value=True)
    architectures = fields.List(Text(), validate=_MOST_WORDS, metadata={"description": "One of these."})
    families = fields.List(Text(), validate=_MOST_WORDS, metadata={"description": "One of these."})
    quantizations = fields.List(Text(), validate=_MOST_WORDS, metadata={"description": "One of these."})
    formats = fields.List(
        Text(), validate=_MOST_WORDS, metadata={"description": "One of these, such as gguf, safetensors."}
    )
    licenses = fields.List(Text(), validate=_MOST_WORDS, metadata={"description": "One of these."})
    hidden_size = fields.Integer(
        strict=True, validate=_COUNT, metadata={"description": "Of an embedding model: its dimension."}
    )
    vocab_size = fields.Integer(strict=True, validate=_COUNT)
    min_context_length = fields.Integer(strict=True, validate=_COUNT, metadata={"description": "Tokens."})
    min_parameter_count = fields.Integer(strict=True, validate=_COUNT)
    max_parameter_count = fields.Integer(strict=True, validate=_COUNT)
    max_memory_bytes = fields.Integer(strict=True, validate=_COUNT)
    context_length = fields.Integer(
        strict=True,
        validate=validate.Range(min=1, max=10_000_000),
        metadata={"description": "Tokens for which maxMemoryBytes is judged."},
    )
    allow_remote_code = Flag(metadata={"description": "false: a model that needs it is not compatible."})

    @validates_schema
    def _asks_for_something(self, data: dict[str, Any], **_: Any) -> None:
        if not RULES.keys() & data.keys():
            raise ValidationError("Give at least one requirement.")
        if "context_length" in data and "max_memory_bytes" not in data:
            raise ValidationError("Is only of use with maxMemoryBytes.", "contextLength")


class CheckSchema(ReplySchema):
    """How one requirement stands."""

    requirement = fields.String(metadata={"description": "Its field in the request."})
    verdict = fields.String(validate=validate.OneOf(list(Verdict)))
    expected = fields.Raw()
    actual = fields.Raw(metadata={"nullable": True, "description": "null: not known of this model."})


class CompatibilitySchema(ReplySchema):
    """Whether the model is what was asked for."""

    model_id = fields.Integer()
    compatible = fields.Boolean(
        allow_none=True,
        metadata={"description": "false: a requirement is not met; null: one can't be judged."},
    )
    checks = fields.List(fields.Nested(CheckSchema))
