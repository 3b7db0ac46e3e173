"""How fast all downloads together may be at a moment: WEIGHBRIDGE_MAX_BYTES_PER_SECOND and its time windows.

The words of a schedule are explained in docs/bandwidth.md. Pure: the settings and the time are given.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from zoneinfo import ZoneInfo

# Bytes per second. Below, the connections of a download would idle so long that servers give them up.
LEAST_RATE = 10_000
# Bytes per second; more than any link, and exact in the numbers of a page and of Redis's scripts.
MOST_RATE = 10**12
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))

_UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_RATE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]*)(?:/s)?", re.ASCII)
_HOURS = re.compile(r"([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)", re.ASCII)
_WHOLE_DAY = 24 * 60


@dataclass(frozen=True)
class Window:
    """A stretch of time that comes again each week, and what holds in it.

    `days`: on which it begins (0 is Monday). `start`, `end`: minutes of the day; an end that is not after the
    start is on the next day. `rate`: bytes per second; None: no limit.
    """

    days: frozenset[int]
    start: int
    end: int
    rate: int | None

    def holds_at(self, local: datetime) -> bool:
        """Whether a moment, by the wall clock of the schedule's zone, lies in it."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        begun_today = today in self.days and minute >= self.start
        return begun_today or ((today - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True)
class Schedule:
    """Windows in the order in which they were written: the first that holds decides."""

    windows: tuple[Window, ...]
    zone: tzinfo = UTC

    def window_at(self, now: datetime) -> Window | None:
        """The window that holds at a moment (with its zone); None between them."""
        local = now.astimezone(self.zone)
        return next((window for window in self.windows if window.holds_at(local)), None)


def limit_at(now: datetime, *, common: int | None, schedule: Schedule | None) -> int | None:
    """Bytes per second for all downloads together; None: as fast as it goes.

    `common` is what holds wherever no window of the schedule does.
    """
    window = schedule.window_at(now) if schedule else None
    return window.rate if window else common


def parse_schedule(text: str) -> Schedule:
    """The schedule of a text such as `tz Europe/Berlin; mon-fri 08:00-18:00 20MB; * 40MB`.

    Raises ValueError, which tells by its number the entry that is wrong.
    """
    entries = [entry.split() for entry in text.split(";")]
    numbered = [(number, words) for number, words in enumerate(entries, start=1) if words]
    zone: tzinfo = UTC
    if numbered and numbered[0][1][0] == "tz":
        number, words = numbered.pop(0)
        zone = _zone(number, words[1:])
    if not numbered:
        raise ValueError("has no window; write for example `mon-fri 08:00-18:00 20MB; * 40MB`")
    return Schedule(tuple(_window(number, words) for number, words in numbered), zone)


def _zone(number: int, words: list[str]) -> tzinfo:
    try:
        (name,) = words
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise _wrong(number, "no time zone of this machine, write for example `tz Europe/Berlin`") from None


def _window(number: int, words: list[str]) -> Window:
    *when, rate = words
    days, start, end = EVERY_DAY, 0, _WHOLE_DAY
    match when:
        case [said] if ":" in said:
            start, end = _hours(number, said)
        case [said]:
            days = _days(number, said)
        case [said, hours]:
            days, (start, end) = _days(number, said), _hours(number, hours)
        case _:
            raise _wrong(number, "must be days, hours or both, and a rate: `mon-fri 08:00-18:00 20MB`")
    return Window(days, start, end, _rate(number, rate))


def _days(number: int, said: str) -> frozenset[int]:
    if said == "*":
        return EVERY_DAY
    found: set[int] = set()
    for part in said.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS or part.endswith("-"):
            raise _wrong(number, "days are `*`, or mon, tue, wed, thu, fri, sat, sun: `mon-fri`, `sat,sun`")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)


def _hours(number: int, said: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(said)
    start, end = (_minutes(*found.group(1, 2)), _minutes(*found.group(3, 4))) if found else (None, None)
    if start is None or end is None or start in (_WHOLE_DAY, end):
        raise _wrong(number, "hours are two times from 00:00 to 24:00: `08:00-18:00`, `22:00-06:00`")
    return start, end


def _minutes(hours: str, minutes: str) -> int | None:
    if (hours, minutes) == ("24", "00"):
        return _WHOLE_DAY
    try:
        moment = time(int(hours), int(minutes))
    except ValueError:
        return None
    return moment.hour * 60 + moment.minute


def _rate(number: int, said: str) -> int | None:
    if said == "unlimited":
        return None
    found = _RATE.fullmatch(said)
    unit = _UNITS.get(found[2]) if found else None
    if found is None or unit is None:
        raise _wrong(number, "a rate is `unlimited`, or bytes per second: `500kB`, `20MB`, `1.5MiB`")
    rate = round(float(found[1]) * unit)
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise _wrong(number, f"a rate is at least {LEAST_RATE} and at most {MOST_RATE} bytes per second")
    return rate


def _wrong(number: int, problem: str) -> ValueError:
    return ValueError(f"entry {number}: {problem}")
