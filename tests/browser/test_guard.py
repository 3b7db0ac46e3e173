"""What the other tests rely on: the guard sees what a page must not do, and each begins with no model."""

import os

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PageGuard
from tests.stack import Stack, wait_for

MISBEHAVE = """async () => {
  console.error('said loudly')
  setTimeout(() => { throw new Error('thrown') })
  const script = document.createElement('script')
  script.textContent = 'window.isRun = true'
  document.head.append(script)
  await fetch('http://127.0.0.1:9/elsewhere').catch(() => null)
  await fetch('/api/models/999999')
}"""
LOAD_ANEW = "setTimeout(() => location.reload())"


def test_whatever_a_page_does_wrong_is_seen(page: Page, page_guard: PageGuard) -> None:
    page_guard.allow(".")
    page.goto("/sign-in")
    page.evaluate(MISBEHAVE)
    assert page.evaluate("window.isRun") is None
    for sign in (
        "console: said loudly",
        "uncaught: thrown",
        "policy violated: script-src-elem by inline",
        "policy violated: connect-src by http://127.0.0.1:9/elsewhere",
        "/api/models/999999",
    ):
        wait_for(sign, lambda sign=sign: _is_told(page, page_guard, sign))


def test_a_page_that_loads_itself_anew_is_seen(page: Page, page_guard: PageGuard) -> None:
    page.goto("/sign-in")
    page.reload()
    page_guard.assert_behaved()
    with page.expect_navigation():
        page.evaluate(LOAD_ANEW)
    with pytest.raises(AssertionError, match="document: 2 were asked for"):
        page_guard.assert_behaved()
    page_guard.allow("^document")


def _is_told(page: Page, guard: PageGuard, sign: str) -> bool:
    page.evaluate("1")  # Playwright hands out what happened only while it is called
    return any(sign in one for one in guard.problems)


def test_every_test_begins_with_an_empty_register(stack: Stack) -> None:
    stack.hub.throttle = 1_000_000
    running = stack.register(stack.add_repo({"a.gguf": os.urandom(30_000_000)}), "a.gguf", downloadNow=True)
    stack.wait_status(running, "Downloading")
    stack.register(stack.add_repo({"b.gguf": b"b"}), "b.gguf")
    stack.reset()
    assert stack.get("/api/models") == []
    assert not any(stack.get("/api/downloads/queue").values())
    assert not list(stack.cache.rglob("*.part"))
    again = stack.register(stack.add_repo({"c.gguf": b"c"}), "c.gguf", downloadNow=True)
    stack.wait_status(again, "Downloaded")
