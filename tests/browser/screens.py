"""The screens on which the dashboard is tried, as options of `new_page`."""

from typing import Any

DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
TABLET: dict[str, Any] = {"viewport": {"width": 820, "height": 1180}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
SMALL: dict[str, Any] = PHONE | {"viewport": {"width": 320, "height": 640}}
