"""A new hosted model: its connection is tried before anything is saved."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.pages import row, status_of
from tests.provider_server import KEY, ProviderServer
from tests.stack import Stack


def _new_hosted(page: Page) -> None:
    page.goto("/models/new?type=hosted")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def _fill(page: Page, **fields: str) -> None:
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(text)


def _connection(page: Page) -> Locator:
    return page.get_by_role("region", name="Connection").get_by_role("status")


def _test(page: Page) -> None:
    page.get_by_role("button", name="Test connection").click()


def test_a_model_at_openai_is_tried_and_then_saved(
    stack: Stack, provider: ProviderServer, page: Page
) -> None:  # E10
    sign_in(page)
    page.get_by_role("link", name="New model").click()
    page.get_by_role("radiogroup", name="Type").get_by_text("Hosted LLM").click()
    expect(page.get_by_label("Base URL")).to_have_value("https://api.openai.com/v1")
    expect(page.get_by_label("Repository")).to_be_hidden()
    expect(_connection(page)).to_contain_text("Not tested")
    create = page.get_by_role("button", name="Create", exact=True)
    expect(create).to_be_disabled()
    _fill(page, Name="GPT here", Base_URL=f"{provider.url}/v1", API_key=KEY)
    _test(page)
    expect(_connection(page)).to_contain_text(re.compile(r"Connected in \d+ ms\s*The key may use 2 models\."))
    assert provider.requests == [("GET", "/v1/models", KEY)]
    assert stack.get("/api/models") == [], "a test saves nothing"
    _fill(page, API_key="sk-other")  # what was tested is not this any more
    expect(_connection(page)).to_contain_text("Not tested")
    _fill(page, API_key=KEY)
    _test(page)
    expect(_connection(page)).to_contain_text("Connected")
    create.click()
    expect(status_of(row(page, "GPT here"))).to_contain_text("Connected")
    (model,) = stack.get("/api/models")
    assert (model["baseUrl"], model["hasApiKey"]) == (f"{provider.url}/v1", True)
    assert KEY not in str(model)


def test_a_connection_that_fails_says_why_and_costs_nothing_typed(
    stack: Stack, provider: ProviderServer, page: Page
) -> None:  # E11
    sign_in(page)
    slow = page.context.new_page()  # ten seconds, which pass meanwhile
    _new_hosted(slow)
    _fill(slow, Name="Slow", Base_URL=f"{provider.url}/stall", API_key=KEY)
    _test(slow)
    expect(_connection(slow)).to_contain_text("Testing…")
    _new_hosted(page)
    _fill(page, Name="Failing", Base_URL=f"{provider.url}/v1", API_key="sk-wrong")
    for address, told in {
        f"{provider.url}/v1": r"The provider rejected the API key\.\s*Check the key",
        f"{provider.url}/status/500": "The provider answered with status 500",
        f"{provider.url}/html": "can't be read",
        "http://nobody.invalid/v1": "The host name can't be resolved",
        "http://127.0.0.1:9/v1": "Nobody answers at this address",
    }.items():
        _fill(page, Base_URL=address)
        expect(_connection(page)).to_contain_text("Not tested")
        _test(page)
        expect(_connection(page)).to_contain_text(re.compile(told))
        expect(page.get_by_label("Base URL")).to_have_value(address)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Failing")
    expect(page.get_by_label("API key", exact=True)).to_have_value("sk-wrong")
    expect(_connection(slow)).to_contain_text(re.compile("within 10 s|took too long|did not answer"))
    _test(slow)
    slow.get_by_role("button", name="Cancel test").click()
    expect(_connection(slow)).to_contain_text("Not tested")
    expect(slow.get_by_role("button", name="Test connection")).to_be_focused()
    # Whoever knows better may save it all the same.
    page.get_by_role("button", name="Create", exact=True).click()
    expect(status_of(row(page, "Failing"))).to_contain_text("Not tested")
    assert [model["name"] for model in stack.get("/api/models")] == ["Failing"]


def test_azure_wants_a_deployment_and_a_version(
    stack: Stack, provider: ProviderServer, page: Page
) -> None:  # E12
    sign_in(page)
    _new_hosted(page)
    page.get_by_role("radiogroup", name="Provider").get_by_text("Azure OpenAI").click()
    expect(page.get_by_label("Base URL")).to_have_value("")
    expect(page.get_by_label("API version")).to_have_value("2024-10-21")
    _fill(page, Name="Azure", Base_URL=provider.url, API_key=KEY, Deployment="chat prod")
    page.get_by_label("Deployment").blur()
    expect(page.get_by_text("Letters, digits, dots, dashes and underscores.")).to_be_visible()
    _fill(page, Deployment="chat-none")
    _test(page)
    expect(_connection(page)).to_contain_text("chat-none")
    _fill(page, Deployment="chat-prod")
    _test(page)
    expect(_connection(page)).to_contain_text("Connected in")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(status_of(row(page, "Azure"))).to_contain_text("Connected")
    (model,) = stack.get("/api/models")
    assert (model["provider"], model["deployment"], model["apiVersion"]) == (
        *("azure-openai", "chat-prod"),
        "2024-10-21",
    )


def test_both_forms_keep_what_was_typed_when_the_type_changes(stack: Stack, page: Page) -> None:  # E13
    repo = stack.add_repo({"a-Q4_0.gguf": b"a"})
    sign_in(page)
    _new_hosted(page)
    _fill(page, Name="Hosted name", API_key="sk-not-to-be-kept")
    page.get_by_role("radiogroup", name="Provider").get_by_text("Azure OpenAI").click()
    _fill(page, Base_URL="https://ours.openai.azure.com")
    types = page.get_by_role("radiogroup", name="Type")
    types.get_by_text("Local Hugging Face model").click()
    _fill(page, Repository=repo)
    _fill(page, Name="Local name")
    types.get_by_text("Hosted LLM").click()
    expect(page.get_by_label("Base URL")).to_have_value("https://ours.openai.azure.com")
    expect(page.get_by_label("API key", exact=True)).to_have_value("sk-not-to-be-kept")
    page.get_by_role("radiogroup", name="Provider").get_by_text("OpenAI", exact=True).click()
    expect(page.get_by_label("Base URL")).to_have_value("https://api.openai.com/v1")
    page.get_by_role("radiogroup", name="Provider").get_by_text("Azure OpenAI").click()
    expect(page.get_by_label("Base URL")).to_have_value("https://ours.openai.azure.com")

    kept = page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")
    assert "ours.openai.azure.com" in kept
    assert "sk-not-to-be-kept" not in kept
    page.on("dialog", lambda question: question.accept())  # the key would be lost: the browser asks
    page.reload()
    expect(page.get_by_text("Keys and tokens are never kept; enter them again.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Hosted name")
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    types.get_by_text("Local Hugging Face model").click()
    expect(page.get_by_label("Repository")).to_have_value(repo)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Local name")
