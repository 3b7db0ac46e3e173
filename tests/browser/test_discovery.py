"""Know before you fetch: a repository is found by a part of its name, measured, and its gate explained."""

import re
from dataclasses import replace

from playwright.sync_api import Locator, Page, expect

from tests import recorded
from tests.browser.conftest import PageGuard, sign_in
from tests.stack import Stack, wait_for


def _repository(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Repository")


def test_a_part_of_a_name_is_completed_and_the_model_is_measured(
    stack: Stack, page: Page
) -> None:  # E14, E15
    # Under a name of its own: the Hub of these tests has what earlier ones have brought.
    repo = "Qwen/Suggested-8B-GGUF"
    replace(recorded.QWEN3_GGUF, repo=repo).add_to(stack.hub)
    recorded.LLAMA_70B_SHARDED.add_to(stack.hub)
    sign_in(page)
    page.goto("/models/new")
    _repository(page).press_sequentially("sted-8b")
    options = page.get_by_role("listbox", name="Repositories").get_by_role("option")
    expect(options).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(_repository(page)).to_have_value(repo)
    expect(options).to_have_count(0)

    card = page.get_by_role("region", name=repo)
    for words in ("40k context", "36 layers", "4,096 hidden", "32 heads, 8 KV"):
        expect(card.get_by_text(words)).to_be_visible()
    card.get_by_text("All facts").click()
    expect(card.get_by_role("link", name="Qwen/Qwen3-8B (opens in a new tab)")).to_be_visible()
    best = page.get_by_role("radiogroup", name="Variant").get_by_role("radio", name="Q4_K_M")
    expect(best).to_be_checked()
    expect(best).to_have_accessible_description(re.compile(r"^\S+ \S+ \S+ [GM]B memory Fits$"))
    expect(page.get_by_text("Memory is an estimate: weights, KV cache for 8,192 tokens")).to_be_visible()


def test_a_gate_names_what_is_missing_and_opens_before_ones_eyes(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:  # E22
    repo = recorded.GATED_LLAMA.repo
    recorded.GATED_LLAMA.add_to(stack.hub)
    stack.hub.add_token("hf_ours")
    sign_in(page)
    page.goto("/models/new")
    _repository(page).fill(repo)
    gate = page.get_by_role("alert")
    expect(gate).to_contain_text("A token is needed")
    page.get_by_role("button", name="Enter a token").click()
    expect(page.get_by_label("Hugging Face token")).to_be_focused()

    model = stack.register(repo, None, name="Llama", hfToken="hf_ours")
    page.goto(f"/models/{model['id']}/edit")
    expect(gate).to_contain_text("The license is not accepted yet")
    link = gate.get_by_role("link", name=re.compile("^Accept the license on Hugging Face"))
    expect(link).to_have_attribute("href", f"{stack.hub.url}/{repo}")
    stack.hub.asked_for["hf_ours", repo] = "pending"
    _check_until(page, "Waiting for the authors")
    stack.hub.add_token("hf_ours", repo)
    _check_until(page, "Access granted")
    expect(page.get_by_role("table").get_by_role("rowheader")).to_contain_text(["q4", "q8", "fp16"])


def _check_until(page: Page, words: str) -> None:
    """The answer of a moment ago counts for some seconds."""
    button = page.get_by_role("button", name="Check again")

    def is_said() -> bool:
        if page.get_by_text(words).is_visible():
            return True
        if button.is_visible():
            button.click()
        return False

    wait_for(words, is_said)
