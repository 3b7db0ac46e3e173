"""What the fault tests share: their form, their seed, and the notes for the table of docs/reliability.md.

`FAULTS=long` chooses the long form (`make faults`); without it the short one runs, as part of `make test`.
`FAULTS_SEED=…` repeats a run's choices; without it a seed is drawn. It is always printed.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.faults.fleet import Fleet, running_fleet

T = TypeVar("T")
# Read before any fixture runs; tests/faults/report.py sets all three.
LONG = os.environ.get("FAULTS") == "long"
SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))
ROWS = os.environ.get("FAULTS_ROWS")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Every report of a fault test names the seed that repeats it."""
    report = yield
    report.sections.append(("how to repeat it", f"FAULTS={'long' if LONG else 'short'} FAULTS_SEED={SEED}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A run that succeeded tells its seed too."""
    terminalreporter.write_line(f"fault suite: FAULTS={'long' if LONG else 'short'} FAULTS_SEED={SEED}")


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether this is the long form."""
    return LONG


@pytest.fixture(scope="session")
def choose() -> Callable[[T, T], T]:
    """`choose(short, long)`: the value of the form that runs."""
    return lambda short, long: long if LONG else short


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random choices of this test: by the seed and its name, so that it repeats alone too."""
    print(f"seed {SEED} ({request.node.name})")
    return random.Random(f"{SEED} {request.node.name}")


@dataclass
class Noted:
    """What the tests found, a row each."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, fault: str, sentence: str, numbers: dict[str, float]) -> None:
        self.rows.append({"fault": fault, "sentence": sentence, **numbers})
        shown = ", ".join(f"{name} {value:,.6g}" for name, value in numbers.items())
        print(f"{fault} {sentence}: {shown} (seed {SEED})")


@pytest.fixture(scope="session")
def _all_noted() -> Iterator[Noted]:
    found = Noted()
    yield found
    if ROWS:
        Path(ROWS).write_text(json.dumps(found.rows))


@pytest.fixture
def noted(_all_noted: Noted) -> Callable[..., None]:
    """`noted("F3", "Redis is killed", injected=10, operations=3, …)`: a row of the table, and printed.

    Columns: injected, operations, bytes_served, bytes_files, violations, seconds (since the test began unless
    given). Any other number is shown after the sentence. Note first, assert afterwards.
    """
    began = time.monotonic()

    def note(fault: str, sentence: str, **numbers: float) -> None:
        _all_noted.add(fault, sentence, {"seconds": round(time.monotonic() - began, 1)} | numbers)

    return note


@pytest.fixture(scope="module")
def _running_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet")) as found:
        yield found


@pytest.fixture
def fleet(_running_fleet: Fleet) -> Iterator[Fleet]:
    """The module's own service, whole and empty: its stores and workers may be killed."""
    _running_fleet.heal()
    _running_fleet.reset()
    yield _running_fleet
    _running_fleet.heal()
