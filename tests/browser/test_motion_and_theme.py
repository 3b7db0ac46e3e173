"""Who wants no motion sees none (E70), and a chosen theme is there from the first paint on."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, sign_in
from tests.browser.pages import open_menu, row
from tests.browser.scenes import every_state
from tests.browser.screens import DESK, PHONE
from tests.provider_server import ProviderServer
from tests.stack import Stack, wait_for

# Notes every animation that takes long enough to be seen.
WATCH_MOTION = """
window.moved = new Set()
const note = ({ target }) => {
  for (const one of target.getAnimations({ subtree: true }))
    if (one.effect.getComputedTiming().duration > 20)
      moved.add(`${one.animationName ?? one.transitionProperty} of ${target.outerHTML.slice(0, 90)}`)
}
for (const type of ['animationstart', 'transitionrun']) document.addEventListener(type, note, true)
"""
# What the document said when it got a body, before which nothing is painted.
WATCH_THEME = """
new MutationObserver((_, observer) => {
  if (!document.body) return
  window.themeAtFirst = document.documentElement.dataset.theme ?? 'system'
  observer.disconnect()
}).observe(document, { childList: true, subtree: true })
"""
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_moves_for_those_who_want_it_still(
    stack: Stack, provider: ProviderServer, new_page: NewPage, screen: dict[str, Any]
) -> None:
    every_state(stack, provider)
    still = new_page(**screen, reduced_motion="reduce")
    still.add_init_script(WATCH_MOTION)
    _use(still)
    assert still.evaluate("[...moved]") == []
    assert still.evaluate("document.getAnimations().length") == 0
    still.emulate_media(reduced_motion="no-preference")  # the others see some, so the watch is awake
    still.keyboard.press("q")
    expect(still.get_by_role("dialog", name="Downloads")).to_be_visible()
    wait_for("motion", lambda: still.evaluate("moved.size"))


def _use(page: Page) -> None:
    sign_in(page)
    page.goto("/models?sort=-status")
    found = row(page, "Phi 4 mini 3.8B")
    expect(found.get_by_role("progressbar")).to_be_visible()
    open_menu(found).get_by_role("menuitem", name="Details").click()
    details = page.get_by_role("dialog", name="Phi 4 mini 3.8B")
    expect(details).to_be_visible()
    details.get_by_role("button", name="Close").click()
    expect(details).to_be_hidden()
    found.get_by_role("button", name="Cancel download").click()
    expect(page.get_by_text("canceled, its bytes are kept")).to_be_visible()
    page.get_by_role("group", name="Kind").get_by_text("Embedding").click()
    expect(row(page, "BGE M3")).to_be_visible()


def test_a_theme_stays_over_a_reload_and_never_flashes(page: Page) -> None:
    page.add_init_script(WATCH_THEME)
    sign_in(page)
    light = page.evaluate(BACKGROUND)
    page.goto("/settings")
    theme = page.get_by_role("radiogroup", name="Theme")
    expect(theme.get_by_role("radio", name="System")).to_be_checked()
    theme.get_by_text("Dark").click()
    dark = page.evaluate(BACKGROUND)
    assert dark != light
    page.reload()
    assert page.evaluate("window.themeAtFirst") == "dark"
    expect(theme.get_by_role("radio", name="Dark")).to_be_checked()
    assert page.evaluate(BACKGROUND) == dark

    other = page.context.new_page()  # a second tab has it too
    other.add_init_script(WATCH_THEME)
    other.goto("/models")
    expect(other.get_by_role("button", name="Light theme")).to_be_visible()
    assert other.evaluate("window.themeAtFirst") == "dark"
    other.close()

    page.get_by_role("button", name="Light theme").click()
    expect(theme.get_by_role("radio", name="Light")).to_be_checked()
    assert page.evaluate(BACKGROUND) == light
    theme.get_by_text("System").click()
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(BACKGROUND) == dark
    page.reload()
    assert page.evaluate("window.themeAtFirst") == "system"
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter((key) => /theme/.test(key))") == []


def test_the_colours_of_the_system_are_left_to_those_who_need_them(new_page: NewPage) -> None:
    page = new_page(forced_colors="active")
    sign_in(page)
    has_edge = "(element) => getComputedStyle(element).borderTopStyle === 'solid'"
    for edged in (page.get_by_role("searchbox"), page.get_by_role("button", name="Queue")):
        assert edged.evaluate(has_edge)
