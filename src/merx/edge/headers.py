"""Owns the headers every answer carries, whatever it is, unless the answer says otherwise itself."""

from __future__ import annotations

Header = tuple[bytes, bytes]

DEFAULTS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

CATALOGUE: tuple[Header, ...] = (
    (b"cache-control", b"public, no-cache"),
    (b"vary", b"Authorization, X-API-Key, Origin"),
)
"""May be kept by a browser or proxy, but is asked for again each time: a change shows at once, and the 304 is cheap."""

OPEN: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"ETag, Idempotent-Replayed, Retry-After, X-Limit, X-Offset, X-RateLimit-Limit, X-RateLimit-Remaining, "
        b"X-RateLimit-Reset, X-Request-Id, X-Total-Count",
    ),
)
PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, If-None-Match, X-API-Key"),
    (b"access-control-max-age", b"600"),
)


def complete(sent: list[Header], more: tuple[Header, ...], request_id: str, https: bool) -> list[Header]:
    """`sent` with what it lacks."""
    names = {name for name, _ in sent}
    found = [*sent, (b"x-request-id", request_id.encode()), *more]
    for header in DEFAULTS:
        if header[0] not in names:
            found.append(header)
    if https:
        found.append(HSTS)
    return found
