"""Which addresses nobody may be led to: by our own table, so that the door's is not checked by itself."""

import ipaddress

from hypothesis import strategies as st

# RFC 6890 and its successors, without what is reachable by everybody; and the metadata services of clouds.
_FORBIDDEN_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
_FORBIDDEN_V6 = (
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)
_NETWORKS_V4 = tuple(map(ipaddress.IPv4Network, _FORBIDDEN_V4))
_NETWORKS_V6 = tuple(map(ipaddress.IPv6Network, _FORBIDDEN_V6))
# By network: how far an IPv4 address in it is shifted to the left.
_EMBEDDING = {"::ffff:0:0/96": 0, "64:ff9b::/96": 0, "2002::/16": 80}


def is_forbidden(address: str) -> bool:
    """Whether it is private, special or no address at all."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return any(found in network for network in _NETWORKS_V4)
    if any(found in network for network in _NETWORKS_V6):
        return True
    return any(
        is_forbidden(str(ipaddress.IPv4Address(int(found) >> shift & 0xFFFFFFFF)))
        for network, shift in _EMBEDDING.items()
        if found in ipaddress.IPv6Network(network)
    )


def _within(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> st.SearchStrategy[str]:
    return st.ip_addresses(network=network).map(str)


PRIVATE_V4 = st.sampled_from(_NETWORKS_V4).flatmap(_within)
PRIVATE = st.one_of(PRIVATE_V4, st.sampled_from(_NETWORKS_V6).flatmap(_within))
V4 = st.one_of(st.ip_addresses(v=4).map(str), PRIVATE_V4)
ANY = st.one_of(V4, PRIVATE)
