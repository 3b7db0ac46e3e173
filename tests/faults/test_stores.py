"""F3, F4, F6, F7 and F8: Redis and Postgres go away, hang or drop their callers, and come back."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis.exceptions import RedisError

from shared.broker import celery_options, ring
from shared.nudges import Nudge
from shared.tables import Operation
from shared.task_names import TaskName
from tests.conftest import make_settings
from tests.faults.conftest import LONG
from tests.faults.fleet import WORKERS, Fleet
from tests.faults.invariants import Wanted, Watch, check, overlaps, served
from tests.faults.shapes import MB, Shape, new_shape
from tests.faults.visitors import Visitors
from tests.stack import wait_for
from worker_service.transfer import half_files, partial_bytes

CONSUMING_WITHIN = 10.0  # seconds after Redis is back (F3)
ANSWERED_WITHIN = 5.0  # seconds, whatever hangs (F7)
LEASE = 6.0

Choose = Callable[[Any, Any], Any]


class Wishes:
    """Downloads that were asked for, and what they must come to."""

    def __init__(self, fleet: Fleet, rng: random.Random, folder: Path) -> None:
        self.fleet, self._rng, self._folder = fleet, rng, folder
        self.wanted: list[Wanted] = []

    def shape(self, size: int) -> Shape:
        return new_shape(self.fleet, self._rng, size, self._folder)

    def start(self, size: int) -> dict[str, Any]:
        """Ask for a new file's download."""
        shape = self.shape(size)
        model = self.fleet.register(shape.repo, shape.file, downloadNow=True)
        self.wanted.append(shape.wanted(model))
        return model

    def numbers(self, wrong: list[str]) -> dict[str, int]:
        """What every row of the table tells."""
        bytes_served, bytes_files = served(self.fleet, self.wanted)
        return {
            "operations": len(self.wanted),
            "bytes_served": bytes_served,
            "bytes_files": bytes_files,
            "violations": len(wrong),
        }


@pytest.fixture
def wishes(fleet: Fleet, rng: random.Random, tmp_path: Path) -> Wishes:
    return Wishes(fleet, rng, tmp_path)


def _everybody(fleet: Fleet) -> dict[str, list[int]]:
    """The process ids of every worker and its pool children."""
    return {name: sorted(process.pid for process in fleet.tree(name)) for name in WORKERS}


def _lose_redis(fleet: Fleet, rng: random.Random) -> float:
    """kill -9 and a new start; seconds from there until every worker waits for messages again."""
    fleet.kill_redis()
    time.sleep(rng.uniform(0, 2))
    fleet.start_redis()
    began = time.monotonic()
    wait_for("every worker to consume", lambda: _consumers(fleet) == len(WORKERS), seconds=60)
    return time.monotonic() - began


def _consumers(fleet: Fleet) -> int:
    try:
        return sum(client["cmd"] == "brpop" for client in fleet.redis.client_list())
    except RedisError:
        return 0


def test_when_redis_is_killed_under_idle_workers_they_consume_again(
    fleet: Fleet, rng: random.Random, choose: Choose, noted: Callable[..., None], wishes: Wishes
) -> None:
    times, before, slowest = choose(1, 10), _everybody(fleet), 0.0
    with Watch(fleet) as watch:
        for _ in range(times):
            slowest = max(slowest, _lose_redis(fleet, rng))
            fleet.wait_status(wishes.start(MB), "Downloaded", seconds=60)
    wrong = check(fleet, wishes.wanted) + watch.wrong
    noted(
        "F3", "Redis is killed under idle workers", injected=times, **wishes.numbers(wrong), slowest=slowest
    )
    assert not wrong, "\n".join(wrong)
    assert _everybody(fleet) == before
    assert slowest <= CONSUMING_WITHIN


def test_when_redis_is_killed_during_a_download_it_runs_on_and_the_next_one_is_taken(
    fleet: Fleet, rng: random.Random, choose: Choose, noted: Callable[..., None], wishes: Wishes
) -> None:
    times, before, slowest, model = choose(1, 10), _everybody(fleet), 0.0, None
    with Watch(fleet) as watch:
        for _ in range(times):
            fleet.hub.throttle = 2 * MB
            if model is None or fleet.status(model)["status"] != "Downloading":
                model = wishes.start(16 * MB)
                fleet.wait_bytes(model, MB)
            slowest = max(slowest, _lose_redis(fleet, rng))
            fleet.hub.throttle = None
            fleet.wait_status(wishes.start(MB), "Downloaded", seconds=60)
    wrong = check(fleet, wishes.wanted) + watch.wrong
    attempts = {attempt for (attempt,) in fleet.rows("select attempt from operations")}
    sentence = "Redis is killed during a download"
    noted("F3", sentence, injected=times, **wishes.numbers(wrong), slowest=slowest)
    assert not wrong, "\n".join(wrong)
    assert attempts == {1}, "no download has to begin again"
    assert _everybody(fleet) == before
    assert slowest <= CONSUMING_WITHIN


