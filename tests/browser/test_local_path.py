"""A model that lies on the server already."""

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.conftest import PageGuard, sign_in
from tests.stack import Stack


def test_a_path_that_is_not_allowed_says_what_the_operator_must_set(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:
    page_guard.allow(r"console: .* 422 ")
    assert "WEIGHBRIDGE_LOCAL_PATH_ROOTS" not in stack.env
    sign_in(page)
    page.get_by_role("link", name="New model").click()
    page.get_by_role("radiogroup", name="Source").get_by_text("Folder or file on the server").click()
    path = page.get_by_label("Path")
    path.fill("models/house.gguf")
    path.blur()
    expect(page.get_by_text("An absolute path: it begins with /.")).to_be_visible()
    path.fill("/srv/models/house-style-7b.gguf")
    expect(page.get_by_label("Name", exact=True)).to_have_value("house style 7b")
    expect(page.get_by_role("complementary", name="What happens")).to_contain_text("stays where it is")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("WEIGHBRIDGE_LOCAL_PATH_ROOTS is empty")).to_be_visible()
    expect(path).to_be_focused()
    assert_accessible(page, "a path that is refused")
