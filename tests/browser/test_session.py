"""Who is signed in, how it ends, and what a session's cookie and writes are like."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete

from shared.database import Database
from shared.tables import SignInSession
from tests.browser.conftest import PageGuard, sign_in
from tests.browser.pages import row, status_of
from tests.conftest import ADMIN_TOKEN
from tests.stack import Stack

WRITE = """async ([path, headers]) => {
  const answer = await fetch(path, { method: 'POST', headers, body: null })
  return [answer.status, await answer.json()]
}"""


def _token(page: Page, text: str) -> None:
    page.get_by_label("Access token").fill(text)
    page.get_by_role("button", name="Sign in").click()


def test_a_token_is_typed_and_a_wrong_one_is_refused(page: Page, page_guard: PageGuard) -> None:
    page_guard.allow("401 .*/api/auth/login")
    page.goto("/")
    expect(page).to_have_url("/sign-in?next=%2F")
    expect(page.get_by_label("Access token")).to_be_focused()
    _token(page, "wb_wrong")
    expect(page.get_by_role("alert")).to_contain_text("This token is not valid")
    expect(page.get_by_label("Access token")).to_be_focused()
    _token(page, f" {ADMIN_TOKEN} ")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(page).to_have_url("/models")


def test_a_wrong_link_says_so_and_leaves_no_token_in_the_address(page: Page, page_guard: PageGuard) -> None:
    page_guard.allow("401 .*/api/auth/login")
    page.goto("/sign-in?next=%2Fsettings#token=wb_wrong")
    expect(page.get_by_role("alert")).to_contain_text("This token is not valid")
    expect(page).to_have_url("/sign-in?next=%2Fsettings")
    # A good link, pasted into the address of this very page.
    page.goto(f"/sign-in?next=%2Fsettings#token={ADMIN_TOKEN}")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    expect(page).to_have_url("/settings")


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_a_link_leads_to_no_other_place_after_signing_in(page: Page, elsewhere: str) -> None:
    page.goto(f"/sign-in?next={elsewhere}#token={ADMIN_TOKEN}")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(page).to_have_url("/models")


def test_signing_out_ends_the_session_in_every_tab(page: Page, page_guard: PageGuard, stack: Stack) -> None:
    page_guard.allow("401")
    stack.register(stack.add_repo({"q.gguf": b"q"}), "q.gguf", name="Qwen")
    sign_in(page)
    other = page.context.new_page()
    other.goto("/models")
    expect(row(other, "Qwen")).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not page.context.cookies()
    assert "Qwen" not in page.content()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "Qwen" not in page.content()
    # The other tab learns of it with the next thing that it asks for.
    other.get_by_role("button", name="Download Qwen").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_was_ended_elsewhere_leads_back_to_where_it_was(
    page: Page, page_guard: PageGuard, stack: Stack, stack_database: Database
) -> None:
    page_guard.allow("401")
    model = stack.register(stack.add_repo({"q.gguf": b"q"}), "q.gguf", name="Qwen")
    sign_in(page)
    page.get_by_role("searchbox").fill("qwe")
    row(page, "Qwen").get_by_role("button", name="Qwen", exact=True).click()
    expect(page.get_by_role("dialog", name="Qwen")).to_be_visible()
    before = page.url
    with stack_database.session() as session:
        session.execute(delete(SignInSession))
    page.get_by_role("dialog").get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "Qwen" not in page.content()
    assert stack.status(model)["status"] == "NotDownloaded"
    _token(page, ADMIN_TOKEN)
    expect(page.get_by_role("dialog", name="Qwen")).to_be_visible()
    expect(page).to_have_url(before)
    page.get_by_role("dialog").get_by_role("button", name="Download", exact=True).click()
    page.keyboard.press("Escape")
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")


def test_the_cookie_is_out_of_reach_and_writes_prove_that_the_page_asked(
    page: Page, page_guard: PageGuard, stack: Stack
) -> None:
    page_guard.allow("403")
    model = stack.register(stack.add_repo({"q.gguf": b"q"}), "q.gguf", name="Qwen")
    sign_in(page)
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""
    assert ADMIN_TOKEN not in cookie["value"]

    path = f"/api/models/{model['id']}/download"
    for headers in ({}, {"X-CSRF-Token": "0" * 64}):
        status, problem = page.evaluate(WRITE, [path, headers])
        assert (status, problem["code"]) == (403, "FORBIDDEN")
    assert stack.status(model)["status"] == "NotDownloaded"
    with page.expect_request(f"**{path}") as asked:
        row(page, "Qwen").get_by_role("button", name="Download Qwen").click()
    assert asked.value.header_value("X-CSRF-Token")
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")
