"""E68: axe-core finds nothing, in any state and theme; test_phone.py asks the same of a phone."""

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible, violations
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.scenes import every_state
from tests.browser.tour import around, around_without_models
from tests.provider_server import ProviderServer
from tests.stack import Stack

SPOIL = """() => {
  const [label] = document.querySelectorAll('label')
  label.style.color = document.documentElement.style.color = 'light-dark(#ccc, #333)'
  document.querySelector('main').append(document.createElement('button'))
}"""


def test_axe_sees_what_is_wrong(page: Page) -> None:
    page.goto("/sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)
    page.evaluate(SPOIL)
    found = "\n".join(violations(page, "a faulty page"))
    for sign in ("a faulty page, light: button-name", "light: color-contrast", "dark: color-contrast"):
        assert sign in found


def test_nothing_is_wrong_wherever_there_are_models(
    stack: Stack, provider: ProviderServer, new_page: NewPage
) -> None:
    page = new_page(reduced_motion="reduce")
    models = every_state(stack, provider)
    sign_in(page)
    states = around(page, models, is_phone=False)
    found = [fault for state in states for fault in violations(page, state)]
    assert not found, "\n".join(found)


def test_nothing_is_wrong_where_there_are_none(new_page: NewPage, page_guard: PageGuard) -> None:
    page_guard.allow("console: .* (401|404|503) ")
    page = new_page(reduced_motion="reduce")
    found = [fault for state in around_without_models(page) for fault in violations(page, state)]
    assert not found, "\n".join(found)
