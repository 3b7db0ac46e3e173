"""A model follows its branch, whoever dies meanwhile, and goes back again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.stack import TERMINAL, Stack, wait_for

MB = 1_000_000


@pytest.fixture(autouse=True)
def _a_worker_again(stack: Stack) -> Iterator[None]:
    yield
    if "downloads" not in stack.processes:
        stack.start_worker("downloads", "downloads", 2)


def _ended(stack: Stack, task: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found: dict[str, Any] = stack.get(f"/api/tasks/{task}")
        return found if found["status"] in TERMINAL else None

    return dict(wait_for("the operation", probe, seconds=60))


def _at_work(stack: Stack, task: str) -> None:
    wait_for("bytes", lambda: stack.get(f"/api/tasks/{task}")["bytesDownloaded"] > 11 * MB)


def test_after_kill_9_an_update_goes_on_and_the_model_was_never_away(stack: Stack) -> None:
    old: dict[str, bytes | Path] = {"weights.gguf": os.urandom(10 * MB), "same.gguf": os.urandom(10 * MB)}
    new = old | {"weights.gguf": os.urandom(20 * MB)}
    repo = stack.add_repo(old)
    model = stack.register(repo, downloadNow=True)
    stack.wait_status(model, "Downloaded")
    path = f"/api/models/{model['id']}"
    before = stack.get(path)
    commit = stack.hub.add_repo(repo, new)
    shown = stack.get(f"{path}/update")
    assert (shown["hasMoved"], shown["latestCommit"], shown["bytesToFetch"]) == (True, commit, 20 * MB)
    assert shown["files"] == [{"path": "weights.gguf", "change": "changed", "sizeBytes": 20 * MB}]

    # Canceled in the middle: nothing has happened but to the volume.
    stack.hub.throttle = MB
    task = stack.call("POST", f"{path}/update").json()["taskId"]
    _at_work(stack, task)
    assert [item["taskId"] for item in stack.get("/api/downloads/queue")["active"]] == [task]
    assert stack.cancel(model).status_code == 202
    assert _ended(stack, task)["status"] == "canceled"
    same = ("commitHash", "localPath", "checksum", "downloadStatus", "formerCommit", "error", "verifiedAt")
    assert {name: stack.get(path)[name] for name in same} == {name: before[name] for name in same}

    # Killed in the middle: another one finishes it.
    task = stack.call("POST", f"{path}/update", {"commitHash": commit}).json()["taskId"]
    _at_work(stack, task)
    worker = psutil.Process(stack.processes["downloads"].pid)
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    stack.processes.pop("downloads").wait(10)
    assert stack.get(path)["downloadStatus"] == "Downloaded"
    assert {name: (Path(before["localPath"]) / name).read_bytes() for name in old} == old
    stack.hub.throttle = None
    stack.start_worker("downloads", "downloads", 2)
    done = _ended(stack, task)
    assert (done["status"], done["result"], done["attempt"]) == ("completed", "updated", 2)
    after = stack.get(path)
    assert (after["commitHash"], after["formerCommit"]) == (commit, before["commitHash"])
    assert {name: (Path(after["localPath"]) / name).read_bytes() for name in new} == new
    assert stack.hub.bytes_served(f"{repo}/same.gguf") == 10 * MB

    # And back, with nothing fetched.
    served = stack.hub.bytes_served()
    back = stack.call("POST", f"{path}/update", {"commitHash": before["commitHash"]}).json()
    assert _ended(stack, back["taskId"])["result"] == "updated"
    assert stack.get(path)["localPath"] == before["localPath"]
    assert stack.hub.bytes_served() == served
