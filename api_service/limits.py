"""How often one caller may ask for what costs most or could be guessed: counted in Redis, for all processes.

While Redis is away each process counts alone: a limit that is too high for a while is better than an API that
answers nobody.
"""

import math
import time
from http import HTTPStatus

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from redis import Redis

from api_service.errors import problem
from shared.settings import Settings


def register(app: Flask, settings: Settings, redis: Redis) -> None:
    """Limit the views; call it when they are there. `redis` gives bytes."""
    limiter = Limiter(
        _caller,
        app=app,
        strategy="moving-window",
        storage_uri="redis://",  # only says what it is: the pool knows where
        storage_options={"connection_pool": redis.connection_pool},  # type: ignore[dict-item]
        key_prefix="weighbridge:limits",
        in_memory_fallback_enabled=True,
    )
    hub = limiter.shared_limit(settings.hub_limit, scope="hub")
    sign_in = limiter.shared_limit(settings.sign_in_limit, scope="sign-in")
    limits = {
        "auth.login": sign_in,
        "auth.change_password": sign_in,
        "auth.provider_sign_in": sign_in,
        "auth.provider_callback": sign_in,
        "models.test_connection": limiter.limit(settings.test_connection_limit),
        "hub.search": hub,
        "hub.preview_repo": hub,
        "hub.check_access": hub,
        "hub.estimate_memory": hub,
        "modelfiles.get_metadata": hub,
        "updates.look": hub,
    }
    for endpoint, limit in limits.items():
        app.view_functions[endpoint] = limit(app.view_functions[endpoint])

    @app.errorhandler(RateLimitExceeded)
    def _refuse(_error: RateLimitExceeded) -> Response:
        left = limiter.current_limit.reset_at - time.time() if limiter.current_limit else 0
        return problem(
            "RATE_LIMITED",
            HTTPStatus.TOO_MANY_REQUESTS,
            "You have asked for this too often.",
            "Wait as long as Retry-After says, then send the request again.",
            {"retryAfter": max(1, math.ceil(left))},
        )


def _caller() -> str:
    # Not signed in: the address, as far as WEIGHBRIDGE_TRUSTED_PROXIES lets a header tell it.
    return g.caller.key if "caller" in g else str(request.remote_addr)
