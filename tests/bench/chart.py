"""The charts of docs/benchmarks.md, as SVG: a panel of bars for each contest, for light and dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tests.bench.clients import OURS

FOLDER = Path(__file__).parent.parent.parent / "docs" / "pictures"
_CASES = {"a": "one file of 2 GiB", "b": "8 files of 256 MiB", "c": "500 files of 20 KiB"}
_PACES = {"unthrottled": "unthrottled", "throttled": "20 MB/s per connection, 30 ms"}
_GIB = 1 << 30
_TOTALS = {"a": 2 * _GIB, "b": 2 * _GIB, "c": 500 * 20 << 10}
_WIDTH, _GAP, _LABEL, _BAR, _HEAD = 460, 30, 190, 20, 48
_ROOM = 52  # for the number behind the longest bar
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .label { text-anchor: end }
  .bar { fill: #8c959f } .ours { fill: #1a7f64 }
  .back { fill: #ffffff } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .bar { fill: #656c76 } .ours { fill: #3fb98f }
    .back { fill: #0d1117 } .axis { stroke: #3d444d }
  }
"""


def write(kept: Mapping[str, Any]) -> None:
    """Draw what is kept of the part `transfer`: seconds of all contests, CPU time of the big ones."""
    seconds = [[_panel(kept, name, pace, lambda row, _: row["wall"]) for pace in _PACES] for name in _CASES]
    cpu = [[_panel(kept, name, "unthrottled", lambda row, total: row["cpu"] * _GIB / total) for name in "ab"]]
    _draw(FOLDER / "benchmarks.svg", "Seconds until all files are there; shorter is better", seconds)
    _draw(FOLDER / "benchmarks-cpu.svg", "CPU seconds of the client per GiB; shorter is better", cpu)


def _panel(kept: Mapping[str, Any], name: str, pace: str, value: Any) -> tuple[str, list[Any]]:
    rows = kept.get(f"{name} {pace}", {}).get("rows", [])
    bars = [
        (row["name"].replace("`", ""), value(row, _TOTALS[name]), row["name"].startswith(OURS))
        for row in rows
        if row["wall"] is not None
    ]
    return f"{_CASES[name]}, {_PACES[pace]}", bars


def _draw(path: Path, title: str, grid: Sequence[Sequence[tuple[str, list[Any]]]]) -> None:
    lines, top = [], 40
    for panels in grid:
        for column, (name, bars) in enumerate(panels):
            lines += _bars(20 + column * (_WIDTH + _GAP), top, name, bars)
        top += _HEAD + _BAR * max(len(bars) for _, bars in panels)
    width = 40 + 2 * _WIDTH + _GAP
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{width}" height="{top}"/>',
        f'<text class="title" x="20" y="24">{escape(title)}</text>',
        *lines,
        "</svg>",
    ]
    path.write_text("\n".join(svg) + "\n")


def _bars(left: int, top: int, name: str, bars: Sequence[tuple[str, float, bool]]) -> Iterator[str]:
    longest = max((value for _, value, _ in bars), default=1)
    start = left + _LABEL
    yield f'<text class="title" x="{left}" y="{top + 18}">{escape(name)}</text>'
    for number, (label, value, is_ours) in enumerate(bars):
        y = top + 28 + number * _BAR
        length = max(1, round((_WIDTH - _LABEL - _ROOM) * value / longest))
        yield f'<text class="label" x="{start - 8}" y="{y + 13}">{escape(_short(label))}</text>'
        kind = "ours" if is_ours else "bar"
        yield f'<rect class="{kind}" x="{start}" y="{y}" width="{length}" height="16"/>'
        yield f'<text x="{start + length + 6}" y="{y + 13}">{value:.{2 if value < 10 else 0}f}</text>'
    low = top + 28 + len(bars) * _BAR
    yield f'<line class="axis" x1="{start}" y1="{top + 24}" x2="{start}" y2="{low}"/>'


def _short(label: str) -> str:
    return label.replace("with the start of its process", "cold").replace(": receive, write, hash", "")
