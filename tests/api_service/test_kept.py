import threading
from typing import Any

import pytest

from api_service.kept import PART, Kept
from shared.errors import ServiceUnavailable
from tests.stack import wait_for


class Maker:
    """Makes 1, 2, 3, …; each takes a second of a clock that only it moves."""

    def __init__(self) -> None:
        self.now, self.made = 0.0, 0
        self.fails = False
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self) -> int:
        assert self.may_end.wait(10)
        self.now += 1
        if self.fails:
            raise ServiceUnavailable("away")
        self.made += 1
        return self.made

    def kept(self, *, is_dear: bool = True) -> Kept[Any]:
        return Kept(self, is_dear=lambda _: is_dear, clock=lambda: self.now)


def test_what_is_cheap_is_made_anew_for_everybody() -> None:
    kept = Maker().kept(is_dear=False)
    assert [kept.get(), kept.get(), kept.get()] == [1, 2, 3]


def test_what_is_dear_is_kept_for_as_many_times_as_long_as_it_took() -> None:
    maker = Maker()
    kept = maker.kept()
    assert kept.get() == 1
    maker.now = PART - 0.1
    assert kept.get() == 1
    maker.now = PART + 0.1
    assert kept.get() == 1, "nobody waits for the next one"
    wait_for("the next one", lambda: kept.get() == 2)


def test_one_at_a_time_is_made_however_many_ask() -> None:
    maker = Maker()
    kept = maker.kept()
    kept.get()
    maker.now, _ = PART + 1, maker.may_end.clear()
    assert [kept.get() for _ in range(20)] == [1] * 20
    maker.may_end.set()
    wait_for("the next one", lambda: kept.get() == 2)
    assert maker.made == 2


def test_who_insists_gets_a_new_one() -> None:
    kept = Maker().kept()
    assert [kept.get(), kept.get(), kept.get(is_new=True), kept.get()] == [1, 1, 2, 2]


def test_an_answer_that_can_not_be_renewed_stays() -> None:
    maker = Maker()
    kept = maker.kept()
    kept.get()
    maker.now, maker.fails = PART + 1, True
    assert kept.get() == 1
    wait_for("the try", lambda: maker.now > PART + 1.5)
    maker.fails = False
    wait_for("the next one", lambda: kept.get() == 2)


def test_the_first_who_ask_learn_why_there_is_none() -> None:
    maker = Maker()
    maker.fails = True
    with pytest.raises(ServiceUnavailable):
        maker.kept().get()
