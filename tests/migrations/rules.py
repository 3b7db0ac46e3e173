"""What a migration must not do to the release before, which runs on its schema for a while.

Read off the text of the migration. What only looks so is marked on its line: `# expand: why nobody minds`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

# The last revision from before anybody could have installed a release.
BASELINE = "0009"
MARK = "# expand: "
_GOES = {"drop_column", "drop_table", "rename_table"}
# Rows that the release before writes may break these, unless the table is new as well.
_FORBIDS = {
    "create_check_constraint",
    "create_unique_constraint",
    "create_foreign_key",
    "create_exclude_constraint",
}
_NARROWS = {"new_column_name", "type_"}


def newer_than_the_baseline() -> list[Path]:
    """The migrations that the rule holds for."""
    found = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    return [path for path in found if path.name[: len(BASELINE)] > BASELINE]


def problems(text: str) -> list[str]:
    """What the way up does that the release before would stumble over, each with its line."""
    calls = list(_calls(ast.parse(text)))
    new = {_word(call.args[0]) for name, call in calls if name == "create_table"}
    lines = text.splitlines()
    return [
        f"line {call.lineno}: {found}; if nobody minds, say so there: {MARK}why"
        for name, call in calls
        if (found := _problem(name, call, new))
        and not any(MARK in line for line in lines[call.lineno - 1 : call.end_lineno])
    ]


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for part in tree.body:
        if isinstance(part, ast.FunctionDef) and part.name == "downgrade":
            continue
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def _problem(name: str, call: ast.Call, new: set[Any]) -> str | None:
    told = {keyword.arg: keyword.value for keyword in call.keywords}
    table = (
        _word(call.args[0 if name in ("add_column", "alter_column") else 1]) if len(call.args) > 1 else None
    )
    if name in _GOES:
        return name
    if name == "execute":
        return "execute: nobody can tell what it does"
    if table in new and table is not None:
        return None
    if name == "create_index" and _word(told.get("unique")) is True:
        return "create_index of a unique index on a table that was there"
    if name in _FORBIDS:
        return f"{name} on a table that was there"
    if name == "alter_column":
        narrowed = [word for word in _NARROWS if word in told]
        narrowed += ["nullable=False"] if _word(told.get("nullable")) is False else []
        return f"alter_column with {', '.join(narrowed)}" if narrowed else None
    return _problem_of_column(call.args[1]) if name == "add_column" else None


def _problem_of_column(column: ast.expr) -> str | None:
    told = {keyword.arg: keyword.value for keyword in getattr(column, "keywords", [])}
    if "server_default" in told or _word(told.get("nullable")) is True:
        return None
    return "a column that must not be null, without a default: the release before does not fill it"


def _word(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None
