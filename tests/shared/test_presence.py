"""Which workers are alive, and whose volume they serve."""

from typing import Any

from shared import presence


def test_workers_are_counted_by_the_volume_that_they_bring_files_to(redis: Any) -> None:
    presence.beat(redis, "w1", ["downloads", "downloads.one"])
    presence.beat(redis, "w2", ["downloads", "downloads.one", "control", "control.one"])
    presence.beat(redis, "c1", ["control", "control.two"])
    presence.beat(redis, "shared", ["downloads"])
    assert presence.workers_of_volumes(redis) == {"one": 2, None: 1}
    assert presence.workers(redis)["downloads"] == 3
    presence.leave(redis, "w1", ["downloads", "downloads.one"])
    assert presence.workers_of_volumes(redis) == {"one": 1, None: 1}
