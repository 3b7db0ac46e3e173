"""The one door to addresses that people type in: only http(s), and into no private network unless allowed.

A host is resolved once, every answer is checked, and the checked address is the one that is dialled: a name
that means something else a moment later leads nowhere. TLS still asks for the certificate of the name.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Not caught by `ipaddress`: Azure's platform address, IETF protocol assignments, relays of 6to4, Alibaba's
# metadata, NAT64 for local use, Teredo (whose address hides another one), the second block for documentation
# and IPv6 that embeds IPv4.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "100.100.100.200/32",
        "64:ff9b:1::/48",
        "2001::/32",
        "3fff::/20",
        "::/96",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """The host means an address in a private network, which is not allowed here."""


class Door:
    """Decides which hosts may be dialled, and dials them."""

    def __init__(
        self, allowed: Iterable[str] = (), *, dialler: httpcore2.NetworkBackend | None = None
    ) -> None:
        """`allowed`: hosts, addresses and networks (10.0.0.0/8) that may be reached although private.

        ValueError if one with a slash is no network. `dialler` opens the connections; tests put a stub there.
        """
        self._networks: list[_Network] = []
        self._names: set[str] = set()
        for entry in allowed:
            self._allow(entry)
        self._dialler = dialler or httpcore2.SyncBackend()

    def client(self, *, timeout: float) -> httpx2.Client:
        """An HTTP client that knows no other way out: no proxy of the environment, no redirect."""
        transport = httpx2.HTTPTransport(trust_env=False)
        # httpx2 has no option for it; tests/shared/test_outbound.py fails should the attribute change.
        transport._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False), network_backend=_Backend(self)
        )
        return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout)

    def connect(self, host: str, port: int, timeout: float | None) -> httpcore2.NetworkStream:
        """A connection to the first address of the host that answers.

        Raises AddressRefused, httpcore2.ConnectError, httpcore2.ConnectTimeout.
        """
        addresses = self._resolve(host, port)
        for address in addresses[:-1]:
            try:
                return self._dialler.connect_tcp(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._dialler.connect_tcp(addresses[-1], port, timeout)

    def _allow(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry))
        except ValueError:
            if "/" in entry:
                raise
            self._names.add(_plain(entry))

    def _resolve(self, host: str, port: int) -> list[str]:
        """Every address of the host, all of them checked: one that is refused speaks against the host."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in found))
        if _plain(host) not in self._names and not all(map(self._may_reach, addresses)):
            raise AddressRefused(f"{host} is in a private network.")
        return addresses

    def _may_reach(self, address: str) -> bool:
        found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        return is_public(found) or any(found in network for network in self._networks)


def is_public(address: _Address) -> bool:
    """Whether the address is out in the internet, where anybody may be asked."""
    found = _unwrapped(address)
    special = found.is_multicast or found.is_reserved or getattr(found, "is_site_local", False)
    return found.is_global and not special and not any(found in network for network in _NEVER)


def _unwrapped(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, as far as one does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


class _Backend(httpcore2.NetworkBackend):
    """httpcore2's way to the network, through the door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore2.NetworkStream:
        return self._door.connect(host, port, timeout)
