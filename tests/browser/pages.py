"""Where things stand on the dashboard's pages, as a person or a screen reader finds them."""

import re

from playwright.sync_api import Locator, Page

# The columns of the list on a desk, in their order.
NAME, TYPE, SOURCE, SIZE, DOWNLOADED, STATUS = range(6)


def row(page: Page, name: str) -> Locator:
    """The row of a model in the list."""
    return page.get_by_role("row").filter(has=page.get_by_role("button", name=name, exact=True))


def cell(row: Locator, column: int) -> Locator:
    """A cell of a row, on a desk."""
    return row.get_by_role("cell").nth(column)


def status_of(row: Locator) -> Locator:
    """The status cell of a row, on a desk."""
    return cell(row, STATUS)


def names(page: Page) -> list[str]:
    """The names in the list from top to bottom, as far as they are on the page."""
    menus = page.get_by_role("table", name="Models").get_by_role("button", name="More about")
    return [str(menu.get_attribute("aria-label")).removeprefix("More about ") for menu in menus.all()]


def open_menu(row: Locator) -> Locator:
    """Open the menu of a row."""
    row.get_by_role("button", name=re.compile("^More about")).click()
    return row.page.get_by_role("menu")
