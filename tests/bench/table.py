"""Numbers as the tables show them."""

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that `part` of all of them do not exceed."""
    ordered = sorted(values)
    # The small step back: 0.95 × 40 may come out a little above 38.
    return ordered[max(0, math.ceil(len(ordered) * part - 1e-9) - 1)]


def milliseconds(values: Sequence[float]) -> str:
    """Median and 95 % of seconds, in ms."""
    return f"{1000 * quantile(values, 0.5):.1f} ({1000 * quantile(values, 0.95):.1f})"
