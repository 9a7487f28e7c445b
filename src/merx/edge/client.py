"""Owns what the connection tells about the client: its address and scheme past the trusted proxies, and the shop its
Host header names. Forwarding headers from anyone else are not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from merx.kernel.addresses import bucket as address_bucket
from merx.settings import Network

__all__ = ["Hosts", "Proxies", "address_bucket"]


class Proxies:
    """Whose X-Forwarded-For and X-Forwarded-Proto count."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._trusted = lru_cache(4096)(self._look_up)

    @property
    def none(self) -> bool:
        return not self._networks

    def _look_up(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks if network.version == address.version)

    def client(self, scope: Mapping[str, Any]) -> tuple[str, bool]:
        """(address, whether the client came over TLS)"""
        peer = scope.get("client")
        address: str = peer[0] if peer else ""
        https = scope.get("scheme") == "https"
        if not self._networks or not self._trusted(address):
            return address, https
        sent: dict[str, str] = {}
        for name, value in scope["headers"]:
            if name in (b"x-forwarded-for", b"x-forwarded-proto"):
                # Some proxies add a line of their own; several lines are one list (RFC 9110, 5.3).
                known, text = name.decode(), value.decode("latin-1")
                sent[known] = f"{sent[known]},{text}" if known in sent else text
        return self.of(address, https, sent)

    def of(self, address: str, https: bool, sent: Mapping[str, str]) -> tuple[str, bool]:
        """The same of a peer and the headers as text."""
        if not self._networks or not self._trusted(address):
            return address, https
        if (forwarded := sent.get("x-forwarded-for")) is not None:
            address = self._last_untrusted(forwarded, address)
        if (proto := sent.get("x-forwarded-proto")) is not None:
            # Each proxy appends; ours is the last to have spoken.
            https = proto.rsplit(",", 1)[-1].strip().lower() == "https"
        return address, https

    def _last_untrusted(self, forwarded: str, peer: str) -> str:
        """Right to left until an address that is not one of ours; what stands left of it is hearsay."""
        nearest = peer
        for part in reversed(forwarded.split(",")):
            candidate = _bare(part.strip())
            try:
                if getattr(ip_address(candidate), "scope_id", None) is not None:
                    return nearest  # a zone is a name of the sender's own choice
            except ValueError:
                return nearest
            nearest = candidate
            if not self._trusted(candidate):
                return candidate
        return nearest


def _bare(text: str) -> str:
    """Without a port and brackets: '[::1]:80' and '192.0.2.1:80' are written by some proxies."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


class Hosts:
    """`mystore.shops.example.com:443` names the shop `mystore` where the base domain is `shops.example.com`; a host
    that is none of ours may be a shop's own domain."""

    def __init__(self, base_domain: str, public_url: str = "") -> None:
        base = base_domain.lower().partition(":")[0]
        self._ending = "." + base
        self._ours = {base, "localhost", "", (urlsplit(public_url).hostname or "").lower()}
        self._names = lru_cache(8192)(self._look_up)

    def names(self, host: bytes | None) -> tuple[str | None, str | None]:
        """(the shop's slug, else the foreign domain)"""
        return (None, None) if host is None or len(host) > 260 else self._names(host)

    def _look_up(self, host: bytes) -> tuple[str | None, str | None]:
        name = _bare(host.decode("latin-1")).lower().rstrip(".")
        if name in self._ours:
            return None, None
        if name.endswith(self._ending):
            label = name[: -len(self._ending)]
            return (label, None) if label and "." not in label else (None, None)
        try:
            ip_address(name)
        except ValueError:
            return None, name
        return None, None
