"""Bytes rot on the volume: a verify finds it, and a repair fetches just these. (Crashes: the fault suite.)"""

import os
from pathlib import Path
from typing import Any

from tests.stack import TERMINAL, Stack, wait_for

MB = 1_000_000


def _ended(stack: Stack, path: str) -> dict[str, Any]:
    """What became of the operation that this asks for."""
    answer = stack.call("POST", path)
    assert answer.status_code == 202, answer.text
    task = answer.json()["taskId"]

    def probe() -> dict[str, Any] | None:
        found: dict[str, Any] = stack.get(f"/api/tasks/{task}")
        return found if found["status"] in TERMINAL else None

    return dict(wait_for("the operation", probe, seconds=60))


def test_a_rotten_file_is_found_and_fetched_again_and_no_other(stack: Stack) -> None:
    files: dict[str, bytes | Path] = {
        "config.json": b"{}",
        "right.gguf": os.urandom(MB),
        "rotten.gguf": os.urandom(2 * MB),
    }
    repo = stack.add_repo(files)
    model = stack.register(repo, downloadNow=True)
    shares = stack.register(repo, "rotten.gguf", downloadNow=True)
    for one in (model, shares):
        stack.wait_status(one, "Downloaded")
    path = f"/api/models/{model['id']}"
    assert _ended(stack, f"{path}/verify")["result"] == "intact"
    snapshot = Path(stack.get(path)["localPath"])
    blob = (snapshot / "rotten.gguf").resolve()
    data = bytearray(blob.read_bytes())
    data[MB] ^= 1
    blob.write_bytes(data)
    done = _ended(stack, f"{path}/verify")
    assert (done["result"], done["bytesDownloaded"], done["percent"]) == ("damaged", 3 * MB + 2, 100.0)
    for one in (model, shares):
        shown = stack.get(f"/api/models/{one['id']}")
        assert (shown["downloadStatus"], shown["error"]["code"]) == ("Failed", "CHECKSUM_MISMATCH")
        assert shown["damagedFiles"] == [{"path": "rotten.gguf", "problem": "corrupt"}]
    stack.hub.add_repo(repo, {"config.json": b"moved"})
    for one in (model, shares):
        stack.download(one)
        stack.wait_status(one, "Downloaded")
    assert stack.hub.bytes_served(f"{repo}/rotten.gguf") == 4 * MB, "twice in all, for both models"
    assert stack.hub.bytes_served(f"{repo}/right.gguf") == MB
    assert {name: (snapshot / name).read_bytes() for name in files} == files
    assert _ended(stack, f"{path}/verify")["result"] == "intact"
