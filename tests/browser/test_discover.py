"""The curated models: a few above the list of models, all of them on their own page, each one click away."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.accessibility import assert_accessible, violations
from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.browser.fingers import sideways, small_print, small_targets, swipe
from tests.browser.pages import row, status_of
from tests.browser.screens import PHONE, SMALL
from tests.stack import Stack

MB = 1_000_000
NOTHING = "/discover?q=nothing+of+this+name"
SMALLEST = "qwen3-0.6b"
TABS = {"Embedding": "embedding", "LLM": "llm", "Reranker": "reranker", "SPLADE": "splade"}


def _entry(stack: Stack, entry_id: str = SMALLEST) -> dict[str, Any]:
    """An entry of the built-in catalog."""
    found: dict[str, Any] = next(one for one in stack.get("/api/catalog") if one["id"] == entry_id)
    return found


def _on_the_hub(stack: Stack, entry: dict[str, Any], size: int = 6 * MB) -> dict[str, Any]:
    """The same, once the Hub of the tests has its file, in small."""
    stack.hub.add_repo(entry["repo"], {entry["filename"]: b"w" * size})
    return entry


def _strip(page: Page) -> Locator:
    return page.get_by_role("region", name="Featured")


def _card(place: Page | Locator, entry: dict[str, Any]) -> Locator:
    page = place if isinstance(place, Page) else place.page
    button = page.get_by_role("button", name=entry["name"], exact=True)
    return place.get_by_role("listitem").filter(has=button)


def _download(card: Locator, entry: dict[str, Any]) -> None:
    card.get_by_role("button", name=f"Download {entry['name']}").click()


def _discover(page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Discover").click()
    expect(page.get_by_role("heading", name="Discover", exact=True)).to_be_visible()


def test_a_featured_model_is_one_click_away(stack: Stack, page: Page) -> None:  # E61
    entry = _on_the_hub(stack, _entry(stack))
    stack.hub.throttle = 2 * MB
    sign_in(page)
    card = _card(_strip(page), entry)
    expect(card.get_by_role("link", name=re.compile("Hugging Face"))).to_have_attribute("target", "_blank")
    _download(card, entry)
    expect(card.get_by_role("progressbar", name=f"Download of {entry['name']}")).to_be_visible()
    expect(row(page, entry["name"]).get_by_role("progressbar")).to_be_visible()
    expect(card.get_by_role("button", name=f"Cancel download of {entry['name']}")).to_be_focused()
    page.get_by_role("button", name=re.compile("^Queue")).click()
    expect(page.get_by_role("dialog", name="Downloads")).to_contain_text(entry["name"])
    page.keyboard.press("Escape")
    expect(status_of(row(page, entry["name"]))).to_have_text("Downloaded")
    expect(card).to_contain_text("Installed")
    expect(card.get_by_role("button")).to_have_count(1)  # its name


def test_featured_models_are_dismissed_until_there_are_new_ones(stack: Stack, page: Page) -> None:  # E61
    sign_in(page)
    expect(_strip(page)).to_be_visible()
    assert_accessible(page, "the featured models")
    page.get_by_role("button", name="Dismiss featured models").click()
    expect(_strip(page)).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    expect(_strip(page)).to_be_hidden()

    def newer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"lastUpdated": "2099-01-01"})

    page.route("**/api/featured-models", newer)
    page.reload()
    expect(_strip(page)).to_be_visible()
    page.unroute("**/api/featured-models")


def test_settings_hide_featured_models_and_bring_them_back(page: Page) -> None:  # E61
    sign_in(page)
    page.get_by_role("button", name="Dismiss featured models").click()
    main = page.get_by_role("navigation", name="Main")
    for is_shown in (True, False):
        main.get_by_role("link", name="Settings").click()
        page.get_by_role("switch", name=re.compile("^Featured models")).click()
        main.get_by_role("link", name="Models").click()
        expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
        expect(_strip(page)).to_be_visible(visible=is_shown)


def test_what_does_not_fit_can_not_be_clicked(stack: Stack, page: Page) -> None:
    def full(route: Route) -> None:
        answer = route.fetch()
        few = {"availableBytes": 90 * MB, "availableAfterQueueBytes": 80 * MB}
        route.fulfill(response=answer, json=answer.json() | few)

    entry = _entry(stack)
    page.route("**/api/storage", full)
    sign_in(page)
    card = _card(_strip(page), entry)
    expect(card).to_contain_text("Needs 382 MB, 80 MB free after the queue.")
    expect(card.get_by_role("button", name=f"Download {entry['name']}")).to_be_disabled()
    page.unroute("**/api/storage")


def test_each_tab_has_its_kind_of_curated_models(stack: Stack, page: Page) -> None:  # E64
    catalog = stack.get("/api/catalog")
    sign_in(page)
    _discover(page)
    expect(page.get_by_text(f"{len(catalog)} curated models, 0 installed")).to_be_visible()
    assert_accessible(page, "the featured models of the catalog")
    for name, category in TABS.items():
        entries = [entry for entry in catalog if entry["category"] == category]
        page.get_by_text(name, exact=False).and_(page.locator("label")).first.click()
        cards = page.get_by_role("list", name=name)
        expect(cards.get_by_role("heading")).to_have_text([entry["name"] for entry in entries])
        expect(page).to_have_url(re.compile(f"tab={category}"))
        assert_accessible(page, name)
    page.reload()
    expect(page.get_by_role("list", name="SPLADE")).to_be_visible()


def test_a_curated_model_downloads_on_its_card(stack: Stack, page: Page) -> None:  # E64
    entry = _on_the_hub(stack, _entry(stack))
    stack.hub.throttle = MB
    sign_in(page)
    page.goto("/discover?tab=llm")
    card = _card(page, entry)
    expect(card).to_contain_text("382 MB to download")
    _download(card, entry)
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(card).to_contain_text(re.compile(r"\d+%"))
    card.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(card).to_contain_text("Canceled")
    stack.hub.throttle = None
    card.get_by_role("button", name=re.compile("^Resume")).click()
    expect(card).to_contain_text("Installed")
    expect(card).to_contain_text("6.0 MB on disk")
    page.get_by_role("radiogroup", name="Show").get_by_text("Installed").click()
    expect(page.get_by_role("list", name="LLM").get_by_role("listitem")).to_have_count(1)
    card.get_by_role("button", name=entry["name"], exact=True).click()
    expect(page.get_by_role("dialog", name=entry["name"])).to_be_visible()
    expect(page).to_have_url(re.compile("info="))


def test_a_failure_tells_its_cause_on_the_card(stack: Stack, page: Page, page_guard: PageGuard) -> None:
    page_guard.allow(r"console: .* 404 ")
    entry = _entry(stack, "qwen3-8b")  # which the Hub of the tests does not have
    sign_in(page)
    page.goto("/discover?tab=llm")
    card = _card(page, entry)
    _download(card, entry)
    expect(card).to_contain_text("Failed")
    expect(card).to_contain_text("no such repository")
    _on_the_hub(stack, entry)
    card.get_by_role("button", name=f"Retry {entry['name']}").click()
    expect(card).to_contain_text("Installed")


def test_details_of_what_is_not_registered(stack: Stack, page: Page) -> None:  # E64
    entry = next(one for one in stack.get("/api/catalog") if one["queryPrefix"] and one["links"]["paper"])
    sign_in(page)
    page.goto(f"/discover?tab={entry['category']}")
    _card(page, entry).get_by_role("button", name=entry["name"], exact=True).click()
    details = page.get_by_role("dialog", name=entry["name"])
    expect(details.get_by_role("region", name="Use")).to_contain_text(entry["queryPrefix"].strip())
    expect(details.get_by_role("link", name="Paper")).to_have_attribute("href", entry["links"]["paper"])
    assert_accessible(page, "details of a curated model")
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()


def test_any_other_repository_is_found_on_the_hub(stack: Stack, page: Page) -> None:
    repo = stack.add_repo({"q.gguf": b"w" * MB})
    sign_in(page)
    _discover(page)
    field = page.get_by_label("Find on Hugging Face")
    field.fill(f"{stack.hub.url}/{repo}")
    field.press("Enter")
    expect(page.get_by_label("Repository")).to_have_value(f"{stack.hub.url}/{repo}")
    expect(page.get_by_role("radiogroup", name="Variant").get_by_role("radio")).to_be_checked()
    page.get_by_role("button", name="Close").click()
    expect(page).to_have_url(re.compile("/discover$"))


def test_a_phone_has_all_of_it(stack: Stack, new_page: NewPage) -> None:  # E61, E64, E69
    page = new_page(**PHONE)
    sign_in(page)
    cards = _strip(page).get_by_role("listitem")
    expect(cards.nth(1)).to_be_in_viewport(ratio=0.02)  # it peeks in
    expect(cards.nth(2)).not_to_be_in_viewport()
    swipe(cards.first, -250, 0)
    expect(cards.nth(1)).to_be_in_viewport(ratio=1)
    _discover(page)
    entry = _on_the_hub(stack, _entry(stack), MB)
    page.get_by_label("Search the catalog").fill(entry["name"])
    page.locator("label").filter(has_text="LLM").tap()
    card = _card(page, entry)
    card.get_by_role("button", name=f"Download {entry['name']}").tap()
    expect(card).to_contain_text("Installed")


def test_it_fits_the_smallest_screen_and_a_finger(stack: Stack, new_page: NewPage) -> None:  # E69
    page = new_page(**SMALL, reduced_motion="reduce")
    entry = _entry(stack, "qwen3-8b")
    sign_in(page)
    found = []
    for address in (
        "/models",
        *("/discover", "/discover?tab=embedding", NOTHING),
        f"/discover?entry={entry['id']}",
    ):
        page.goto(address)
        seen = {"/models": _strip(page), NOTHING: page.get_by_text("Nothing matches")}
        expect(seen.get(address, page.get_by_text("to download").last)).to_be_visible()
        faults = [*sideways(page), *small_targets(page), *small_print(page)]
        found += [f"{address}: {fault}" for fault in faults] + violations(page, address)
    assert not found, "\n".join(found)
