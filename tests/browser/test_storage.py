"""E60: the page of the volume tells what is on the disk, whose it is, and removes what nobody needs."""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.conftest import NewPage, sign_in
from tests.browser.fingers import sideways, small_print, small_targets
from tests.browser.screens import SMALL
from tests.stack import Stack, wait_for

MB = 1_000_000
STRANGER = "someone/elses-model"


@pytest.fixture
def qwen(stack: Stack) -> dict[str, Any]:
    """A model of 5 MB on the disk, beside 3 MB that no model uses."""
    repo = stack.add_repo({"q.gguf": os.urandom(5 * MB)})
    model = stack.register(repo, "q.gguf", name="Qwen", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    _put_stranger(stack, os.urandom(3 * MB))
    found: dict[str, Any] = stack.get(f"/api/models/{model['id']}")
    return found


def _put_stranger(stack: Stack, content: bytes) -> Path:
    """A repository as another program leaves it in the cache."""
    commit, oid = "c0ffee" + "0" * 34, "a" * 64
    folder = stack.cache / f"models--{STRANGER.replace('/', '--')}"
    for name in ("blobs", f"snapshots/{commit}", "refs"):
        (folder / name).mkdir(parents=True)
    (folder / "blobs" / oid).write_bytes(content)
    (folder / "snapshots" / commit / "model.bin").symlink_to(f"../../blobs/{oid}")
    (folder / "refs" / "main").write_text(commit)
    long_ago = time.time() - 100 * 86_400
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (long_ago, long_ago), follow_symlinks=False)
    return folder


def _open(page: Page) -> None:
    sign_in(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Storage").click()
    expect(page.get_by_role("heading", name="Storage", exact=True)).to_be_visible()


def _rescan(page: Page) -> None:
    with page.expect_response(re.compile(r"/api/storage\?refresh=true")):
        page.get_by_role("button", name="Rescan").click()


def _tile(page: Page, name: str) -> Locator:
    volume = page.get_by_role("region", name="Volume")
    return (
        volume.get_by_role("term").filter(has_text=re.compile(f"^{name}$")).locator("xpath=following::dd[1]")
    )


def _repo(page: Page, name: str) -> Locator:
    table = page.get_by_role("table", name="Repositories")
    return table.get_by_role("row").filter(has=page.get_by_role("button", name=name, exact=True))


# E60
def test_the_numbers_are_those_of_the_disk(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    _open(page)
    _rescan(page)
    expect(_tile(page, "Managed")).to_contain_text("5.0 MB")
    expect(_tile(page, "Unmanaged")).to_contain_text("3.0 MB")
    expect(_tile(page, "Unmanaged")).to_contain_text("1 repository of no model")
    expect(_tile(page, "Cache")).to_contain_text("8.0 MB")
    expect(_repo(page, STRANGER)).to_contain_text("Not in the register")
    expect(_repo(page, qwen["hfRepo"])).to_contain_text("Qwen")
    disk = os.statvfs(stack.cache)
    storage = stack.get("/api/storage")
    assert abs(storage["totalBytes"] - disk.f_blocks * disk.f_frsize) < MB
    map_ = page.get_by_role("list", name=re.compile("^What fills"))
    expect(
        map_.get_by_role("button", name=f"{STRANGER}, 3.0 MB, no downloaded model uses it")
    ).to_be_visible()
    assert_accessible(page)


# E60
def test_what_the_queue_needs_is_reserved(page: Page, stack: Stack) -> None:
    stack.hub.throttle = MB
    model = stack.register(stack.add_repo({"q.gguf": os.urandom(20 * MB)}), "q.gguf", downloadNow=True)
    stack.wait_bytes(model, 1)
    _open(page)
    expect(_tile(page, "Reserved")).to_have_text(re.compile(r"^1\d(\.\d)? MB$"))


# E60
def test_what_no_model_uses_becomes_one_or_goes(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    _open(page)
    _rescan(page)
    _repo(page, STRANGER).get_by_role("button", name=f"Delete {STRANGER} from disk…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Frees 3.0 MB")
    dialog.get_by_role("button", name="Keep files").click()
    expect(dialog).to_be_hidden()
    _repo(page, STRANGER).get_by_role("button", name=f"Delete {STRANGER} from disk…").click()
    page.get_by_role("button", name="Delete and free 3.0 MB").click()
    expect(page.get_by_text(f"{STRANGER} deleted, 3.0 MB freed")).to_be_visible()
    expect(_repo(page, STRANGER)).to_have_count(0)
    assert not (stack.cache / f"models--{STRANGER.replace('/', '--')}").exists()
    assert Path(qwen["localPath"]).stat().st_size == 5 * MB


# E60
def test_a_model_is_made_of_what_lies_here(page: Page, stack: Stack) -> None:
    content = os.urandom(3 * MB)
    repo = stack.add_repo({"q.gguf": content})
    first = stack.register(repo, "q.gguf", name="First", downloadNow=True)
    stack.wait_status(first, "Downloaded")
    stack.call("DELETE", f"/api/models/{first['id']}?deleteLocalFile=false")
    served = stack.hub.bytes_served(f"{repo}/*")
    _open(page)
    _rescan(page)
    page.get_by_role("button", name=f"Add {repo} to the register…").click()
    dialog = page.get_by_role("dialog", name="Add to the register")
    dialog.get_by_label("Name").fill("Found")
    dialog.get_by_label("File").fill("q.gguf")
    dialog.get_by_role("button", name="Add model").click()
    expect(page.get_by_text("Found is in the register")).to_be_visible()
    model = next(one for one in stack.get("/api/models") if one["name"] == "Found")
    stack.wait_status(model, "Downloaded")
    assert stack.hub.bytes_served(f"{repo}/*") == served


# E60
def test_a_clean_up_names_what_goes_and_frees_it(page: Page, stack: Stack, qwen: dict[str, Any]) -> None:
    sign_in(page)
    page.get_by_role("region", name="Storage").get_by_role("link", name="Clean up").click()
    expect(page).to_have_url("/storage#clean-up")
    _rescan(page)
    part = page.get_by_role("region", name="Clean up", exact=True)
    part.get_by_role("checkbox", name=re.compile("^someone.elses-model")).check()
    part.get_by_role("button", name="Remove 1 item and free 3.0 MB…").click()
    dialog = page.get_by_role("dialog", name="Remove 1 item from disk?")
    expect(dialog.get_by_role("listitem")).to_have_text([f"{STRANGER}3.0 MB"])
    dialog.get_by_role("button", name="Remove and free 3.0 MB").click()
    expect(part.get_by_text("3.0 MB freed")).to_be_visible()
    expect(part.get_by_role("checkbox", name=re.compile("^someone.elses-model"))).to_have_count(0)
    wait_for("the files to go", lambda: not list(stack.cache.glob("models--someone*/blobs/*")))
    assert Path(qwen["localPath"]).stat().st_size == 5 * MB


# E69
def test_the_page_fits_the_smallest_phone(new_page: NewPage, stack: Stack, qwen: dict[str, Any]) -> None:
    page = new_page(**SMALL, reduced_motion="reduce")
    sign_in(page)
    page.goto("/storage")
    _rescan(page)
    page.get_by_role("button", name=f"Show revisions of {STRANGER}").tap()
    expect(page.get_by_role("list", name=f"Revisions of {STRANGER}")).to_be_visible()
    assert not [*sideways(page), *small_targets(page), *small_print(page)]
    assert_accessible(page)
