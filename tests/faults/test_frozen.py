"""A worker freezes at an exact step and wakes after another has taken its work over: it changes nothing.

Frozen is worse than dead: whatever it holds (half files, locks, an open transaction) stays held.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from tests.conftest import Servers
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import HubServer
from tests.stack import wait_for

LEASE = 4  # seconds
SIZE = 12 * MB
Noted = Callable[..., None]

# Where the worker is when it freezes. The last one keeps everybody else from being admitted.
STEPS: dict[str, dict[str, Any]] = {
    "while bytes come in": {"at": "worker_service.transfer.partial:Partial._advance", "nth": 5},
    "before the checksum": {"at": "worker_service.transfer.verify:is_right"},
    "before its file gets its name": {"at": "worker_service.transfer.publish:Room.publish_blob"},
    "before the branch is written": {"at": "worker_service.transfer.publish:Room.write_ref"},
    "in its last transaction": {"at": "shared.attempts:complete_download", "when": "after"},
    "while it asks for room": {"at": "worker_service.admission:reserved"},
}


@dataclass
class Frozen:
    """What came of one download whose worker froze and woke again."""

    wanted: Wanted
    before: dict[str, Any]
    half_file: int  # bytes in it when the worker froze
    done: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    fetched: int = 0  # bytes that the successor asked the Hub for
    woken: dict[str, Any] = field(default_factory=dict)


@dataclass
class Story:
    """All of them, and the volume when the successor was done and after the first one woke."""

    downloads: dict[str, Frozen] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    published_after: dict[str, str] = field(default_factory=dict)
    half_files_after: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    folder = tmp_path_factory.mktemp("frozen")
    with HubServer() as hub, annex(servers, folder, hub, WEIGHBRIDGE_LEASE_SECONDS=str(LEASE)) as found:
        yield found


@pytest.fixture(scope="module")
def story(house: Annex) -> Story:
    """One worker freezes with a download at each step, another takes all of them over, the first wakes."""
    found = Story({})
    house.start_crashing("frozen", "downloads", len(STEPS))
    for step, plan in STEPS.items():
        found.downloads[step] = _freeze(house, step, plan)
    for process in house.tree("frozen"):
        process.suspend()
    asked, began = len(house.hub.requests), monotonic()
    house.start_worker("successor", "downloads", len(STEPS))
    wait_for("the successor to finish all", lambda: _all_done(found, began), seconds=90)
    for one in found.downloads.values():
        one.fetched = one.wanted.served_since(asked)
    found.published = house.published()
    for process in house.tree("frozen"):
        process.resume()
    wait_for("the woken ones to give up", lambda: _all_gave_up(house, found), seconds=60)
    assert house.stop("frozen") == 0
    for one in found.downloads.values():
        one.woken = one.wanted.row
    found.published_after, found.half_files_after = house.published(), house.half_files()
    house.kill("successor")
    return found


def _freeze(house: Annex, step: str, plan: dict[str, Any]) -> Frozen:
    wanted = house.new(SIZE)
    house.arm(wanted.model, **plan, how="stop")
    house.download(wanted.model)
    wait_for(f"a worker to freeze {step}", lambda: house.struck(wanted.model), seconds=60)
    return Frozen(wanted, wanted.row, wanted.kept)


def _all_done(story: Story, began: float) -> bool:
    for one in story.downloads.values():
        if not one.done and (row := one.wanted.row)["status"] == "completed":
            one.done, one.seconds = row, monotonic() - began
    return all(one.done for one in story.downloads.values())


def _all_gave_up(house: Annex, story: Story) -> bool:
    """Each says so in the log; the one in a transaction finds its connection closed."""
    ends = ("lost to another attempt", "raised unexpected: ServiceUnavailable")
    ended = [line for line in house.log("frozen").splitlines() if any(end in line for end in ends)]
    return all(any(str(one.before["id"]) in line for line in ended) for one in story.downloads.values())


@pytest.mark.parametrize("step", STEPS)
def test_what_a_frozen_worker_held_is_finished_by_another(story: Story, step: str, noted: Noted) -> None:
    one = story.downloads[step]
    noted(
        "F5",
        f"a worker freezes {step}",
        injected=1,
        operations=1,
        bytes_served=one.half_file + one.fetched,
        bytes_files=SIZE,
        seconds=round(one.seconds, 1),
    )
    assert (one.before["status"], one.before["attempt"]) == ("running", 1)
    assert (one.done["status"], one.done["attempt"], one.done["error"]) == ("completed", 2, None)
    assert one.seconds < LEASE + 10
    assert one.fetched == SIZE - one.half_file
    assert one.wanted.is_right()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_wakes_changes_no_row(story: Story, step: str) -> None:
    assert story.downloads[step].woken == story.downloads[step].done


def test_a_worker_that_wakes_changes_no_file_and_leaves_none(story: Story) -> None:
    assert story.published_after == story.published
    assert story.half_files_after == []
