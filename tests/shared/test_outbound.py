"""The dialler is a stub in every test here, and no other socket can open: the guard is never the only one."""

import ipaddress
import random
import socket
from collections.abc import Callable
from typing import Any, NoReturn

import httpcore2
import httpx2
import pytest

from shared.outbound import AddressRefused, Door, is_public


class Stub(httpcore2.NetworkBackend):
    """Notes who is dialled and answers with an empty page; `deaf` addresses do not answer."""

    def __init__(self, *, deaf: tuple[str, ...] = ()) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._deaf = deaf

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        self.dialled.append((host, port))
        if host in self._deaf:
            raise httpcore2.ConnectError("deaf")
        return httpcore2.MockStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])


@pytest.fixture(autouse=True)
def _no_socket_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was about to be opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean; whatever is not in here is asked of the system, which knows numbers only."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return ask(host, port, *args, **kwargs | {"flags": socket.AI_NUMERICHOST})
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
]
PUBLIC = ["1.1.1.1", "52.1.2.3", "172.15.0.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def _ask(door: Door, url: str) -> int:
    with door.client(timeout=1) as http:
        return http.get(url).status_code


def test_a_public_host_is_dialled_by_the_address_that_was_checked(names: dict[str, list[str]]) -> None:
    names["api.example.com"] = ["52.1.2.3"]
    stub = Stub()
    assert _ask(Door(dialler=stub), "http://api.example.com:8080/v1") == 200
    assert stub.dialled == [("52.1.2.3", 8080)]


def test_a_name_is_resolved_once(names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["52.1.2.3"], ["127.0.0.1"]]
    asked = socket.getaddrinfo

    def rebind(host: str, *args: Any, **kwargs: Any) -> Any:
        names["turncoat.example.com"] = answers.pop(0)
        return asked(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    stub = Stub()
    assert _ask(Door(dialler=stub), "http://turncoat.example.com/") == 200
    assert stub.dialled == [("52.1.2.3", 80)]
    with pytest.raises(AddressRefused):
        _ask(Door(dialler=stub), "http://turncoat.example.com/")
    assert len(stub.dialled) == 1


def test_one_private_answer_speaks_against_the_name(names: dict[str, list[str]]) -> None:
    names["mixed.example.com"] = ["52.1.2.3", "10.0.0.5"]
    stub = Stub()
    with pytest.raises(AddressRefused):
        _ask(Door(dialler=stub), "http://mixed.example.com/")
    assert stub.dialled == []


def test_an_address_that_does_not_answer_gives_way_to_the_next(names: dict[str, list[str]]) -> None:
    names["two.example.com"] = ["52.1.2.3", "52.1.2.4"]
    stub = Stub(deaf=("52.1.2.3",))
    assert _ask(Door(dialler=stub), "http://two.example.com/") == 200
    assert [host for host, _ in stub.dialled] == ["52.1.2.3", "52.1.2.4"]


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("llm.internal", "http://LLM.internal./v1"),
        ("10.0.0.5", "http://llm.internal/v1"),
        ("10.0.0.0/8", "http://llm.internal/v1"),
        ("10.0.0.0/8", "http://[::ffff:10.9.9.9]/v1"),
    ],
)
def test_a_private_host_is_reached_where_it_is_allowed(
    names: dict[str, list[str]], allowed: str, url: str
) -> None:
    for spelling in ("llm.internal", "llm.internal.", "LLM.internal."):
        names[spelling] = ["10.0.0.5"]
    assert _ask(Door([allowed], dialler=Stub()), url) == 200
    with pytest.raises(AddressRefused):
        _ask(Door(["other.internal", "10.0.0.6", "192.168.0.0/16"], dialler=Stub()), url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://1.1.1.1/", "unix:///run/x", "gopher://1.1.1.1/"]
)
def test_nothing_but_http_goes_out(names: dict[str, list[str]], url: str) -> None:
    stub = Stub()
    with pytest.raises(httpx2.UnsupportedProtocol):
        _ask(Door(dialler=stub), url)
    assert stub.dialled == []


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Door(["10.0.0.0/99"])


# Z4 of ../shared/design/quality.md.

_FORMS: list[Callable[[ipaddress.IPv4Address], str]] = [
    str,
    lambda address: f"[::ffff:{address}]",
    lambda address: f"[64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}]",
    lambda address: f"[2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1]",
    lambda address: f"[::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}]",
    lambda address: str(int(address)),
    lambda address: hex(int(address)),
    lambda address: ".".join(oct(byte).replace("0o", "0") for byte in address.packed),
    lambda address: f"user:secret@{address}",
]
_NETWORKS = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
]


def test_no_forged_address_of_a_thousand_reaches_the_dialler(names: dict[str, list[str]]) -> None:
    seed = random.randrange(1_000_000)
    chosen, stub = random.Random(seed), Stub()
    http = Door(dialler=stub).client(timeout=1)
    for _ in range(1000):
        network = ipaddress.IPv4Network(chosen.choice(_NETWORKS))
        address = network[chosen.randrange(network.num_addresses)]
        url = f"http://{chosen.choice(_FORMS)(address)}:{chosen.choice([80, 443, 6379, 8080])}/"
        with pytest.raises((AddressRefused, httpx2.HTTPError, httpx2.InvalidURL)):
            http.get(url)
        assert stub.dialled == [], f"{url} (seed {seed})"
