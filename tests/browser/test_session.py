"""Who is signed in, how it ends, and what a session's cookie and writes are like."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete

from shared.database import Database
from shared.tables import SignInSession
from tests.browser.accessibility import assert_accessible
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.fingers import small_print, small_targets
from tests.browser.pages import open_menu, row, status_of
from tests.browser.screens import PHONE
from tests.conftest import ADMIN_TOKEN
from tests.stack import Stack

WRITE = """async ([path, headers]) => {
  const answer = await fetch(path, { method: 'POST', headers, body: null })
  return [answer.status, await answer.json()]
}"""

PASSWORD = "four sunny weighbridges"


@pytest.fixture
def people(stack: Stack) -> Iterator[dict[str, dict[str, Any]]]:
    """A viewer and an operator, each named after the role."""
    made = {}
    for role in ("viewer", "operator"):
        answer = stack.call("POST", "/api/users", {"name": role, "role": role, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        made[role] = answer.json()
    yield made
    for user in made.values():
        stack.call("DELETE", f"/api/users/{user['id']}")


def _sign_in_as(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


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
    row(other, "Qwen").get_by_role("button", name="Download Qwen").click()
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
    # Whatever asks first learns of it: this click, or something that the page was still to read.
    page.get_by_role("dialog").get_by_role("button", name="Download", exact=True).or_(
        page.get_by_role("heading", name="Sign in")
    ).first.dispatch_event("click")
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


@pytest.mark.usefixtures("people")
def test_a_wrong_password_is_refused_and_leaves_nothing_behind(page: Page, page_guard: PageGuard) -> None:
    page_guard.allow("401 .*/api/auth/login")
    _sign_in_as(page, "viewer", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is not right")
    expect(page.get_by_label("Name")).to_have_value("viewer")
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    kept = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])")
    assert PASSWORD not in kept + page.content()


@pytest.mark.usefixtures("people")
def test_every_way_to_sign_in_is_for_all_eyes_and_fingers(new_page: NewPage, page_guard: PageGuard) -> None:
    page_guard.allow("401 .*/api/auth/login")
    page = new_page(**PHONE, reduced_motion="reduce")
    methods = {"password": True, "token": True, "provider": {"label": "Acme", "url": "/api/auth/provider"}}
    page.route("**/api/auth/methods", lambda route: route.fulfill(json=methods))
    for problem in ("refused", "provider"):
        page.goto(f"/sign-in?problem={problem}")
        expect(page.get_by_role("alert")).to_contain_text("Acme")
        assert_accessible(page, problem)
    _sign_in_as(page, "viewer", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in with Acme")).to_be_visible()
    assert_accessible(page, "a wrong password")
    assert not small_targets(page) + small_print(page)
    page.get_by_role("button", name="Use a token instead").click()
    expect(page.get_by_label("Access token")).to_be_focused()
    assert_accessible(page, "a token instead")
    assert not small_targets(page) + small_print(page)


# E65
@pytest.mark.usefixtures("people")
def test_a_viewer_looks_on_and_can_not_write_even_by_a_forged_request(
    page: Page, page_guard: PageGuard, stack: Stack
) -> None:
    page_guard.allow("403 ")
    model = stack.register(stack.add_repo({"q.gguf": b"q"}), "q.gguf", name="Qwen")
    _sign_in_as(page, "viewer")
    expect(status_of(row(page, "Qwen"))).to_have_text("Available")
    expect(row(page, "Qwen").get_by_role("button")).to_have_text(["Qwen", ""])
    expect(page.get_by_role("link", name="New model")).to_have_count(0)
    expect(open_menu(row(page, "Qwen")).get_by_role("menuitem")).to_have_text(
        ["Details", "Copy repository id", "Open on Hugging Face"]
    )
    page.get_by_role("menuitem", name="Details").click()
    details = page.get_by_role("dialog", name="Qwen")
    expect(details.get_by_role("link", name="Hugging Face")).to_be_visible()
    expect(details.get_by_role("button", name=re.compile("Download|Delete"))).to_have_count(0)
    for address, words in (
        ("/models/new", "Only administrators add models"),
        (f"/models/{model['id']}/edit", "Only administrators change models"),
        (f"/models?delete={model['id']}", "Only administrators delete models"),
    ):
        page.goto(address)
        expect(page.get_by_role("heading", name=words)).to_be_visible()
        assert_accessible(page, words)

    csrf = page.evaluate("fetch('/api/auth/me').then((answer) => answer.json()).then((me) => me.csrfToken)")
    for path in (
        f"/api/models/{model['id']}/download",
        f"/api/models/{model['id']}/cancel-download",
        "/api/models",
        "/api/users",
    ):
        status, problem = page.evaluate(WRITE, [path, {"X-CSRF-Token": csrf}])
        assert (status, problem["code"]) == (403, "FORBIDDEN")
        assert "yours is viewer" in problem["detail"]
    assert stack.status(model)["status"] == "NotDownloaded"


# E65
def test_an_operator_downloads_and_changes_nothing_else_until_the_role_is_taken_away(
    page: Page, page_guard: PageGuard, stack: Stack, people: dict[str, dict[str, Any]]
) -> None:
    page_guard.allow("403 ")
    repo = stack.add_repo({"q.gguf": b"q", "p.gguf": b"p"})
    for file, name in (("q.gguf", "Qwen"), ("p.gguf", "Phi")):
        stack.register(repo, file, name=name)
    _sign_in_as(page, "operator")
    row(page, "Qwen").get_by_role("button", name="Download Qwen").click()
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")
    expect(open_menu(row(page, "Qwen")).get_by_role("menuitem")).to_have_text(
        ["Details", "Copy repository id", "Open on Hugging Face"]
    )
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page).to_have_url("/models")

    changed = stack.call("PATCH", f"/api/users/{people['operator']['id']}", {"role": "viewer"})
    assert changed.status_code == 200, changed.text
    row(page, "Phi").get_by_role("button", name="Download Phi").click()
    expect(row(page, "Phi").get_by_role("button", name="Download Phi")).to_have_count(0)
    expect(status_of(row(page, "Phi"))).to_have_text("Available")
