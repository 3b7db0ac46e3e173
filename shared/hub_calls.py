"""Each request to the Hub is counted, timed and traced."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared import tracing
from shared.errors import WeighbridgeError
from shared.metrics import metrics

# What the address of a request for metadata says of its kind; the first fit counts.
_KINDS = {"/auth-check": "access", "/resolve/": "head", "/tree/": "tree", "/api/models/": "info"}


@dataclass
class Call:
    """A request under way; `outcome` is `ok` or the code of the refusal."""

    outcome: str = "ok"


@contextmanager
def hub_call(kind: str, url: str, *, is_traced: bool = True) -> Iterator[Call]:
    """Within is one request, up to the answer that counts. Of `url` only host and path are told.

    `is_traced` false: one of very many, which would only fill the trace.
    """
    began, call = time.perf_counter(), Call()
    try:
        with _step(kind, url) if is_traced and tracing.is_on() else nullcontext():
            yield call
    except WeighbridgeError as error:
        call.outcome = error.code
        raise
    except BaseException:
        call.outcome = "stopped" if call.outcome == "ok" else call.outcome
        raise
    finally:
        metrics().hub_requests.labels(kind, call.outcome).observe(time.perf_counter() - began)


def kind_of(path: str) -> str:
    """What a request for metadata is after."""
    return next((kind for part, kind in _KINDS.items() if part in path), "search")


def _step(kind: str, url: str) -> AbstractContextManager[None]:
    parts = urlsplit(url)
    told = {"server.address": parts.hostname, "url.path": parts.path, "http.request.method": "GET"}
    return tracing.span(f"hub {kind}", kind="client", attributes=told)
