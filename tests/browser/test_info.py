"""The details of a model: everything that is known of it, at an address of its own."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, sign_in
from tests.browser.pages import open_menu, row, status_of
from tests.stack import Stack, wait_for

MB = 1_000_000
SIZE = 5 * MB
FILE = "Qwen3-0.6B-Q4_0.gguf"


def _details(page: Page, name: str = "Qwen") -> Locator:
    return page.get_by_role("dialog", name=name)


def _fact(part: Locator, name: str) -> Locator:
    """What stands beside the name of a fact."""
    return part.get_by_role("term").filter(has_text=re.compile(f"^{name}$")).locator("xpath=following::dd[1]")


# E63
def test_the_details_tell_what_is_known_and_what_was_done(new_page: NewPage, stack: Stack) -> None:
    content = os.urandom(SIZE)
    checksum = hashlib.sha256(content).hexdigest()
    repo = stack.add_repo({FILE: content}, info={"tags": ["license:apache-2.0"], "likes": 42})
    model = stack.register(repo, FILE, name="Qwen", category="embedding")
    for _ in range(2):
        stack.hub.throttle = MB
        stack.download(model)
        stack.wait_status(model, "Downloading")
        stack.cancel(model)
        stack.wait_status(model, "Canceled")
    stack.calm_hub()
    stack.download(model)
    stack.wait_status(model, "Downloaded")
    model = stack.get(f"/api/models/{model['id']}")

    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page)
    open_menu(row(page, "Qwen")).get_by_role("menuitem", name="Details").click()
    details = _details(page)
    expect(page).to_have_url(f"/models?info={model['id']}")
    file = details.get_by_role("region", name="File")
    expect(_fact(file, "Name")).to_have_text(FILE)
    expect(_fact(file, "Size")).to_have_text("5.0 MB")
    expect(_fact(file, "SHA-256")).to_contain_text(f"{checksum[:4]}…{checksum[-4:]}")
    expect(_fact(file, "Revision")).to_have_text("main")
    expect(_fact(file, "Commit")).to_contain_text(model["commitHash"][:10])
    for what, whole in (
        ("checksum", checksum),
        ("path", model["localPath"]),
        ("commit", model["commitHash"]),
    ):
        file.get_by_role("button", name=f"Copy {what}").click()
        expect(page.get_by_text(f"{what} copied")).to_be_attached()
        assert page.evaluate("navigator.clipboard.readText()") == whole
    about = details.get_by_role("region", name="Model")
    expect(_fact(about, "Kind")).to_have_text("Embedding")
    expect(_fact(about, "Quantization")).to_have_text("Q4_0")
    expect(_fact(about, "Parameters")).to_have_text("0.6B")
    expect(details.get_by_role("region", name="Used by")).to_contain_text("Nothing references this model")
    done = details.get_by_role("region", name="History").get_by_role("listitem")
    expect(done).to_contain_text(["Done", "Canceled", "Canceled"])
    expect(done.first).to_contain_text("5.0 MB")

    hub = details.get_by_role("region", name="On the Hub")
    hub.get_by_role("button", name="Show what the Hub says").click()
    expect(_fact(hub, "Likes")).to_have_text("42")
    hub.get_by_text("All metadata").click()
    expect(hub.get_by_text(f'"repo": "{repo}"')).to_be_visible()


# E63
def test_the_details_have_an_address_and_close_in_every_way(page: Page, stack: Stack) -> None:
    model = stack.register(stack.add_repo({FILE: b"q"}), FILE, name="Qwen")
    address = f"/models?info={model['id']}"
    sign_in(page)
    page.goto(address)
    expect(_details(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(_details(page)).to_be_hidden()
    expect(page).to_have_url("/models")

    name = row(page, "Qwen").get_by_role("button", name="Qwen", exact=True)
    name.click()
    expect(page).to_have_url(address)
    expect(_details(page)).to_be_visible()
    page.mouse.click(300, 700)
    expect(_details(page)).to_be_hidden()
    expect(page).to_have_url("/models")
    expect(name).to_be_focused()

    name.click()
    expect(_details(page)).to_be_visible()
    page.go_back()
    expect(_details(page)).to_be_hidden()
    page.goto("/models?info=999999")
    unknown = page.get_by_role("dialog").filter(has_text="There is no such model")
    unknown.get_by_role("button", name="Close").last.click()
    expect(unknown).to_be_hidden()


# E63
def test_the_details_follow_what_happens_and_can_start_it(page: Page, stack: Stack) -> None:
    stack.hub.throttle = 2 * MB
    model = stack.register(stack.add_repo({FILE: os.urandom(SIZE)}), FILE, name="Qwen")
    sign_in(page)
    page.goto(f"/models?info={model['id']}")
    details = _details(page)
    history = details.get_by_role("region", name="History")
    expect(history).to_contain_text("Nothing was done with its files yet")
    details.get_by_role("button", name="Download", exact=True).click()
    expect(details.get_by_role("progressbar", name="Download of Qwen")).to_be_visible()
    expect(history.get_by_role("listitem")).to_contain_text(["Running"])
    expect(_fact(details.get_by_role("region", name="File"), "Size")).to_have_text("5.0 MB")
    expect(history.get_by_role("listitem")).to_contain_text(["Done"])
    expect(details.get_by_role("progressbar")).to_have_count(0)


# E63
def test_on_a_phone_the_details_take_the_whole_screen(new_page: NewPage, stack: Stack) -> None:
    screen = {"width": 390, "height": 844}
    page = new_page(viewport=screen, has_touch=True, is_mobile=True)
    model = stack.register(stack.add_repo({FILE: b"q"}), FILE, name="Qwen")
    sign_in(page)
    page.goto(f"/models?info={model['id']}")
    expect(_details(page)).to_be_visible()
    # It comes in from below.
    wait_for("the whole screen", lambda: _details(page).bounding_box() == {"x": 0, "y": 0, **screen})
    _details(page).get_by_role("button", name="Close").tap()
    expect(_details(page)).to_be_hidden()
    expect(page).to_have_url("/models")


def _downloaded(stack: Stack) -> dict[str, Any]:
    model = stack.register(stack.add_repo({FILE: os.urandom(SIZE)}), FILE, name="Qwen", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    found: dict[str, Any] = stack.get(f"/api/models/{model['id']}")
    return found


def test_damage_is_found_told_and_repaired(page: Page, stack: Stack) -> None:
    model = _downloaded(stack)
    sign_in(page)
    page.goto(f"/models?info={model['id']}")
    details = _details(page)
    details.get_by_role("button", name="Verify").click()
    expect(details.get_by_text("Every byte is right")).to_be_visible()

    blob = Path(model["localPath"]).resolve()
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.write(b"damage")
    details.get_by_role("button", name="Verify").click()
    damaged = details.get_by_role("list", name="Damaged files")
    expect(damaged.get_by_role("listitem")).to_have_text([re.compile(f"^{re.escape(FILE)}\\s*damaged$")])
    page.keyboard.press("Escape")
    expect(row(page, "Qwen").get_by_role("button", name="Repair Qwen")).to_be_visible()
    row(page, "Qwen").get_by_role("button", name="Repair Qwen").click()
    stack.wait_status(model, "Downloaded")
    expect(status_of(row(page, "Qwen"))).to_have_text("Downloaded")
    assert blob.read_bytes()[:6] != b"damage"


def test_an_update_is_told_before_fetched_and_taken_back(page: Page, stack: Stack) -> None:
    model = _downloaded(stack)
    stack.hub.add_repo(model["hfRepo"], {FILE: os.urandom(SIZE + MB)})
    sign_in(page)
    page.goto(f"/models?info={model['id']}")
    part = _details(page).get_by_role("region", name="Update")
    part.get_by_role("button", name="Check for an update").click()
    expect(part.get_by_role("list", name="Files that would change")).to_contain_text("changed, 6.0 MB")
    part.get_by_role("button", name="Update and fetch 6.0 MB").click()
    expect(part.get_by_text("Updated", exact=True)).to_be_visible()
    updated = stack.get(f"/api/models/{model['id']}")
    assert updated["commitHash"] != model["commitHash"] == updated["formerCommit"]
    served = stack.hub.bytes_served(f"{model['hfRepo']}/*")
    part.get_by_role("button", name="Return to it").click()
    wait_for(
        "the former commit",
        lambda: stack.get(f"/api/models/{model['id']}")["commitHash"] == model["commitHash"],
    )
    assert stack.hub.bytes_served(f"{model['hfRepo']}/*") == served
