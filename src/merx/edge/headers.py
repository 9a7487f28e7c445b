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

_ALLOW_ORIGIN = b"access-control-allow-origin"
_EXPOSED: Header = (
    b"access-control-expose-headers",
    b"ETag, Idempotent-Replayed, Retry-After, X-Limit, X-Offset, X-RateLimit-Limit, X-RateLimit-Remaining, "
    b"X-RateLimit-Reset, X-Request-Id, X-Total-Count",
)
_BY_ORIGIN: Header = (b"vary", b"Origin")
_SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-API-Key")

OPEN: tuple[Header, ...] = ((_ALLOW_ORIGIN, b"*"), _EXPOSED)
"""Browsers of any origin may read this; without their cookies, which no API here looks at."""


def for_origin(origin: bytes, allowed: bool | None) -> tuple[Header, ...]:
    """The same where a shop says which origins may (None: it does not). A browser elsewhere gets the answer without
    the word that lets its page see it."""
    if allowed is None:
        return OPEN
    return ((_ALLOW_ORIGIN, origin), _EXPOSED, _BY_ORIGIN) if allowed else (_BY_ORIGIN,)


def preflight(answer: tuple[Header, ...], methods: str, more: tuple[str, ...]) -> list[Header]:
    """What a browser is told that asks beforehand; `answer`: what it would get with the answer itself."""
    told = [header for header in answer if header is not _EXPOSED]
    if told and told[0][0] == _ALLOW_ORIGIN:
        told += [
            (b"access-control-allow-methods", methods.encode()),
            (b"access-control-allow-headers", ", ".join(sorted((*_SENT, *more))).encode()),
            (b"access-control-max-age", b"600"),
        ]
    return told


def complete(sent: list[Header], more: tuple[Header, ...], request_id: str, https: bool) -> list[Header]:
    """`sent` with what it lacks."""
    names = {name for name, _ in sent}
    if more and more[-1] is _BY_ORIGIN and b"vary" in names:
        sent, more = [_by_origin(header) for header in sent], more[:-1]
    found = [*sent, (b"x-request-id", request_id.encode()), *more]
    for header in DEFAULTS:
        if header[0] not in names:
            found.append(header)
    if https:
        found.append(HSTS)
    return found


def _by_origin(header: Header) -> Header:
    """One Vary that names everything, instead of two."""
    name, value = header
    return header if name != b"vary" or b"Origin" in value else (name, value + b", Origin")
