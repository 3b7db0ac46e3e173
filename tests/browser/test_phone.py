"""E69: a phone has everything, within reach of a thumb; and axe-core finds nothing wrong with it (E68)."""

import re

from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.fingers import sideways, small_print, small_targets, swipe
from tests.browser.pages import names, open_menu, row
from tests.browser.scenes import every_state, standing
from tests.browser.screens import PHONE, SMALL
from tests.browser.tour import around, around_without_models
from tests.provider_server import ProviderServer
from tests.stack import Stack


def test_everything_fits_the_smallest_screen_and_a_finger(
    stack: Stack, provider: ProviderServer, new_page: NewPage
) -> None:
    page = new_page(**SMALL, reduced_motion="reduce")
    models = every_state(stack, provider)
    sign_in(page)
    found = [fault for state in around(page, models, is_phone=True) for fault in _faults(page, state)]
    assert not found, "\n".join(found)


def test_so_does_what_is_shown_without_models(new_page: NewPage, page_guard: PageGuard) -> None:
    page_guard.allow("console: .* (401|404|503) ")
    page = new_page(**SMALL, reduced_motion="reduce")
    found = [fault for state in around_without_models(page) for fault in _faults(page, state)]
    assert not found, "\n".join(found)


def _faults(page: Page, state: str) -> list[str]:
    return [
        *(f"{state}: sideways: {fault}" for fault in sideways(page)),
        *(f"{state}: too small to hit: {fault}" for fault in small_targets(page)),
        *(f"{state}: zooms in: {fault}" for fault in small_print(page)),
        *violations(page, state),
    ]


def test_a_swipe_over_a_row_brings_what_its_menu_has_too(
    stack: Stack, provider: ProviderServer, new_page: NewPage
) -> None:
    page = new_page(**PHONE)
    standing(stack, provider)
    sign_in(page)
    found = row(page, "Gemma 3 12B")
    details = found.get_by_role("button", name="Details", include_hidden=True)
    delete = found.get_by_role("button", name="Delete", include_hidden=True)
    expect(delete).not_to_be_in_viewport()
    swipe(found, -200, 0)
    expect(delete).to_be_in_viewport(ratio=1)
    details.tap()
    drawer = page.get_by_role("dialog", name="Gemma 3 12B")
    expect(drawer).to_contain_text("gated")
    drawer.get_by_role("button", name="Close").tap()
    expect(drawer).to_be_hidden()
    expect(delete).not_to_be_in_viewport()
    swipe(found, -200, 0)
    delete.tap()
    question = page.get_by_role("dialog", name="Delete Gemma 3 12B?")
    question.get_by_role("button", name="Keep model").tap()
    expect(question).to_be_hidden()
    menu = open_menu(found)
    for item in ("Details", "Delete…"):
        expect(menu.get_by_role("menuitem", name=item)).to_be_visible()


def test_the_sheets_come_from_below_and_go_with_a_swipe(
    stack: Stack, provider: ProviderServer, new_page: NewPage
) -> None:
    page = new_page(**PHONE)
    standing(stack, provider)
    sign_in(page)
    page.get_by_role("button", name="Filters").tap()
    filters = page.get_by_role("dialog", name="Filters")
    filters.get_by_text("Qwen", exact=True).tap()
    filters.get_by_text("Downloaded", exact=True).tap()
    filters.get_by_text("Descending", exact=True).or_(filters.get_by_text("Ascending")).tap()
    filters.get_by_role("button", name="Show 1 model").tap()
    expect(filters).to_be_hidden()
    assert names(page) == ["Qwen3 0.6B"]
    expect(page.get_by_role("button", name="Filters 2")).to_be_visible()
    expect(page).to_have_url(re.compile("family=Qwen&status=Downloaded&sort=-name"))

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Downloads").tap()
    queue = page.get_by_role("dialog", name="Downloads")
    expect(queue.get_by_role("heading", name="Needs attention")).to_be_visible()
    swipe(queue.get_by_role("heading", name="Downloads"), 0, 500)
    expect(queue).to_be_hidden()
    expect(page).not_to_have_url(re.compile("panel"))
    page.get_by_role("button", name="Filters").tap()
    swipe(filters.get_by_role("heading", name="Filters"), 0, 400)
    expect(filters).to_be_hidden()
