"""The numbers of the volume, while a download runs and after it and its delete."""

import os
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
    assert after["scannedAt"] > during["scannedAt"]
    stack.call("DELETE", f"/api/models/{model['id']}?deleteLocalFile=true")
    managed = before["cache"]["managedBytes"]
    wait_for("the delete", lambda: stack.get("/api/storage")["cache"]["managedBytes"] == managed)


def _seen(stack: Stack, *, least_partial: int = 0) -> Any:
    """The storage, once a worker has looked and seen half files of so many bytes."""
    found = stack.get("/api/storage")
    seen = found["cache"]["partialBytes"]
    return found if seen is not None and seen >= least_partial else None
