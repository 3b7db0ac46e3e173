"""F1 and F2: workers are killed at random points while the stores are lost, and every download ends right.

Every kill hits a pool child that works on a download: alone, or with its whole worker. An operation that died
twice without a new byte is spared: five such deaths in a row are what F14 calls a file that kills its worker.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests.faults.fleet import Fleet, Held
from tests.faults.invariants import Wanted, Watch, check, served
from tests.faults.shapes import MB, Shape, new_shape
from tests.faults.visitors import Visitors
from tests.stack import wait_for

SPARED = 2  # deaths in a row without a new byte
LONGEST_AWAY = 1.5  # seconds of a store


@dataclass
class Owners:
    """A context manager: inside, a thread wants every file, and once it is there, wants it anew."""

    visitors: Visitors
    shapes: list[Shape]
    models: dict[Shape, dict[str, Any]] = field(default_factory=dict)
    fetches: Counter[Shape] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _going: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="owners", daemon=True)

    def __enter__(self) -> "Owners":
        self._thread.start()
        wait_for("the first downloads", lambda: len(self.models) == len(self.shapes), seconds=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """From here on what is there stays, and what was being taken away comes once more."""
        self._ended.set()
        self._thread.join(60)
        if kind is None:
            wait_for("every file to be wanted", self._all_wanted, seconds=60)

    @property
    def wanted(self) -> list[Wanted]:
        """What every download must come to."""
        return [shape.wanted(model, fetches=self.fetches[shape]) for shape, model in self.models.items()]

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            try:
                self._look()
            except requests.RequestException as error:
                self.broken.append(f"the API broke: {type(error).__name__} {error}")

    def _all_wanted(self) -> bool:
        self._look(anew=False)
        return all(model["id"] not in self._going for model in self.models.values())

    def _look(self, *, anew: bool = True) -> None:
        answer = self.visitors.ask("GET", "/api/models?pageSize=100")
        if answer.status_code != 200:
            return
        found = {model["hfRepo"]: model for model in answer.json()}
        for shape in self.shapes:
            model = found.get(shape.repo)
            if model is None:
                self._want(shape)
                continue
            # Also one that was registered although its answer was lost.
            if self.models.get(shape, {}).get("id") != model["id"]:
                self.models[shape] = model
                self.fetches[shape] += 1
            if anew and model["downloadStatus"] == "Downloaded":
                self._going.add(model["id"])
            if model["id"] in self._going and not model["activeOperation"]:
                self.visitors.ask("DELETE", f"/api/models/{model['id']}?deleteLocalFile=true")

    def _want(self, shape: Shape) -> None:
        body = {"type": "local", "name": shape.repo, "hfRepo": shape.repo, "modelFile": shape.file}
        # The same key until the model has been seen: asking twice is asking once.
        key = {"Idempotency-Key": f"{shape.repo} {self.fetches[shape]}"}
        self.visitors.ask("POST", "/api/models", body | {"downloadNow": True}, headers=key)


@dataclass
class Storm:
    """What happens to the fleet, in random order and at random times."""

    fleet: Fleet
    rng: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)

    def rage(self, plan: list[str]) -> None:
        """Do all of it."""
        self.rng.shuffle(plan)
        for what in plan:
            time.sleep(self.rng.uniform(0.05, 0.6))
            getattr(self, f"_{what}")()
            self.happened[what] += 1
            self._look_for_the_dead(what)

    def _look_for_the_dead(self, after: str) -> None:
        """No process ends but by our hand."""
        for name in [name for name, process in self.fleet.processes.items() if process.poll() is not None]:
            self.gave_up.append(f"{name} ended by itself, at the latest after {after}")
            self.fleet.processes.pop(name)
            self.fleet.start_one(name)

    def _tree(self) -> None:
        self.fleet.kill_tree(self._victim(whole=True).worker)

    def _child(self) -> None:
        self.fleet.kill_child(self._victim().child)

    def _control(self) -> None:
        self.fleet.kill_tree("control")

    def _redis_lost(self) -> None:
        self.fleet.kill_redis(forget=True)
        self._away()
        self.fleet.start_redis()

    def _redis_killed(self) -> None:
        self.fleet.kill_redis()
        self._away()
        self.fleet.start_redis()

    def _flush(self) -> None:
        self.fleet.redis.flushall()

    def _postgres(self) -> None:
        self.fleet.stop_postgres()
        self._away()
        self.fleet.start_postgres()

    def _away(self) -> None:
        time.sleep(self.rng.uniform(0, LONGEST_AWAY))

    def _victim(self, *, whole: bool = False) -> Held:
        found: list[Held] = wait_for("a download to kill", lambda: self._victims(whole), seconds=90)
        return self.rng.choice(sorted(found, key=lambda held: held.operation))

    def _victims(self, whole: bool) -> list[Held]:
        held = [one for one in self.fleet.held() if one.worker != "control"]
        spared = [one for one in held if one.failures >= SPARED]
        workers = {one.worker for one in spared} if whole else set()
        return [one for one in held if one not in spared and one.worker not in workers]


def test_kills_and_lost_stores_lose_no_download_and_hurt_no_file(
    fleet: Fleet,
    rng: random.Random,
    choose: Callable[[Any, Any], Any],
    noted: Callable[..., None],
    tmp_path: Path,
) -> None:
    sizes = choose([12 * MB] * 5 + [60 * MB], [12 * MB] * 12 + [200 * MB] * 2)
    shapes = [new_shape(fleet, rng, size, tmp_path) for size in sizes]
    fleet.hub.throttle = choose(4, 1.5) * MB
    pairs, lost, control = choose((6, 1, 1), (100, 5, 10))
    plan = ["tree", "child"] * pairs + ["redis_lost", "postgres", "flush"] * lost
    plan += ["redis_killed"] * (lost - 1) + ["control"] * control
    storm = Storm(fleet, rng)
    with Watch(fleet) as watch, Visitors(fleet) as visitors:
        with Owners(Visitors(fleet), shapes) as owners:
            storm.rage(plan)
        fleet.hub.throttle = None
        began = time.monotonic()
        wrong = check(fleet, owners.wanted, kills=storm.happened.total())
        print(f"settled within {time.monotonic() - began:.1f} s; {watch.looks} looks at the rows")
    wrong += watch.wrong + visitors.complaints + owners.visitors.complaints + owners.broken + storm.gave_up
    bytes_served, bytes_files = served(fleet, owners.wanted)
    numbers = {
        "operations": sum(owners.fetches.values()),
        "bytes_served": bytes_served,
        "bytes_files": bytes_files,
        "violations": len(wrong),
    }
    kills = storm.happened["tree"] + storm.happened["child"]
    lost = sum(storm.happened[what] for what in ("redis_lost", "redis_killed", "flush", "postgres"))
    noted("F1", "kill -9 of a worker or of one of its children", injected=kills, **numbers)
    noted("F2", "meanwhile Redis killed, emptied, flushed; Postgres crashed", injected=lost, **numbers)
    assert watch.looks
    assert not wrong, "\n".join(wrong)
