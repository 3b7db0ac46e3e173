"""Deleting a model: what it would mean is told before, and is what then happens."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from shared.database import Database
from shared.tables import Model
from tests.browser.conftest import PageGuard, sign_in
from tests.browser.pages import open_menu, row, status_of
from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 5 * MB


@pytest.fixture
def qwen(stack: Stack) -> dict[str, Any]:
    """A model whose file is on the disk."""
    repo = stack.add_repo({"q.gguf": os.urandom(SIZE)})
    model = stack.register(repo, "q.gguf", name="Qwen", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    found: dict[str, Any] = stack.get(f"/api/models/{model['id']}")
    return found


def _ask(page: Page) -> Locator:
    """The dialog after Delete… in the menu of the row."""
    open_menu(row(page, "Qwen")).get_by_role("menuitem", name="Delete…").click()
    dialog = page.get_by_role("dialog", name=re.compile("^(Delete )?Qwen"))
    expect(dialog).to_be_visible()
    return dialog


def _refer(stack: Stack, model: dict[str, Any], consumer_and_name: str, **fields: str) -> None:
    """Somebody uses the model."""
    answer = stack.call("PUT", f"/api/models/{model['id']}/references/{consumer_and_name}", fields)
    assert answer.status_code == 201, answer.text


def _files(stack: Stack) -> list[Path]:
    return [path for path in stack.cache.rglob("*") if path.is_file() and path.stat().st_size >= MB]


def _is_gone(page: Page, stack: Stack, model: dict[str, Any]) -> None:
    expect(row(page, "Qwen")).to_have_count(0)
    expect(page.get_by_role("button", name="Keep model")).to_have_count(0)
    wait_for("the row to go", lambda: stack.call("GET", f"/api/models/{model['id']}").status_code == 404)


# E50
def test_a_delete_says_what_it_frees_and_frees_it(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    assert _files(stack)
    sign_in(page)
    dialog = _ask(page)
    expect(page).to_have_url(re.compile(rf"\?delete={qwen['id']}$"))
    expect(dialog).to_contain_text("Frees 5.0 MB on disk")
    expect(dialog.get_by_role("button", name="Keep model")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")
    _ask(page).get_by_role("button", name="Delete and free 5.0 MB").click()
    _is_gone(page, stack, qwen)
    assert not _files(stack)
    assert stack.get("/api/storage")["cache"]["managedBytes"] == 0
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    expect(page).to_have_url("/models")


# E51
def test_the_file_may_stay_and_is_found_again(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    sign_in(page)
    dialog = _ask(page)
    dialog.get_by_role("checkbox", name="Also delete the file from disk").uncheck()
    expect(dialog).to_contain_text("The file stays on the disk")
    dialog.get_by_role("button", name="Delete model").click()
    _is_gone(page, stack, qwen)
    assert Path(qwen["localPath"]).stat().st_size == SIZE
    stack.register(qwen["hfRepo"], "q.gguf", name="Again", downloadNow=True)
    expect(status_of(row(page, "Again"))).to_have_text("Downloaded")
    assert stack.hub.bytes_served(f"{qwen['hfRepo']}/*") == SIZE


# E52
def test_what_uses_a_model_forbids_its_delete(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    _refer(stack, qwen, "collections/Handbook", policy="block", detail="4 documents")
    _refer(stack, qwen, "collections/Minutes", policy="block")
    sign_in(page)
    dialog = _ask(page)
    expect(dialog.get_by_role("heading", name="Qwen is in use")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_contain_text(["Handbook collections, 4 documents", "Minutes"])
    expect(dialog.get_by_role("button")).to_have_text(["Close"])
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    assert stack.status(qwen)["status"] == "Downloaded"


# E53
def test_uses_that_warn_want_a_second_yes(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    for name in ("Handbook", "Minutes"):
        _refer(stack, qwen, f"search-service/{name}", policy="warn")
    sign_in(page)
    dialog = _ask(page)
    expect(dialog.get_by_role("listitem")).to_have_text("2 uses by search-service would break.")
    delete = dialog.get_by_role("button", name="Delete and free 5.0 MB")
    expect(delete).to_be_disabled()
    dialog.get_by_role("checkbox", name="Delete it all the same").check()
    delete.click()
    _is_gone(page, stack, qwen)
    assert not _files(stack)


# E53
def test_a_default_model_warns_before(
    page: Page, page_guard: PageGuard, stack: Stack, stack_database: Database, qwen: dict[str, Any]
) -> None:
    page_guard.allow("409")
    sign_in(page)
    dialog = _ask(page)
    delete = dialog.get_by_role("button", name="Delete and free 5.0 MB")
    expect(delete).to_be_enabled()
    assert "default model" not in dialog.inner_text()
    # While the person reads.
    with stack_database.session() as session:
        session.execute(update(Model).values(is_default=True))
    delete.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Something has changed meanwhile")
    expect(dialog.get_by_role("listitem")).to_have_text("It is a default model of this installation.")
    assert stack.status(qwen)["status"] == "Downloaded"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    again = _ask(page)
    expect(again.get_by_role("listitem")).to_have_text("It is a default model of this installation.")
    with page.expect_request(re.compile(r"confirm=true")):
        again.get_by_role("checkbox", name="Delete it all the same").check()
        again.get_by_role("button", name="Delete and free 5.0 MB").click()
    _is_gone(page, stack, qwen)
    assert not _files(stack)


# E54
def test_a_model_that_is_being_downloaded_is_canceled_and_deleted(
    page: Page, page_guard: PageGuard, stack: Stack
) -> None:
    # The page reads what the cancel has made of the model, which may be gone by then.
    page_guard.allow(r"404 .*/api/models/\d+\)$")
    stack.hub.throttle = MB
    repo = stack.add_repo({"q.gguf": os.urandom(10 * MB)})
    model = stack.register(repo, "q.gguf", name="Qwen", downloadNow=True)
    sign_in(page)
    expect(status_of(row(page, "Qwen"))).to_have_text(re.compile("^[1-9]"))
    dialog = _ask(page)
    expect(dialog.get_by_role("listitem")).to_have_text(re.compile(r"It is being downloaded, \d+% so far"))
    assert _files(stack)
    dialog.get_by_role("button", name="Cancel and delete").click()
    _is_gone(page, stack, model)
    assert not _files(stack)
    assert not list(stack.cache.rglob("*.part"))
    assert not stack.get("/api/downloads/queue")["active"]


# E55
def test_what_is_gone_already_is_no_failure(
    page: Page, page_guard: PageGuard, stack: Stack, qwen: dict[str, Any]
) -> None:
    page_guard.allow("404")
    sign_in(page)
    dialog = _ask(page)
    delete = dialog.get_by_role("button", name="Delete and free 5.0 MB")
    expect(delete).to_be_enabled()
    assert stack.call("DELETE", f"/api/models/{qwen['id']}").status_code == 204
    delete.click()
    expect(page.get_by_text("Qwen was deleted already")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    _is_gone(page, stack, qwen)
    expect(page).to_have_url("/models")
