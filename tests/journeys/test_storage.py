"""The numbers of the volume, while a download runs and after it and its delete."""

import os
import subprocess
import sys
from typing import Any

from tests.stack import Stack, wait_for

MB = 1_000_000


def test_the_storage_follows_a_download_and_its_delete(stack: Stack) -> None:
    before = wait_for("the first look", lambda: _seen(stack))
    assert before["usedBytes"] == before["totalBytes"] - before["availableBytes"]
    stack.hub.throttle = MB
    model = stack.register(stack.add_repo({"stored.gguf": os.urandom(30 * MB)}), downloadNow=True)
    stack.wait_bytes(model, MB)
    during = wait_for("a look at the half file", lambda: _seen(stack, least_partial=30 * MB))
    assert 0 < during["reservedBytes"] < 30 * MB
    assert during["availableAfterQueueBytes"] == during["availableBytes"] - during["reservedBytes"]
    stack.hub.throttle = None
    stack.wait_status(model, "Downloaded")
    after = stack.get("/api/storage")
    assert after["modelCount"] == before["modelCount"] + 1
    assert after["cache"]["managedBytes"] == before["cache"]["managedBytes"] + 30 * MB
    assert after["reservedBytes"] == 0
    wait_for("the scan after it", lambda: stack.get("/api/storage")["scannedAt"] > during["scannedAt"])
    stack.call("DELETE", f"/api/models/{model['id']}?deleteLocalFile=true")
    managed = before["cache"]["managedBytes"]
    wait_for("the delete", lambda: stack.get("/api/storage")["cache"]["managedBytes"] == managed)


def _seen(stack: Stack, *, least_partial: int = 0) -> Any:
    """The storage, once a worker has looked and seen half files of so many bytes."""
    found = stack.get("/api/storage")
    seen = found["cache"]["partialBytes"]
    return found if seen is not None and seen >= least_partial else None


def test_what_another_client_brought_is_seen_adopted_and_cleaned_up(stack: Stack) -> None:
    weights = os.urandom(2 * MB)
    repo = stack.add_repo({"model.safetensors": weights, "config.json": b"{}"})
    _as_another_client(stack, repo)
    cached = _cached(stack, repo)
    assert (cached["isManaged"], cached["sizeBytes"]) == (False, 2 * MB + 2)
    before = stack.get("/api/storage")["cache"]
    served = stack.hub.bytes_served(f"{repo}/*")
    stack.hub.fault("status", f"*{repo}*", where="*", times=None)
    model = stack.call("POST", "/api/cache/adopt", {"repo": repo, "category": "embedding"}).json()
    stack.wait_status(model, "Downloaded")
    stack.hub.clear_faults()
    assert stack.hub.bytes_served(f"{repo}/*") == served
    cached = _cached(stack, repo)
    assert (cached["isManaged"], cached["managedBytes"]) == (True, 2 * MB + 2)
    after = stack.get("/api/storage")["cache"]
    assert after["unmanagedBytes"] == before["unmanagedBytes"] - cached["sizeBytes"]
    assert stack.call("DELETE", f"/api/models/{model['id']}").status_code == 204
    _remove(stack, repo)
    assert not (stack.cache / f"models--{repo.replace('/', '--')}").exists()


def _as_another_client(stack: Stack, repo: str) -> None:
    command = f"from huggingface_hub import snapshot_download; snapshot_download({repo!r})"
    env = {"HF_ENDPOINT": stack.hub.url, "HF_HUB_CACHE": str(stack.cache), "HF_HUB_DISABLE_XET": "1"}
    subprocess.run(
        [sys.executable, "-c", command],
        env=env | {"PATH": os.environ["PATH"], "HOME": str(stack.cache.parent)},
        check=True,
        capture_output=True,
    )


def _cached(stack: Stack, repo: str) -> Any:
    stack.get("/api/storage?refresh=true")
    (found,) = stack.get(f"/api/cache/repos?q={repo}")
    return found


def _remove(stack: Stack, repo: str) -> None:
    asked = stack.call("DELETE", f"/api/cache/repos?repo={repo}&confirm=true")
    assert asked.status_code == 202, asked.text
    task = f"/api/tasks/{asked.json()['taskId']}"
    done = wait_for("the clean-up", lambda: (now := stack.get(task))["status"] == "completed" and now)
    assert (done["result"], done["bytesFreed"]) == ("removed", 2 * MB + 2)
