"""What the values of settings must be: each check returns the value, or its ValueError says what is wrong."""

from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit


def http_address(value: str | None) -> str | None:
    """An address to be asked by HTTP, without the slash at its end."""
    if value is None:
        return None
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    """Hosts, addresses and networks."""
    for entry in value:
        if "/" in entry:
            ip_network(entry)  # its ValueError says what is wrong with it
    return value


def origins(value: tuple[str, ...]) -> tuple[str, ...]:
    """Origins of pages: scheme, host and port."""
    for origin in value:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("each must be an origin such as https://tools.example.com, and no `*`")
    return value


def absolute_paths(value: tuple[str, ...]) -> tuple[str, ...]:
    """Folders that mean the same wherever a process was started."""
    if any(not Path(root).is_absolute() for root in value):
        raise ValueError("every folder must be an absolute path")
    return value


def existing_folder(value: Path | None) -> Path | None:
    """A folder that is there."""
    if value is not None and not value.expanduser().is_dir():
        raise ValueError("there is no such folder")
    return value
