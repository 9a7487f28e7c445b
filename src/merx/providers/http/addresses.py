"""Which addresses are public. What is not listed as private here, but not known as global either, is refused too."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_PRIVATE_4 = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
)
# Among them the ranges that carry an IPv4 address inside (6to4, Teredo, NAT64): what they lead to can't be judged here.
_PRIVATE_6 = tuple(
    ip_network(net)
    for net in (
        "::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 "
        "fe80::/10 fec0::/10 ff00::/8"
    ).split()
)


def is_public(text: str) -> bool:
    """`text` is an address as a resolver gives it; one with a zone (`fe80::1%eth0`) or that is none is not public."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
    private = _PRIVATE_4 if address.version == 4 else _PRIVATE_6
    return address.is_global and not any(address in network for network in private)
