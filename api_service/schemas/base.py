"""The base of all schemas, and the checks on text that every one of them shares."""

import unicodedata
from datetime import UTC
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

# Postgres integers; ids beyond can't exist.
MAX_ID = 2**31 - 1


def camel(name: str) -> str:
    """`download_now` -> `downloadNow`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class BaseSchema(Schema):
    """camelCase outside, snake_case inside; an unknown field is an error."""

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field) -> None:
        """Derive the outside name of each field from its inside one."""
        field_obj.data_key = field_obj.data_key or camel(field_name)


class ReplySchema(BaseSchema):
    """A reply: every field is always there. Nothing is loaded with it, so `required` only documents that."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field) -> None:
        """Document the field as one that a client need not look for."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = True


def null_or_reference(_converter: Any, _field: fields.Field, *, ret: dict[str, Any]) -> dict[str, Any]:
    """Document a nested shape that may be null as this shape or null; apispec says: as it, or any object."""
    any_object, null = {"type": "object", "nullable": True}, {"enum": [None]}
    choices = [null if choice == any_object else choice for choice in ret.get("anyOf", ())]
    return {"anyOf": choices} if choices else {}


def no_control_characters(text: str) -> None:
    """Refuse control characters, NUL and lone surrogates: nothing we store or print wants them."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValidationError("Must not contain control characters.")


class Text(fields.String):
    """Text of at most `most` characters, without surrounding space and control characters."""

    def __init__(self, *, most: int = 255, least: int = 1, **kwargs: Any) -> None:
        checks = [validate.Length(min=least, max=most), no_control_characters, *kwargs.pop("checks", [])]
        super().__init__(validate=checks, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).strip(" ")


class Flag(fields.Boolean):
    """JSON's true or false and nothing that only looks like them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Instant(fields.AwareDateTime):
    """A time with its zone, turned into UTC: Postgres knows fewer zones than Python."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:  # a zone that leads out of the years 1 to 9999
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


_IS_TOKEN = validate.Regexp(r"^[!-~]+$", error="Must be printable ASCII without spaces.")


class Secret(Text):
    """A key or token: printable ASCII without spaces. Its value never stands in an error message."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(most=4096, checks=[_IS_TOKEN], load_only=True, **kwargs)


class PageQuery(BaseSchema):
    """Which page of a list."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000_000))
    page_size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=500))
