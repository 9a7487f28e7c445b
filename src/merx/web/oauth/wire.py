"""RFC 6749 on the wire: parameters that come once or not at all, how a client proves itself, how an error is said."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from merx.core.auth.model import (
    DELEGABLE,
    GRANT_TYPES,
    AuthorizationRequest,
    ClientProof,
    GrantRefused,
    InvalidClient,
)
from merx.edge.errors import HttpError
from merx.kernel.errors import Kind, MerxError

MAX_FIELDS = 50
FORM = "application/x-www-form-urlencoded"
METADATA = "/.well-known/oauth-authorization-server"
_ASKED = tuple(name for name in AuthorizationRequest.__struct_fields__ if name != "fault")
_UNSAID = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_STATUS = {Kind.UNAUTHENTICATED: 401, Kind.LIMITED: 429, Kind.BUSY: 503, Kind.CONFLICT: 503, Kind.UPSTREAM: 503}


def parameters(raw: bytes) -> dict[str, str]:
    """Each at most once (RFC 6749, 3.1 and 3.2); an empty one counts as left out. Raises GrantRefused, or Repeated."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise GrantRefused("invalid_request", "The parameters can't be read.") from None
    if any("\0" in value or "\0" in name for name, value in pairs):
        raise GrantRefused("invalid_request", "The character U+0000 is not allowed.")
    counts = Counter(name for name, _ in pairs)
    found = {name: value for name, value in pairs if value and counts[name] == 1}
    if len(counts) < len(pairs):
        raise Repeated(next(name for name, count in counts.items() if count > 1), found)
    return found


class Repeated(GrantRefused):
    """`once`: the other parameters."""

    def __init__(self, name: str, once: Mapping[str, str]) -> None:
        super().__init__("invalid_request", f"The parameter {name[:60]} is given more than once.")
        self.once = once


def authorization_request(raw: bytes) -> AuthorizationRequest:
    """What a browser comes with. Raises GrantRefused where not even the client and its address can be read: two
    addresses to return to are none."""
    fault = ""
    try:
        given: Mapping[str, str] = parameters(raw)
    except Repeated as wrong:
        given, fault = wrong.once, wrong.message
        if "client_id" not in given or "redirect_uri" not in given:
            raise
    return AuthorizationRequest(**{name: given[name] for name in _ASKED if name in given}, fault=fault)


def proof(authorization: bytes | None, given: Mapping[str, str]) -> ClientProof:
    """The client's id and secret from the header or from the body, never from both. Raises InvalidClient or
    GrantRefused."""
    if authorization is None:
        if "client_id" not in given:
            raise InvalidClient
        return ClientProof(given["client_id"], given.get("client_secret"))
    scheme, _, rest = authorization.partition(b" ")
    try:
        name, colon, secret = base64.b64decode(rest.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    if scheme.lower() != b"basic" or not colon or not secret:
        raise InvalidClient
    if "client_secret" in given:
        raise GrantRefused("invalid_request", "Send the client's secret in the header or in the body, not in both.")
    ident = unquote_plus(name)
    if given.get("client_id", ident) != ident:
        raise GrantRefused("invalid_request", "The header and the body name different clients.")
    return ClientProof(ident, unquote_plus(secret))


def status_of(error: MerxError) -> int:
    if isinstance(error, HttpError):
        return error.status
    return _STATUS.get(error.kind, 500 if error.kind is Kind.INTERNAL else 400)


def error_code(error: MerxError) -> str:
    if isinstance(error, GrantRefused | InvalidClient):
        return error.code
    status = status_of(error)
    if status in (429, 503):
        return "temporarily_unavailable"
    return "server_error" if status >= 500 else "invalid_request"


def error_body(error: MerxError) -> dict[str, str]:
    return {"error": error_code(error), "error_description": _UNSAID.sub("?", error.message)}


def returning(redirect_uri: str, answer: Iterable[tuple[str, str]]) -> str:
    """The client's own address with the answer added to whatever query it has. To be called with verified ones only."""
    added = urlencode([(name, value) for name, value in answer if value])
    before = "" if redirect_uri.endswith(("?", "&")) else "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{before}{added}"


def metadata(issuer: str) -> dict[str, Any]:
    """RFC 8414, with RFC 9207's word that answers name their issuer."""
    confidential = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "scopes_supported": sorted(DELEGABLE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": [*confidential, "none"],
        "revocation_endpoint_auth_methods_supported": [*confidential, "none"],
        "introspection_endpoint_auth_methods_supported": confidential,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
