"""Workers with a volume each, on one database and one broker: what has begun on a volume stays there.

The workers of the stack, whose volume has no name, are the third party that never touches it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import delete, update

from shared.database import Database
from shared.tables import CachedRepo, Model, Operation, Volume
from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 24 * MB


@pytest.fixture(scope="module")
def several(stack: Stack) -> Iterator[Stack]:
    """The stack with workers of the volumes `one` and `two` in place of its own that brings files."""
    stack.stop("downloads")
    for volume in ("one", "two"):
        _start(stack, volume)
    for volume in ("one", "two"):
        _wait_for_worker(stack, volume)
    yield stack
    for volume in ("one", "two"):
        if volume in stack.processes:
            stack.stop(volume)
    if "downloads" not in stack.processes:
        stack.start_worker("downloads", "downloads", 2)
    # Other tests know of one volume.
    database = Database(stack.env["DATABASE_URL"])
    with database.session() as session:
        session.execute(delete(CachedRepo).where(CachedRepo.volume.in_(("one", "two"))))
        session.execute(delete(Volume).where(Volume.name.in_(("one", "two"))))
        session.execute(update(Operation).values(volume=None))
        session.execute(delete(Model).where(Model.volume.in_(("one", "two"))))
    database.dispose()


def _cache_of(stack: Stack, volume: str) -> Path:
    return stack.cache.parent / volume


def _start(stack: Stack, volume: str) -> None:
    """A worker for both queues, with a volume of its own."""
    own = {"WEIGHBRIDGE_VOLUME": volume, "HF_HUB_CACHE": str(_cache_of(stack, volume))}
    stack.start_worker(volume, "downloads,control", 2, **own)


def _wait_for_worker(stack: Stack, volume: str) -> None:
    wait_for(f"the worker of {volume}", lambda: _volumes(stack).get(volume, {}).get("workers"), seconds=60)


def _volumes(stack: Stack) -> dict[str, Any]:
    return {volume["name"]: volume for volume in stack.get("/api/storage")["volumes"]}


def _kill(stack: Stack, name: str) -> None:
    worker = psutil.Process(stack.processes[name].pid)
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    stack.processes.pop(name).wait(10)


def _task(stack: Stack, answer: Any) -> Any:
    """What became of an operation that was asked for, once it has ended."""
    assert answer.status_code == 202, answer.text
    path = f"/api/tasks/{answer.json()['taskId']}"

    def ended() -> Any:
        task = stack.get(path)
        return task if task["status"] in ("completed", "failed", "canceled") else None

    return wait_for("the task to end", ended)


def _repo_folder(stack: Stack, volume: str, model: dict[str, Any]) -> Path:
    return _cache_of(stack, volume) / f"models--{model['hfRepo'].replace('/', '--')}"


def test_each_volume_keeps_what_has_begun_there(several: Stack) -> None:
    stack = several
    stack.hub.throttle = MB / 2
    data = {f"v{number}.gguf": os.urandom(SIZE) for number in range(3)}
    models = [stack.register(stack.add_repo({name: data[name]}), name, downloadNow=True) for name in data]
    # Two at a time on each: three are at work on both.
    statuses = [stack.wait_bytes(model, MB) for model in models]
    assert {status["volume"] for status in statuses} == {"one", "two"}
    victim, _ = next(pair for pair in zip(models, statuses, strict=True) if pair[1]["volume"] == "two")

    # Its worker dies: nobody else goes on from there, though two others have nothing else to do.
    _kill(stack, "two")
    stack.start_worker("downloads", "downloads", 2)
    stack.hub.throttle = None
    given_back = stack.wait_status(victim, "Pending")
    assert (given_back["volume"], given_back["attempt"]) == ("two", 1)
    for model in (model for model in models if stack.status(model)["volume"] == "one"):
        stack.cancel(model)
        stack.wait_status(model, "Canceled")
        assert stack.download(model).json()["volume"] == "one"
        stack.wait_status(model, "Downloaded")
    wait_for("another worker", lambda: _volumes(stack)[str(stack.cache)]["workers"])
    assert stack.status(victim)["status"] == "Pending"
    _start(stack, "two")
    done = stack.wait_status(victim, "Downloaded")
    assert (done["attempt"], done["volume"]) == (2, "two")
    for model in models:  # a second one may have begun on that volume
        stack.wait_status(model, "Downloaded")
    name = victim["modelFile"]
    assert stack.hub.bytes_served(name) <= SIZE + 16 * 1024 * 1024
    victim = stack.get(f"/api/models/{victim['id']}")
    path = Path(victim["localPath"])
    assert path.is_relative_to(_cache_of(stack, "two"))
    assert path.read_bytes() == data[name]
    ours = {volume: stack.get(f"/api/models?volume={volume}") for volume in ("one", "two")}
    assert {model["id"] for found in ours.values() for model in found} == {model["id"] for model in models}
    assert {name: len(found) for name, found in ours.items()} == {
        name: _volumes(stack)[name]["models"] for name in ours
    }

    # Verify, repair, purge and delete find the files where they are.
    assert _task(stack, stack.call("POST", f"/api/models/{victim['id']}/verify"))["result"] == "intact"
    path.resolve().write_bytes(bytes(SIZE))
    assert _task(stack, stack.call("POST", f"/api/models/{victim['id']}/verify"))["result"] == "damaged"
    stack.hub.throttle = MB / 2
    assert stack.download(victim).json()["volume"] == "two"
    partials = _cache_of(stack, "two") / ".weighbridge" / "partials"
    wait_for("half a file", lambda: list(partials.glob("*.part")))
    stack.cancel(victim, purge=True)
    wait_for("no half file", lambda: not list(partials.glob("*.part")))
    assert stack.status(victim)["volume"] == "two"
    deleted = stack.call("DELETE", f"/api/models/{victim['id']}?deleteLocalFile=true&confirm=true")
    assert _task(stack, deleted)["result"] == "removed"
    assert not list(_repo_folder(stack, "two", victim).rglob("*.gguf"))
    others = [stack.get(f"/api/models/{model['id']}") for model in models if model["id"] != victim["id"]]
    assert all(Path(model["localPath"]).read_bytes() == data[model["modelFile"]] for model in others)
    assert not list(stack.cache.glob("models--*/**/v?.gguf"))


def test_a_scan_is_waited_for_on_every_volume(several: Stack) -> None:
    if "two" not in several.processes:
        _start(several, "two")
        _wait_for_worker(several, "two")
    brought = several.add_repo({"a.gguf": b"x"})
    for volume in ("one", "two"):
        blobs = _cache_of(several, volume) / f"models--{brought.replace('/', '--')}" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / ("a" * 64)).write_bytes(b"x")
    several.get("/api/storage?refresh=true")
    found = several.get(f"/api/cache/repos?q={brought}")
    assert sorted(repo["volume"] for repo in found) == ["one", "two"]
    ambiguous = several.call("DELETE", f"/api/cache/repos?repo={brought}&confirm=true")
    assert (ambiguous.status_code, ambiguous.json()["code"]) == (422, "VALIDATION_ERROR")
    assert "one, two" in ambiguous.json()["errors"]["volume"][0]
    gone = several.call("DELETE", f"/api/cache/repos?repo={brought}&confirm=true&volume=two")
    assert _task(several, gone)["result"] == "removed"
    assert not _repo_folder(several, "two", {"hfRepo": brought}).exists()
    assert _repo_folder(several, "one", {"hfRepo": brought}).exists()
    shutil.rmtree(_repo_folder(several, "one", {"hfRepo": brought}))
