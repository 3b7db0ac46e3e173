"""Workers end in every way, and the download goes on by itself. (The long form is the fault suite's.)"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 50 * MB


@pytest.fixture(autouse=True)
def _a_worker_again(stack: Stack) -> Iterator[None]:
    yield
    if "downloads" not in stack.processes:
        stack.start_worker("downloads", "downloads", 2)


def _half_done(stack: Stack, file: str) -> tuple[dict[str, object], bytes]:
    stack.hub.throttle = 2 * MB
    data = os.urandom(SIZE)
    model = stack.register(stack.add_repo({file: data}), file, downloadNow=True)
    stack.wait_bytes(model, 10 * MB)
    return model, data


def _finishes(stack: Stack, model: dict[str, object], data: bytes, file: str) -> None:
    stack.hub.throttle = None
    done = stack.wait_status(model, "Downloaded", seconds=60)
    assert done["attempt"] == 2
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).read_bytes() == data
    # Every connection may have had some bytes on its way that were never written.
    assert stack.hub.bytes_served(file) <= SIZE + 16 * 1024 * 1024


def test_after_sigterm_another_worker_takes_the_download_up_at_once(stack: Stack) -> None:
    model, data = _half_done(stack, "drain.gguf")
    before = stack.status(model)["bytesDownloaded"]
    began = time.monotonic()
    assert stack.stop("downloads") == 0
    assert time.monotonic() - began < 10
    given_back = stack.status(model)
    assert given_back["status"] == "Pending"
    assert given_back["bytesDownloaded"] >= before
    stack.start_worker("downloads", "downloads", 2)
    _finishes(stack, model, data, "drain.gguf")


def test_after_kill_9_of_the_whole_worker_the_download_goes_on(stack: Stack) -> None:
    model, data = _half_done(stack, "kill.gguf")
    worker = psutil.Process(stack.processes["downloads"].pid)
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    stack.processes.pop("downloads").wait(10)
    stack.start_worker("downloads", "downloads", 2)
    _finishes(stack, model, data, "kill.gguf")


def test_after_kill_9_of_only_the_pool_child_the_download_goes_on(stack: Stack) -> None:
    model, data = _half_done(stack, "child.gguf")
    worker = psutil.Process(stack.processes["downloads"].pid)
    busy = max(worker.children(recursive=True), key=lambda child: child.num_threads())
    busy.kill()
    _finishes(stack, model, data, "child.gguf")


def test_no_child_outlives_its_worker(stack: Stack) -> None:
    model, data = _half_done(stack, "orphan.gguf")
    worker = psutil.Process(stack.processes["downloads"].pid)
    children = worker.children(recursive=True)
    worker.kill()
    stack.processes.pop("downloads").wait(10)
    wait_for("the orphans to end", lambda: not any(child.is_running() for child in children), seconds=5)
    stack.start_worker("downloads", "downloads", 2)
    _finishes(stack, model, data, "orphan.gguf")


def test_a_cancel_does_not_wait_behind_downloads(stack: Stack) -> None:
    stack.hub.throttle = MB
    models = [
        stack.register(stack.add_repo({f"q{n}.gguf": os.urandom(30 * MB)}), f"q{n}.gguf", downloadNow=True)
        for n in range(4)
    ]
    stack.wait_status(models[0], "Downloading")
    stack.wait_status(models[1], "Downloading")
    assert {stack.status(model)["status"] for model in models[2:]} == {"Pending"}
    for model in reversed(models):
        stack.cancel(model)
    for model in models:
        stack.wait_status(model, "Canceled", seconds=5)
