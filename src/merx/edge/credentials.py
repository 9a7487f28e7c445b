"""Owns reading credentials from a request. Whether they are any good is the auth service's to say.

A key comes as `Authorization: Bearer`, as `X-API-Key`, or, where the dialect allows it, in the query; a JWT comes as
`Authorization: Bearer` and may stand beside a key, which then names the shop. The query's key is taken out of the
request here, so that no link, log or cache ever holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from merx.edge.errors import HttpError
from merx.kernel.errors import Unauthenticated

MAX_CREDENTIAL = 4096
_KEY_PREFIXES = ("pk_", "sk_")


class Presented(msgspec.Struct, frozen=True):
    """What a request carries, unverified."""

    key: str | None = None
    token: str | None = None  # a JWT, or an OAuth access token
    in_query: bool = False  # the key came in the address: good for storefront scopes only


NOTHING = Presented()


def presented(scope: dict[str, Any], headers: Mapping[bytes, bytes], query_key: str | None) -> Presented:
    """Reads the credentials and removes a key from the scope's query string. Raises HttpError 400 where they
    contradict one another, Unauthenticated where one can't be a credential at all."""
    query = None
    if query_key is not None and scope["query_string"]:
        query = _from_query(scope, query_key)
    authorization = headers.get(b"authorization")
    header = headers.get(b"x-api-key")
    if authorization is None and header is None and query is None:
        return NOTHING
    bearer = None if authorization is None else _bearer(authorization)
    token = bearer if bearer is not None and not bearer.startswith(_KEY_PREFIXES) else None
    keys = [
        key
        for key in (
            None if header is None else _text(header),
            bearer if token is None else None,
        )
        if key is not None
    ]
    if query is not None and any(key != query for key in keys):
        raise HttpError(400, "ambiguous_credentials", "Header and address carry different keys; send one.")
    if len(keys) == 2 and keys[0] != keys[1]:
        raise HttpError(400, "ambiguous_credentials", "Authorization and X-API-Key carry different keys; send one.")
    key = query if query is not None else (keys[0] if keys else None)
    return Presented(key, token, query is not None)


def refuse_repeated(raw: list[tuple[bytes, bytes]]) -> None:
    """Two Authorization headers, two hosts: whoever reads the other one sees a different request."""
    names = [name for name, _ in raw]
    for name in (b"authorization", b"x-api-key", b"host", b"idempotency-key", b"content-type"):
        if names.count(name) > 1:
            raise HttpError(400, "ambiguous_headers", f"The header {name.decode()} appears more than once.")


def _bearer(value: bytes) -> str | None:
    """The credential of a Bearer header. Another scheme (an OAuth client's Basic) is not ours to read: None."""
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    return _text(rest)


def _text(value: bytes) -> str:
    value = value.strip()
    if not value or len(value) > MAX_CREDENTIAL or not value.isascii():
        raise Unauthenticated("The credential is not one of ours.", code="invalid_credential")
    return value.decode()


def _from_query(scope: dict[str, Any], name: str) -> str | None:
    raw: bytes = scope["query_string"]
    wanted = name.encode()
    if wanted not in raw and b"%" not in raw:
        return None
    found, rest = [], []
    for part in raw.split(b"&"):
        before, _, value = part.partition(b"=")
        if unquote_plus(before.decode("latin-1")) == name:
            found.append(unquote_plus(value.decode("latin-1")).encode("latin-1", "replace"))
        else:
            rest.append(part)
    if not found:
        return None
    scope["query_string"] = b"&".join(rest)
    if len(found) > 1:
        raise HttpError(400, "ambiguous_credentials", f"Give the parameter {name} once.")
    return _text(found[0])
