"""Attempts that take too long: what they brought is kept, and the download goes on by itself."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 24 * MB
Noted = Callable[..., None]


@pytest.fixture
def limited(stack: Stack) -> Iterator[Callable[[int, int], None]]:
    """Give the download workers a soft and a hard limit in seconds, until the test ends."""
    before = dict(stack.env)

    def limit(soft: int, hard: int) -> None:
        stack.stop("downloads")
        stack.env["WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS"] = str(soft)
        stack.env["WEIGHBRIDGE_HARD_TIME_LIMIT_SECONDS"] = str(hard)
        stack.start_worker("downloads", "downloads", 2)

    yield limit
    stack.calm_hub()
    stack.env.clear()
    stack.env.update(before)
    stack.stop("downloads")
    stack.start_worker("downloads", "downloads", 2)


def test_a_download_that_outlives_its_soft_limit_gives_way_and_goes_on(
    stack: Stack, limited: Callable[[int, int], None], noted: Noted
) -> None:
    limited(2, 600)
    stack.hub.throttle = 2 * MB  # of each of two connections: six seconds in all
    data = os.urandom(SIZE)
    model = stack.register(stack.add_repo({"soft.gguf": data}), "soft.gguf", downloadNow=True)
    done = stack.wait_status(model, "Downloaded", "Failed", seconds=60)
    served = stack.hub.bytes_served("soft.gguf")
    noted(
        "F16",
        "soft time limit",
        injected=done["attempt"] - 1,
        operations=1,
        bytes_served=served,
        bytes_files=SIZE,
    )
    assert (done["status"], done["error"]) == ("Downloaded", None)
    assert done["attempt"] > 1
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).read_bytes() == data
    assert served < SIZE * 1.25


def test_an_attempt_that_hangs_is_killed_at_its_hard_limit_and_another_goes_on(
    stack: Stack, limited: Callable[[int, int], None], noted: Noted
) -> None:
    limited(3, 4)
    stack.hub.throttle = MB // 2
    data = os.urandom(SIZE)
    model = stack.register(stack.add_repo({"hard.gguf": data}), "hard.gguf", downloadNow=True)
    stack.wait_bytes(model, MB)
    worker = psutil.Process(stack.processes["downloads"].pid)
    busy = max(worker.children(recursive=True), key=lambda child: child.num_threads())
    busy.suspend()  # not even its own timer runs any more
    wait_for("the hard limit", lambda: not busy.is_running() or busy.status() == psutil.STATUS_ZOMBIE)
    stack.hub.throttle = None
    done = stack.wait_status(model, "Downloaded", "Failed", seconds=60)
    served = stack.hub.bytes_served("hard.gguf")
    noted("F16", "hard time limit", injected=1, operations=1, bytes_served=served, bytes_files=SIZE)
    assert (done["status"], done["attempt"]) == ("Downloaded", 2)
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).read_bytes() == data
    assert served < SIZE * 1.25
