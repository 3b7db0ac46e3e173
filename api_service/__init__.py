"""The HTTP API: it validates requests, writes rows, rings the worker's bell, and never touches the volume."""

from functools import partial

from flask import Flask

from api_service import auth, browsers, errors, idempotency, limits, requests_log
from api_service.blueprint import AnyBytesRequest
from api_service.dispatch import Dispatcher
from api_service.errors import ProblemApi
from api_service.gauges import Gauges
from api_service.hub_answers import HubAnswers
from api_service.hub_breaker import HubBreaker
from api_service.kept import Kept
from api_service.live import Live
from api_service.parts import Parts
from api_service.rendered import Rendered
from api_service.routes import (
    audit,
    cache,
    catalog,
    compatibility,
    dashboard,
    docs,
    downloads,
    events,
    health,
    hub,
    metrics,
    modelfiles,
    models,
    queue,
    references,
    storage,
    tasks,
    tokens,
    updates,
    users,
)
from api_service.routes import auth as auth_routes
from api_service.schemas.base import null_or_reference
from api_service.single_sign_on import single_sign_on
from shared import storage as storage_rules
from shared.catalog import load as load_catalog
from shared.database import Database
from shared.metric_files import registry
from shared.metrics import watch_postgres
from shared.outbound import Door
from shared.redis_client import connect
from shared.secrets import SecretBox
from shared.settings import Settings, fernet_keys
from shared.storage import Counted
from shared.version import VERSION

NEEDS = ("database_url", "redis_url", "secret_keys", "admin_token")
# Bytes. The largest honest body is a model with 128 long patterns.
LARGEST_BODY = 1 << 20
# Downloaded models up to which their files are counted anew for each look at the storage: some 50 ms.
MOST_COUNTED = 1000


def create_app(settings: Settings) -> Flask:
    """Join the parts: the one place where they meet."""
    app = Flask(__name__, static_folder=None)
    app.request_class = AnyBytesRequest
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        API_TITLE="Weighbridge",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS=_SPEC,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    curated = load_catalog(settings.catalog_dir)
    database, redis = Database.from_settings(settings), connect(settings)
    secrets = SecretBox.from_settings(settings)
    breaker = HubBreaker(
        connect(settings, decode=False, beside=redis),
        failure_threshold=settings.hub_failure_threshold,
        recovery_seconds=settings.hub_recovery_seconds,
    )
    app.extensions["weighbridge"] = Parts(
        settings,
        database,
        redis,
        secrets,
        Dispatcher(settings, redis),
        breaker,
        HubAnswers(redis, breaker, key=fernet_keys(settings.secret_keys)[0]),
        Door(settings.allowed_private_hosts),
        Live(settings, database, redis),
        single_sign_on(app, settings),
        curated,
        Rendered(),
        Kept(partial(_count, database), is_dear=lambda counted: counted.model_count > MOST_COUNTED),
    )
    app.extensions[metrics.REGISTRY] = registry(Gauges(database, redis, breaker))
    watch_postgres(database.engine)
    browsers.register(app, settings)
    requests_log.register(app)
    errors.register(app)
    auth.register(app, settings, database)
    idempotency.register(app, database, secrets)
    api = ProblemApi(app)
    api.ma_plugin.converter.add_attribute_function(null_or_reference)
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(dashboard.blueprint)
    auth.check_routes(app)
    limits.register(app, settings, connect(settings, decode=False, beside=redis))
    return app


def _count(database: Database) -> Counted:
    with database.session() as session:
        return storage_rules.count(session)


# In the order of the document.
_BLUEPRINTS = (
    auth_routes.blueprint,
    users.blueprint,
    tokens.blueprint,
    audit.blueprint,
    models.blueprint,
    references.blueprint,
    compatibility.blueprint,
    downloads.blueprint,
    updates.blueprint,
    queue.blueprint,
    tasks.blueprint,
    hub.blueprint,
    storage.blueprint,
    cache.blueprint,
    catalog.blueprint,
    modelfiles.blueprint,
    health.blueprint,
    metrics.blueprint,
    events.blueprint,
)

_SPEC = {
    "info": {"description": "A register of models, and the service that downloads and keeps the local ones."},
    "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    "security": [{"bearer": []}],
}
