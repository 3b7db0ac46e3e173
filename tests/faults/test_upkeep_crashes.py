"""A process dies at every step of a verify and of an update; each still ends right by itself.

Meanwhile the model is of use as it was. All steps are tried at once: they wait for one lease together.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.faults.annex import Annex, annex
from tests.hub_server import HubServer
from tests.stack import TERMINAL, wait_for

SIZE = 300_000
# Where it dies (before or after), and how many attempts the operation then needs.
VERIFY = {
    "after the start": ("worker_service.runs:_run", "before", 2),
    "while it hashes": ("worker_service.checksums:Check._is_right", "before", 2),
    "after its look": ("worker_service.checksums:Check.run", "after", 2),
    "before the end is committed": ("shared.attempts:complete_verify", "after", 2),
    "after the end": ("worker_service.runs:tidy", "before", 1),
}
UPDATE = {
    "after the start": ("worker_service.runs:_run", "before", 2),
    "before the manifest is committed": ("shared.attempts:freeze", "after", 2),
    "after the manifest": ("worker_service.transfer.engine:Transfer.run", "before", 2),
    "before the small files get their names": (
        "worker_service.transfer.publish:Room.publish_drafts",
        "before",
        2,
    ),
    "after the snapshot's links": ("worker_service.transfer.publish:Room.link", "after", 2),
    "after the branch is written": ("worker_service.transfer.publish:Room.write_ref", "after", 2),
    "before the switch is committed": ("shared.attempts:complete_update", "after", 2),
    "before the older files go": ("worker_service.updates:_drop_older", "before", 1),
    "after the end": ("worker_service.runs:tidy", "before", 1),
}


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """With workers that follow the plans."""
    folder = tmp_path_factory.mktemp("upkeep")
    with HubServer() as hub, annex(servers, folder, hub, WEIGHBRIDGE_LEASE_SECONDS="4") as found:
        found.start_crashing("downloads", "downloads", 6)
        found.start_crashing("control", "control", 1)
        found.wait_ready("downloads")
        yield found


def _model(house: Annex, files: dict[str, bytes | Path]) -> dict[str, Any]:
    return house.register(house.add_repo(files), downloadNow=True)


def _ask(house: Annex, model: dict[str, Any], what: str, step: tuple[str, str, int]) -> None:
    house.arm(model, at=step[0], when=step[1], how="kill")
    assert house.call("POST", f"/api/models/{model['id']}/{what}").status_code == 202


def _wait_all(house: Annex, models: list[dict[str, Any]], result: str) -> None:
    """Each has died once where it was to, and has ended all the same."""

    def left() -> list[str]:
        rows = {model["id"]: house.row(model) for model in models}
        return [
            f"{model['id']}: {rows[model['id']]['status']}, struck {house.struck(model)}"
            for model in models
            if not house.struck(model) or rows[model["id"]]["status"] not in TERMINAL
        ]

    wait_for("all to end", lambda: not left(), seconds=90)
    assert {house.row(model)["result"] for model in models} == {result}


def test_whatever_step_a_verify_dies_at_it_finds_the_damage(house: Annex) -> None:
    models = {name: _model(house, {"a.gguf": os.urandom(SIZE), "b.json": b"{}"}) for name in VERIFY}
    for name, model in models.items():
        house.wait_status(model, "Downloaded", seconds=60)
        path = Path(house.get(f"/api/models/{model['id']}")["localPath"]) / "a.gguf"
        path.resolve().write_bytes(os.urandom(SIZE))
        _ask(house, model, "verify", VERIFY[name])
    _wait_all(house, list(models.values()), "damaged")
    for name, model in models.items():
        assert house.row(model)["attempt"] == VERIFY[name][2], name
        shown = house.get(f"/api/models/{model['id']}")
        assert shown["damagedFiles"] == [{"path": "a.gguf", "problem": "corrupt"}], name


def test_whatever_step_an_update_dies_at_the_model_switches_whole(house: Annex) -> None:
    old: dict[str, bytes | Path] = {"a.gguf": os.urandom(SIZE), "b.json": b"{}"}
    models = {name: _model(house, old) for name in UPDATE}
    new: dict[str, bytes | Path] = {"a.gguf": os.urandom(SIZE), "b.json": b"{}", "c.json": b"[]"}
    for name, model in models.items():
        house.wait_status(model, "Downloaded", seconds=60)
        house.hub.add_repo(model["hfRepo"], new)
        _ask(house, model, "update", UPDATE[name])
    wait_for("all to have died", lambda: all(house.struck(model) for model in models.values()), seconds=60)
    for name, model in models.items():
        shown = house.get(f"/api/models/{model['id']}")
        assert (shown["downloadStatus"], shown["error"]) == ("Downloaded", None), name
    _wait_all(house, list(models.values()), "updated")
    for name, model in models.items():
        assert house.row(model)["attempt"] == UPDATE[name][2], name
        shown = house.get(f"/api/models/{model['id']}")
        snapshot = Path(shown["localPath"])
        assert {path: (snapshot / path).read_bytes() for path in new} == new, name
        former = snapshot.with_name(shown["formerCommit"])
        assert {path: (former / path).read_bytes() for path in old} == old, name
        assert house.hub.bytes_served(f"{model['hfRepo']}/a.gguf") <= 3 * SIZE, name
    wait_for("no half file", lambda: not house.half_files(), seconds=15)