def test_a_row_does_not_say_that_it_runs_when_its_worker_has_died_while_redis_is_away(
    fleet: Fleet, noted: Callable[..., None], wishes: Wishes
) -> None:
    fleet.hub.throttle = MB
    model = wishes.start(16 * MB)
    fleet.wait_bytes(model, MB)
    with Watch(fleet) as watch:
        fleet.kill_redis()
        (held,) = fleet.held()
        fleet.kill_child(held.child)
        fleet.wait_status(model, "Pending", seconds=3 * LEASE)
        fleet.start_redis()
        fleet.hub.throttle = None
        wrong = check(fleet, wishes.wanted, kills=1) + watch.wrong
    noted("F3", "a child dies while Redis is away", injected=1, **wishes.numbers(wrong))
    assert not wrong, "\n".join(wrong)


def test_cut_connections_never_make_two_attempts_at_once(
    fleet: Fleet, rng: random.Random, choose: Choose, noted: Callable[..., None], wishes: Wishes
) -> None:
    times, before, cut = choose(3, 30), _everybody(fleet), Counter[str]()
    fleet.hub.throttle = choose(2, 0.3) * MB
    for _ in range(6):
        wishes.start(rng.randrange(4, 16) * MB)
    with Watch(fleet) as watch, Visitors(fleet) as visitors:
        for _ in range(times):
            time.sleep(2)
            cut["redis"] += fleet.cut_redis_connections()
            if rng.random() < 0.3:
                cut["postgres"] += fleet.cut_postgres_connections()
            cut["again"] += _ring_again(fleet)
        fleet.hub.throttle = None
        wrong = check(fleet, wishes.wanted, seconds=120)
    wrong += watch.wrong + visitors.complaints + overlaps(fleet, wishes.wanted)
    sentence = "connections are cut, and messages come twice"
    noted("F4", sentence, injected=cut.total(), **wishes.numbers(wrong))
    assert cut["redis"] >= times
    assert cut["again"] >= times
    assert not wrong, "\n".join(wrong)
    assert _everybody(fleet) == before


def _ring_again(fleet: Fleet) -> int:
    """Send the message of every unfinished download once more, as a broker may; how many were sent."""
    app = Celery("faults", set_as_current=False)
    app.conf.update(celery_options(make_settings(REDIS_URL=fleet.env["REDIS_URL"])))
    unfinished = fleet.rows("select id from operations where status in ('pending', 'running')")
    bells = [Nudge(TaskName.DOWNLOAD, Operation(id=uuid.UUID(str(id_)))) for (id_,) in unfinished]
    sent = sum(ring(app, bell) for bell in bells)
    app.close()
    return sent


# What may be answered while Redis hangs. Reads come from Postgres, so they must work.
READS = {
    "/healthz": {200},
    "/readyz": {503},
    "/api/health": {200},
    "/api/models": {200},
    "/api/models/{running}": {200},
    "/api/models/{running}/download-status": {200},
    "/api/models/{running}/usage": {200},
    "/api/downloads": {200},
    "/api/downloads/queue": {200},
    "/api/operations": {200},
    "/api/storage": {200},
}


def test_while_redis_hangs_every_request_is_answered_in_time(
    fleet: Fleet, choose: Choose, noted: Callable[..., None], wishes: Wishes
) -> None:
    rounds, slowest, wrong = choose(1, 5), 0.0, []
    for _ in range(rounds):
        fleet.hub.throttle = 1.5 * MB
        running = wishes.start(20 * MB)
        fleet.wait_bytes(running, MB)
        asked = _while_it_hangs(fleet, wishes, running)
        assert fleet.valkey.child
        fleet.freeze(fleet.valkey.child.pid)
        with ThreadPoolExecutor(len(asked)) as callers:
            answers = list(callers.map(lambda one: _answer(fleet, *one), asked))
        fleet.thaw(fleet.valkey.child.pid)
        fleet.hub.throttle = None
        slowest = max(slowest, *(seconds for seconds, _ in answers))
        wrong += [complaint for _, complaint in answers if complaint]
    wrong += check(fleet, wishes.wanted)
    noted(
        "F7", "Redis hangs while requests come in", injected=rounds, **wishes.numbers(wrong), slowest=slowest
    )
    assert not wrong, "\n".join(wrong)
    assert slowest <= ANSWERED_WITHIN


def _while_it_hangs(
    fleet: Fleet, wishes: Wishes, running: dict[str, Any]
) -> list[tuple[str, str, Any, set[int]]]:
    """The requests, and the statuses that are right for them: each kind once, for models of its own."""
    calls = [("GET", path.format(running=running["id"]), None, right) for path, right in READS.items()]
    first, later, gone = (wishes.shape(MB) for _ in range(3))
    waiting, going = (fleet.register(shape.repo, shape.file) for shape in (later, gone))
    body = {"type": "local", "name": first.repo, "hfRepo": first.repo, "modelFile": first.file}
    wishes.wanted.append(later.wanted(waiting))
    return [
        *calls,
        ("GET", f"/api/hub/repo?repo={first.repo}", None, {200}),
        ("POST", "/api/models", body, {201}),
        ("POST", f"/api/models/{waiting['id']}/download", None, {202}),
        ("PATCH", f"/api/models/{running['id']}", {"isActive": False}, {200}),
        ("DELETE", f"/api/models/{going['id']}?deleteLocalFile=true", None, {202}),
    ]


