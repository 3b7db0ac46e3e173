"""Values that strangers wrote, be it on the Hub or into a file, taken only in the form that they should have.

Whatever has another one counts as not said: None, or empty.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")

MOST_TEXTS = 256
LONGEST_TEXT = 255  # characters of a name or tag
LARGEST = 2**63 - 1
# No dimension of a real model comes near it; products of two still fit into a database's integer.
LARGEST_DIMENSION = 2**31 - 1


def count(value: Any, *, most: int = LARGEST) -> int | None:
    """A whole number from 0 to `most`."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return value if is_count else None


def dimension(value: Any) -> int | None:
    """A size of a model, such as its layers: a whole number from 1 to LARGEST_DIMENSION."""
    return count(value, most=LARGEST_DIMENSION) or None


def text(value: Any, *, most: int = LONGEST_TEXT) -> str | None:
    """A line of at most `most` characters, without control characters and lone surrogates; None if empty."""
    if not isinstance(value, str):
        return None
    one_line = " ".join(value[: 4 * most].split())
    printable = (each for each in one_line if unicodedata.category(each) not in ("Cc", "Cs"))
    return "".join(printable)[:most].strip() or None


def texts(value: Any) -> tuple[str, ...]:
    """The usable texts of a list (of its first MOST_TEXTS), or of the one text that stands for a list."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(filter(None, (text(each) for each in values[:MOST_TEXTS])))


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def first(values: Iterable[_T]) -> _T | None:
    """The first of them, None if there is none."""
    return next(iter(values), None)
