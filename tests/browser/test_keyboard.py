"""E67: whatever a mouse can do, the keyboard can; and it never loses its place."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.pages import row, status_of
from tests.browser.scenes import standing
from tests.provider_server import ProviderServer
from tests.stack import Stack, wait_for


def tab_to(target: Locator, key: str = "Tab") -> None:
    """Press Tab until something has the keyboard."""
    expect(target).to_be_visible()
    for _ in range(90):
        target.page.keyboard.press(key)
        if target.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"{target} was not reached")


def test_the_first_key_skips_to_the_content(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_text("No models yet")).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Dark theme")).to_be_focused()


def test_the_shortcuts_open_and_esc_closes_what_they_opened(page: Page) -> None:
    sign_in(page)
    queue = page.get_by_role("dialog", name="Downloads")
    keys = page.get_by_role("dialog", name="Keys")
    theme = page.get_by_role("button", name="Dark theme")
    theme.focus()
    for key, overlay in (("q", queue), ("?", keys)):
        page.keyboard.press(key)
        expect(overlay).to_be_visible()
        page.keyboard.press("n")  # means nothing here
        page.keyboard.press("Escape")
        expect(overlay).to_be_hidden()
        expect(theme).to_be_focused()
    expect(page).to_have_url("/models")

    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("n?q/")
    expect(search).to_have_value("n?q/")
    search.fill("")
    page.keyboard.press("Tab")

    page.keyboard.press("n")
    expect(page.get_by_label("Repository")).to_be_focused()
    expect(page).to_have_title("New model · Weighbridge")
    page.keyboard.press("Escape")
    expect(page).to_have_url("/models")
    expect(page.get_by_role("link", name="New model")).to_be_focused()


def test_a_model_is_made_canceled_and_deleted_without_a_mouse(stack: Stack, page: Page) -> None:
    file = "Qwen3-4B-Q4_K_M.gguf"
    repo = stack.add_repo({file: b"w" * 20_000_000, "Qwen3-4B-Q8_0.gguf": b"v" * 30_000_000})
    stack.hub.throttle = 100_000
    sign_in(page)
    page.keyboard.press("n")
    expect(page.get_by_label("Repository")).to_be_focused()
    page.keyboard.type(repo)
    best = page.get_by_role("radio", name="Q4_K_M")
    expect(best).to_be_checked()
    tab_to(best)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Q8_0")).to_be_checked()
    page.keyboard.press("ArrowUp")
    name = page.get_by_label("Name", exact=True)
    tab_to(name)
    page.keyboard.press("Control+A")
    page.keyboard.type("Made by hand")
    page.keyboard.press("Enter")

    panel = page.get_by_role("complementary", name="What happens")
    expect(panel).to_be_focused()
    expect(panel.get_by_role("progressbar")).to_be_visible()
    tab_to(panel.get_by_role("button", name="Cancel download"))
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Resume download")).to_be_visible()
    page.keyboard.press("Escape")
    found = row(page, "Made by hand")
    expect(status_of(found)).to_have_text(re.compile("Canceled"))

    tab_to(found.get_by_role("button", name="More about Made by hand"))
    page.keyboard.press("Enter")
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.press("Escape")
    expect(found.get_by_role("button", name="More about Made by hand")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.get_by_role("menuitem", name="Delete…")).to_be_focused()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Delete Made by hand?")
    expect(question.get_by_role("button", name="Keep model")).to_be_focused()
    tab_to(question.get_by_role("button", name=re.compile("^Delete")))
    page.keyboard.press("Enter")
    expect(found).to_be_hidden()
    expect(question).to_be_hidden()
    wait_for("the deletion", lambda: stack.get("/api/models") == [])
    _stands_on_the_page(page)


def test_the_keyboard_comes_back_from_every_overlay(
    stack: Stack, provider: ProviderServer, page: Page
) -> None:
    standing(stack, provider)
    sign_in(page)
    found = row(page, "Gemma 3 12B")
    title = found.get_by_role("button", name="Gemma 3 12B", exact=True)
    tab_to(title)
    page.keyboard.press("Enter")
    details = page.get_by_role("dialog", name="Gemma 3 12B")
    expect(details).to_be_visible()
    for _ in range(20):  # it stays within
        page.keyboard.press("Tab")
    assert details.evaluate("(dialog) => dialog.contains(document.activeElement)")
    details.focus()  # away from whatever explains itself: Esc would only end that
    page.keyboard.press("Escape")
    expect(title).to_be_focused()

    menu_button = found.get_by_role("button", name="More about Gemma 3 12B")
    tab_to(menu_button)
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("det", delay=60)
    expect(page.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.press("Enter")
    expect(details).to_be_visible()
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(menu_button).to_be_focused()

    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.type("edit", delay=60)
    expect(page.get_by_role("menuitem", name="Edit")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Edit Gemma 3 12B")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    _stands_on_the_page(page)


def test_where_a_row_was_deleted_the_keyboard_goes_on(
    stack: Stack, provider: ProviderServer, page: Page
) -> None:
    standing(stack, provider)
    sign_in(page)
    for name, following in (("BGE M3", "Gemma 3 12B"), ("GPT-5 nano", None)):
        menu_button = row(page, name).get_by_role("button", name=f"More about {name}")
        menu_button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Details")).to_be_focused()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        question = page.get_by_role("dialog", name=f"Delete {name}?")
        expect(page.locator("[role=menu]")).to_have_count(0)  # it fades, and must not take the keyboard back
        expect(question.get_by_role("button", name="Keep model")).to_be_focused()
        tab_to(question.get_by_role("button", name=re.compile("^Delete")))
        page.keyboard.press("Enter")
        expect(row(page, name)).to_be_hidden()
        if following:  # its files went first, then its row
            expect(row(page, following).get_by_role("button").first).to_be_focused()
        else:
            _stands_on_the_page(page)


def _stands_on_the_page(page: Page) -> None:
    """The keyboard stands on something that is there, or Tab would begin at the top again."""
    stands = "document.activeElement !== document.body && document.activeElement.isConnected"
    wait_for("the keyboard to stand somewhere", lambda: page.evaluate(stands))
