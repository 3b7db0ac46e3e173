"""More connections as long as they pay, and no more than allowed."""

from functools import partial

import pytest

from worker_service.transfer.crew import AGAIN, FEW, FIRST_CONNECTIONS, LOOK_SECONDS, Growth

MB = 1_000_000
STEP = 0.125  # seconds, longer than LOOK_SECONDS and exact


def run(growth: Growth, speed_of: list[float], *, held: float = 0.0, now: float = 0.0) -> list[int]:
    """How many connections are wanted after each look, with so many bytes a second in between."""
    growth.look(partial(int, held), now=now)
    found = []
    for speed in speed_of:
        now += STEP
        held += speed * STEP
        found.append(growth.look(partial(int, held), now=now))
    return found


def test_a_server_that_gives_each_connection_a_share_is_filled_at_once() -> None:
    growth, wanted, now, held = Growth(32), FIRST_CONNECTIONS, 0.0, 0.0
    growth.look(int, now=now)
    seen = []
    for _ in range(8):
        now, held = now + STEP, held + 20 * MB * wanted * STEP
        wanted = growth.look(partial(int, held), now=now)
        seen.append(wanted)
    assert seen == [8, 16, 32, 32, 32, 32, 32, 32]


def test_a_full_line_keeps_what_it_has() -> None:
    assert run(Growth(32), [100 * MB] * 10) == [8] + [16] * 9
    # What comes and goes, or a little more for twice as many, is no gain.
    assert run(Growth(32), [100 * MB, 105 * MB, 98 * MB, 135 * MB]) == [8, 16, 16, 16]


def test_connections_that_take_a_moment_to_come_to_their_speed_are_waited_for() -> None:
    assert run(Growth(32), [0, 0, 80 * MB, 80 * MB, 80 * MB, 130 * MB]) == [8, 8, 8, 16, 16, 32]


def test_the_wait_for_the_first_bytes_says_nothing_about_the_line() -> None:
    # 8 connections bring 100 MB/s, and 16 no more; the first look sees half of that.
    assert run(Growth(32), [0, 50 * MB, 100 * MB, 100 * MB, 100 * MB]) == [8, 8, 16, 16, 16]


def test_after_a_while_without_a_gain_a_few_more_are_tried() -> None:
    wanted = run(Growth(32), [100 * MB] * (2 * AGAIN + 2))[1:]
    assert (wanted[AGAIN - 1], wanted[AGAIN], wanted[2 * AGAIN]) == (16, 16 + FEW, 16 + 2 * FEW)


@pytest.mark.parametrize("most", [1, 3, 8, 11])
def test_never_more_than_allowed(most: int) -> None:
    assert max(run(Growth(most), [MB * 2**step for step in range(12)])) == most


def test_looks_that_follow_too_soon_decide_nothing() -> None:
    growth = Growth(32)
    assert {
        growth.look(partial(int, 10 * MB * step), now=step * LOOK_SECONDS / 20) for step in range(20)
    } == {8}
