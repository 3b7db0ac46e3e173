"""structlog for both services: JSON or console, ISO times, the ids of the request and the operation bound."""

import logging
import sys

import structlog

from shared import tracing
from shared.settings import Settings


def set_up(settings: Settings, service: str) -> None:
    """Send structlog and the standard library's logging through one formatter to stderr."""
    shared: list[structlog.typing.Processor] = [
        _name_service(service),
        structlog.contextvars.merge_contextvars,
        tracing.name_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # One line for each request to the Hub or a provider is noise, and URLs may be signed.
    # Celery says of each task that it came and went; our own lines say what it did.
    celery = ("celery.worker.strategy", "celery.app.trace")
    for chatty in ("httpx", "httpx2", "httpcore2", "urllib3", "filelock", "openai", *celery):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A collector of traces that is away is told of once for each batch, not for each try.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)


def _name_service(service: str) -> structlog.typing.Processor:
    # Not a context variable: threads start with an empty context.
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return add


def _renderers(settings: Settings) -> list[structlog.typing.Processor]:
    if settings.log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
