"""The journeys go through the stack of tests/stack.py."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(autouse=True)
def _hub_behaves(stack: Stack) -> Iterator[None]:
    """Each test begins and ends with a Hub that does what it should."""
    yield
    stack.calm_hub()
