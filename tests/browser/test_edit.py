"""E19: what is changed is changed, the rest stays; secrets go in and never come out."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.pages import open_menu, row, status_of
from tests.provider_server import KEY, ProviderServer
from tests.stack import Stack

FIRST, SECOND = "sk-canary-first-000111", "sk-canary-second-000222"
TOKEN = "hf_canary_token_000333"
# Answers are heard where the page reads them: the event stream never ends, and DevTools forgets bodies.
HEAR = """
window.heard = ''
window.hearing = []
const fetched = window.fetch
window.fetch = async (...asked) => {
  const answer = await fetched(...asked)
  const type = answer.headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream')) {
    const reader = answer.clone().body.pipeThrough(new TextDecoderStream()).getReader()
    const take = ({ done, value }) => done || ((window.heard += value), listen())
    const listen = () => reader.read().then(take, () => {})
    listen()
  } else if (type.includes('json')) {
    // A question that the page gave up has no answer to hear.
    window.hearing.push(answer.clone().text().then((text) => (window.heard += text), () => {}))
  }
  return answer
}
"""
SHOWN = """
Promise.all(window.hearing).then(() => JSON.stringify([
  document.documentElement.outerHTML, location.href, document.cookie,
  { ...localStorage }, { ...sessionStorage },
  performance.getEntries().map((entry) => entry.name), window.heard,
  [...document.querySelectorAll('input, textarea')].map((input) => input.value),
]))
"""


class Ears:
    """Everything that a browser was sent and shows."""

    def __init__(self, context: BrowserContext) -> None:
        self._context, self._heard = context, list[str]()
        context.add_init_script(HEAR)
        context.on("response", lambda answer: self._heard.append(f"{answer.url} {answer.headers}"))

    def heard(self) -> str:
        """All of it until now in one text. To be asked before a document is left: its answers go with it."""
        self._heard += [page.evaluate(SHOWN) for page in self._context.pages]
        return "\n".join(self._heard)


@pytest.fixture
def ears(page: Page) -> Ears:
    return Ears(page.context)


def _edit(page: Page, name: str) -> None:
    open_menu(row(page, name)).get_by_role("menuitem", name="Edit").click()
    expect(page.get_by_role("heading", name=f"Edit {name}")).to_be_visible()


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()


def _hosted(stack: Stack, provider: ProviderServer, **fields: Any) -> dict[str, Any]:
    body = {"type": "hosted-llm", "provider": "openai", "category": "llm", "baseUrl": f"{provider.url}/v1"}
    return stack.call("POST", "/api/models", body | {"name": "Hosted", "apiKey": FIRST} | fields).json()


def _without(model: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in model.items() if name not in {*names, "updatedAt"}}


def test_a_rename_leaves_the_key_and_everything_else(
    stack: Stack, provider: ProviderServer, page: Page, ears: Ears
) -> None:
    before = _hosted(stack, provider)
    sign_in(page)
    _edit(page, "Hosted")
    key = page.get_by_role("group", name="API key")
    expect(key).to_contain_text("•••••")
    expect(page.get_by_role("radiogroup", name="Type")).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("Renamed")
    sent = _sent(page, lambda: _save(page))
    expect(row(page, "Renamed")).to_be_visible()
    assert sent == {"name": "Renamed"}
    (after,) = stack.get("/api/models")
    assert _without(after, "name") == _without(before, "name")
    stack.call("POST", "/api/models/test-connection", {"modelId": after["id"]})
    assert provider.requests[-1][2] == FIRST, "the key is still the one that was stored"
    assert FIRST not in ears.heard()


def _sent(page: Page, act: Callable[[], None]) -> Any:
    with page.expect_request(lambda request: request.method == "PATCH") as request:
        act()
    return json.loads(request.value.post_data or "")


def test_a_key_is_replaced_tried_and_taken_away_and_never_shown(
    stack: Stack, provider: ProviderServer, page: Page, ears: Ears
) -> None:
    before = _hosted(stack, provider)
    sign_in(page)
    _edit(page, "Hosted")
    key = page.get_by_role("group", name="API key")
    key.get_by_role("button", name="Replace").click()
    field = page.get_by_label("API key", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_attribute("type", "password")
    field.fill(KEY)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text(re.compile(r"Connected in \d+ ms"))).to_be_visible()
    assert provider.requests[-1][2] == KEY
    field.fill(SECOND)
    assert SECOND not in page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")
    assert _sent(page, lambda: _save(page)) == {"apiKey": SECOND}
    found = row(page, "Hosted")
    found.get_by_role("button", name="Test connection of Hosted").click()
    expect(status_of(found)).to_contain_text("Failing")
    assert provider.requests[-1][2] == SECOND
    (after,) = stack.get("/api/models")
    kept = ("name", "provider", "baseUrl", "category", "hasApiKey", "isActive", "deployment")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}

    ears.heard()
    page.reload()
    _edit(page, "Hosted")
    key.get_by_role("button", name="Remove").click()
    expect(key).to_contain_text("Removed when you save")
    key.get_by_role("button", name="Undo").click()
    expect(key).to_contain_text("•••••")
    key.get_by_role("button", name="Remove").click()
    _save(page)
    (after,) = stack.get("/api/models")
    assert not after["hasApiKey"]
    heard = ears.heard()
    assert "event: model.updated" in heard, "the ears are deaf"
    for secret in (FIRST, SECOND, KEY):
        assert secret not in heard, "a secret has left the server"


def test_a_token_of_a_repository_is_kept_as_well(stack: Stack, page: Page, ears: Ears) -> None:
    file = "Qwen3-4B-Q4_K_M.gguf"
    repo = stack.add_repo({file: b"4" * 100_000, "Qwen3-4B-Q8_0.gguf": b"8" * 100_000}, gated="manual")
    stack.hub.add_token(TOKEN, repo)
    stack.register(repo, file, name="Gated", hfToken=TOKEN)
    sign_in(page)
    row(page, "Gated").get_by_role("button", name="Download Gated").click()
    expect(status_of(row(page, "Gated"))).to_have_text("Downloaded")
    _edit(page, "Gated")
    expect(page.get_by_role("group", name="Hugging Face token")).to_contain_text("•••••")
    expect(page.get_by_text("can’t be pointed at another repository, file or revision")).to_be_visible()
    expect(page.get_by_label("Repository")).to_be_hidden()
    page.get_by_label("Kind").select_option("Embedding")
    page.get_by_role("switch", name="Active").click()
    assert _sent(page, lambda: _save(page)) == {"category": "embedding", "isActive": False}
    (model,) = stack.get("/api/models")
    assert (model["hasHfToken"], model["downloaded"], model["isActive"]) == (True, True, False)
    open_menu(row(page, "Gated")).get_by_role("menuitem", name="Details").click()
    expect(page.get_by_role("dialog", name="Gated")).to_contain_text("Downloaded")
    assert TOKEN not in ears.heard()


def test_another_file_is_chosen_while_nothing_is_downloaded(stack: Stack, page: Page) -> None:
    files = {f"Qwen3-4B-{name}.gguf": name.encode() * 50_000 for name in ("Q4_K_M", "Q8_0")}
    repo = stack.add_repo(files)
    stack.register(repo, "Qwen3-4B-Q4_K_M.gguf", name="Either")
    sign_in(page)
    _edit(page, "Either")
    variants = page.get_by_role("radiogroup", name="Variant")
    expect(variants.get_by_role("radio", name="Q4_K_M")).to_be_checked()
    variants.get_by_text("Q8_0").click()
    expect(page.get_by_text("Save the changes first.")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Discard your changes?").get_by_role(
        "button", name="Keep editing"
    ).click()
    _save(page)
    row(page, "Either").get_by_role("button", name="Download Either").click()
    expect(status_of(row(page, "Either"))).to_have_text("Downloaded")
    assert [model["modelFile"] for model in stack.get("/api/models")] == ["Qwen3-4B-Q8_0.gguf"]
