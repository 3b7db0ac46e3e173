"""What browsers are told with every answer, and whom we believe: proxies before us, other origins' pages."""

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.settings import Settings

_YEAR = 31_536_000
# The dashboard's and the docs' pages bring policies of their own; an answer of the API is never a page.
_ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# What a page of another origin may send and read, with a token of its own: never with our cookie.
_SENT = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-ID")
_READ = ("Idempotency-Replayed", "Location", "Retry-After", "X-Pagination", "X-Request-ID")


def register(app: Flask, settings: Settings) -> None:
    """Protect every answer. Call it first: what is registered later runs before it on the way out."""
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    if settings.cors_origins:
        CORS(
            app,
            resources={r"/api/.*": {"origins": list(settings.cors_origins)}},
            allow_headers=list(_SENT),
            expose_headers=list(_READ),
            supports_credentials=False,
            max_age=600,
        )

    @app.after_request
    def _protect(answer: Response) -> Response:
        if "Content-Security-Policy" in answer.headers:  # a page's own
            for name, value in _ALWAYS.items():
                answer.headers.setdefault(name, value)
        else:
            answer.headers.extend(_ALWAYS)
        if request.is_secure:
            answer.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")
        return answer


def is_preflight() -> bool:
    """Whether a browser only asks what another origin may do; it sends no token with that."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
