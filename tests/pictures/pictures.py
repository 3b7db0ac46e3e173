"""`make dashboard-pictures`: the pictures of docs/dashboard.md and the README, the real service at work."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewPage, PageGuard, sign_in
from tests.conftest import ROOT
from tests.pictures.scene import fill_hub, fill_register
from tests.provider_server import ProviderServer
from tests.stack import Stack

FOLDER = ROOT / "docs" / "pictures"
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
TABLET: dict[str, Any] = {"viewport": {"width": 820, "height": 1180}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
UNAVAILABLE = {
    "title": "Service unavailable",
    "status": 503,
    "code": "SERVICE_UNAVAILABLE",
    "detail": "The database does not answer.",
    "remedy": "Try again in a moment.",
    "requestId": "01JD6M6YKQ7V9A3T",
}


@pytest.fixture(scope="module")
def models(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    stack.reset()
    fill_hub(stack, tmp_path_factory.mktemp("hub"))
    with ProviderServer() as provider:
        yield fill_register(stack, provider) | {"provider": provider.url}
    stack.reset()


@pytest.fixture
def page_of(new_page: NewPage) -> Callable[..., Page]:
    """A page of somebody signed in, on a kind of screen and in a theme."""

    def open_page(screen: dict[str, Any], theme: str = "light") -> Page:
        page = new_page(color_scheme=theme, **screen)
        sign_in(page)
        page.get_by_text("Live", exact=True).wait_for()
        return page

    return open_page


def test_the_models_page(models: dict[str, Any], page_of: Callable[..., Page]) -> None:
    for name, screen, theme in (
        ("models-light", DESK, "light"),
        ("models-dark", DESK, "dark"),
        ("models-tablet", TABLET, "light"),
        ("models-phone-light", PHONE, "light"),
        ("models-phone-dark", PHONE, "dark"),
    ):
        page = page_of(screen, theme)
        if screen is PHONE:  # to where something moves
            page.mouse.wheel(0, 560)
        take(page, name)


def test_its_menus_and_views(models: dict[str, Any], page_of: Callable[..., Page]) -> None:
    page = page_of(DESK)
    page.get_by_role("button", name="Status").first.click()
    for status in ("Downloading", "Failed"):
        page.get_by_role("menuitemcheckbox", name=status).click()
    take(page, "filter-light")
    page.keyboard.press("Escape")
    page.goto("/models?status=Downloaded&q=nothing-like-this")
    take(page, "no-match-light")
    page = page_of(DESK, "dark")
    page.get_by_role("button", name="More about").first.click()
    take(page, "row-menu-dark")
    page.keyboard.press("Escape")
    page.goto("/models?view=repositories")
    take(page, "repositories-dark")


def test_the_overlays(stack: Stack, models: dict[str, Any], page_of: Callable[..., Page]) -> None:
    _invite(stack)
    done, busy = models["Qwen3 0.6B"]["id"], models["Qwen3 4B"]["id"]
    for name, screen, theme, address in (
        ("queue-light", DESK, "light", "/models?panel=queue"),
        ("queue-phone-dark", PHONE, "dark", "/models?panel=queue"),
        ("info-dark", DESK, "dark", f"/models?info={done}"),
        ("info-phone-light", PHONE, "light", f"/models?info={busy}"),
        ("delete-light", DESK, "light", f"/models?delete={done}"),
        ("delete-phone-light", PHONE, "light", f"/models?delete={done}"),
        ("settings-light", DESK, "light", "/settings"),
        ("audit-dark", DESK, "dark", "/settings/audit"),
    ):
        page = page_of(screen, theme)
        page.goto(address)
        # Long enough for a line of speeds to be drawn.
        page.wait_for_timeout(8000 if "queue" in name else 800)
        take(page, name)
        if name == "settings-light":
            page.get_by_role("heading", name="Users").scroll_into_view_if_needed()
            page.mouse.wheel(0, 500)
            take(page, "settings-people-light")


def test_discover_and_storage(models: dict[str, Any], page_of: Callable[..., Page]) -> None:
    for name, screen, theme, address in (
        ("discover-light", DESK, "light", "/discover"),
        ("discover-phone-dark", PHONE, "dark", "/discover"),
        ("storage-dark", DESK, "dark", "/storage"),
        ("storage-phone-light", PHONE, "light", "/storage"),
    ):
        page = page_of(screen, theme)
        page.goto(address)
        take(page, name)


def _invite(stack: Stack) -> None:
    """A team: people of each role, and what their machines call with."""
    for name, role in (("grace", "admin"), ("ada", "operator"), ("linus", "viewer")):
        entry = {"name": name, "password": "correct horse battery"}
        stack.call("POST", "/api/users", entry | {"role": role})
        stack.call("POST", "/api/auth/login", entry)
    for name, role in (("inference gateway", "viewer"), ("nightly evaluation", "operator")):
        stack.call("POST", "/api/tokens", {"name": name, "role": role})


def test_new_and_edit(stack: Stack, models: dict[str, Any], page_of: Callable[..., Page]) -> None:
    for name, screen, theme in (
        ("new-local-light", DESK, "light"),
        ("new-local-phone-light", PHONE, "light"),
        ("new-local-dark", DESK, "dark"),
    ):
        page = page_of(screen, theme)
        page.goto("/models/new")
        page.get_by_label("Repository").fill("unsloth/Qwen3-4B-GGUF")
        page.get_by_role("radio", name="Q5_K_M").click()
        take(page, name)
    page = page_of(DESK, "dark")
    page.goto("/models/new?type=hosted")
    page.get_by_label("Name", exact=True).fill("GPT-5 mini (US)")
    page.get_by_label("Base URL").fill(f"{models['provider']}/v1")
    page.get_by_label("API key", exact=True).fill("sk-not-the-right-one-000000")
    page.get_by_role("button", name="Test connection").click()
    page.get_by_text("rejected the API key").first.wait_for()
    take(page, "new-hosted-dark")
    page.goto(f"/models/{models['Qwen3 4B']['id']}/edit")
    page.wait_for_timeout(4000)
    take(page, "edit-local-dark")
    page = page_of(DESK)
    page.goto("/models/new")
    page.get_by_label("Repository").fill("google/gemma-3-4b-it-qat-q4_0-gguf")
    page.get_by_text("Gated", exact=True).wait_for()
    take(page, "new-gated-light")
    for busy in ("Mistral Small 3.2 24B", "Llama 3.2 3B Instruct"):  # their slots are wanted
        stack.cancel(models[busy])
    page.get_by_label("Repository").fill("unsloth/Qwen3-4B-GGUF")
    page.get_by_role("radio", name="Q8_0").click()
    page.get_by_role("button", name="Create and download").click()
    page.get_by_role("progressbar", name="Download of").wait_for()
    page.wait_for_timeout(8000)
    take(page, "new-downloading-light")


def test_the_page_without_models_and_without_an_api(
    models: dict[str, Any], page_of: Callable[..., Page], new_page: NewPage, page_guard: PageGuard
) -> None:
    page = page_of(DESK)
    page.route("**/api/models?*", lambda route: None)
    page.reload()
    page.wait_for_timeout(600)
    take(page, "loading-light")
    page.unroute_all()
    page = page_of(DESK, "dark")
    page.route("**/api/models?*", lambda route: route.fulfill(json=[], headers={"X-Pagination": "{}"}))
    page.reload()
    take(page, "empty-dark")
    page.unroute_all()
    page_guard.allow("console: .* 503 ")
    page.route("**/api/models?*", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    page.reload()
    page.get_by_role("alert").first.wait_for()
    take(page, "error-dark")
    page.unroute_all()
    outside = new_page(**DESK)
    outside.goto("/sign-in")
    take(outside, "sign-in-light")


def take(page: Page, name: str) -> None:
    """Keep what the page shows, once its motion has ended."""
    page.wait_for_timeout(700)
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")
