"""Access in the settings: users, API tokens, one's own password, and the audit log, which tells of it all."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import delete

from shared.database import Database
from shared.tables import ApiToken, AuditEvent, SignInSession, User
from tests.browser.accessibility import violations
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.fingers import sideways, small_print, small_targets
from tests.browser.screens import DESK, SMALL
from tests.stack import Stack

PASSWORD = "horse battery staple"
OTHER_PASSWORD = "another horse, another staple"


@pytest.fixture(autouse=True)
def _nobody(_empty_register: None, stack_database: Database) -> Iterator[None]:
    """No users, no tokens and an empty log: also for the tests that come after."""
    _forget(stack_database)
    yield
    _forget(stack_database)


def _forget(database: Database) -> None:
    with database.session() as session:
        for table in (SignInSession, ApiToken, User, AuditEvent):
            session.execute(delete(table))


def _sign_in_as(page: Page, name: str, password: str = PASSWORD) -> None:
    """The session is the context's own."""
    answer = page.request.post("/api/auth/login", data={"name": name, "password": password})
    assert answer.status == 200, answer.text()


def _add_user(stack: Stack, name: str, role: str) -> dict[str, Any]:
    answer = stack.call("POST", "/api/users", {"name": name, "role": role, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return answer.json()


def _status_with(stack: Stack, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(stack.url + "/api/models", headers=headers, timeout=30).status_code


def _card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def _item(page: Page, card: str, name: str) -> Locator:
    items = _card(page, card).get_by_role("listitem")
    return items.filter(has=page.get_by_text(name, exact=True))


def _new_token(page: Page, name: str, role: str) -> str:
    """Make a token in the page, which is read off it."""
    _card(page, "API tokens").get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog", name="New token")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Role").select_option(role)
    dialog.get_by_role("button", name="Create token").click()
    made = page.get_by_role("dialog", name=f"{name} is ready")
    expect(made.get_by_role("button", name="Copy the token")).to_be_focused()
    return made.locator("code").inner_text()


def test_a_token_made_in_the_page_works_until_it_is_revoked(page: Page, stack: Stack) -> None:
    sign_in(page)
    page.get_by_role("link", name="Settings").click()
    expect(_card(page, "API tokens")).to_contain_text("There are no API tokens yet")
    token = _new_token(page, "nightly", "Operator")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(_card(page, "API tokens").get_by_role("button", name="New token")).to_be_focused()
    assert token not in page.content()

    assert _status_with(stack, token) == 200
    page.reload()
    row = _item(page, "API tokens", "nightly")
    expect(row).to_contain_text("Operator")
    expect(row).to_contain_text("of admin")
    expect(row).to_contain_text("Last used just now")

    row.get_by_role("button", name="Revoke nightly").click()
    question = page.get_by_role("dialog", name="Revoke nightly?")
    expect(question.get_by_role("button", name="Keep token")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(row.get_by_role("button", name="Revoke nightly")).to_be_focused()
    assert _status_with(stack, token) == 200
    page.keyboard.press("Enter")
    question.get_by_role("button", name="Revoke token").click()
    expect(row).to_be_hidden()
    expect(_card(page, "API tokens").get_by_role("button", name="New token")).to_be_focused()
    assert _status_with(stack, token) == 401


def test_an_admin_adds_changes_locks_and_deletes_a_user(page: Page, stack: Stack) -> None:
    sign_in(page)
    page.get_by_role("link", name="Settings").click()
    expect(_card(page, "Users")).to_contain_text("So far only the admin token signs in")
    _card(page, "Users").get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog", name="Add user")
    dialog.get_by_label("Name").fill("olga")
    dialog.get_by_label("Role").select_option("Viewer")
    dialog.get_by_label("First password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    row = _item(page, "Users", "olga")
    expect(row).to_contain_text("Never signed in")

    row.get_by_label("Role of olga").select_option("Operator")
    page.wait_for_function(
        "fetch('/api/users').then((r) => r.json()).then(([{ role }]) => role === 'operator')"
    )
    expect(row.get_by_label("Role of olga")).to_have_value("operator")

    more = row.get_by_role("button", name="More about olga")
    more.click()
    page.get_by_role("menuitem", name="Lock").click()
    expect(row).to_contain_text("Locked")
    credentials = {"name": "olga", "password": PASSWORD}
    assert stack.call("POST", "/api/auth/login", credentials).status_code == 401
    more.click()
    page.get_by_role("menuitem", name="Unlock").click()
    expect(row).not_to_contain_text("Locked")
    assert stack.call("POST", "/api/auth/login", credentials).json()["role"] == "operator"

    more.focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Set password…").click()
    dialog = page.get_by_role("dialog", name="Set the password of olga")
    expect(dialog.get_by_label("New password", exact=True)).to_be_focused()
    dialog.get_by_label("New password", exact=True).fill(OTHER_PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(more).to_be_focused()
    assert stack.call("POST", "/api/auth/login", credentials).status_code == 401

    more.click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("dialog", name="Delete olga?").get_by_role("button", name="Delete user").click()
    expect(row).to_be_hidden()
    expect(_card(page, "Users").get_by_role("button", name="Add user")).to_be_focused()


def test_a_user_changes_the_password_and_other_sessions_end(
    new_page: NewPage, stack: Stack, page_guard: PageGuard
) -> None:
    page_guard.allow(r"console: .* 422 .*/api/auth/password")
    _add_user(stack, "olga", "operator")
    page, elsewhere = new_page(), new_page()
    for one in (page, elsewhere):
        _sign_in_as(one, "olga")
    page.goto("/settings")
    account = _card(page, "Your account")
    expect(account).to_contain_text("Signed in as olga")
    expect(account).to_contain_text("Operator")
    account.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog", name="Change password")
    dialog.get_by_label("Current password", exact=True).fill("not the password")
    dialog.get_by_label("New password", exact=True).fill(OTHER_PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("This is not your password.")
    expect(dialog.get_by_label("Current password", exact=True)).to_be_focused()
    dialog.get_by_label("Current password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Change password").click()
    expect(dialog).to_be_hidden()
    assert OTHER_PASSWORD not in page.content()

    assert page.request.get("/api/auth/me").status == 200
    assert elsewhere.request.get("/api/auth/me").status == 401
    login = {"name": "olga", "password": PASSWORD}
    assert elsewhere.request.post("/api/auth/login", data=login).status == 401
    _sign_in_as(elsewhere, "olga", OTHER_PASSWORD)


def test_who_is_no_admin_has_tokens_and_nothing_else(page: Page, stack: Stack) -> None:
    _add_user(stack, "vera", "viewer")
    _sign_in_as(page, "vera")
    page.goto("/settings")
    _new_token(page, "mine", "Viewer")
    page.get_by_role("button", name="Done").click()
    expect(_item(page, "API tokens", "mine")).to_contain_text("Last used never")
    for name in ("Users", "Audit log"):
        expect(_card(page, name)).to_be_hidden()
    page.goto("/settings/audit")
    expect(page.get_by_role("heading", name="Only administrators see the audit log")).to_be_visible()


def test_the_audit_log_tells_who_did_what_and_leaves_as_a_file(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    model = stack.register(stack.add_repo({"q.gguf": b"q"}), "q.gguf", name="Qwen")
    sign_in(page)
    page.get_by_role("link", name="Settings").click()
    _card(page, "Users").get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog", name="Add user")
    dialog.get_by_label("Name").fill("olga")
    dialog.get_by_label("First password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(_item(page, "Users", "olga")).to_be_visible()
    token = _new_token(page, "nightly", "Admin")
    page.get_by_role("button", name="Done").click()
    headers = {"Authorization": f"Bearer {token}"}
    assert stack.call("PATCH", f"/api/models/{model['id']}", {"name": "Qwen 3"}, headers=headers).ok

    page.get_by_role("link", name="Open audit log").click()
    expect(page.get_by_role("link", name="Settings", exact=True).first).to_have_attribute(
        "aria-current", "page"
    )
    table = page.get_by_role("table", name="Audit log")
    told = [("Changed model", "nightly"), ("Created token", "admin"), ("Added user", "admin")]
    for index, (what, who) in enumerate([*told, ("Signed in", "admin"), ("Created model", "admin")], 1):
        expect(table.get_by_role("row").nth(index)).to_contain_text(what)
        expect(table.get_by_role("row").nth(index)).to_contain_text(who)
    expect(table).not_to_contain_text(PASSWORD)
    expect(table).not_to_contain_text(token)
    table.get_by_role("link", name="Qwen 3").click()
    expect(page.get_by_role("dialog", name="Qwen 3")).to_be_visible()
    page.go_back()

    page.get_by_label("What").select_option("Changed model")
    page.get_by_role("searchbox").fill("QWEN")
    expect(page.get_by_text("1 event", exact=True)).to_be_visible()
    expect(page).to_have_url("/settings/audit?q=QWEN&action=model.changed")
    page.reload()
    expect(table.get_by_role("row")).to_have_count(2)
    table.get_by_role("button", name="Show details of “Changed model” by nightly").click()
    expect(table.get_by_role("definition").filter(has_text="Qwen 3")).to_be_visible()

    with page.expect_download() as exported:
        page.get_by_role("link", name="Export CSV").click()
    assert exported.value.suggested_filename == "weighbridge-audit.csv"
    exported.value.save_as(tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(newline="") as file:
        (event,) = csv.DictReader(file)
    assert (event["action"], event["actor"], event["modelName"]) == ("model.changed", "nightly", "Qwen 3")
    with page.expect_download() as exported:
        page.get_by_role("link", name="Export JSON").click()
    assert exported.value.suggested_filename == "weighbridge-audit.json"

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Look again").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text("Exported audit log")


@pytest.mark.parametrize("screen", [DESK, SMALL], ids=["desk", "phone"])
def test_nothing_is_wrong_with_these_screens(
    new_page: NewPage, stack: Stack, page_guard: PageGuard, screen: dict[str, Any]
) -> None:
    page_guard.allow(r"console: .* (422|503) ")
    page = new_page(**screen, reduced_motion="reduce")
    sign_in(page)
    is_phone = screen is SMALL
    found = [fault for state in _around(page, stack) for fault in _faults(page, state, is_phone=is_phone)]
    assert not found, "\n".join(found)


def _faults(page: Page, state: str, *, is_phone: bool) -> list[str]:
    found = violations(page, state)
    if is_phone:
        looks = {"sideways": sideways, "too small to hit": small_targets, "zooms in": small_print}
        found += [f"{state}: {what}: {fault}" for what, look in looks.items() for fault in look(page)]
    return found


def _around(page: Page, stack: Stack) -> Iterator[str]:
    page.goto("/settings")
    expect(_card(page, "Users")).to_contain_text("So far")
    expect(_card(page, "API tokens")).to_contain_text("There are no API tokens yet")
    yield "settings without users and tokens"
    _add_user(stack, "olga", "operator")
    locked = _add_user(stack, "with.a.rather.long.name+that-does-not-break@example.com", "viewer")
    stack.call("PATCH", f"/api/users/{locked['id']}", {"isActive": False})
    long_name = {"name": "a name of many words that goes on and on " * 2, "role": "operator"}
    assert stack.call("POST", "/api/tokens", long_name | {"expiresAt": None}).ok
    page.reload()
    expect(_card(page, "Users")).to_contain_text("Locked")
    expect(_card(page, "API tokens")).to_contain_text("Never expires")
    yield "settings with users and tokens"
    yield from _dialogs(page)
    yield from _log(page)


def _dialogs(page: Page) -> Iterator[str]:
    _card(page, "Users").get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog", name="Add user")
    dialog.get_by_label("Name").fill("vera")
    dialog.get_by_label("First password", exact=True).fill("too short")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Use 12 to 256 characters.")
    yield "a new user that is refused"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="More about olga").click()
    expect(page.get_by_role("menu")).to_be_visible()
    yield "the menu of a user"
    page.get_by_role("menuitem", name="Delete…").click()
    expect(page.get_by_role("dialog", name="Delete olga?")).to_be_visible()
    yield "deleting a user"
    page.get_by_role("button", name="Keep user").click()
    _card(page, "API tokens").get_by_role("button", name="New token").click()
    page.get_by_label("Expires").select_option("On a date")
    expect(page.get_by_label("Last day")).to_be_visible()
    yield "a new token"
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    _new_token(page, "nightly", "Viewer")
    yield "a token, this once"
    page.get_by_role("button", name="Done").click()


def _log(page: Page) -> Iterator[str]:
    page.goto("/settings/audit")
    expect(page.get_by_role("table", name="Audit log")).to_contain_text("Created token")
    page.get_by_role("button", name="Show details").first.click()
    filters = page.get_by_role("button", name="Filters", exact=True)
    if filters.is_visible():
        filters.click()
    expect(page.get_by_label("What")).to_be_visible()
    yield "the audit log"
    page.goto("/settings/audit?actor=nobody.is.called.so")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    yield "the audit log, where nothing matches"
    page.route("**/api/audit?*", lambda route: route.fulfill(status=503, json={"title": "Unavailable"}))
    page.reload()
    expect(page.get_by_text("The audit log did not load")).to_be_visible()
    yield "the audit log that does not load"
