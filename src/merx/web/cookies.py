"""Cookies of the pages. Over TLS their names begin with `__Host-`, which browsers accept from this very host only, and
they are Secure; over plain HTTP (a laptop) they have the plain name. All are HttpOnly and SameSite=Lax.

A cookie that says something (a flash message) is signed, so that nobody else puts words into our mouth."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from merx.runtime import Runtime

STAFF, SHOPPER, VISITOR, FLASH = "merx_staff", "merx_shopper", "merx_visitor", "merx_flash"
MAX_COOKIES = 16_384


def read(headers: Mapping[bytes, bytes], name: str, https: bool) -> str | None:
    """The cookie's value. Given twice (by another path or domain), it is nobody's."""
    raw = headers.get(b"cookie")
    if raw is None or len(raw) > MAX_COOKIES:
        return None
    wanted = spelled(name, https)
    found = []
    for pair in raw.decode("latin-1").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == wanted:
            found.append(value)
    return found[0] if len(found) == 1 else None


def put(name: str, value: str, https: bool, max_age: int | None) -> tuple[bytes, bytes]:
    """A Set-Cookie header. `max_age` None: until the browser is closed."""
    parts = [f"{spelled(name, https)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if https:
        parts.append("Secure")
    return b"set-cookie", "; ".join(parts).encode("latin-1")


def drop(name: str, https: bool) -> tuple[bytes, bytes]:
    return put(name, "", https, 0)


def spelled(name: str, https: bool) -> str:
    return f"__Host-{name}" if https else name


def signed(rt: Runtime, use: str, value: bytes) -> str:
    return f"{_text(value)}.{_text(_mac(rt, use, value))}"


def verified(rt: Runtime, use: str, text: str) -> bytes | None:
    body, _, mac = text.partition(".")
    try:
        value, given = _bytes(body), _bytes(mac)
    except (ValueError, binascii.Error):
        return None
    return value if hmac.compare_digest(given, _mac(rt, use, value)) else None


def form_token(rt: Runtime, secret: str) -> str:
    """What a form of this session must carry: nobody can know it who can't read the session's pages."""
    return _text(_mac(rt, "form", secret.encode()))


def _mac(rt: Runtime, use: str, value: bytes) -> bytes:
    return hmac.digest(rt.vault.key(f"cookie/{use}"), value, hashlib.sha256)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
