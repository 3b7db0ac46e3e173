"""Shapes of the health routes."""

from marshmallow import fields, validate

from api_service.hub_breaker import BreakerState
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


class DeviceSchema(ReplySchema):
    """Memory that a model can be loaded into."""

    kind = fields.String(
        validate=validate.OneOf(["cpu", "gpu"]), metadata={"description": "cpu: the machine's RAM."}
    )
    name = fields.String(metadata={"description": "The processor's architecture, or the GPU's name."})
    total_bytes = fields.Integer()
    available_bytes = fields.Integer(metadata={"description": "At the worker's last beat."})


class MachineSchema(ReplySchema):
    """What live workers run on; it names no host and no worker."""

    devices = fields.List(fields.Nested(DeviceSchema))


class CircuitBreakerSchema(ReplySchema):
    """Whether the API asks the Hub just now. All API processes share it."""

    state = fields.String(
        validate=validate.OneOf([str(state) for state in BreakerState]),
        metadata={
            "description": "CLOSED: the Hub is asked. OPEN: it has failed too often in a row and is left "
            "alone until recoverySeconds have passed. HALF_OPEN: they have passed; the next question decides."
        },
    )
    failures = fields.Integer(metadata={"description": "In a row, until now."})
    failure_threshold = fields.Integer()
    recovery_seconds = fields.Float()
    retry_after_seconds = fields.Integer(
        allow_none=True, metadata={"description": "While OPEN: seconds until the Hub is asked again."}
    )


class HubSchema(ReplySchema):
    """The Hub that this installation asks."""

    endpoint = fields.String()
    offline = fields.Boolean(metadata={"description": "HF_HUB_OFFLINE is set: the Hub is never asked."})
    circuit_breaker = fields.Nested(CircuitBreakerSchema)


class HealthSchema(ReplySchema):
    """How every part is."""

    status = fields.String(validate=_STATUS)
    version = fields.String()
    database = fields.Nested(ProbeSchema)
    redis = fields.Nested(ProbeSchema)
    workers = fields.Nested(WorkersSchema)
    machines = fields.List(
        fields.Nested(MachineSchema),
        metadata={"description": "One for each host, or container with a limit of its own."},
    )
    hub = fields.Nested(HubSchema)
    catalog_only = fields.Boolean(
        metadata={"description": "WEIGHBRIDGE_CATALOG_ONLY is set: other models of the Hub are refused."}
    )
