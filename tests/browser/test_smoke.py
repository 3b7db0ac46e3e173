"""The pages are served, and whoever follows the sign-in link is in."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.conftest import ADMIN_TOKEN


def test_the_sign_in_link_opens_the_models_and_leaves_no_token_behind(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    assert page.evaluate("document.fonts.ready.then(() => true)")
    assert ADMIN_TOKEN not in page.url
    assert ADMIN_TOKEN not in page.content()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert ADMIN_TOKEN not in kept


def test_a_reload_stays_signed_in_and_where_it_was(page: Page) -> None:
    sign_in(page)
    page.goto("/settings")
    page.reload()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    expect(page).to_have_url("/settings")
