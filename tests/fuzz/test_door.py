"""Forged addresses against the outbound door (Z4 of the quality page).

The dialler is a stub, and no other socket can open: the guard is never the only one.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.outbound import AddressRefused, Door
from tests.fuzz import addresses, hostile
from tests.fuzz.addresses import is_forbidden
from tests.fuzz.conftest import Provider
from tests.fuzz.form import THROWN, fuzzed


@pytest.fixture(autouse=True)
def _no_socket_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was about to be opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean; of any other one only numbers, in every spelling, are understood."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return ask(host, port, *args, **kwargs | {"flags": socket.AI_NUMERICHOST})
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def _hex_groups(number: int) -> str:
    return f"{number >> 16:x}:{number & 0xFFFF:x}"


def _octal(address: ipaddress.IPv4Address) -> str:
    return ".".join(f"0{byte:o}" for byte in address.packed)


# How an IPv4 address may be written in a URL; some are understood, and none may hide what it is.
_SPELLINGS = (
    lambda address: str(address),
    lambda address: f"{address}.",
    lambda address: f"user:secret@{address}",
    lambda address: f"1.1.1.1@{address}",
    lambda address: f"1.1.1.1%2f@{address}",
    lambda address: f"{address}\\@1.1.1.1",
    lambda address: f"{address}#@1.1.1.1",
    lambda address: f"{address}%00.example.com",
    lambda address: str(address).replace(".", "\u3002"),
    lambda address: str(address).replace("1", "\u2460").replace("0", "\u24ea"),
    lambda address: str(address).translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
    lambda address: str(int(address)),
    lambda address: hex(int(address)),
    lambda address: f"0{int(address):o}",
    _octal,
    lambda address: ".".join(hex(byte) for byte in address.packed),
    lambda address: f"{address.packed[0]}.{int(address) & 0xFFFFFF}",
    lambda address: f"0x{address.packed[0]:x}.0{address.packed[1]:o}.{int(address) & 0xFFFF}",
    lambda address: f"[::ffff:{address}]",
    lambda address: f"[0:0:0:0:0:ffff:{_hex_groups(int(address))}]",
    lambda address: f"[64:ff9b::{_hex_groups(int(address))}]",
    lambda address: f"[64:ff9b:1::{_hex_groups(int(address))}]",
    lambda address: f"[2002:{_hex_groups(int(address))}::1]",
    lambda address: f"[::{address}]",
    lambda address: f"[2001:0:1.1.1.1::{address}]",
)
_V4_HOSTS = st.builds(
    lambda spell, address: spell(ipaddress.IPv4Address(address)), st.sampled_from(_SPELLINGS), addresses.V4
)
_V6_HOSTS = st.builds(
    lambda address, zone: f"[{address}{zone}]",
    addresses.PRIVATE.filter(lambda address: ":" in address),
    st.sampled_from(["", "%lo", "%25lo", "%eth0"]),
)
_SCHEMES = st.sampled_from(["http", "http", "https", "HTTP", "ftp", "file", "unix", "gopher", ""])
_PORTS = st.sampled_from(["", ":80", ":6379", ":0", ":65536", ":-1", ":٣"])
_FORGED = st.one_of(
    st.builds(
        lambda scheme, host, port, path: f"{scheme}://{host}{port}/{path}",
        _SCHEMES,
        st.one_of(_V4_HOSTS, _V4_HOSTS, _V6_HOSTS),
        _PORTS,
        st.one_of(st.just(""), hostile.TEXTS),
    ),
    st.sampled_from(hostile.URLS),
    hostile.TEXTS,
)


@pytest.fixture
def stub(names: dict[str, list[str]]) -> Provider:
    """Instead of the network."""
    return Provider()


@pytest.fixture
def client(stub: Provider) -> Iterator[httpx2.Client]:
    """One for all examples: to make one takes longer than to use it."""
    with Door(dialler=stub).client(timeout=1) as found:
        yield found


def _dialled(stub: Provider, host: str, *allowed: str) -> list[str]:
    stub.dialled.clear()
    with suppress(AddressRefused):
        Door(allowed, dialler=stub).connect(host, 80, 1)
    THROWN["forged addresses"] += 1
    return stub.dialled


# As long in the short form: it takes seconds.
@fuzzed(short=1_000, long=10_000)
@given(url=_FORGED)
def test_no_forged_address_reaches_the_network(client: httpx2.Client, stub: Provider, url: str) -> None:
    stub.dialled.clear()
    # Refused, or answered by the stub: anything else is an error of ours.
    with suppress(AddressRefused, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError):
        client.get(url)
    assert not any(map(is_forbidden, stub.dialled)), stub.dialled
    THROWN["forged addresses"] += 1


@fuzzed(short=200, long=2_000)
@given(meant=st.lists(addresses.ANY, min_size=1, max_size=4))
def test_no_name_leads_where_its_addresses_may_not(
    names: dict[str, list[str]], stub: Provider, meant: list[str]
) -> None:
    names["api.example.com"] = meant
    assert _dialled(stub, "api.example.com") == ([] if any(map(is_forbidden, meant)) else meant[:1])


@fuzzed(short=200, long=2_000)
@given(address=addresses.PRIVATE, other=addresses.PRIVATE)
def test_what_is_allowed_is_reached_and_nothing_beside_it(stub: Provider, address: str, other: str) -> None:
    reached = [ipaddress.ip_address(host) for host in _dialled(stub, address, address)]
    assert reached == [ipaddress.ip_address(address)]
    assert bool(_dialled(stub, address, other)) == (address == other)


@fuzzed(short=200, long=2_000)
@given(address=st.ip_addresses(v=4).map(str).filter(lambda address: not is_forbidden(address)))
def test_the_internet_is_reached(stub: Provider, address: str) -> None:
    assert _dialled(stub, address) == [address]
