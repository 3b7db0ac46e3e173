"""A process dies at every step that writes something down; the operation still ends right by itself (F15).

All steps of a round are tried at once, each with a model of its own: they wait for one lease together.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Servers
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import HubServer
from tests.stack import TERMINAL, wait_for

ROUNDS = {False: 1, True: 5}  # short form, long form
SIZE = 6 * MB
TINY = 10_000  # each of three files that are deleted
# Of a file that is not half there when its worker dies; what is on its way to a process that dies is lost.
SLOWLY = 4 * MB
ON_ITS_WAY = MB

Noted = Callable[..., None]
_PUBLISH = "worker_service.transfer.publish:Room"
_PARTIAL = "worker_service.transfer.partial:Partial"


@dataclass(frozen=True)
class Step:
    """Where a process dies. `attempts`: how many the operation then needs; `nth`: up to which call."""

    at: str
    when: str
    attempts: int = 2
    nth: int = 1


DOWNLOAD = {
    "before the start is committed": Step("shared.attempts:begin", "after", attempts=1),
    "after the start": Step("worker_service.runs:_run", "before"),
    "before the manifest is committed": Step("shared.attempts:freeze", "after"),
    "after the manifest": Step("worker_service.transfer.engine:Transfer.run", "before"),
    "while it asks for room": Step("worker_service.admission:reserved", "before"),
    "before its room is committed": Step("shared.attempts:admit", "after"),
    "after the half file has its room": Step("worker_service.transfer.partial:_allocate", "after"),
    "after bytes, before the sidecar": Step(f"{_PARTIAL}._advance", "before", nth=30),
    "after the sidecar": Step(f"{_PARTIAL}._advance", "after", nth=30),
    "after the checksum": Step(f"{_PARTIAL}.sync", "before"),
    "after the bytes are safe": Step(f"{_PARTIAL}.sync", "after"),
    "before the file gets its name": Step(f"{_PUBLISH}.publish_blob", "before"),
    "after the file has its name": Step(f"{_PUBLISH}.publish_blob", "after"),
    "after the half file's end": Step(f"{_PARTIAL}.remove", "after"),
    "after the snapshot's links": Step(f"{_PUBLISH}.link", "after"),
    "after the branch is written": Step(f"{_PUBLISH}.write_ref", "after"),
    "before the end is committed": Step("shared.attempts:complete_download", "after"),
    "after the end": Step("worker_service.runs:tidy", "before", attempts=1),
    "while it tidies up": Step("worker_service.attempt:note_volume", "after", attempts=1),
}
# Of files that another model of the cache has.
LINK = {
    "before a file is linked": Step("worker_service.transfer.reuse:Elsewhere._link", "before"),
    "after a file is linked": Step("worker_service.transfer.reuse:Elsewhere._link", "after"),
}
DELETE = {
    "before the start is committed": Step("shared.attempts:begin", "after", attempts=1),
    "after the start": Step("worker_service.deletes:_attempt", "before"),
    "before it is committed that the files go": Step("shared.attempts:files_go", "after"),
    "once nobody can forbid it any more": Step("worker_service.deletes:_unlink", "before"),
    "before the files go": Step("worker_service.cache:remove", "before"),
    "after half of the links": Step("pathlib:Path.unlink", "after", nth=2),
    "after the links": Step("worker_service.cache:_unlink_snapshot", "after"),
    "after the branches": Step("worker_service.cache:_drop_refs", "after"),
    "after the files": Step("worker_service.cache:_drop_blobs", "after"),
    "when the folder is trash": Step("shutil:rmtree", "before"),
    "before the end": Step("shared.attempts:complete_delete", "before"),
    "before the end is committed": Step("shared.attempts:complete_delete", "after"),
    "after the end": Step("worker_service.deletes:tidy", "before", attempts=1),
}


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """With workers that follow the plans."""
    folder = tmp_path_factory.mktemp("crashes")
    with HubServer() as hub, annex(servers, folder, hub, WEIGHBRIDGE_LEASE_SECONDS="4") as found:
        found.start_crashing("downloads", "downloads", 6)
        found.start_crashing("control", "control", 4)
        found.wait_ready("downloads")
        found.wait_ready("control")
        yield found


def test_whatever_step_a_process_dies_at_the_operation_ends_right(
    house: Annex, rng: random.Random, is_long: bool, noted: Noted
) -> None:
    rounds = range(ROUNDS[is_long])
    # A start that was never committed waits for the next nudge, which takes longer than everything else.
    steps = [
        [name for _ in rounds for name, step in kind.items() if is_long or step.at != "shared.attempts:begin"]
        for kind in (DOWNLOAD, DELETE)
    ]
    deletes = [(name, _three_files(house)) for name in steps[1]]
    twins = [(name, house.new(SIZE, downloadNow=True)) for name in LINK]
    for model in [model for _, model in deletes] + [twin.model for _, twin in twins]:
        house.wait_status(model, "Downloaded", seconds=60)
    downloads = [(name, house.new(SIZE)) for name in steps[0]]
    linked = [(name, _twin(house, twin)) for name, twin in twins]
    for name, one in downloads + linked:
        _arm(house, one.model, (DOWNLOAD | LINK)[name], rng)
        if "sidecar" in name:
            house.hub.fault("slow", f"{one.model['hfRepo']}/*", bytes_per_second=SLOWLY, times=None)
        house.download(one.model)
    tasks = [_delete(house, model, DELETE[name], rng) for name, model in deletes]
    models = [one.model for _, one in downloads + linked] + [model for _, model in deletes]
    wait_for("all to end", lambda: _all_ended(house, models), seconds=60 + 60 * len(rounds))
    wrong = [f"{name}: {what}" for name, one in downloads for what in _download_is_wrong(one, DOWNLOAD[name])]
    wrong += [
        f"{name}: {what}" for name, one in linked for what in _download_is_wrong(one, LINK[name], fetched=0)
    ]
    for (name, model), task in zip(deletes, tasks, strict=True):
        wrong += [f"{name}: {what}" for what in _delete_is_wrong(house, model, task, name)]
    wrong += _left_behind(house)
    noted(
        "F15",
        "a process dies at each step of a download and of a delete",
        injected=len(models),
        operations=len(models),
        bytes_served=sum(one.served for _, one in downloads),
        bytes_files=len(downloads) * SIZE,
        violations=len(wrong),
    )
    assert wrong == []


def _twin(house: Annex, one: Wanted) -> Wanted:
    """A model of another repository with the same file."""
    return Wanted(house, house.register(house.add_repo({"file.gguf": one.data}), "file.gguf"), one.data)


def _arm(house: Annex, model: dict[str, Any], step: Step, rng: random.Random) -> None:
    nth = rng.randint(1, step.nth)
    house.arm(model, at=step.at, when=step.when, nth=nth, how=rng.choice(["exit", "kill"]))


def _three_files(house: Annex) -> dict[str, Any]:
    files = {f"{n}/file.gguf": random.randbytes(TINY) for n in range(3)}
    return house.register(house.add_repo(files), downloadNow=True)


def _delete(house: Annex, model: dict[str, Any], step: Step, rng: random.Random) -> str:
    _arm(house, model, step, rng)
    answer = house.call("DELETE", f"/api/models/{model['id']}?deleteLocalFile=true")
    return str(answer.json()["taskId"])


def _all_ended(house: Annex, models: list[dict[str, Any]]) -> bool:
    return all(house.struck(model) and house.row(model)["status"] in TERMINAL for model in models)


def _download_is_wrong(one: Wanted, step: Step, *, fetched: int = SIZE) -> Iterator[str]:
    row = one.row
    if len(one.house.struck(one.model)) != 1:
        yield f"crashed {len(one.house.struck(one.model))} times"
    if (row["status"], row["error"], row["attempt"]) != ("completed", None, step.attempts):
        yield f"{row['status']} with {row['error']} after {row['attempt']} attempts"
    elif not one.is_right():
        yield "its file is wrong"
    if not fetched <= one.served <= fetched + (ON_ITS_WAY if step.nth > 1 else 0):
        yield f"{one.served} bytes served of {fetched}"
    status = one.house.status(one.model)
    if (status["status"], status["bytesDownloaded"], status["filesDone"]) != ("Downloaded", SIZE, 1):
        yield f"shown as {status}"


def _delete_is_wrong(house: Annex, model: dict[str, Any], task: str, name: str) -> Iterator[str]:
    row = house.get(f"/api/tasks/{task}")
    if (row["status"], row["error"], row["attempt"]) != ("completed", None, DELETE[name].attempts):
        yield f"{row['status']} with {row['error']} after {row['attempt']} attempts"
    if (row["result"], row["bytesFreed"]) != ("removed", 3 * TINY):
        yield f"{row['result']}, {row['bytesFreed']} bytes freed"
    if house.call("GET", f"/api/models/{model['id']}").status_code != 404:
        yield "the model is still there"
    if found := list(house.cache.glob(f"models--{model['hfRepo'].replace('/', '--')}")):
        yield f"{found} is still there"


def _left_behind(house: Annex) -> list[str]:
    """What must be gone once everything has ended; the sweep may need a moment."""
    probes: dict[str, Callable[[], list[str]]] = {
        "half files": house.half_files,
        "trash": lambda: [path.name for path in (house.cache / ".weighbridge" / "trash").glob("*")],
        "claims": lambda: house.redis.keys("weighbridge:active:*"),
        "wishes to cancel": lambda: house.redis.keys("weighbridge:cancel:*"),
        "ended workers": lambda: [name for name, one in house.processes.items() if one.poll() is not None],
    }
    wrong = []
    for what, probe in probes.items():
        try:
            wait_for(f"no {what}", lambda probe=probe: not probe(), seconds=15)
        except AssertionError:
            wrong.append(f"{what}: {probe()}")
    return wrong
