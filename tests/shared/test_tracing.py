"""One trace from a request over the operation's row to a worker's calls of the Hub, at a real collector."""

import gzip
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api_service import create_app
from shared import attempts, operations, sweep, tracing
from shared.settings import Settings
from tests.conftest import LOCAL, ROOT, Api
from tests.hub_server import HubServer
from tests.worker_service.workbench import REPO, Workbench, workbench

TOKEN = "hf_canaryToken"


@dataclass
class Collector:
    """Takes OTLP over HTTP; what it got is there once the sender has shut down."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> dict[str, list[Any]]:
        """By name."""
        found: dict[str, list[Any]] = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        found.setdefault(span.name, []).append(span)
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            found.bodies.append(
                gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@pytest.fixture
def traced(settings: Settings, collector: Collector, redis: Any) -> Iterator[tuple[Api, Workbench]]:
    """The API and a worker in this process, with a collector."""
    with HubServer() as hub:
        settings = settings.model_copy(update={"otlp_endpoint": collector.url, "hf_endpoint": hub.url})
        app = create_app(settings)
        with workbench(settings, hub) as bench:
            hub.add_token(TOKEN)
            tracing.set_up(settings, "test")
            yield Api(app.test_client()), bench
            tracing.shut_down()
        app.extensions["weighbridge"].database.dispose()


def _start(api: Api, **headers: str) -> UUID:
    model = api.post("/api/models", LOCAL | {"hfRepo": REPO, "modelFile": None, "hfToken": TOKEN}).json["id"]
    return UUID(api.post(f"/api/models/{model}/download", headers=headers).json["taskId"])


def _attribute(span: Any, name: str) -> Any:
    return next((found.value for found in span.attributes if found.key == name), None)


def test_request_worker_and_hub_are_of_one_trace_even_when_another_worker_goes_on(
    traced: tuple[Api, Workbench], collector: Collector
) -> None:
    api, bench = traced
    bench.hub.add_repo(REPO, {"a.bin": os.urandom(1000)})
    operation_id = _start(api)
    # A worker takes it and dies; a sweep takes it away, and rings again with the operation's id alone.
    with bench.context.database.session() as session:
        attempts.begin(session, operation_id, worker="gone", lease_seconds=-1)
    with bench.context.database.session() as session:
        swept = sweep.sweep(session, max_attempts=5, slack=set)
    assert [nudge.operation_id for nudge in swept.nudges] == [str(operation_id)]
    bench.run(operation_id)
    assert bench.operation(operation_id).status == "completed"
    tracing.shut_down()

    spans = collector.spans()
    (request,) = spans["POST /api/models/<int:model_id>/download"]
    (attempt,) = spans["download"]
    (info,), (tree,), (file,) = spans["hub info"], spans["hub tree"], spans["hub file"]
    assert {span.trace_id for span in (attempt, info, tree, file)} == {request.trace_id}
    assert attempt.parent_span_id == request.span_id
    assert {span.parent_span_id for span in (info, tree, file)} == {attempt.span_id}
    assert _attribute(attempt, "weighbridge.attempt").int_value == 2
    assert _attribute(request, "http.response.status_code").int_value == 202


def test_a_failure_is_told_by_its_code_and_no_secret_or_query_is_told(
    traced: tuple[Api, Workbench], collector: Collector
) -> None:
    api, bench = traced
    operation_id = _start(api)  # of a repository that the Hub has not got
    api.get("/api/hub/search?q=canary-query")
    bench.run(operation_id)
    tracing.shut_down()
    (attempt,) = collector.spans()["download"]
    assert _attribute(attempt, "error.type").string_value == "REPO_NOT_FOUND"
    assert attempt.status.code == 2
    told = b"".join(collector.bodies)
    assert b"/api/models/a/b/revision/main" in told
    assert not re.search(rb"canary|expand=|Bearer|wb_", told)


def test_a_callers_own_trace_is_taken_up(traced: tuple[Api, Workbench], collector: Collector) -> None:
    api, bench = traced
    theirs = "0af7651916cd43dd8448eb211c80319c"
    operation_id = _start(api, traceparent=f"00-{theirs}-b7ad6b7169203331-01")
    assert str(bench.operation(operation_id).traceparent).split("-")[1] == theirs
    _start_of_nonsense = api.get("/api/models", headers={"traceparent": "nonsense"})
    assert _start_of_nonsense.status_code == 200
    tracing.shut_down()
    (request,) = collector.spans()["POST /api/models/<int:model_id>/download"]
    assert request.trace_id.hex() == theirs


def test_without_a_collector_no_exporter_is_imported_and_rows_have_no_trace(bare: Workbench) -> None:
    code = """
import sys
from shared import redis_client, tracing
from shared.settings import Settings
tracing.set_up(Settings(), "test")
with tracing.span("step", kind="client", attributes={}):
    print(tracing.traceparent(), *{"opentelemetry.sdk.trace", "opentelemetry.exporter"} & sys.modules.keys())
"""
    env = {"PATH": os.environ["PATH"]}
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert ran.stdout.split() == ["None"], ran.stdout + ran.stderr
    model_id = bare.add()
    with bare.context.database.session() as session:
        asked = operations.request_download(session, model_id, requested_by="t", request_id=None)[0]
    assert bare.operation(asked.id).traceparent is None


def test_a_collector_that_hangs_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "EXPORT_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        tracing.set_up(Settings.model_validate({"WEIGHBRIDGE_OTLP_ENDPOINT": url}), "test")
        for _ in range(tracing.MOST_WAITING + 10):
            with tracing.span("step", kind="client", attributes={}):
                pass
        began = time.monotonic()
        tracing.shut_down()
        assert time.monotonic() - began < 2 * tracing.EXPORT_TIMEOUT + 1
    assert not tracing.is_on()


@pytest.fixture
def bare(settings: Settings) -> Iterator[Workbench]:
    with HubServer() as hub, workbench(settings, hub) as bench:
        yield bench
