"""A new model of the Hub: named in any way, looked at before, and downloaded before one's eyes."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PageGuard, sign_in
from tests.browser.pages import DOWNLOADED, cell, row, status_of
from tests.stack import Stack

Q4, Q8 = "Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-Q8_0.gguf"
MB = 1_000_000
INFO = {
    "likes": 412,
    "downloads": 1_310_000,
    "pipeline_tag": "text-generation",
    "tags": ["gguf", "license:apache-2.0"],
    "gguf": {"total": 4_022_468_096, "architecture": "qwen3", "context_length": 40960},
}


def _new_model(page: Page) -> None:
    sign_in(page)
    page.get_by_role("link", name="New model").click()
    expect(page.get_by_label("Repository")).to_be_focused()


def _variants(page: Page) -> Locator:
    return page.get_by_role("radiogroup", name="Variant")


def _panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="What happens")


def _submit(page: Page, words: str = "Create and download") -> Locator:
    return page.get_by_role("button", name=words, exact=True)


def test_a_repository_is_named_in_every_way_that_people_have(stack: Stack, page: Page) -> None:  # E14
    repo = stack.add_repo({Q4: b"4" * MB, Q8: b"8" * 2 * MB})
    _new_model(page)
    field = page.get_by_label("Repository")
    for text, chosen in {
        repo: "Q4_K_M",
        f"https://huggingface.co/{repo}": "Q4_K_M",
        f"{stack.hub.url}/{repo}/blob/main/{Q8}": "Q8_0",
        f"huggingface.co/{repo}/resolve/main/{Q4}?download=true": "Q4_K_M",
    }.items():
        field.fill("")
        expect(_variants(page)).to_be_hidden()
        field.fill(text)
        expect(_variants(page).get_by_role("radio", name=chosen)).to_be_checked()
        expect(_submit(page)).to_be_enabled()


def test_what_is_no_repository_is_told_while_it_is_typed(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:  # E14
    page_guard.allow(r"console: .* (404|422) ")
    _new_model(page)
    field = page.get_by_label("Repository")
    wrong = "Use owner/name, a huggingface.co link, or a direct file link."
    for text, told in {
        "two words": wrong,
        "owner/name/more": wrong,
        "ftp://huggingface.co/owner/name": wrong,
        "https://example.com/owner/name": "example.com is not the Hub",
        "org/nowhere": "No such repository",
    }.items():
        field.fill(text)
        expect(page.get_by_text(told)).to_be_visible()
        expect(_submit(page)).to_be_disabled()
        assert field.input_value() == text
    field.fill("owner/na")  # not finished is not wrong
    expect(page.get_by_text(wrong)).to_be_hidden()


def test_the_preview_says_what_there_is_and_proposes_one(stack: Stack, page: Page) -> None:  # E15
    files = {Q4: b"4" * 2 * MB, Q8: b"8" * 4 * MB, "Qwen3-4B-Q2_K.gguf": b"2" * MB, "README.md": b"read"}
    repo = stack.add_repo(files, info=INFO)
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    for fact in ("4B params", "qwen3", "apache-2.0", "412", "1.3M a month"):
        expect(page.get_by_text(fact, exact=True).first).to_be_visible()
    variants = _variants(page)
    assert [radio.get_attribute("id") for radio in variants.get_by_role("radio").all()] == [
        f"variant-{name}" for name in ("Qwen3-4B-Q2_K.gguf", Q4, Q8)
    ]
    expect(variants.get_by_text("Q4_K_MBest fit")).to_be_visible()
    expect(variants.get_by_text("Best fit")).to_have_count(1)
    best = variants.get_by_role("radio", name="Q4_K_M")
    expect(best).to_be_checked()
    expect(best).to_have_accessible_description("2.0 MB at least 2.4 MB memory Fits")
    expect(page.get_by_label("Name", exact=True)).to_have_value(re.compile(r"^repo\d+ Q4_K_M$"))
    panel = _panel(page)
    expect(panel).to_contain_text(re.compile("Download.*2.0 MB.*Free now.*GB.*Free after.*GB", re.DOTALL))
    variants.get_by_text("Q8_0").click()
    expect(panel).to_contain_text("4.0 MB")
    expect(page.get_by_label("Name", exact=True)).to_have_value(re.compile("Q8_0$"))
    page.get_by_label("Name", exact=True).fill("My own name")
    variants.get_by_text("Q2_K").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("My own name")


def test_too_little_room_blocks_the_download_and_says_how_much(stack: Stack, page: Page) -> None:  # E16
    repo = stack.add_repo({Q4: b"4" * 3 * MB, Q8: b"8" * 9 * MB})
    storage = stack.get("/api/storage")
    storage |= {"availableBytes": 9 * MB, "reservedBytes": 4 * MB, "availableAfterQueueBytes": 5 * MB}
    page.route("**/api/storage", lambda route: route.fulfill(json=storage))
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    expect(_submit(page)).to_be_enabled()
    expect(_panel(page).get_by_text("Free after").locator("xpath=following-sibling::dd")).to_have_text(
        "2.0 MB"
    )
    _variants(page).get_by_text("Q8_0").click()
    alert = page.get_by_role("alert")
    expect(alert).to_have_text(re.compile(r"Not enough room\s*Needs 9.0 MB, 5.0 MB free after the queue\."))
    expect(_submit(page)).to_be_disabled()
    page.get_by_role("checkbox", name="Download immediately").click()
    expect(alert).to_be_hidden()
    expect(_submit(page, "Create")).to_be_enabled()


def test_a_model_may_wait_for_its_download(stack: Stack, page: Page) -> None:  # E17
    repo = stack.add_repo({Q4: b"4" * MB})
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    page.get_by_label("Name", exact=True).fill("Later")
    page.get_by_role("checkbox", name="Download immediately").click()
    _submit(page, "Create").click()
    expect(_panel(page).get_by_role("status")).to_have_text("Not downloaded")
    page.get_by_role("button", name="Close").first.click()
    expect(status_of(row(page, "Later"))).to_have_text("Available")
    expect(cell(row(page, "Later"), DOWNLOADED)).to_have_text("No")
    (model,) = stack.get("/api/models")
    assert (model["downloadStatus"], model["category"]) == ("NotDownloaded", "llm")
    # No more than the beginning that the preview reads.
    assert stack.hub.bytes_served(f"{repo}/*") <= 512 << 10


def test_a_download_is_watched_where_it_was_asked_for(stack: Stack, page: Page) -> None:  # E18
    repo = stack.add_repo({Q4: b"4" * 5 * MB}, info=INFO)
    stack.hub.throttle = 1_000_000
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    page.get_by_label("Name", exact=True).fill("Watched")
    _submit(page).dblclick()
    panel = _panel(page)
    bar = panel.get_by_role("progressbar", name="Download of Watched")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))
    expect(panel.get_by_text(re.compile(r"^\d.* MB of 5.0 MB$"))).to_be_visible()
    expect(panel.get_by_text(re.compile(r"^[1-9][\d.]* [kM]B/s$"))).to_be_visible()
    seen = int(str(bar.get_attribute("aria-valuenow")))
    expect(bar).not_to_have_attribute("aria-valuenow", str(seen))
    expect(page.get_by_label("Repository")).to_have_value(repo)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Watched")
    expect(page.get_by_label("Name", exact=True)).to_be_disabled()
    stack.hub.throttle = None
    expect(panel.get_by_role("status")).to_have_text("Downloaded")
    panel.get_by_role("link", name="Show model").click()
    expect(page.get_by_role("dialog", name="Watched")).to_contain_text("Downloaded")
    (model,) = stack.get("/api/models")  # a double click makes one
    assert model["downloaded"]


def test_a_download_is_canceled_and_resumed_where_it_was_asked_for(stack: Stack, page: Page) -> None:  # E18
    repo = stack.add_repo({Q4: b"4" * 9 * MB})
    stack.hub.throttle = 200_000
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    _submit(page).click()
    panel = _panel(page)
    expect(panel.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    panel.get_by_role("button", name="Cancel download").click()
    expect(panel.get_by_role("status")).to_have_text("Canceled")
    stack.hub.throttle = None
    panel.get_by_role("button", name="Resume download").click()
    expect(panel.get_by_role("status")).to_have_text("Downloaded")
    assert stack.hub.bytes_served(f"{repo}/*") < 18 * MB


def test_a_name_that_is_taken_is_told_at_its_field(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:  # E20
    page_guard.allow("console: .* 409 ")
    repo = stack.add_repo({Q4: b"4", Q8: b"8"})
    taken = stack.register(repo, Q4, name="Taken")
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    expect(_variants(page).get_by_role("radio", name="Q4_K_M")).to_be_disabled()
    expect(_variants(page).get_by_role("link", name="Registered")).to_be_visible()
    expect(_variants(page).get_by_role("radio", name="Q8_0")).to_be_checked()
    name = page.get_by_label("Name", exact=True)
    name.fill("Taken")
    _submit(page).click()
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description(re.compile("name"))
    expect(page.get_by_label("Repository")).to_have_value(repo)
    page.get_by_role("link", name="Show it").click()
    page.get_by_role("button", name="Keep editing").click()
    name.fill("Free")
    _submit(page).click()
    expect(_panel(page).get_by_role("status")).to_have_text("Downloaded")
    assert {model["name"] for model in stack.get("/api/models")} == {"Free", taken["name"]}


def test_leaving_with_changes_asks_once_and_keeps_the_draft_till_then(
    stack: Stack, page: Page
) -> None:  # E21
    repo = stack.add_repo({Q4: b"4"})
    _new_model(page)
    page.keyboard.press("Escape")  # nothing was typed
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    page.get_by_role("link", name="New model").click()
    page.get_by_label("Repository").fill(repo)
    page.get_by_label("Name", exact=True).fill("Half done")
    expect(page.get_by_text("Draft kept on this device")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Your draft is back")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half done")
    question = page.get_by_role("dialog", name="Discard your changes?")
    page.keyboard.press("Escape")
    expect(question.get_by_role("button", name="Keep editing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_be_hidden()
    expect(page.get_by_label("Repository")).to_have_value(repo)
    page.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Discard").click()
    expect(page).to_have_url("/models")
    page.get_by_role("link", name="New model").click()
    expect(page.get_by_label("Repository")).to_have_value("")
    assert stack.get("/api/models") == []


def test_a_gated_repository_says_so_and_a_token_opens_it(stack: Stack, page: Page) -> None:  # E22
    repo = stack.add_repo({Q4: b"4" * MB}, gated="manual")
    stack.hub.add_token("hf_accepted", repo)
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    expect(page.get_by_text("Gated", exact=True)).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Gated")
    _submit(page).click()
    panel = _panel(page)
    expect(panel.get_by_role("alert")).to_contain_text("gated")
    page.get_by_role("button", name="Close").first.click()
    found = row(page, "Gated")
    expect(status_of(found)).to_contain_text("Failed")
    found.get_by_role("button", name="More about Gated").click()
    page.get_by_role("menuitem", name="Edit").click()
    page.get_by_label("Hugging Face token").fill("hf_accepted")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Changes saved")).to_be_visible()
    found.get_by_role("button", name="Retry Gated").click()
    expect(status_of(found)).to_have_text("Downloaded")


def test_a_private_repository_lists_its_files_once_the_token_is_saved(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:  # E22
    page_guard.allow("console: .* 404 ")
    repo = stack.add_repo({Q4: b"4" * MB, Q8: b"8" * 2 * MB}, private=True)
    stack.hub.add_token("hf_ours", repo)
    _new_model(page)
    page.get_by_label("Repository").fill(repo)
    expect(page.get_by_role("alert")).to_contain_text("No such repository")
    page.get_by_label("Name", exact=True).fill("Private")
    page.get_by_label("Hugging Face token").fill("hf_ours")
    page.get_by_role("button", name="Save and list files").click()
    expect(page.get_by_role("heading", name="Edit Private")).to_be_visible()
    _variants(page).get_by_text("Q8_0").click()
    page.get_by_role("button", name="Save changes").click()
    found = row(page, "Private")
    found.get_by_role("button", name="Download Private").click()
    expect(status_of(found)).to_have_text("Downloaded")
    (model,) = stack.get("/api/models")
    assert (model["modelFile"], model["hasHfToken"]) == (Q8, True)
