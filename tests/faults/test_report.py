from typing import Any

from tests.faults.report import SUMS, table, together


def _row(fault: str, sentence: str, **numbers: Any) -> dict[str, Any]:
    none: dict[str, Any] = dict.fromkeys(SUMS, 0)
    return none | {"fault": fault, "sentence": sentence} | numbers


def test_runs_are_added_up_and_stand_in_the_order_of_the_faults() -> None:
    rows = [
        _row("enqueue", "no broker", injected=2),
        _row("F10", "drains", injected=1, take_over_seconds=3.5),
        _row("F2", "kills", injected=200, bytes_served=101_000_000, bytes_files=100_000_000),
        _row("F10", "drains", injected=2, take_over_seconds=2.5),
    ]
    lines = table(together(rows)).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| F2", "| F10", "| enqueue"]
    assert "101 / 100 MB = 1.010" in lines[0]
    assert lines[1].startswith("| F10 | drains (take over seconds 3.5) | 3 |")
