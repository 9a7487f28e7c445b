"""Pure decisions of OAuth 2.0 (RFC 6749, 7636, 8252, 9700): where an answer may go, what is asked, who proves it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from merx.core.auth import rules
from merx.core.auth.model import DELEGABLE, AuthorizationRequest, GrantRefused, OauthClient

MAX_STATE = 2000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_LOOPBACK = ("127.0.0.1", "::1")
_CODE = "mac_"


def may_return(client: OauthClient, uri: str) -> bool:
    """Whether `uri` is one of the client's, letter by letter. Only the port of a native app's loopback address is free
    (RFC 8252, 7.3): the system gives it out when the app listens. Its client is public, and the address a number."""
    if uri in client.redirect_uris:
        return True
    if not client.public:
        return False
    wanted = _without_port(uri)
    return wanted is not None and any(wanted == _without_port(one) for one in client.redirect_uris)


def _without_port(uri: str) -> str | None:
    """A loopback address without its port; None for any other, and for what is not spelled plainly."""
    if len(uri) > 2000 or not uri.isascii() or rules.not_in_uris(uri) or "#" in uri:
        return None
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or host not in _LOOPBACK or not uri.startswith("http://"):
        return None
    plain = f"[{host}]" if ":" in host else host
    if parts.netloc not in (plain, f"{plain}:{port}"):
        return None
    return uri[: len("http://")] + plain + uri[len("http://") + len(parts.netloc) :]


def check_request(client: OauthClient, asked: AuthorizationRequest) -> tuple[str, ...]:
    """The scopes an authorization request asks for; raises GrantRefused with RFC 6749's own codes."""
    if asked.fault:
        raise GrantRefused("invalid_request", asked.fault)
    if asked.response_type != "code":
        raise GrantRefused(
            "unsupported_response_type" if asked.response_type else "invalid_request", "response_type must be code."
        )
    if "authorization_code" not in client.grant_types:
        raise GrantRefused("unauthorized_client", "This client may not use the authorization code grant.")
    if asked.response_mode not in ("", "query"):
        raise GrantRefused("invalid_request", "response_mode must be query.")
    if len(asked.state) > MAX_STATE:
        raise GrantRefused("invalid_request", f"state has at most {MAX_STATE} characters.")
    if not asked.code_challenge:
        raise GrantRefused("invalid_request", "PKCE is required: send a code_challenge.")
    if asked.code_challenge_method != "S256":
        raise GrantRefused("invalid_request", "code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(asked.code_challenge):
        raise GrantRefused("invalid_request", "The code_challenge is not the base64url of a SHA-256 hash.")
    return scopes_of(client, asked.scope)


def scopes_of(client: OauthClient, wanted: str) -> tuple[str, ...]:
    """`wanted`, if the client may have all of it; all it may have, where nothing is named."""
    return within(allowed(client), wanted)


def allowed(client: OauthClient) -> frozenset[str]:
    return DELEGABLE if "*" in client.scopes else DELEGABLE & frozenset(client.scopes)


def within(bound: Collection[str], wanted: str) -> tuple[str, ...]:
    named = set(wanted.split(" ")) if wanted else set()
    if beyond := sorted(named - set(bound)):
        raise GrantRefused("invalid_scope", f"This client can't have the scope {beyond[0][:60]!r}.")
    return tuple(sorted(named or bound))


def proves(challenge: str, verifier: str) -> bool:
    """Whether whoever redeems a code is who asked for it."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def make_code() -> str:
    return _CODE + secrets.token_urlsafe(32)


def can_be_code(text: str) -> bool:
    return text.startswith(_CODE) and len(text) == len(_CODE) + 43 and text.isascii()
