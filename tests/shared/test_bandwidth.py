from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shared.bandwidth import limit_at, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = parse_schedule("tz Europe/Berlin; mon-fri 08:00-18:00 20MB; * 40MB")


def _at(day: int, hours: int, minutes: int = 0, zone: ZoneInfo = BERLIN) -> datetime:
    """In June 2026, whose first day is a Monday."""
    return datetime(2026, 6, day, hours, minutes, tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "limit"),
    [
        (_at(1, 8), 20_000_000),
        (_at(1, 7, 59), 40_000_000),
        (_at(5, 17, 59), 20_000_000),
        (_at(5, 18), 40_000_000),
        (_at(6, 12), 40_000_000),
        (datetime(2026, 6, 1, 6, 30, tzinfo=UTC), 20_000_000),  # summer time: half past eight in Berlin
        (datetime(2026, 12, 7, 6, 30, tzinfo=UTC), 40_000_000),  # winter: half past seven
    ],
)
def test_the_first_window_that_holds_decides_by_the_clock_of_its_zone(moment: datetime, limit: int) -> None:
    assert limit_at(moment, common=1_000_000, schedule=OFFICE) == limit


def test_between_the_windows_the_common_limit_holds() -> None:
    schedule = parse_schedule("sat,sun unlimited")
    assert limit_at(_at(6, 12), common=10_000_000, schedule=schedule) is None
    assert limit_at(_at(8, 12), common=10_000_000, schedule=schedule) == 10_000_000
    assert limit_at(_at(8, 12), common=None, schedule=schedule) is None
    assert limit_at(_at(8, 12), common=10_000_000, schedule=None) == 10_000_000


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    schedule = parse_schedule("tz Europe/Berlin; sun 22:00-06:00 1MB")
    held = [schedule.window_at(moment) is not None for moment in (_at(7, 23), _at(8, 5, 59), _at(8, 6))]
    assert held == [True, True, False]
    assert [schedule.window_at(_at(day, 5)) for day in (7, 9)] == [None, None]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("* 500kB", 500_000),
        ("* 500KB/s", 500_000),
        ("* 1.5MiB", 1_572_864),
        ("* 2GB;", 2_000_000_000),
        ("; mon 20000", 20_000),
        ("00:00-24:00 20000B", 20_000),
        ("fri-mon 00:00-24:00 1MB", 1_000_000),
        ("tz UTC; Mon,wed-thu 1MB", 1_000_000),
        ("* unlimited", None),
    ],
)
def test_rates_days_and_hours_are_read(text: str, rate: int | None) -> None:
    window = parse_schedule(text).window_at(_at(1, 12))
    assert window is not None
    assert window.rate == rate


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no window"),
        ("tz UTC", "has no window"),
        ("* 1MB; canary", "entry 2: must be days, hours or both, and a rate"),
        ("mon 08:00-18:00 night 1MB", "entry 1: must be days"),
        ("* 20Mbit", "entry 1: a rate is"),
        ("* -1MB", "entry 1: a rate is"),
        ("* 9999B", "entry 1: a rate is at least 10000"),
        ("* 2000GB", "entry 1: a rate is at least 10000 and at most"),
        ("mon-canary 1MB", "entry 1: days are"),
        ("mon- 1MB", "entry 1: days are"),
        ("* 8:00-18:00 1MB", "entry 1: hours are"),
        ("* 08:00-24:30 1MB", "entry 1: hours are"),
        ("* 24:00-08:00 1MB", "entry 1: hours are"),
        ("* 08:00-08:00 1MB", "entry 1: hours are"),
        ("tz Canary/Town; * 1MB", "entry 1: no time zone"),
        ("tz ../etc; * 1MB", "entry 1: no time zone"),
        ("tz; * 1MB", "entry 1: no time zone"),
        ("* 1MB; tz UTC", "entry 2: days are"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_by_its_entry(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        parse_schedule(text)
    assert "\n" not in str(refused.value)
    assert "anary" not in str(refused.value)
