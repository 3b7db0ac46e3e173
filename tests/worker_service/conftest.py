"""What a worker process has, on the test's own stores."""

from collections.abc import Iterator

import pytest

from shared.settings import Settings
from worker_service.context import Context


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    """The stores and settings of a worker, Redis emptied."""
    found = Context.make(settings)
    found.redis.flushdb()
    yield found
    found.database.dispose()
    found.redis.close()
