"""What a page shows is true now, or it says that it is not: other browsers, reloads, parts that go away."""

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import func, select

from shared.database import Database
from shared.tables import Operation
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.pages import row, status_of
from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 8 * MB
SPEED = 1 * MB
# Half files are written in blocks of 1 MiB: what is on its way at a stop may be sent twice.
ON_ITS_WAY = 1 << 20


@pytest.fixture(autouse=True)
def _a_whole_stack_again(stack: Stack) -> Iterator[None]:
    yield
    if "downloads" not in stack.processes:
        stack.start_worker("downloads", "downloads", 2)
    if "api" not in stack.processes:
        stack.start_api()


def _running(stack: Stack, speed: int = SPEED) -> dict[str, Any]:
    """A model "Qwen" whose download moves for some seconds, and waits for the test before its end."""
    _hold_before_the_end(stack)
    stack.hub.throttle = speed
    repo = stack.add_repo({"q.gguf": os.urandom(SIZE)})
    return stack.register(repo, "q.gguf", name="Qwen", downloadNow=True)


def _hold_before_the_end(stack: Stack) -> None:
    stack.hub.fault("stall", after_bytes=SIZE * 3 // 4, where="cdn")


def _percent(status: Locator) -> int:
    """The percent that a status shows now; waits until it shows one."""
    expect(status).to_have_text(re.compile(r"^\d+%"))
    return int(status.inner_text().partition("%")[0])


def _connection(page: Page) -> Locator:
    return page.get_by_role("complementary").get_by_role("status")


def _percent_passes(status: Locator, least: int) -> None:
    expect(status).to_have_text(re.compile("^(" + "|".join(map(str, range(least, 100))) + ")%"))


def _served(stack: Stack, model: dict[str, Any]) -> int:
    return stack.hub.bytes_served(f"{model['hfRepo']}/*")


# E35
def test_two_browsers_show_the_same(new_page: NewPage, stack: Stack) -> None:
    pages = [new_page(), new_page()]
    for page in pages:
        sign_in(page)
        expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    here, there = (status_of(row(page, "Qwen")) for page in pages)
    _hold_before_the_end(stack)
    stack.hub.throttle = SPEED
    stack.register(stack.add_repo({"q.gguf": os.urandom(SIZE)}), "q.gguf", name="Qwen")
    for status in (here, there):
        expect(status).to_have_text("Available")
    row(pages[0], "Qwen").get_by_role("button", name="Download Qwen").click()
    first, second, third = _percent(here), _percent(there), _percent(here)
    # One is read after the other, at 12 percent a second.
    assert first - 5 <= second <= third + 5
    row(pages[1], "Qwen").get_by_role("button", name="Cancel download of Qwen").click()
    for status in (here, there):
        expect(status).to_contain_text("Canceled")
        expect(status).to_contain_text("B kept")
    assert here.inner_text() == there.inner_text()
    row(pages[1], "Qwen").get_by_role("button", name="Resume Qwen").click()
    _percent_passes(here, first)


# E36
def test_a_reload_in_the_middle_shows_where_the_download_stands(
    page: Page, stack: Stack, stack_database: Database
) -> None:
    model = _running(stack)
    sign_in(page)
    status = status_of(row(page, "Qwen"))
    _percent_passes(status, 20)
    before = _percent(status)
    page.reload()
    assert before <= _percent(status)
    _percent_passes(status, 75)
    stack.calm_hub()
    expect(status).to_have_text("Downloaded")
    with stack_database.session() as session:
        assert session.scalar(select(func.count()).select_from(Operation)) == 1
    assert _served(stack, model) == SIZE


# E38
def test_a_worker_that_is_killed_is_missed_and_the_download_goes_on_by_itself(
    page: Page, stack: Stack
) -> None:
    model = _running(stack)
    sign_in(page)
    status = status_of(row(page, "Qwen"))
    _percent_passes(status, 20)
    worker = psutil.Process(stack.processes["downloads"].pid)
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    stack.processes.pop("downloads").wait(10)
    # Its lease runs out, and nobody else is there to take it up.
    expect(status).to_contain_text("Pending", timeout=30_000)
    # What the last beat said, a second ago at most; the half file itself has all.
    assert stack.status(model)["bytesDownloaded"] >= 0.2 * SIZE - 1.5 * SPEED
    stack.calm_hub()
    stack.start_worker("downloads", "downloads", 2)
    expect(status).to_have_text("Downloaded", timeout=30_000)
    assert stack.status(model)["attempt"] == 2
    assert _served(stack, model) <= SIZE + ON_ITS_WAY


# E40
def test_a_stream_that_is_cut_falls_back_to_polling_and_comes_back(
    page: Page, page_guard: PageGuard, stack: Stack
) -> None:
    page_guard.allow("/api/events")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/api/")[2]))
    _running(stack, speed=SPEED // 4)
    sign_in(page)
    status = status_of(row(page, "Qwen"))
    expect(_connection(page)).to_have_text("Live")
    _percent_passes(status, 2)
    page.route("**/api/events", lambda route: route.abort())
    _cut_stream(stack)
    expect(_connection(page)).to_have_text("Reconnecting")
    with page.expect_response("**/api/downloads/queue"):
        pass
    _percent_passes(status, _percent(status) + 3)
    expect(_connection(page)).to_have_text("Reconnecting")
    page.unroute("**/api/events")
    expect(_connection(page)).to_have_text("Live", timeout=30_000)
    asked.clear()
    _percent_passes(status, _percent(status) + 3)
    assert asked.count("downloads/queue") <= 2, asked


def _cut_stream(stack: Stack) -> None:
    """The process of the API that serves the stream dies, and gunicorn starts another one."""

    def busy() -> list[psutil.Process]:
        return [process for process in serving if _is_connected(stack, process)]

    serving = psutil.Process(stack.processes["api"].pid).children()
    # A connection that is kept for the next request is closed after some seconds.
    wait_for("only the stream", lambda: len(busy()) == 1)
    for process in busy():
        process.kill()


def _is_connected(stack: Stack, process: psutil.Process) -> bool:
    port = urlsplit(stack.url).port
    connections = process.net_connections("tcp")
    return any(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in connections)


# E41
def test_a_restart_of_the_api_is_told_and_leaves_the_page_true(
    page: Page, page_guard: PageGuard, stack: Stack
) -> None:
    page_guard.allow(r"/(api|assets)/|/favicon\.svg")
    model = _running(stack)
    sign_in(page)
    here = row(page, "Qwen")
    expect(_connection(page)).to_have_text("Live")
    _percent_passes(status_of(here), 5)
    stack.stop("api")
    expect(_connection(page)).to_have_text(re.compile("^(Reconnecting|Offline)$"))
    expect(_connection(page)).to_have_text("Offline")
    # What was not needed yet can't be fetched now, and is shown as soon as it can.
    page.get_by_role("button", name="Queue").click()
    # The worker needs no API.
    wait_for("the file", lambda: stack.hub.release() or list(stack.cache.rglob("q.gguf")))
    stack.start_api()
    queue = page.get_by_role("dialog", name="Downloads")
    finished = queue.get_by_role("region", name=re.compile("^Finished"))
    expect(finished).to_contain_text("Qwen", timeout=60_000)
    # With its styles.
    expect(queue).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    page.keyboard.press("Escape")
    expect(_connection(page)).to_have_text("Live")
    expect(status_of(here)).to_have_text("Downloaded")
    stack.register(stack.add_repo({"b.gguf": b"b"}), "b.gguf", name="Later", downloadNow=True)
    expect(status_of(row(page, "Later"))).to_have_text("Downloaded")
    assert stack.get(f"/api/models/{model['id']}")["downloaded"]
