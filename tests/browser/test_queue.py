"""The queue of downloads: what runs, waits, failed and finished, and what can be done with it."""

import os
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.pages import row, status_of
from tests.stack import Stack

MB = 1_000_000
SIZE = 3 * MB


def _drawer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Downloads")


def _section(page: Page, title: str) -> Locator:
    return _drawer(page).get_by_role("region", name=re.compile(f"^{title}"))


def _item(part: Locator, name: str) -> Locator:
    return part.get_by_role("listitem").filter(has_text=name)


def _download(stack: Stack, name: str, content: bytes | None = None) -> dict[str, Any]:
    content = os.urandom(SIZE) if content is None else content
    repo = stack.add_repo({f"{name}.gguf": content})
    return stack.register(repo, f"{name}.gguf", name=name, downloadNow=True)


# E37
def test_the_queue_shows_the_order_and_what_became_of_it(page: Page, stack: Stack) -> None:
    # Two run at a time. Each brings two thirds, and then waits for the test.
    stack.hub.throttle = 1 * MB
    stack.hub.fault("stall", after_bytes=2 * MB, times=None, where="cdn")
    models = [_download(stack, name) for name in ("Ada", "Bert", "Cleo", "Dora")]
    for model in models[:2]:
        stack.wait_bytes(model, MB // 4)
    sign_in(page)
    page.get_by_role("button", name="Queue 4").click()
    expect(page).to_have_url("/models?panel=queue")
    running, waiting = _section(page, "Running"), _section(page, "Waiting")
    expect(running.get_by_role("progressbar")).to_have_count(2)
    expect(running.get_by_role("listitem")).to_contain_text(["Ada", "Bert"])
    expect(waiting.get_by_role("listitem")).to_contain_text(["Cleo", "Dora"])
    expect(_item(waiting, "Cleo")).to_contain_text("Next, starts when a slot is free")
    expect(_item(waiting, "Dora")).to_contain_text("2nd in the queue")
    expect(_drawer(page)).to_contain_text(re.compile(r"2 running, [\d.]+ [kM]B/s"))
    ada = _item(running, "Ada")
    expect(ada.locator("svg polyline")).to_have_attribute("points", re.compile(r"( .*){3}"))
    expect(ada).to_contain_text(re.compile(r"\d+ s left"))
    for name in ("Ada", "Bert"):
        expect(_item(running, name)).to_contain_text("2.0 MB of 3.0 MB")

    _item(waiting, "Cleo").get_by_role("button", name="Cancel Cleo").click()
    expect(_item(waiting, "Dora")).to_contain_text("Next, starts when a slot is free")
    expect(_item(_drawer(page), "Cleo")).to_have_count(0)
    stack.calm_hub()
    finished = _section(page, "Finished today")
    expect(finished.get_by_role("listitem")).to_have_count(3)
    expect(_drawer(page).get_by_role("region")).to_have_count(1)
    expect(finished.get_by_role("listitem").first).to_contain_text("Dora")
    expect(_item(finished, "Ada")).to_contain_text("3.0 MB")
    expect(_drawer(page)).to_contain_text("None running")

    finished.get_by_role("button", name="Remove Bert from this list").click()
    expect(finished.get_by_role("listitem")).to_have_count(2)
    page.reload()
    expect(finished.get_by_role("listitem")).to_have_count(2)
    finished.get_by_role("button", name="Clear finished").click()
    expect(_drawer(page).get_by_text("Nothing is downloading")).to_be_visible()
    page.keyboard.press("Escape")
    for name in ("Ada", "Bert", "Dora"):
        expect(status_of(row(page, name))).to_have_text("Downloaded")
    expect(status_of(row(page, "Cleo"))).to_contain_text("Canceled")
    assert stack.get("/api/downloads/queue")["completed"] == []


# E37
def test_what_failed_is_tried_again_or_removed_in_the_queue(page: Page, stack: Stack) -> None:
    stack.hub.fault("status", where="resolve", status=404, error_code="EntryNotFound", times=None)
    models = {name: _download(stack, name) for name in ("Ada", "Bert")}
    errors = [stack.wait_status(model, "Failed")["error"] for model in models.values()]
    stack.hub.clear_faults()
    sign_in(page)
    page.keyboard.press("q")
    failed = _section(page, "Needs attention")
    expect(failed.get_by_role("listitem")).to_have_count(2)
    for name, error in zip(models, errors, strict=True):
        expect(_item(failed, name)).to_contain_text(error["detail"])
        expect(_item(failed, name)).to_contain_text(error["remedy"])
    failed.get_by_role("button", name="Remove Bert from this list").click()
    expect(_item(failed, "Bert")).to_have_count(0)
    failed.get_by_role("button", name="Retry Ada").click()
    expect(_item(_section(page, "Finished today"), "Ada")).to_be_visible()
    expect(failed).to_have_count(0)
    _drawer(page).get_by_role("button", name="Close").click()
    expect(status_of(row(page, "Ada"))).to_have_text("Downloaded")
    expect(status_of(row(page, "Bert"))).to_contain_text("Failed")


def test_the_queue_has_an_address_and_closes_in_every_way(page: Page, stack: Stack) -> None:
    sign_in(page)
    page.goto("/downloads")
    expect(page).to_have_url("/models?panel=queue")
    expect(_drawer(page).get_by_text("Nothing is downloading")).to_be_visible()
    page.keyboard.press("Escape")
    expect(_drawer(page)).to_be_hidden()
    expect(page).to_have_url("/models")

    opener = page.get_by_role("button", name="Queue")
    opener.click()
    expect(_drawer(page)).to_be_visible()
    page.mouse.click(300, 700)
    expect(_drawer(page)).to_be_hidden()
    expect(page).to_have_url("/models")
    expect(opener).to_be_focused()

    page.get_by_role("link", name="Downloads").click()
    expect(_drawer(page)).to_be_visible()
    page.go_back()
    expect(_drawer(page)).to_be_hidden()
    expect(page).to_have_url("/models")
