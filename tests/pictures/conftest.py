"""The fixtures of the browser tests, for the pictures of the documentation."""

from tests.browser.conftest import browser, new_page, page_guard

__all__ = ["browser", "new_page", "page_guard"]
