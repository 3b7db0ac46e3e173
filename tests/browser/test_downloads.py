"""A download as a person follows it: it moves, stops, goes on, fails, and is tried again."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from shared.database import Database
from shared.tables import Operation
from tests.browser.conftest import sign_in
from tests.browser.pages import DOWNLOADED, cell, row, status_of
from tests.stack import Stack

MB = 1_000_000
SIZE = 6 * MB
# A request asks for all of so small a file, so that the throttle is the speed.
SPEED = 2 * MB
# Half files are written in blocks of 1 MiB: what is on its way at a stop may be sent twice.
ON_ITS_WAY = 1 << 20

# Keeps every text that a part of the page has shown, in order.
WATCH = """(part) => {
  const told = (window.told = [])
  const take = () => {
    const text = part.innerText.replace(/\\s+/g, ' ').trim()
    if (text !== told.at(-1)) told.push(text)
  }
  take()
  new MutationObserver(take).observe(part, { subtree: true, childList: true, characterData: true })
}"""
MOVING = re.compile(r"(?P<percent>\d+)% (?P<arrived>[\d.]+ \w+) of 6\.0 MB( (?P<speed>[\d.]+ \wB/s))?")
UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6}


def _file(stack: Stack, content: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """A registered model "Qwen" with one file."""
    content = os.urandom(SIZE) if content is None else content
    return stack.register(stack.add_repo({"q.gguf": content}), "q.gguf", name="Qwen", **fields)


def _served(stack: Stack, model: dict[str, Any]) -> int:
    return stack.hub.bytes_served(f"{model['hfRepo']}/*")


def _told(page: Page) -> list[str]:
    told: list[str] = page.evaluate("window.told")
    return told


def _bytes_in(text: str) -> float:
    number, unit = text.split()
    return float(number) * UNITS[unit]


# E30
def test_percent_bytes_and_speed_move_and_never_go_back(page: Page, stack: Stack) -> None:
    model = _file(stack)
    stack.hub.throttle = SPEED
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_have_text("Available")
    status_of(here).evaluate(WATCH)
    here.get_by_role("button", name="Download Qwen").click()
    expect(status_of(here)).to_have_text("Downloaded")
    expect(cell(here, DOWNLOADED)).to_have_text("Yes")
    told = _told(page)
    moves = [found for found in map(MOVING.fullmatch, told) if found]
    percents = [int(move["percent"]) for move in moves]
    arrived = [_bytes_in(move["arrived"]) for move in moves]
    assert len(set(percents)) >= 5, told
    assert percents == sorted(percents), told
    assert arrived == sorted(arrived), told
    speeds = [_bytes_in(move["speed"].removesuffix("/s")) for move in moves if move["speed"]]
    assert any(SPEED / 2 < speed < SPEED * 2 for speed in speeds), told
    # Once it moved, it was moving or arrived, and nothing else.
    rest = told[told.index(moves[0].group()) :]
    others = [text for text in rest if not MOVING.fullmatch(text)]
    assert set(others) <= {"Verifying", "Downloaded"}, told
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).stat().st_size == SIZE


# E31
def test_a_canceled_download_goes_on_from_the_bytes_that_were_kept(page: Page, stack: Stack) -> None:
    content = os.urandom(SIZE)
    stack.hub.fault("stall", after_bytes=2 * MB, where="cdn")
    model = _file(stack, content, downloadNow=True)
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_have_text(re.compile("^33%"))
    here.get_by_role("button", name="Cancel download of Qwen").click()
    expect(status_of(here)).to_contain_text("Canceled")
    assert stack.wait_status(model, "Canceled")["bytesDownloaded"] == 2 * MB
    expect(status_of(here)).to_contain_text("2.0 MB kept")
    stack.calm_hub()
    stack.hub.throttle = SPEED
    asked = len(stack.hub.requests)
    status_of(here).evaluate(WATCH)
    here.get_by_role("button", name="Resume Qwen").click()
    expect(status_of(here)).to_have_text("Downloaded")
    percents = [int(move["percent"]) for move in map(MOVING.fullmatch, _told(page)) if move]
    assert min(percents) >= 33
    ranges = [record.range for record in stack.hub.requests[asked:] if record.where == "cdn"]
    assert ranges == [(2 * MB, SIZE - 1)]
    assert _served(stack, model) <= SIZE + ON_ITS_WAY
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).read_bytes() == content


# E32
def test_a_network_that_drops_is_told_as_a_stall_and_the_download_ends_well(page: Page, stack: Stack) -> None:
    stack.hub.fault("stall", after_bytes=2 * MB, where="cdn")
    # The worker asks again after 10 s, and is left waiting again.
    stack.hub.fault("stall", times=None, where="cdn")
    model = _file(stack, downloadNow=True)
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_contain_text("33%")
    expect(status_of(here)).to_contain_text("Stalled, retrying", timeout=20_000)
    assert "/s" not in status_of(here).inner_text()
    stack.hub.clear_faults()
    stack.hub.release()
    expect(status_of(here)).to_have_text("Downloaded")
    assert _served(stack, model) <= SIZE + ON_ITS_WAY


# E33
def test_a_failure_names_its_cause_and_retry_goes_on_with_what_is_there(
    page: Page, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.hub.fault("stall", after_bytes=3 * MB, where="cdn")
    stack.hub.fault("cut", after_bytes=3 * MB, where="cdn")
    monkeypatch.setattr(stack.hub, "url_uses", 1)
    model = _file(stack, downloadNow=True)
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_have_text(re.compile("^50%"))
    # The address has run out, and the Hub has no new one.
    gone = stack.hub.fault("status", where="resolve", status=404, error_code="EntryNotFound", times=None)
    stack.hub.release()
    expect(status_of(here)).to_contain_text("Failed")
    assert gone.fired
    error = stack.status(model)["error"]
    expect(status_of(here)).to_contain_text(error["detail"])
    expect(status_of(here)).to_contain_text(error["remedy"])
    stack.hub.clear_faults()
    here.get_by_role("button", name="Retry Qwen").click()
    expect(status_of(here)).to_have_text("Downloaded")
    assert stack.status(model)["bytesReused"] >= 3 * MB - ON_ITS_WAY
    assert _served(stack, model) <= SIZE + ON_ITS_WAY


# E34
@pytest.mark.parametrize("pause", [0, 120, 350], ids="{} ms between".format)
def test_a_double_click_starts_one_task(
    page: Page, stack: Stack, stack_database: Database, pause: int
) -> None:
    stack.hub.fault("hold", "*.gguf", times=None)
    model = _file(stack)
    sign_in(page)
    button = row(page, "Qwen").get_by_role("button", name="Download Qwen")
    box = button.bounding_box()
    assert box
    for _ in range(2):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(pause)  # a person's finger
    stack.wait_status(model, "Downloading")
    stack.calm_hub()
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")
    with stack_database.session() as session:
        assert session.scalar(select(func.count()).select_from(Operation)) == 1


# E39
def test_before_the_size_is_known_the_bar_shows_no_percent(page: Page, stack: Stack) -> None:
    stack.hub.fault("hold", where="api", times=None)
    _file(stack, downloadNow=True)
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_have_text("Preparing…")
    bar = here.get_by_role("progressbar", name="Download of Qwen")
    expect(bar).to_have_attribute("aria-valuetext", "not known yet")
    assert bar.get_attribute("aria-valuenow") is None
    page.get_by_role("button", name="Queue").click()
    queue = page.get_by_role("dialog", name="Downloads")
    expect(queue.get_by_text("Size not known yet")).to_be_visible()
    expect(queue.get_by_text("Looking up the files")).to_be_visible()
    assert "%" not in queue.inner_text()
    stack.calm_hub()
    expect(queue.get_by_role("region", name=re.compile("^Finished"))).to_contain_text("Qwen")
    page.keyboard.press("Escape")
    expect(status_of(here)).to_have_text("Downloaded")


# E42
def test_wrong_bytes_end_as_a_failure_and_leave_no_file(page: Page, stack: Stack) -> None:
    fault = stack.hub.fault("wrong_bytes", offset=1000, times=None, where="cdn")
    model = _file(stack, downloadNow=True)
    sign_in(page)
    here = row(page, "Qwen")
    expect(status_of(here)).to_contain_text("Failed")
    expect(cell(here, DOWNLOADED)).to_have_text("No")
    assert fault.fired >= 2
    error = stack.status(model)["error"]
    assert error["code"] == "CHECKSUM_MISMATCH"
    here.get_by_role("button", name="Qwen", exact=True).click()
    details = page.get_by_role("dialog", name="Qwen")
    expect(details.get_by_text(error["detail"]).last).to_be_visible()
    expect(details.get_by_text(error["remedy"]).last).to_be_visible()
    left = [path for path in stack.cache.rglob("*") if path.is_file() and path.stat().st_size >= SIZE]
    assert not left
    assert not list(stack.cache.rglob("q.gguf"))
    stack.hub.clear_faults()
    details.get_by_role("button", name="Retry").click()
    expect(details.get_by_text("Downloaded", exact=True).first).to_be_visible()
