"""The list: what stands in it, in which order, what is left of it by search and filters, and its states."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import delete

from shared.database import Database
from shared.tables import SeededModel
from tests.bars.load import Load
from tests.browser.conftest import PageGuard, sign_in
from tests.browser.pages import DOWNLOADED, SIZE, SOURCE, TYPE, cell, names, row, status_of
from tests.browser.scenes import standing
from tests.conftest import ROOT
from tests.provider_server import ProviderServer
from tests.stack import Stack

BY_NAME = [
    *("BGE M3", "Gemma 3 12B", "GPT-4.1 (EU West)", "GPT-5 mini", "GPT-5 nano", "Llama 3.3 70B"),
    *("Qwen3 0.6B", "Qwen3 Embedding 4B"),
]


@pytest.fixture
def listed(stack: Stack, provider: ProviderServer, page: Page) -> Page:
    """The page with the models that stand still, signed in."""
    standing(stack, provider)
    sign_in(page)
    expect(row(page, "Qwen3 0.6B")).to_be_visible()
    return page


def test_every_column_says_how_a_model_stands(listed: Page) -> None:  # E1
    heads = listed.get_by_role("columnheader").all_inner_texts()
    assert [head.strip() for head in heads] == [
        *("Name", "Type", "Provider / repository and file", "Size", "Downloaded", "Download status"),
        "Actions",
    ]
    for name, told in {
        "Qwen3 0.6B": (
            "Local",
            r"unsloth/Qwen3-0\.6B-GGUF\s*Qwen3-0\.6B-Q4_0\.gguf",
            "300 kB",
            "Yes",
            "Downloaded",
        ),
        "BGE M3": ("Local", r"BAAI/bge-m3\s*whole repository", "300 kB", "Yes", "Downloaded"),
        "Llama 3.3 70B": ("Local", r"bartowski/Llama-3\.3-70B-GGUF", "–", "No", "Available"),
        "Gemma 3 12B": ("Local", "google/gemma-3-12b-it-GGUF", "–", "No", "Failed"),
        "GPT-5 mini": ("Hosted", r"OpenAI\s*http://127", "–", "–", r"Connected\s*checked"),
        "GPT-4.1 (EU West)": ("Hosted", "Azure OpenAI", "–", "–", r"Failing\s*checked"),
        "GPT-5 nano": ("Hosted", "OpenAI", "–", "–", "Not tested"),
    }.items():
        found = row(listed, name)
        for column, words in zip((TYPE, SOURCE, SIZE, DOWNLOADED), told, strict=False):
            expect(cell(found, column)).to_have_text(re.compile(words))
        expect(status_of(found)).to_have_text(re.compile(told[-1]))
    actions = {"Llama 3.3 70B": "Download", "Gemma 3 12B": "Retry", "GPT-5 nano": "Test connection of"}
    for name, action in actions.items():
        expect(row(listed, name).get_by_role("button", name=f"{action} {name}")).to_be_visible()
    expect(row(listed, "Gemma 3 12B")).to_contain_text("gated")


def test_a_model_that_was_seeded_is_downloaded(
    stack: Stack, stack_database: Database, page: Page
) -> None:  # E2
    with stack_database.session() as session:
        session.execute(delete(SeededModel))
    repo, file = "unsloth/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q4_0.gguf"
    stack.hub.add_repo(repo, {file: b"weights" * 50_000})
    download = f"import huggingface_hub; huggingface_hub.hf_hub_download({repo!r}, {file!r})"
    for command in (["-c", download], ["-m", "worker_service.seed"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=stack.env, check=True, capture_output=True)
    sign_in(page)
    found = row(page, "Qwen3 0.6B Q4_0")
    expect(status_of(found)).to_have_text("Downloaded")
    expect(cell(found, DOWNLOADED)).to_have_text("Yes")
    expect(cell(found, SIZE)).to_have_text("350 kB")


def test_each_column_sorts_both_ways(listed: Page) -> None:  # E3
    def keys(column: int) -> list[str]:
        return [cell(row(listed, name), column).inner_text().strip() for name in names(listed)]

    assert names(listed) == BY_NAME
    expect(_head(listed, "Name")).to_have_attribute("aria-sort", "ascending")
    for label, column in (
        ("Type", TYPE),
        ("Provider / repository and file", SOURCE),
        ("Size", SIZE),
        ("Downloaded", DOWNLOADED),
        ("Download status", 5),
    ):
        head = _head(listed, label)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        rising = keys(column)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        falling = keys(column)
        # What is not known stands last both ways.
        known = [key for key in rising if key != "–"]
        assert [key for key in falling if key != "–"] == sorted(known, key=_order, reverse=True), label
        assert known == sorted(known, key=_order), label
        assert rising == known + ["–"] * (len(BY_NAME) - len(known)), label
    _head(listed, "Name").get_by_role("button").click()
    _head(listed, "Name").get_by_role("button").click()
    assert names(listed) == BY_NAME[::-1]
    listed.reload()
    expect(_head(listed, "Name")).to_have_attribute("aria-sort", "descending")
    expect(row(listed, "BGE M3")).to_be_visible()
    assert names(listed) == BY_NAME[::-1]


def _order(key: str) -> str:
    return key.splitlines()[0].lower()


def _head(page: Page, label: str) -> Locator:
    return page.get_by_role("columnheader", name=label, exact=True)


def test_search_and_filters_narrow_the_list_and_survive_a_reload(listed: Page) -> None:  # E4
    count = listed.get_by_role("status").filter(has_text=re.compile(r"^\d+ of \d+$"))
    expect(count).to_have_text("8 of 8")
    search = listed.get_by_role("searchbox", name="Search name, repository or file")
    search.fill("qwen q8")  # both words, anywhere: here in the file's name
    expect(count).to_have_text("1 of 8")
    assert names(listed) == ["Qwen3 Embedding 4B"]
    listed.get_by_role("button", name="Clear search").click()
    expect(search).to_be_focused()

    _tick(listed, "Family", "Qwen", "Llama")  # either
    expect(count).to_have_text("3 of 8")
    _tick(listed, "Size", "S, under 4B", "XL, over 40B")  # and either
    expect(count).to_have_text("2 of 8")
    assert names(listed) == ["Llama 3.3 70B", "Qwen3 0.6B"]
    _tick(listed, "Status", "Downloaded")
    expect(count).to_have_text("1 of 8")
    expect(listed.get_by_role("button", name="Status Downloaded")).to_be_visible()
    expect(listed.get_by_role("button", name="Family 2")).to_be_visible()

    listed.reload()
    expect(count).to_have_text("1 of 8")
    listed.goto("/models")  # without a word of it in the address
    expect(count).to_have_text("1 of 8")
    expect(listed).to_have_url(re.compile("family=Qwen.*status=Downloaded"))

    listed.get_by_role("button", name="Clear family").click()
    listed.get_by_role("button", name="Clear size").click()
    expect(count).to_have_text("2 of 8")
    assert names(listed) == ["BGE M3", "Qwen3 0.6B"]
    listed.get_by_role("button", name="Clear all").click()
    expect(count).to_have_text("8 of 8")
    expect(listed.get_by_role("button", name="Clear all")).to_be_hidden()


def _tick(page: Page, group: str, *options: str) -> None:
    chip = page.get_by_role("button", name=group, exact=True).and_(page.locator("[aria-haspopup=menu]"))
    chip.click()
    for option in options:
        page.get_by_role("menuitemcheckbox", name=option, exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()


def test_the_tabs_choose_a_kind_and_count_it(listed: Page) -> None:  # E5
    kinds = listed.get_by_role("group", name="Kind")
    labels = [label.inner_text().split() for label in kinds.locator("label").all()]
    assert labels == [
        ["All", "8"],
        ["LLM", "3"],
        ["Embedding", "2"],
        ["Reranker", "0"],
        ["SPLADE", "0"],
        ["Hosted", "3"],
    ]
    kinds.get_by_text("Embedding").click()
    expect(row(listed, "Llama 3.3 70B")).to_be_hidden()
    assert names(listed) == ["BGE M3", "Qwen3 Embedding 4B"]
    listed.keyboard.press("ArrowRight")
    expect(listed.get_by_text("No Reranker models")).to_be_visible()
    listed.get_by_role("button", name="Show all models").click()
    expect(row(listed, "Llama 3.3 70B")).to_be_visible()


def test_the_view_by_repository_has_the_variants_and_is_kept(stack: Stack, listed: Page) -> None:  # E6
    repo = "bartowski/Llama-3.3-70B-GGUF"
    files = {f"Llama-3.3-70B-{name}.gguf": name.encode() * 40_000 for name in ("Q4_K_M", "Q5_K_M", "Q8_0")}
    stack.hub.add_repo(repo, files)
    views = listed.get_by_role("group", name="View")
    views.locator("label", has_text="Repositories").click()
    card = listed.get_by_role("region", name=repo)
    expect(card.get_by_role("row").filter(has_text="Q4_K_M")).to_contain_text("Available")
    expect(listed.get_by_role("region", name="Hosted models").get_by_role("row")).to_have_count(4)
    card.get_by_role("button", name="Show other variants").click()
    expect(card.get_by_role("row").filter(has_text="Best fit")).to_contain_text("Q4_K_M")
    listed.reload()
    card.get_by_role("button", name="Show other variants").click()
    card.get_by_role("button", name=f"Get Q8_0 of {repo}").click()
    variant = card.get_by_role("row").filter(has_text="Q8_0")
    expect(variant).to_contain_text("Downloaded")
    assert {model["modelFile"] for model in stack.get("/api/models") if model["hfRepo"] == repo} == {
        "Llama-3.3-70B-Q4_K_M.gguf",
        "Llama-3.3-70B-Q8_0.gguf",
    }
    listed.goto("/models")
    expect(card).to_be_visible()
    expect(listed.get_by_role("table", name="Models", exact=True)).to_be_hidden()


@pytest.fixture
def load(stack: Stack) -> Iterator[Load]:
    with Load(stack) as found:
        yield found


def test_a_thousand_models_scroll_and_are_found(load: Load, page: Page) -> None:  # E7
    load.add_models(1000)
    sign_in(page)
    expect(page.get_by_text("1,000 of 1,000")).to_be_visible()
    table = page.get_by_role("table", name="Models")
    expect(table).to_have_attribute("aria-rowcount", "1001")
    assert table.get_by_role("row").count() < 60, "rows out of sight are in the page"
    first, *_ = names(page)
    page.keyboard.press("End")
    last = table.get_by_role("row").and_(page.locator("[aria-rowindex='1001']"))
    expect(last).to_be_in_viewport()
    assert table.get_by_role("row").count() < 60
    page.keyboard.press("Home")
    expect(row(page, first)).to_be_in_viewport()
    page.get_by_role("searchbox").fill("llama 0417")
    expect(page.get_by_text("1 of 1,000", exact=True)).to_be_visible()
    assert [name.split()[::2] for name in names(page)] == [["Llama-3.3", "0417"]]
    expect(table).to_have_attribute("aria-rowcount", "2")


def test_bars_stand_for_the_rows_until_they_come(stack: Stack, page: Page) -> None:  # E8
    waiting: list[Route] = []
    page.route("**/api/models?*", lambda route: waiting.append(route))
    stack.register(stack.add_repo({"a.gguf": b"a"}), "a.gguf", name="The model")
    sign_in(page)
    expect(page.get_by_role("status").filter(has_text="Loading models…")).to_be_attached()
    expect(page.get_by_text("Download status")).to_be_visible()
    (question,) = waiting
    question.continue_()
    expect(row(page, "The model")).to_be_visible()
    expect(page.get_by_text("Loading models…")).to_be_hidden()


def test_an_empty_register_shows_the_two_ways_to_begin(page: Page) -> None:  # E8
    sign_in(page)
    expect(page.get_by_text("No models yet")).to_be_visible()
    page.get_by_role("link", name="Add a hosted model").click()
    expect(page.get_by_role("radio", name="Hosted LLM")).to_be_checked()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Add your first model").click()
    expect(page.get_by_role("radio", name="Local Hugging Face model")).to_be_checked()


def test_nothing_matches_and_the_way_back(listed: Page) -> None:  # E8
    listed.get_by_role("searchbox").fill("no such thing")
    expect(listed.get_by_text("Nothing matches")).to_be_visible()
    listed.get_by_role("button", name="Clear filters").click()
    expect(row(listed, "Qwen3 0.6B")).to_be_visible()
    expect(listed.get_by_role("searchbox")).to_have_value("")


def test_a_list_that_does_not_come_says_why_and_tries_again(
    stack: Stack, page: Page, page_guard: PageGuard
) -> None:  # E8
    page_guard.allow("console: .* 503 ")
    problem = {
        "title": "Service unavailable",
        "status": 503,
        "code": "SERVICE_UNAVAILABLE",
        "detail": "The database does not answer.",
        "remedy": "Try again in a moment.",
        "requestId": "req-4711",
    }
    body = json.dumps(problem)
    page.route(
        "**/api/models?*",
        lambda route: route.fulfill(status=503, body=body, content_type="application/problem+json"),
    )
    stack.register(stack.add_repo({"a.gguf": b"a"}), "a.gguf", name="The model")
    sign_in(page)
    failure = page.get_by_role("alert").filter(has_text="The model list did not load")
    for words in ("The database does not answer.", "Try again in a moment.", "req-4711"):
        expect(failure).to_contain_text(words)
    expect(failure).to_contain_text(re.compile(r"Trying again in \d+ s"))
    page.unroute_all()
    failure.get_by_role("button", name="Try again").click()
    expect(row(page, "The model")).to_be_visible()


def test_a_hub_that_is_out_of_reach_is_told_once_for_the_page(stack: Stack, page: Page) -> None:  # E66
    health = stack.get("/api/health")
    health["hub"]["offline"] = True
    page.route("**/api/health", lambda route: route.fulfill(json=health))
    sign_in(page)
    banner = page.get_by_role("status").filter(has_text="Hugging Face is not reachable")
    expect(banner).to_contain_text("Downloads wait")
    page.goto("/settings")
    expect(banner).to_be_visible()
    expect(page.get_by_text("Offline", exact=True)).to_be_visible()
