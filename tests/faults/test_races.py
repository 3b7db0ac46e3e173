"""Everybody works on the same few models at once; in the end rows, claims and volume agree."""

import hashlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Servers
from tests.faults.annex import Annex, annex
from tests.hub_server import HubServer
from tests.stack import TERMINAL, wait_for

KB = 1000
REPOS = 3
# What an actor may be told: done, nothing to do, not there (any more), or somebody else is at it.
EXPECTED = {200, 202, 204, 404, 409}

Noted = Callable[..., None]
Act = Callable[[random.Random], requests.Response | None]


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """Two processes for downloads, two for the rest, as one worker of `make run` has."""
    with HubServer() as hub, annex(servers, tmp_path_factory.mktemp("races"), hub) as found:
        found.start_worker("downloads", "downloads", 2)
        found.start_worker("control", "control", 2)
        found.wait_ready("downloads")
        found.wait_ready("control")
        yield found


class Actors:
    """Threads that ask for something, again and again, until the time is over."""

    def __init__(self, house: Annex, rng: random.Random, contents: dict[str, dict[str, bytes]]) -> None:
        self.told: Counter[str] = Counter()
        self.surprises: list[str] = []
        self._house = house
        self._rng = rng
        self._contents = contents
        self._ended = threading.Event()

    def run(self, seconds: float) -> None:
        acts: list[Act] = [
            self._download,
            self._download,
            self._delete,
            self._cancel,
            self._verify,
            self._update,
            self._scan,
            self._clean_up,
        ]
        threads = [
            threading.Thread(target=self._repeat, args=(act, random.Random(self._rng.random())))
            for act in acts
        ]
        for thread in threads:
            thread.start()
        self._ended.wait(seconds)
        self._ended.set()
        for thread in threads:
            thread.join()

    def _repeat(self, act: Act, rng: random.Random) -> None:
        while not self._ended.is_set():
            answer = act(rng)
            if answer is None:
                self._ended.wait(0.05)
                continue
            name = act.__name__.removeprefix("_")
            self.told[f"{name} {answer.status_code}"] += 1
            if answer.status_code not in EXPECTED:
                self.surprises.append(f"{name}: {answer.status_code} {answer.text}")
            self._ended.wait(rng.random() / 10)

    def _download(self, rng: random.Random) -> requests.Response:
        repo = rng.choice(sorted(self._contents))
        file = rng.choice([None, *sorted(self._contents[repo])])
        return self._house.call("POST", "/api/downloads", {"repo": repo, "filename": file})

    def _delete(self, rng: random.Random) -> requests.Response | None:
        model = self._any_model(rng)
        return model and self._house.call("DELETE", f"/api/models/{model}?deleteLocalFile=true")

    def _cancel(self, rng: random.Random) -> requests.Response | None:
        model = self._any_model(rng)
        body = {"purge": rng.random() < 0.5}
        return model and self._house.call("POST", f"/api/models/{model}/cancel-download", body)

    def _verify(self, rng: random.Random) -> requests.Response | None:
        model = self._any_model(rng)
        return model and self._house.call("POST", f"/api/models/{model}/verify")

    def _update(self, rng: random.Random) -> requests.Response | None:
        model = self._any_model(rng)
        return model and self._house.call("POST", f"/api/models/{model}/update", {})

    def _scan(self, rng: random.Random) -> requests.Response:
        return self._house.call("GET", f"/api/storage?refresh={rng.choice(['true', 'false'])}")

    def _clean_up(self, rng: random.Random) -> requests.Response | None:
        items = [item["id"] for item in self._house.get("/api/cache/clean-up?unusedDays=0")["items"]]
        if not items:
            return None
        chosen = rng.sample(items, rng.randint(1, len(items)))
        body = {"items": chosen, "confirm": True, "unusedDays": 0}
        return self._house.call("POST", "/api/cache/clean-up", body)

    def _any_model(self, rng: random.Random) -> int | None:
        models = self._house.get("/api/models")
        return rng.choice(models)["id"] if models else None


def test_whoever_races_rows_claims_and_volume_agree_in_the_end(
    house: Annex, rng: random.Random, choose: Callable[..., Any], noted: Noted
) -> None:
    contents = _repositories(house, rng)
    actors = Actors(house, rng, contents)
    began = time.monotonic()
    actors.run(choose(8, 60))
    assert not actors.surprises, actors.surprises[:5]
    wait_for("everything to end", lambda: not _unfinished(house), seconds=60)
    print(dict(sorted(actors.told.items())))
    assert all(actors.told[f"{name} 202"] for name in ("download", "delete", "verify"))
    _models_are_whole(house, contents)
    _the_rest_can_go(house)
    _models_are_whole(house, contents)
    _volume_holds_what_rows_say(house)
    wait_for("no claim to be left", lambda: not list(house.redis.scan_iter("weighbridge:active:*")))
    noted(
        "F9",
        "downloads, deletes, cancels, verifies, updates, scans and clean-ups race on the same models",
        seconds=time.monotonic() - began,
        requests=sum(actors.told.values()),
        done=sum(count for told, count in actors.told.items() if told.endswith("202")),
    )


def _repositories(house: Annex, rng: random.Random) -> dict[str, dict[str, bytes]]:
    """Files of their own, and one content that stands under two names."""
    found = {}
    for _ in range(REPOS):
        shared = rng.randbytes(300 * KB)
        files = {"a.gguf": shared, "b.gguf": rng.randbytes(500 * KB), "copy of a.gguf": shared}
        found[house.add_repo(dict(files))] = files
    return found


def _unfinished(house: Annex) -> list[Any]:
    return [one for one in house.get("/api/operations?pageSize=200") if one["status"] not in TERMINAL]


def _models_are_whole(house: Annex, contents: dict[str, dict[str, bytes]]) -> None:
    """What is called Downloaded can be read, byte for byte."""
    for model in house.get("/api/models"):
        if not model["downloaded"]:
            continue
        files = contents[model["hfRepo"]]
        place = Path(model["localPath"])
        there = {model["modelFile"]: place} if model["modelFile"] else {name: place / name for name in files}
        for name, path in there.items():
            assert path.read_bytes() == files[name], f"{model['name']}: {name}"


def _the_rest_can_go(house: Annex) -> None:
    """What the plan of everything names, but for models, goes; so nothing is left that no plan names."""
    for _ in range(3):
        items = house.get("/api/cache/clean-up?unusedDays=0")["items"]
        chosen = [item["id"] for item in items if item["kind"] != "unused-model"]
        if not chosen:
            break
        body = {"items": chosen, "confirm": True, "unusedDays": 0}
        asked = house.call("POST", "/api/cache/clean-up", body)
        assert asked.status_code == 202, asked.text
        wait_for("the clean-up", lambda: not _unfinished(house))


def _volume_holds_what_rows_say(house: Annex) -> None:
    answer = house.get("/api/storage?refresh=true")
    blobs = {path: path.stat().st_size for path in house.cache.glob("models--*/blobs/*") if path.is_file()}
    assert answer["cache"]["totalBytes"] == sum(blobs.values())
    assert answer["cache"]["managedBytes"] <= answer["cache"]["totalBytes"]
    assert answer["cache"]["partialBytes"] == 0
    for path in blobs:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    links = [path for path in house.cache.glob("models--*/snapshots/**/*") if path.is_symlink()]
    assert [path for path in links if not path.exists()] == []
    assert not os.path.exists(house.cache / ".weighbridge" / "partials")
