"""Schemathesis over the OpenAPI document: every check, and sequences (Z1 of the quality page)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema
from werkzeug.test import Client, TestResponse

from tests.conftest import ADMIN_TOKEN
from tests.fuzz.conftest import Service
from tests.fuzz.form import LONG, SEED, THROWN, choose

# Requests that `make fuzz` sends at least.
LEAST = 2_000


def _config() -> schemathesis.Config:
    return schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "headers": {"Authorization": f"Bearer {ADMIN_TOKEN}"},
            # The stream of events has no end: its snapshot is enough.
            "max-stream-events": 1,
            "continue-on-failure": True,
            "generation": {"database": "none", "max-examples": choose(3, 60)},
            "phases": {
                "coverage": {"enabled": LONG},
                "stateful": {"max-steps": 8, "generation": {"max-examples": choose(10, 150)}},
            },
            "checks": {
                # OpenAPI 3.0 can't say all that a body must be (hosted or local fields by the type, a name
                # that is free, a path that is there): such a body is refused with 422.
                "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
            },
        }
    )


_ACCEPTED = ["2xx", "302", "401", "403", "404", "409", "422", "424", "503"]


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.name == "use_after_free" and _is_promised(event):
                continue
            if check.status is Status.FAILURE and check.failure_info:
                failure = check.failure_info.failure
                told = f"{check.name}: {failure.title}\n{failure.message}"
                yield f"{event.label}: {told}\n{check.failure_info.code_sample}"


def _is_promised(event: events.ScenarioFinished) -> bool:
    """A delete was answered with 202: a worker will remove the files, and until then the model is there."""
    return any(
        each.request.method == "DELETE" and each.response is not None and each.response.status_code == 202
        for each in event.recorder.interactions.values()
    )


class _Client(Client):
    """Schemathesis' requests without credentials come with settings of sockets, which this one has not."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            kwargs.pop(name, None)
        return super().open(*args, **kwargs)


def test_every_answer_is_what_the_document_says(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemathesis.python.wsgi.get_client", _Client)
    document = schemathesis.openapi.from_wsgi("/api/openapi.json", service.app, config=_config())
    failures: list[str] = []
    sent: Counter[str] = Counter()
    for event in from_schema(document).execute():
        if isinstance(event, events.ScenarioFinished):
            sent[str(event.phase.value)] += len(event.recorder.interactions)
            failures += _failures(event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(_error(event))
    print(f"requests by phase: {dict(sent)}")
    THROWN["requests of schemathesis"] += sent.total()
    assert failures == [], "\n\n".join(dict.fromkeys(failures))
    assert sent.total() >= (LEAST if LONG else 1)
    assert sent["stateful"]


def _error(event: Any) -> str:
    return f"{event.label}: {event.info.format()}" if isinstance(event, events.NonFatalError) else repr(event)
