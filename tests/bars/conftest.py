"""The bars of the dashboard: measured in a real browser at the real service, and noted beside their limits.

`make dashboard-bars` runs them; `make test` does not, as times differ from machine to machine. A bar that is
missed fails. The table goes to docs/dashboard.md, between its two markers.
"""

import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bars.load import Load
from tests.browser.conftest import PATIENCE, browser, new_page, page_guard, sign_in
from tests.conftest import ROOT
from tests.stack import Stack

__all__ = ["browser", "new_page", "page_guard"]

TABLE = ROOT / "docs" / "dashboard.md"
BEGIN, END = "<!-- bars: begin -->", "<!-- bars: end -->"


@dataclass
class Bars:
    """What was measured. `note` a bar, then `check` that it holds."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def at_most(self, name: str, measured: float, limit: float, unit: str) -> None:
        """Write a figure down and fail if it is over its limit."""
        digits = 0 if limit == 0 or limit >= 10 else 1 if limit >= 1 else 3
        shown, bound = (f"{value:,.{digits}f} {unit}".strip() for value in (measured, limit))
        self.rows.append((name, bound, shown, measured <= limit))
        print(f"{name}: {shown} (at most {bound})")
        assert measured <= limit, f"{name}: {shown}, at most {bound}"

    def table(self) -> str:
        """As Markdown."""
        lines = [f"| {name} | {bound} | {shown} |" for name, bound, shown, _holds in self.rows]
        return "\n".join(["| bar | at most | measured |", "| --- | --- | --- |", *lines])


@pytest.fixture(scope="session")
def bars(browser: Browser) -> Iterator[Bars]:
    found = Bars()
    yield found
    print(f"\n{found.table()}")
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Chromium {browser.version}"
    text = TABLE.read_text()
    # Only a whole run may replace the table.
    if len(found.rows) >= EXPECTED and all(holds for *_, holds in found.rows):
        new = f"{BEGIN}\nMeasured with `make dashboard-bars` on {where}.\n\n{found.table()}\n{END}"
        TABLE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: new, text, flags=re.DOTALL))


# Rows of a whole run.
EXPECTED = 17


@pytest.fixture
def load(stack: Stack) -> Iterator[Load]:
    """Models and downloads by the hundred, and none when the test ends."""
    stack.reset()
    with Load(stack) as found:
        yield found


@pytest.fixture
def signed_in(browser: Browser, stack: Stack) -> Iterator[Callable[..., Page]]:
    """Opens a page of somebody who is signed in and whose browser has cached nothing."""
    contexts: list[BrowserContext] = []

    def open_page(**options: object) -> Page:
        first = browser.new_context(base_url=stack.url)
        first.set_default_timeout(PATIENCE)
        sign_in(first.new_page())
        state = first.storage_state()
        first.close()
        context = browser.new_context(base_url=stack.url, storage_state=state, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(path=ROOT / "tests" / "bars" / "watch.js")
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