def _answer(fleet: Fleet, method: str, path: str, body: Any, right: set[int]) -> tuple[float, str | None]:
    began = time.monotonic()
    answer = fleet.call(method, path, body)
    took = time.monotonic() - began
    print(f"{method} {path}: {answer.status_code} after {took:.2f} s")
    if answer.status_code not in right:
        return took, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    late = f"{method} {path}: answered after {took:.1f} s" if took > ANSWERED_WITHIN else None
    return took, late


@pytest.mark.skipif(not LONG, reason="the short form is tests/journeys/test_download.py")
def test_a_crowd_that_wants_the_same_starts_it_once_and_a_crowd_that_disagrees_breaks_nothing(
    fleet: Fleet, rng: random.Random, noted: Callable[..., None], wishes: Wishes
) -> None:
    shape, other = wishes.shape(4 * MB), wishes.shape(MB)
    wanted, contested = (fleet.register(one.repo, one.file) for one in (shape, other))
    wishes.wanted.append(shape.wanted(wanted))
    start = ("POST", f"/api/models/{contested['id']}/download")
    delete = ("DELETE", f"/api/models/{contested['id']}?deleteLocalFile=true")
    disagreeing = [start, delete] * 50
    rng.shuffle(disagreeing)
    visitors = Visitors(fleet)
    with Watch(fleet) as watch, ThreadPoolExecutor(50) as crowd:
        same = list(crowd.map(lambda _: fleet.download(wanted), range(100)))
        mixed = list(crowd.map(lambda call: visitors.ask(*call), disagreeing))
        wrong = check(fleet, wishes.wanted)
    wrong += watch.wrong + visitors.complaints
    wrong += [f"{answer.status_code}" for answer in mixed if answer.status_code not in (200, 202, 404, 409)]
    noted("F6", "100 start the same, 50 start what 50 delete", injected=200, **wishes.numbers(wrong))
    assert not wrong, "\n".join(wrong)
    assert {answer.status_code for answer in same} <= {200, 202}
    assert len({answer.json()["taskId"] for answer in same}) == 1
    assert any(answer.status_code == 202 for answer in mixed)


def test_while_postgres_is_away_nothing_untrue_is_said_and_the_download_goes_on_after_it(
    fleet: Fleet, choose: Choose, noted: Callable[..., None], wishes: Wishes
) -> None:
    away = choose(8.0, 30.0)
    fleet.hub.throttle = 0.5 * MB
    model = wishes.start(60 * MB)
    fleet.wait_bytes(model, 3 * MB)
    with Watch(fleet) as watch:
        fleet.stop_postgres()
        began = time.monotonic()
        wrong = _says_that_it_is_away(fleet, model)
        time.sleep(max(0.0, LEASE + 1 - (time.monotonic() - began)))
        kept, fetched = _partial_bytes(fleet), fleet.hub.bytes_served(wishes.wanted[0].place)
        time.sleep(max(0.5, away - (time.monotonic() - began)))
        if fleet.hub.bytes_served(wishes.wanted[0].place) > fetched:
            wrong.append("it wrote on when its lease had run out")
        if _partial_bytes(fleet) < kept or kept < 3 * MB:
            wrong.append("bytes of the half file are gone")
        fleet.start_postgres()
        fleet.hub.throttle = None
        fleet.wait_status(model, "Downloading", "Downloaded", seconds=30)
        wrong += check(fleet, wishes.wanted)
    wrong += watch.wrong + overlaps(fleet, wishes.wanted)
    noted("F8", "Postgres is away in mid-download", injected=1, **wishes.numbers(wrong), away=away)
    assert not wrong, "\n".join(wrong)


def _says_that_it_is_away(fleet: Fleet, model: dict[str, Any]) -> list[str]:
    visitors = Visitors(fleet)
    place = f"/api/models/{model['id']}"
    refused = [("GET", place), ("GET", f"{place}/download-status"), ("POST", f"{place}/cancel-download")]
    refused += [("GET", "/api/models"), ("GET", "/api/downloads/queue"), ("GET", "/readyz")]
    wrong = []
    for method, path in refused:
        answer = visitors.ask(method, path)
        if answer.status_code != 503:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    if visitors.ask("GET", "/healthz").status_code != 200:
        wrong.append("/healthz is not 200")
    health = visitors.ask("GET", "/api/health").json()
    if (health["status"], health["database"]["status"]) != ("degraded", "unavailable"):
        wrong.append(f"/api/health says {health}")
    return wrong + visitors.complaints


def _partial_bytes(fleet: Fleet) -> int:
    """What is kept of the half files (they are preallocated, so their sizes tell nothing)."""
    return partial_bytes(fleet.cache, half_files(fleet.cache))
