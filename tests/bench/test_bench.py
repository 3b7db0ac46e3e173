"""What the benchmarks' figures stand on."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import chart, stopwatch
from tests.bench.results import replaced
from tests.bench.table import quantile

MIB = 1 << 20


@pytest.mark.parametrize(("part", "found"), [(0.5, 20), (0.95, 38), (1, 40), (0, 1)])
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(part: float, found: int) -> None:
    assert quantile(list(range(40, 0, -1)), part) == found


def test_a_cost_is_that_of_all_descendants_and_not_of_who_measures(tmp_path: Path) -> None:
    ours = bytearray(64 * MIB)  # must not be counted as the child's
    ours[::4096] = b"x" * (len(ours) // 4096)
    work = f"import hashlib; b = b'x' * {24 * MIB}; hashlib.sha256(b).digest()"
    command = ["sh", "-c", '"$0" -c "$1"; exit 3', sys.executable, work]
    result = tmp_path / "cost.json"
    watch = [sys.executable, "-I", "-S", stopwatch.__file__, str(result), *command]
    assert subprocess.run(watch, check=False).returncode == 3
    cost = json.loads(result.read_text())
    assert 24 * MIB < cost["peak"] < 60 * MIB
    assert 0 < cost["cpu"] <= cost["wall"] * 2


def test_the_charts_are_drawn_from_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "FOLDER", tmp_path)
    rows = [
        {"name": "Weighbridge", "wall": 2.0, "cpu": 1.0},
        {"name": "`a<b>`", "wall": 100.4, "cpu": 3.0},
        {"name": "missing", "wall": None},
    ]
    chart.write({"a unthrottled": {"rows": rows}})
    texts = {text.text for text in ElementTree.parse(tmp_path / "benchmarks.svg").iter() if text.text}
    assert {"Weighbridge", "2.00", "a<b>", "100"} <= texts
    assert "missing" not in texts
    assert (tmp_path / "benchmarks-cpu.svg").exists()


def test_a_table_of_the_docs_is_replaced_and_nothing_else() -> None:
    text = "# A\n<!-- bench: api -->\n| old |\n| row |\n\nText.\n<!-- bench: rows -->\n| kept |\n"
    assert replaced(text, "api", "| new |") == text.replace("| old |\n| row |", "| new |")
    with pytest.raises(ValueError, match="0 places"):
        replaced(text, "link", "| new |")
