import json
from typing import Any

import pytest

from shared import fleet
from shared.fleet import Device, Machine
from shared.presence import SILENCE

GIB = 2**30
RAM = Device("cpu", "x86_64", 64 * GIB, 40 * GIB)
GPU = Device("gpu", "NVIDIA L4", 24 * GIB, 20 * GIB)


def test_what_workers_tell_is_read_back_until_they_leave(redis: Any) -> None:
    here, there = Machine("control@a", (RAM, GPU)), Machine("control@b", (RAM,))
    fleet.note(redis, there)
    fleet.note(redis, here)
    assert fleet.machines(redis) == [here, there]
    fleet.leave(redis, "control@a")
    assert fleet.machines(redis) == [there]


def test_the_last_word_of_a_worker_counts(redis: Any) -> None:
    fleet.note(redis, Machine("control@a", (RAM, GPU)))
    now = Machine("control@a", (Device("cpu", "x86_64", 64 * GIB, GIB),))
    fleet.note(redis, now)
    assert fleet.machines(redis) == [now]


def test_workers_of_one_host_are_one_machine_unless_their_limits_differ(redis: Any) -> None:
    busier = Device("cpu", "x86_64", RAM.total_bytes, GIB)
    limited = Device("cpu", "x86_64", 2 * GIB, GIB)
    fleet.note(redis, Machine("control-1@a", (RAM,)))
    fleet.note(redis, Machine("downloads-1@a", (busier,)))
    fleet.note(redis, Machine("downloads-2@a", (limited,)))
    fleet.note(redis, Machine("control-1@b", (RAM,)))
    assert [machine.worker for machine in fleet.machines(redis)] == [
        "control-1@a",
        "control-1@b",
        "downloads-2@a",
    ]


def test_a_silent_worker_drops_out_and_the_next_word_of_another_sweeps_it_away(redis: Any) -> None:
    silent, late, live = (Machine(name, (RAM,)) for name in ("silent@a", "late@b", "live@c"))
    fleet.note(redis, silent)
    fleet.note(redis, late)
    _was_told(redis, "silent@a", seconds_ago=SILENCE + 5)
    _was_told(redis, "late@b", seconds_ago=SILENCE - 5)
    assert fleet.machines(redis) == [late]
    assert redis.hexists(fleet.KEY, "silent@a")
    fleet.note(redis, live)
    assert fleet.machines(redis) == [late, live]
    assert not redis.hexists(fleet.KEY, "silent@a")


def test_what_nobody_renews_is_gone_from_redis(redis: Any) -> None:
    fleet.note(redis, Machine("control@a", (RAM,)))
    assert 0 < redis.ttl(fleet.KEY) <= SILENCE


def _was_told(redis: Any, worker: str, *, seconds_ago: int) -> None:
    told = redis.hget(fleet.KEY, worker).partition(" ")[2]
    redis.hset(fleet.KEY, worker, f"{redis.time()[0] - seconds_ago} {told}")


def _device(**changed: Any) -> dict[str, Any]:
    return {"kind": "gpu", "name": "L4", "total_bytes": 2, "available_bytes": 1} | changed


@pytest.mark.parametrize(
    "devices",
    [
        "",
        "{}",
        "[" * 100_000,
        "[1]",
        json.dumps([_device(kind="tpu")]),
        json.dumps([_device(name="a\nb")]),
        json.dumps([_device(name="\u202egpj")]),
        json.dumps([_device(name="n" * 101)]),
        json.dumps([_device(name=None)]),
        json.dumps([_device(total_bytes=-1)]),
        json.dumps([_device(total_bytes=2**53)]),
        json.dumps([_device(available_bytes=1.5)]),
        json.dumps([_device(available_bytes=True)]),
        json.dumps([_device(available_bytes="1")]),
        json.dumps([{"kind": "cpu"}]),
        json.dumps([_device()] * 258),
        json.dumps([_device(name="L4" + " " * 70_000)]),
    ],
    ids=lambda text: text[:50],
)
def test_what_is_no_list_of_devices_is_left_out(redis: Any, devices: str) -> None:
    fleet.note(redis, Machine("control@a", (RAM,)))
    redis.hset(fleet.KEY, "hostile@b", f"{redis.time()[0]} {devices}")
    assert fleet.machines(redis) == [Machine("control@a", (RAM,))]


@pytest.mark.parametrize("seconds", ["", "-", "soon", "9" * 5000, "²"])
def test_what_has_no_time_is_left_out_and_swept_away(redis: Any, seconds: str) -> None:
    redis.hset(fleet.KEY, "hostile@b", f"{seconds} {json.dumps([_device()])}")
    assert fleet.machines(redis) == []


def test_what_a_later_version_adds_does_not_hide_a_machine(redis: Any) -> None:
    redis.hset(fleet.KEY, "new@b", f"{redis.time()[0]} {json.dumps([_device(bandwidth=5)])}")
    assert fleet.machines(redis) == [Machine("new@b", (Device("gpu", "L4", 2, 1),))]


@pytest.mark.parametrize(
    ("size", "on"), [(40 * GIB, ["cpu"]), (40 * GIB + 1, []), (20 * GIB, ["cpu", "gpu"]), (60 * GIB, [])]
)
def test_it_fits_where_one_device_has_that_much_available(size: int, on: list[str]) -> None:
    machines = [Machine("control@a", (RAM, GPU))]
    found = fleet.fitting(machines, size)
    assert [fit.device for fit in found if fit.fits] == on
    assert fleet.fits(machines, size) is bool(on)
    assert [(fit.worker, fit.name, fit.total_bytes, fit.available_bytes) for fit in found] == [
        ("control@a", "x86_64", 64 * GIB, 40 * GIB),
        ("control@a", "NVIDIA L4", 24 * GIB, 20 * GIB),
    ]


def test_nobody_knows_whether_it_fits_where_no_device_is_known() -> None:
    assert fleet.fits([], 1) is None
    assert fleet.fits([Machine("control@a", ())], 1) is None
    assert fleet.fits([Machine("control@a", ()), Machine("control@b", (RAM,))], 1) is True
