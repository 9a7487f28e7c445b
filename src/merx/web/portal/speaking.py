"""How each API is spoken to: which credential an operation takes, in which header, at which host. The documents say
which schemes there are; which key of a shop opens what is written down here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from merx.web.portal.examples import placeholder
from merx.web.portal.operations import Api, Operation
from merx.web.portal.reader import Reader
from merx.web.portal.samples import ACCESS, API_KEY, SECRET_KEY, SHOPPER, Sample

_KEY_HEADER, _BEARER = "X-API-Key", "Authorization"
Headers = tuple[tuple[str, str], ...]

WORDS: Mapping[str, str] = {
    API_KEY: "a publishable key (pk_live_…)",
    SECRET_KEY: "a secret key with the scope for it (sk_live_…)",
    ACCESS: "the access token of a member of the team",
    SHOPPER: "the access token of a signed-in shopper",
}


def sample(api: Api, operation: Operation, reader: Reader, **given: Any) -> Sample:
    """`query` as pairs; `body` in the place of the example; `inside`: values for what stands in the path."""
    inside: Mapping[str, str] = {"projectSlug": reader.slug, **given.get("inside", {})}
    path = re.sub(r"\{(\w+)\}", lambda found: inside.get(found[1]) or placeholder(found[1]), operation.address)
    headers = credentials(api.name, operation)
    base = reader.shop_url if SHOPPER in dict(headers).get(_BEARER, "") else reader.base
    query = tuple(given.get("query") or _required(operation, reader))
    body = given.get("body", operation.example)
    return Sample(operation.method, base + path, headers, body if operation.media != "" else None, query)


def _required(operation: Operation, reader: Reader) -> list[tuple[str, str]]:
    named = {"tenant": reader.slug, "tenant_id": reader.slug, "email": "jane@example.com"}
    return [(one.name, named.get(one.name, "…")) for one in operation.query if one.required or one.name == "tenant"]


def credentials(dialect: str, operation: Operation) -> Headers:
    if operation.public:
        return ()
    return _RULES.get(dialect, _unknown)(operation)


def _baas(operation: Operation) -> Headers:
    if operation.address.startswith("/api/platform/"):
        return ((_BEARER, f"Bearer {ACCESS}"),)
    if operation.group in ("Products", "Categories") or "/auth/" in operation.address:
        return ((_KEY_HEADER, API_KEY),)
    return ((_BEARER, f"Bearer {SHOPPER}"),)


def _commerce(operation: Operation) -> Headers:
    if operation.id == "logout":
        return ((_BEARER, f"Bearer {ACCESS}"),)
    shopping = operation.id in ("listProducts", "getProduct", "createOrder")
    return ((_KEY_HEADER, API_KEY if shopping else SECRET_KEY),)


def _aerostack(_: Operation) -> Headers:
    return ((_BEARER, f"Bearer {API_KEY}"),)


def _reference(operation: Operation) -> Headers:
    return ((_BEARER, f"Bearer {API_KEY if operation.group == 'Products' else SECRET_KEY}"),)


def _pycommerce(operation: Operation) -> Headers:
    if operation.group in ("Products", "Categories"):
        return ((_BEARER, f"Bearer {API_KEY}"),)
    return ((_BEARER, f"Bearer {ACCESS}"),)


def _unknown(_: Operation) -> Headers:
    return ((_BEARER, f"Bearer {SECRET_KEY}"),)


_RULES = {
    "aerostack": _aerostack, "baas": _baas, "commerce": _commerce, "pycommerce": _pycommerce, "reference": _reference,
}  # fmt: skip


def said(headers: Headers) -> str:
    """Which credential this is, in words; empty for none."""
    for word, told in WORDS.items():
        if any(word in value for _, value in headers):
            return told
    return ""
