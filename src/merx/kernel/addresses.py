"""Network addresses as limits and proofs count them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

UNKNOWN = "unknown"


@lru_cache(8192)
def bucket(address: str) -> str:
    """The address itself, or its /64 for IPv6, where one household has that many."""
    try:
        found = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return address
