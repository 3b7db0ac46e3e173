"""OpenTelemetry traces, where WEIGHBRIDGE_OTLP_ENDPOINT names a collector; else nothing of it is imported.

A trace goes from the request over the operation's row, which keeps where it was asked for (`traceparent`),
to each attempt of a worker and its calls of the Hub: the message stays a nudge, and one that a sweep repeats
is of the same trace. Spans carry our own words, routes and paths; never a query, a header, a body or the text
of an error.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import structlog

from shared.settings import Settings
from shared.version import VERSION

# Seconds for a batch of spans. A process that ends waits for the one that is on its way and for a last one
# with all the rest, so a collector that hangs keeps no worker from draining in time.
EXPORT_TIMEOUT = 2.0
# Spans that wait at most, which is also one batch; a second of a busy API.
MOST_WAITING = 2048
EVERY_MILLISECONDS = 1000

Kind = Literal["server", "consumer", "client"]
_provider: Any = None


def set_up(settings: Settings, service: str) -> None:
    """Send this process's spans to the collector; in each process, after a fork."""
    global _provider
    if settings.otlp_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": f"weighbridge-{service}", "service.version": VERSION})
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}/v1/traces", timeout=EXPORT_TIMEOUT)
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=MOST_WAITING,
            max_export_batch_size=MOST_WAITING,
            schedule_delay_millis=EVERY_MILLISECONDS,
        )
    )


def shut_down() -> None:
    """Send what is left, and trace no more."""
    global _provider
    provider, _provider = _provider, None
    if provider is not None:
        provider.shutdown()


def is_on() -> bool:
    """Whether there is a collector."""
    return _provider is not None


@contextmanager
def span(
    name: str, *, kind: Kind, attributes: Mapping[str, Any], parent: str | None = None
) -> Iterator[None]:
    """What happens within is a step of the trace: of the `parent` (a traceparent), else of the one around it.

    What is raised within marks it as failed, without its text.
    """
    if _provider is None:
        yield
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    around = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    started = _provider.get_tracer("weighbridge").start_as_current_span(
        name,
        context=around,
        kind=SpanKind[kind.upper()],
        attributes=_told(attributes),
        record_exception=False,
        set_status_on_exception=False,
    )
    with started:
        try:
            yield
        except BaseException as error:
            failed(getattr(error, "code", type(error).__name__))
            raise


def note(attributes: Mapping[str, Any]) -> None:
    """Say more of the step that this thread is in."""
    if _provider is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(_told(attributes))


def failed(code: str) -> None:
    """The step that this thread is in came to nothing; `code` says why."""
    if _provider is not None:
        from opentelemetry.trace import StatusCode, get_current_span

        get_current_span().set_attributes({"error.type": code})
        get_current_span().set_status(StatusCode.ERROR)


def traceparent() -> str | None:
    """The step that this thread is in, as W3C's traceparent: for the row of an operation."""
    if _provider is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def name_trace(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """For structlog: a line tells of which trace it is."""
    if _provider is not None and (told := traceparent()):
        event.setdefault("trace_id", told.split("-")[1])
    return event


def _told(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
