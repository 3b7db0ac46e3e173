"""Through every page, overlay and menu of the dashboard, on a desk or a phone, with a stop at each."""

from collections.abc import Iterator

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import sign_in
from tests.browser.pages import open_menu, row
from tests.browser.scenes import Models


def _go(page: Page, address: str) -> None:
    """Follow an address without loading the document anew."""
    page.evaluate("(address) => history.pushState(null, '', address)", address)


def around(page: Page, models: Models, *, is_phone: bool) -> Iterator[str]:
    """Stops at every state that a register with models has."""
    yield from _lists(page, is_phone=is_phone)
    yield from _overlays(page, models, is_phone=is_phone)
    yield from _forms(page, models)
    yield from _volume(page)
    _go(page, "/settings")
    expect(page.get_by_text("Workers for downloads")).to_be_visible()
    yield "settings"


def _volume(page: Page) -> Iterator[str]:
    """What we could have, and what we have."""
    for tab, name in (("", "Featured"), ("?tab=embedding", "Embedding"), ("?tab=splade", "SPLADE")):
        _go(page, f"/discover{tab}")
        expect(page.get_by_role("list", name=name).get_by_role("listitem").first).to_be_visible()
        yield f"discover: {name}"
    _go(page, "/storage")
    expect(page.get_by_role("heading", name="Clean up")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
    yield "storage"


def _lists(page: Page, *, is_phone: bool) -> Iterator[str]:
    _go(page, "/models?sort=-status")  # so that even a phone has a row of each state in its window
    expect(row(page, "Phi 4 mini 3.8B").get_by_role("progressbar")).to_be_visible()
    yield "the list"
    open_menu(row(page, "BGE M3"))
    yield "the menu of a row"
    page.keyboard.press("Escape")
    yield from _filters(page, is_phone=is_phone)
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    yield "nothing matches"
    _go(page, "/models?view=repositories&q=unsloth")
    card = page.get_by_role("region", name="unsloth/Qwen3-0.6B-GGUF")
    card.get_by_role("button", name="Show other variants").click()
    expect(card.get_by_text("no other variants")).to_be_visible()
    yield "the view by repository"
    card.get_by_role("button", name="More about").first.click()
    expect(page.get_by_role("menu")).to_be_visible()
    yield "the menu of a repository"
    page.keyboard.press("Escape")
    _go(page, "/models?kind=reranker&view=table")
    expect(page.get_by_text("No Reranker models")).to_be_visible()
    yield "a kind without models"


def _filters(page: Page, *, is_phone: bool) -> Iterator[str]:
    if is_phone:
        page.get_by_role("button", name="Filters").click()
        sheet = page.get_by_role("dialog", name="Filters")
        sheet.get_by_text("Qwen", exact=True).click()
        yield "the sheet with the filters"
        sheet.get_by_role("button", name="Clear all").click()
        sheet.get_by_role("button", name="Close").click()
        expect(sheet).to_be_hidden()
    else:
        page.get_by_role("button", name="Family").click()
        page.get_by_role("menuitemcheckbox", name="Qwen").click()
        yield "the menu of a filter"
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Clear all").click()


def _overlays(page: Page, models: Models, *, is_phone: bool) -> Iterator[str]:
    _go(page, "/models?panel=queue")
    queue = page.get_by_role("dialog", name="Downloads")
    for title in ("Running", "Waiting", "Needs attention", "Finished today"):
        expect(queue.get_by_role("heading", name=title)).to_be_visible()
    yield "the queue"
    for name in ("Qwen3 8B", "Gemma 3 12B", "Qwen3 0.6B", "GPT-4.1 (EU West)"):
        _go(page, f"/models?info={models[name]['id']}")
        details = page.get_by_role("dialog", name=name)
        expect(details.get_by_role("region", name="Model", exact=True)).to_be_visible()
        yield f"details of {name}"
    for name in ("Qwen3 8B", "Qwen3 0.6B", "GPT-5 mini"):
        _go(page, f"/models?delete={models[name]['id']}")
        expect(page.get_by_role("dialog", name=f"Delete {name}?")).to_be_visible()
        yield f"deleting {name}"
    if not is_phone:
        _go(page, "/models?panel=keys")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        yield "the keys"


def _forms(page: Page, models: Models) -> Iterator[str]:
    _go(page, "/models/new")
    expect(page.get_by_label("Repository")).to_be_visible()
    yield "a new local model, empty"
    page.get_by_label("Repository").fill("qwen3")
    expect(page.get_by_role("listbox", name="Repositories")).to_be_visible()
    page.keyboard.press("ArrowDown")
    yield "suggested repositories"
    page.get_by_label("Repository").fill("google/gemma-3-12b-it-GGUF")
    expect(page.get_by_role("alert")).to_contain_text("A token is needed")
    yield "a gated repository"
    page.get_by_label("Repository").fill("bartowski/Llama-3.3-70B-GGUF")
    expect(page.get_by_role("radiogroup", name="Variant")).to_be_visible()
    page.get_by_text("All facts").click()
    page.get_by_text("Advanced").click()
    yield "a new local model"
    page.get_by_role("radiogroup", name="Type").get_by_text("Hosted LLM").click()
    page.get_by_label("Base URL").fill("nonsense")
    page.get_by_label("Base URL").blur()
    page.get_by_text("Azure OpenAI", exact=True).click()
    expect(page.get_by_label("Deployment")).to_be_visible()
    yield "a new hosted model"
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog", name="Discard your changes?")).to_be_visible()
    yield "leaving a form"
    page.get_by_role("button", name="Discard").click()
    for name in ("Gemma 3 12B", "Qwen3 0.6B", "GPT-4.1 (EU West)"):
        _go(page, f"/models/{models[name]['id']}/edit")
        expect(page.get_by_role("heading", name=f"Edit {name}")).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_value(name)
        yield f"editing {name}"


def around_without_models(page: Page) -> Iterator[str]:
    """Stops at what is shown to somebody who is not signed in yet, and while there is no model to show."""
    page.goto("/sign-in")
    page.get_by_label("Access token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "signing in"
    waiting: list[Route] = []
    page.route("**/api/models?*", lambda route: waiting.append(route))
    sign_in(page)
    expect(page.get_by_text("Loading models…")).to_be_attached()
    yield "the list while it loads"
    for route in waiting:
        route.fulfill(status=503, json={"title": "Unavailable", "status": 503, "requestId": "r-1"})
    expect(page.get_by_text("The model list did not load")).to_be_visible()
    yield "the list that does not load"
    page.unroute_all()
    page.goto("/models")
    expect(page.get_by_text("No models yet")).to_be_visible()
    yield "no models"
    page.goto("/models?panel=queue")
    expect(page.get_by_text("Nothing is downloading")).to_be_visible()
    yield "the empty queue"
    page.goto("/models?info=999999")
    expect(page.get_by_text("There is no such model")).to_be_visible()
    yield "details of a model that is gone"
    page.goto("/models/999999/edit")
    expect(page.get_by_text("No such model")).to_be_visible()
    yield "editing a model that is gone"
