"""Workers drain, share a volume, read wrong clocks and die of a file; each operation ends right, and once."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.faults.annex import MB, Annex, annex
from tests.hub_server import HubServer
from tests.stack import wait_for

LEASE = 4  # seconds
Noted = Callable[..., None]


@pytest.fixture(scope="module")
def _house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    folder = tmp_path_factory.mktemp("workers")
    with HubServer() as hub, annex(servers, folder, hub, WEIGHBRIDGE_LEASE_SECONDS=str(LEASE)) as found:
        yield found


@pytest.fixture
def house(_house: Annex) -> Iterator[Annex]:
    """No worker runs before or after a test."""
    yield _house
    _house.calm_hub()
    for name in list(_house.processes):
        _house.kill(name)


def test_a_worker_that_is_told_to_stop_hands_its_work_over_at_once(house: Annex, noted: Noted) -> None:
    house.hold_bodies(2 * MB)
    size = 20 * MB
    wanted = [house.new(size, downloadNow=True) for _ in range(4)]
    house.start_worker("leaving", "downloads", 2)
    # Two connections each, by its size.
    wait_for("two to run", lambda: sum(one.row["bytes_done"] == 4 * MB for one in wanted) == 2, seconds=60)
    running = [one for one in wanted if one.is_("running")]
    assert [one.row["status"] for one in wanted if one not in running] == ["pending", "pending"]
    house.start_worker("staying", "downloads", 4)
    asked, began = len(house.hub.requests), time.monotonic()
    assert house.stop("leaving") == 0
    exited = time.monotonic() - began
    wait_for("all four to run elsewhere", lambda: all(one.is_("running") for one in wanted))
    resumed = time.monotonic() - began
    house.calm_hub()
    wait_for("all four to be done", lambda: all(one.is_("completed") for one in wanted), seconds=60)
    noted(
        "F10",
        "a worker is told to stop with two downloads running and two waiting",
        injected=1,
        operations=4,
        bytes_served=sum(one.served for one in wanted),
        bytes_files=4 * size,
        exit_seconds=round(exited, 1),
        resume_seconds=round(resumed, 1),
    )
    assert exited < 10
    assert resumed < 15
    assert [one.row["attempt"] for one in running] == [2, 2]
    assert [one.row["bytes_reused"] for one in running] == [4 * MB, 4 * MB]
    assert [one.served_since(asked) for one in running] == [size - 4 * MB] * 2
    assert all(one.is_right() for one in wanted)


def test_two_workers_that_want_one_blob_fetch_it_once(house: Annex, noted: Noted) -> None:
    house.hold_bodies(2 * MB)
    first = house.new(16 * MB, downloadNow=True)
    house.start_worker("one", "downloads", 1)
    wait_for("the first to run", lambda: first.row["bytes_done"] >= 2 * MB, seconds=60)
    whole = house.register(first.model["hfRepo"], downloadNow=True)
    house.start_worker("two", "downloads", 1)
    wait_for("the second to wait", lambda: house.status(whole)["phase"] == "transferring", seconds=60)
    house.calm_hub()
    wait_for("both to be done", lambda: first.is_("completed") and house.row(whole)["status"] == "completed")
    noted("F5", "two workers want one blob", operations=2, bytes_served=first.served, bytes_files=16 * MB)
    assert first.is_right()
    assert Path(house.get(f"/api/models/{whole['id']}")["localPath"], "file.gguf").read_bytes() == first.data
    assert (first.row["attempt"], house.row(whole)["attempt"]) == (1, 1)
    assert first.served == len(first.data)
    assert house.half_files() == []


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def _clock(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is wrong: for all of its libraries where libfaketime is."""
    if FAKETIME is None:
        return {"CLOCK_SHIFT": str(seconds)}
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def test_a_wrong_clock_neither_steals_work_nor_keeps_it(
    house: Annex, rng: random.Random, is_long: bool, noted: Noted
) -> None:
    for hours in (2, -2) if is_long else (rng.choice([2, -2]),):
        _with_a_wrong_clock(house, hours, noted)


def _with_a_wrong_clock(house: Annex, hours: int, noted: Noted) -> None:
    house.hold_bodies(2 * MB)
    wanted = [house.new(10 * MB, downloadNow=True) for _ in range(4)]
    house.start_crashing("right", "downloads", 2)
    house.start_crashing("wrong", "downloads", 2, **_clock(hours * 3600))
    wait_for("all to run", lambda: all(one.is_("running") for one in wanted), seconds=60)
    began = time.monotonic()
    # Two sweeps of each: an expiry by a wrong clock would show.
    wait_for("some sweeps", lambda: time.monotonic() - began > LEASE / 2)
    undisturbed = [one.row["attempt"] for one in wanted]
    # By its clock the other one's leases have long run out, or will not for hours.
    leaving, staying = ("right", "wrong") if hours < 0 else ("wrong", "right")
    gone = tuple(f":{child.pid}" for child in house.tree(leaving))
    taken = [one for one in wanted if one.row["worker"].endswith(gone)]
    house.kill(leaving)
    killed = time.monotonic()
    house.calm_hub()
    wait_for("the other to take over", lambda: all(one.is_("completed") for one in wanted), seconds=60)
    seconds = time.monotonic() - killed
    noted(
        "F12",
        f"a clock that is {hours:+d} hours wrong ({'libfaketime' if FAKETIME else 'time.time of Python'})",
        injected=1,
        operations=len(wanted),
        take_over_seconds=round(seconds, 1),
    )
    house.kill(staying)
    assert undisturbed == [1] * len(wanted)
    assert len(taken) == 2
    assert [one.row["attempt"] for one in wanted] == [2 if one in taken else 1 for one in wanted]
    assert seconds < LEASE + 10
    assert all(one.is_right() for one in wanted)


def test_a_file_that_kills_its_worker_each_time_fails_and_others_are_served(
    house: Annex, choose: Callable[[int, int], int], noted: Noted
) -> None:
    attempts = choose(2, 5)
    deadly, other = house.new(4 * MB), house.new(4 * MB)
    house.arm(deadly.model, at="worker_service.transfer.partial:Partial.sync", how="kill", again=True)
    limits = {"WEIGHBRIDGE_LEASE_SECONDS": "3", "WEIGHBRIDGE_MAX_ATTEMPTS": str(attempts)}
    house.start_crashing("brave", "downloads", 2, **limits)
    house.download(deadly.model)
    wait_for("its first victim", lambda: house.struck(deadly.model), seconds=60)
    house.download(other.model)
    wait_for("the other one", lambda: other.is_("completed"))
    meanwhile = deadly.row["status"]
    failed = house.wait_status(deadly.model, "Failed", seconds=90)
    noted("F14", "a file kills its worker each time", injected=len(house.struck(deadly.model)), operations=2)
    assert meanwhile in ("running", "pending")
    assert failed["error"]["code"] == "DOWNLOAD_FAILED"
    assert failed["error"]["detail"] == f"Its worker died in each of the last {attempts} attempts."
    assert failed["error"]["remedy"]
    assert len(set(house.struck(deadly.model))) == attempts
    assert not any(deadly.model["hfRepo"].split("/")[1] in name for name in house.published())
    house.disarm(deadly.model)
    house.download(deadly.model)
    assert house.wait_status(deadly.model, "Downloaded", "Failed")["status"] == "Downloaded"
    assert deadly.is_right()
    assert deadly.served == len(deadly.data)
