"""Which form of the fuzzers runs, and by which seed.

`FUZZ=long` chooses the long form (`make fuzz`); without it the short one runs, as part of `make test`.
`FUZZ_SEED=…` repeats a run; without it a seed is drawn. It is always printed (conftest.py).
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

from tests.conftest import ROOT

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., Any])

# Read before any fixture runs.
LONG = os.environ.get("FUZZ") == "long"
SEED = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1_000_000))
HOW = f"FUZZ={'long' if LONG else 'short'} FUZZ_SEED={SEED}"

# What hypothesis knows of Unicode it keeps on disk; not in the root of the repository.
set_hypothesis_home_dir(ROOT / ".pytest_cache" / "hypothesis")


def choose(short: T, long: T) -> T:
    """The value of the form that runs."""
    return long if LONG else short


def fuzzed(*, short: int, long: int) -> Callable[[Test], Test]:
    """Decorator above @given: so many examples in the form that runs, the same ones for the same seed.

    Nothing is timed. Fixtures live for all examples of a test, on purpose: one service sees all of them.
    """

    def decorate(test: Test) -> Test:
        chosen = settings(
            max_examples=choose(short, long),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        found: Test = seed(SEED)(chosen(test))
        return found

    return decorate


# How much was thrown at what, for the last line of a run.
THROWN: Counter[str] = Counter()
