"""A real browser at the real service. Whatever the test, its pages must behave: no error in the console, no
request that fails or leaves the stack, nothing that the Content-Security-Policy forbids, and no document but
those that the test itself opens."""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from api_service.routes.dashboard import BUILT_PAGES
from tests.browser import chromium
from tests.conftest import ADMIN_TOKEN
from tests.provider_server import ProviderServer
from tests.stack import Stack

# Without a screen and without calls of its own to its maker.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
# Milliseconds. Two cores carry the browser and the whole service.
PATIENCE = 15_000
# Wide enough for every column of the list.
DESK = {"width": 1440, "height": 900}
NewPage = Callable[..., Page]

_TELL_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI}`))
"""


# How a page learns that nobody is signed in yet.
NOT_SIGNED_IN = r"^console: .* 401 .*/api/auth/me\)$"


class PageGuard:
    """What the pages of a test did wrong; a test says with `allow` what it expects."""

    def __init__(self, origin: str) -> None:
        self.problems: list[str] = []
        self._origin, self._allowed = origin, [NOT_SIGNED_IN]
        self._opened, self._documents = 0, list[str]()

    def allow(self, pattern: str) -> None:
        """Problems in which this regular expression is found are part of the test."""
        self._allowed.append(pattern)

    def watch(self, context: BrowserContext) -> None:
        """Record the problems of every page of a context."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)
        context.on("requestfailed", self._on_failure)

    def counted(self, go: Callable[..., Any]) -> Callable[..., Any]:
        """A way in which a test opens a document, which then counts as asked for."""

        @functools.wraps(go)
        def open_document(*args: Any, **kwargs: Any) -> Any:
            self._opened += 1
            return go(*args, **kwargs)

        return open_document

    def assert_behaved(self) -> None:
        """Fail with all problems that no test has allowed."""
        problems = [*self.problems]
        if len(self._documents) > self._opened:
            problems.append(f"document: {self._opened} were asked for, not {self._documents}")
        found = [one for one in problems if not any(re.search(allowed, one) for allowed in self._allowed)]
        assert not found, "\n".join(["a page did what it must not:", *found])

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _on_error(self, error: WebError) -> None:
        self.problems.append(f"uncaught: {error.error}")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if (
            address.scheme in ("http", "https", "ws", "wss")
            and f"{address.scheme}://{address.netloc}" != self._origin
        ):
            self.problems.append(f"foreign request: {request.url}")
        elif request.is_navigation_request():
            self._documents.append(address.path)

    def _on_failure(self, request: Request) -> None:
        # A page that is left, and a stream that it closes, abort their requests.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed request: {request.url}: {request.failure}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert (BUILT_PAGES / "index.html").is_file(), "`make test` builds the pages; by hand: `make dashboard`"
    path = chromium.find()
    if path is None:
        (pytest.fail if chromium.is_required() else pytest.skip)(chromium.ADVICE)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(autouse=True)
def _empty_register(browser: Browser, stack: Stack) -> Iterator[None]:
    stack.reset()
    yield
    stack.calm_hub()


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """Someone who hosts models."""
    with ProviderServer() as found:
        yield found


@pytest.fixture
def page_guard(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageGuard]:
    guard = PageGuard(stack.url)
    for way in ("goto", "reload"):  # E72: whatever else happens, the dashboard never loads its page anew
        monkeypatch.setattr(Page, way, guard.counted(getattr(Page, way)))
    yield guard
    guard.assert_behaved()


@pytest.fixture
def new_page(browser: Browser, stack: Stack, page_guard: PageGuard) -> Iterator[NewPage]:
    """Opens a page with cookies and storage of its own; options are those of Playwright's `new_context`.

    A second tab beside it is `page.context.new_page()`.
    """
    with ExitStack() as contexts:

        def open_page(**options: Any) -> Page:
            context = browser.new_context(
                **{"base_url": stack.url, "locale": "en-GB", "viewport": DESK, **options}
            )
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page_guard.watch(context)
            return context.new_page()

        yield open_page


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page()


def sign_in(page: Page) -> None:
    """As the link that `make run` prints does it."""
    page.goto(f"/sign-in#token={ADMIN_TOKEN}")
    page.wait_for_url("**/models")
