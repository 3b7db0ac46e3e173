"""Is it alive, is it ready, and how is everything."""

from typing import Any

from redis.exceptions import RedisError

from api_service.blueprint import EVERYBODY, Blueprint
from api_service.parts import parts
from api_service.schemas.health import HealthSchema, ProbeSchema
from shared import fleet, presence, schema
from shared.errors import ServiceUnavailable
from shared.task_names import QueueName
from shared.version import VERSION

blueprint = Blueprint("health", __name__, description="Health")


@blueprint.get("/healthz", role=EVERYBODY)
@blueprint.response(200, ProbeSchema)
def alive() -> Any:
    """The process answers; asks nobody else."""
    return {"status": "ok"}


@blueprint.get("/readyz", role=EVERYBODY)
@blueprint.response(200, ProbeSchema)
def ready() -> Any:
    """Postgres and Redis answer, and the schema is not older than this version wants; otherwise 503."""
    here = parts()
    with here.database.session() as session:
        schema.check(session)
    here.redis.ping()
    return {"status": "ok"}


@blueprint.get("/api/health", role=EVERYBODY)
@blueprint.response(200, HealthSchema)
def health() -> Any:
    """How every part is; always 200, the body tells."""
    here = parts()
    database, redis, workers, machines = _database(), "ok", {}, []
    try:
        workers, machines = presence.workers(here.redis), fleet.machines(here.redis)
    except RedisError:
        redis = "unavailable"
    queues = [{"queue": str(queue), "workers": workers.get(queue, 0)} for queue in QueueName]
    served = all(queue["workers"] for queue in queues)
    return {
        "status": "ok" if (database, redis) == ("ok", "ok") and served else "degraded",
        "version": VERSION,
        "database": {"status": database},
        "redis": {"status": redis},
        "workers": {"status": "ok" if served else "unavailable", "queues": queues},
        "machines": machines,
        "hub": {
            "endpoint": here.settings.hf_endpoint,
            "offline": here.settings.hf_hub_offline,
            "circuit_breaker": here.hub_breaker.look(),
        },
        "catalog_only": here.settings.catalog_only,
    }


def _database() -> str:
    try:
        parts().database.ping()
    except ServiceUnavailable:
        return "unavailable"
    return "ok"
