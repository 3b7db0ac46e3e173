"""What a first visit costs, and how the files are sent."""

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response, expect

from api_service.routes.dashboard import BUILT_PAGES
from tests.browser.conftest import sign_in
from tests.browser.pages import row
from tests.stack import Stack

KB = 1000


def test_a_first_visit_is_small(stack: Stack, page: Page) -> None:
    stack.register(stack.add_repo({"a.gguf": b"a"}), "a.gguf", name="The model")
    answers: list[Response] = []
    sign_in(page)
    page.on("response", lambda answer: answers.append(answer))
    page.goto("/models")
    expect(row(page, "The model")).to_be_visible()
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => true)")
    sizes = {name: _gzipped(name) for name in {_file(answer) for answer in answers} if name}
    scripts = sum(size for name, size in sizes.items() if name.endswith(".js"))
    styles = sum(size for name, size in sizes.items() if name.endswith(".css"))
    told = "\n".join(f"{size:8} {name}" for name, size in sizes.items())
    assert sum(name.endswith(".woff2") for name in sizes) >= 1, told
    assert scripts <= 190 * KB, told
    assert styles <= 20 * KB, told
    assert sum(sizes.values()) <= 320 * KB, told
    for path in (BUILT_PAGES / "assets").glob("*.js"):
        if f"assets/{path.name}" not in sizes:
            assert _gzipped(f"assets/{path.name}") <= 40 * KB, path.name


def _file(answer: Response) -> str:
    """The file of the build that was sent; an address of the dashboard itself is its one page."""
    path = urlsplit(answer.url).path.strip("/")
    if path.startswith("api/"):
        return ""
    return path if (BUILT_PAGES / path).is_file() else "index.html"


def _gzipped(name: str) -> int:
    path = BUILT_PAGES / name
    packed = path.with_name(f"{path.name}.gz")
    return _size(packed if packed.is_file() else path)


def _size(path: Path) -> int:
    return path.stat().st_size


def test_files_with_a_hash_are_kept_for_good_and_come_compressed(page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto("/sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.evaluate("document.fonts.ready.then(() => true)")
    assets = [answer for answer in answers if "/assets/" in answer.url]
    assert {answer.url.rpartition(".")[2] for answer in assets} >= {"js", "css", "woff2"}
    for answer in assets:
        headers = answer.headers
        assert "immutable" in headers["cache-control"], answer.url
        assert "max-age=31536000" in headers["cache-control"], answer.url
        is_text = not answer.url.endswith(".woff2")
        if is_text and _size(BUILT_PAGES / _file(answer)) > 2 * KB:
            assert headers.get("content-encoding") == "br", answer.url
        assert headers["x-content-type-options"] == "nosniff", answer.url
    (document,) = [answer for answer in answers if answer.request.is_navigation_request()]
    assert "no-cache" in document.headers["cache-control"]
    assert "default-src 'none'" in document.headers["content-security-policy"]
    answers.clear()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sent = [answer for answer in answers if "/assets/" in answer.url]
    # What is kept is not asked for again: the browser's own copy has no server timing.
    assert not [answer.url for answer in sent if not _is_from_cache(page, answer)]


def _is_from_cache(page: Page, answer: Response) -> bool:
    find = "(url) => performance.getEntriesByName(url).at(-1)?.transferSize"
    return bool(page.evaluate(find, answer.url) == 0)
