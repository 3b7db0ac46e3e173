"""What was measured: printed, kept in .tools/bench (a chart shows more than one run), written to the docs."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.tools import HOME, ROOT

IS_SMALL = os.environ.get("SIZE") == "small"
# Into docs/benchmarks.md, docs/scaling.md and docs/pictures: `make bench WRITE=1`.
IS_WRITING = bool(os.environ.get("WRITE")) and not IS_SMALL
DOCS = ROOT / "docs" / "benchmarks.md"
SCALING = ROOT / "docs" / "scaling.md"


class Report:
    """A table that is printed line by line; at the end it replaces the one of the same name in the docs."""

    def __init__(self, name: str, page: Path = DOCS) -> None:
        self._name, self._page = name, page
        self._lines: list[str] = []
        print(flush=True)

    def line(self, *cells: str) -> None:
        """Print a row."""
        self._lines.append(f"| {' | '.join(cells)} |")
        print(self._lines[-1], flush=True)

    def head(self, *cells: str) -> None:
        """Print the first two rows."""
        self.line(*cells)
        self.line(*("---" for _ in cells))

    def close(self) -> None:
        """The table is complete."""
        if IS_WRITING:
            self._page.write_text(replaced(self._page.read_text(), self._name, "\n".join(self._lines)))


def replaced(text: str, name: str, table: str) -> str:
    """The text with another table behind `<!-- bench: NAME -->`; ValueError if it has no such place."""
    mark = f"<!-- bench: {name} -->\n"
    found, count = re.subn(rf"({re.escape(mark)})(?:\|.*\n)*", lambda match: f"{match[1]}{table}\n", text)
    if count != 1:
        raise ValueError(f"the page has {count} places for the table {name}")
    return found


def keep(part: str, name: str, value: dict[str, Any]) -> None:
    """Remember a measurement of a part by its name; one that only tries the harness is none."""
    if IS_SMALL:
        return
    HOME.mkdir(parents=True, exist_ok=True)
    found = kept(part) | {name: {"at": datetime.now(UTC).isoformat(timespec="seconds"), **value}}
    _path(part).write_text(json.dumps(found, indent=1))


def kept(part: str) -> dict[str, Any]:
    """All that is remembered of a part."""
    path = _path(part)
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _path(part: str) -> Path:
    return HOME / f"{part}.json"
