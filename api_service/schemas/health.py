"""Shapes of the health routes."""

from marshmallow import fields, validate

from api_service.schemas.base import ReplySchema

_STATUS = validate.OneOf(["ok", "degraded", "unavailable"])


class ProbeSchema(ReplySchema):
    """The answer of a probe."""

    status = fields.String(validate=_STATUS)


class WorkerQueueSchema(ReplySchema):
    """How many live workers serve a queue."""

    queue = fields.String()
    workers = fields.Integer()


class WorkersSchema(ReplySchema):
    """The worker service."""

    status = fields.String(validate=_STATUS)
    queues = fields.List(fields.Nested(WorkerQueueSchema))


class HubSchema(ReplySchema):
    """The Hub that this installation asks."""

    endpoint = fields.String()
    offline = fields.Boolean(metadata={"description": "HF_HUB_OFFLINE is set: the Hub is never asked."})


class HealthSchema(ReplySchema):
    """How every part is."""

    status = fields.String(validate=_STATUS)
    version = fields.String()
    database = fields.Nested(ProbeSchema)
    redis = fields.Nested(ProbeSchema)
    workers = fields.Nested(WorkersSchema)
    hub = fields.Nested(HubSchema)
