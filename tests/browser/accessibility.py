"""What axe-core finds wrong with a page: WCAG A and AA and its best practices."""

from typing import Any

from playwright.sync_api import Page

from tests.conftest import ROOT

AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
# Once what moves has come to rest; what moves for ever is left to it.
RUN = """
async (rules) => {
  const isEnding = ({ effect }) => Number.isFinite(effect.getComputedTiming().endTime)
  const moving = document.getAnimations().filter(isEnding)
  await Promise.allSettled(moving.map(({ finished }) => finished))
  return axe.run(document, { resultTypes: ['violations'], ...rules })
}
"""


def assert_accessible(page: Page, state: str = "the page") -> None:
    """No violation in what is shown now, neither in the light theme nor in the dark one."""
    found = violations(page, state)
    assert not found, "\n".join(found)


def violations(page: Page, state: str) -> list[str]:
    """A line for each element with a fault. Between the themes only colours differ."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    found = []
    themes: list[tuple[Any, dict[str, Any]]] = [("dark", {"runOnly": ["color-contrast"]}), ("light", {})]
    for theme, rules in themes:
        page.emulate_media(color_scheme=theme)
        for fault in page.evaluate(RUN, rules)["violations"]:
            for node in fault["nodes"]:
                what = " ".join(node["failureSummary"].split())
                found.append(f"{state}, {theme}: {fault['id']}: {node['html'][:160]}: {what}")
    return found
