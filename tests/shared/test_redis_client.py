import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import TimeoutError

from shared.redis_client import SOCKET_TIMEOUT, connect
from tests.conftest import make_settings


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "redis.sock"))
        listener.listen(16)
        yield f"unix://{tmp_path}/redis.sock?db=0"


def test_where_redis_hangs_only_the_first_call_waits(hanging: str) -> None:
    client = connect(make_settings(REDIS_URL=hanging))
    took = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            client.get("key")
        took.append(time.monotonic() - began)
    assert SOCKET_TIMEOUT * 0.9 < took[0] < SOCKET_TIMEOUT * 2, "one try, and no second one"
    assert max(took[1:]) < SOCKET_TIMEOUT / 4
