"""Shapes of the download queue."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from api_service.schemas.base import BaseSchema, PageQuery, ReplySchema, Text
from api_service.schemas.models import HubFields, inside_repository
from api_service.schemas.operations import OperationSchema
from shared.bandwidth import LEAST_RATE, MOST_RATE
from shared.tables import OperationStatus


class QueueItemSchema(OperationSchema):
    """A download and the model that it is for; the model's fields are null once it is deleted."""

    model_name = fields.String(allow_none=True)
    repo = fields.String(allow_none=True)
    filename = fields.String(allow_none=True, metadata={"description": "null: the whole repository."})
    revision = fields.String(allow_none=True)
    position = fields.Integer(
        allow_none=True, metadata={"description": "Place among those that wait, from 1."}
    )


class QueueSchema(ReplySchema):
    """The queue view, by section."""

    active = fields.List(fields.Nested(QueueItemSchema))
    queued = fields.List(fields.Nested(QueueItemSchema))
    paused = fields.List(fields.Nested(QueueItemSchema))
    failed = fields.List(fields.Nested(QueueItemSchema))
    completed = fields.List(fields.Nested(QueueItemSchema))


class DownloadRequestSchema(HubFields):
    """What to fetch; the model is registered if need be."""

    hf_repo = Text(
        data_key="repo",
        most=2048,
        metadata={
            "description": "owner/name, or a full Hub URL or file link, which is taken apart. Required "
            "without catalogId."
        },
    )
    model_file = Text(
        data_key="filename",
        most=1024,
        allow_none=True,
        checks=[inside_repository],
        metadata={"description": "null: the whole repository."},
    )
    catalog_id = Text(
        most=100, metadata={"description": "An entry of GET /api/catalog, in place of all other fields."}
    )

    @validates_schema
    def _means_one(self, data: dict[str, Any], **_: Any) -> None:
        if "catalog_id" not in data and not data.get("hf_repo"):
            raise ValidationError("Is required without catalogId.", "repo")
        if "catalog_id" in data and len(data) > 1:
            raise ValidationError("Says by itself which file is meant: leave out the others.", "catalogId")


class DownloadChangeSchema(BaseSchema):
    """What may be changed of a download that has not ended."""

    max_bytes_per_second = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(min=LEAST_RATE, max=MOST_RATE),
        metadata={"description": "What it may take of the network; null: no limit of its own."},
    )


class DownloadsQuery(PageQuery):
    """Filters of the downloads."""

    status = fields.Enum(OperationStatus, by_value=True)
