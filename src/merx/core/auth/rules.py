"""Pure decisions: what a good password is, how keys and tokens are written and read, what a maker may hand out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import zlib
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from merx.core.auth.model import (
    ACCESS_LIFE,
    DELEGABLE,
    EVERYTHING,
    GRANT_TYPES,
    PERSONAL,
    SCOPES,
    STOREFRONT_SCOPES,
    Claims,
    InvalidKey,
    InvalidToken,
    KeyType,
)
from merx.core.auth.weak import is_common
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid
from merx.kernel.ids import SessionId, TenantId

# ── Passwords ────────────────────────────────────────────────────────────────────────────────────────────────────────
MIN_PASSWORD, MAX_PASSWORD, MAX_PASSWORD_BYTES = 8, 128, 512


def password_faults(password: str, *known: str) -> list[str]:
    """What is wrong with a new password; `known`: names and e-mails that are no secret."""
    if len(password) < MIN_PASSWORD:
        return [f"Password must be at least {MIN_PASSWORD} characters."]
    if not checkable(password):
        return [f"Password must be at most {MAX_PASSWORD} characters."]
    plain = password.casefold()
    if is_common(plain):
        return ["This password is too common."]
    if any(plain in (word.casefold(), word.casefold().partition("@")[0]) for word in known if word):
        return ["The password must not be your e-mail or the shop's name."]
    return []


def checkable(password: str) -> bool:
    """Whether it may be anybody's password at all; nothing longer is ever hashed."""
    return len(password) <= MAX_PASSWORD and len(password.encode("utf-8", "surrogatepass")) <= MAX_PASSWORD_BYTES


# ── API keys: prefix, 32 random base62 characters, 6 of their CRC32 ──────────────────────────────────────────────────
KEY_PREFIX = {KeyType.PUBLISHABLE: "pk_live_", KeyType.SECRET: "sk_live_"}
SHOWN = 12
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(r"[ps]k_(?:live|test)_[0-9A-Za-z]{38}", re.ASCII)


def make_key(type_: KeyType) -> str:
    return derived_key(type_, secrets.token_bytes(32))


def derived_key(type_: KeyType, seed: bytes) -> str:
    """The one key that follows from these 256 bits."""
    number, letters = int.from_bytes(seed, "big"), ""
    for _ in range(32):
        number, digit = divmod(number, 62)
        letters += _BASE62[digit]
    body = KEY_PREFIX[type_] + letters
    return body + _crc(body)


def check_key(text: str) -> str:
    """The key, if it is spelled like one of ours: what is not never reaches the database."""
    if not _KEY.fullmatch(text) or _crc(text[:-6]) != text[-6:]:
        raise InvalidKey
    return text


def _crc(body: str) -> str:
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        letters = _BASE62[digit] + letters
    return letters


def key_scopes(ctx: Ctx, type_: KeyType, wanted: Collection[str] | None) -> tuple[str, ...]:
    """What a new key may do: a shopper's business where nothing else is asked, and never more than its maker."""
    if wanted is None:
        return tuple(sorted(STOREFRONT_SCOPES))
    scopes = granted(ctx, wanted)
    if type_ is KeyType.PUBLISHABLE and not scopes <= STOREFRONT_SCOPES:
        raise Invalid(
            f"A publishable key stands in browsers, so it has storefront scopes only: "
            f"{', '.join(sorted(STOREFRONT_SCOPES))}.",
            field="scopes",
        )
    return tuple(sorted(scopes))


def granted(ctx: Ctx, wanted: Collection[str], field: str = "scopes") -> frozenset[str]:
    """`wanted`, if the maker may do all of it; `*` is everything the maker may do."""
    if not wanted:
        raise Invalid("Name at least one scope.", field=field)
    if unknown := set(wanted) - SCOPES - EVERYTHING:
        known = ", ".join(sorted(SCOPES))
        raise Invalid(f"There is no scope {', '.join(sorted(unknown))[:200]}; there are {known}.", field=field)
    if "*" in wanted:
        return ctx.scopes if "*" not in ctx.scopes else EVERYTHING
    if beyond := [scope for scope in sorted(wanted) if not ctx.may(scope)]:
        raise Forbidden(
            f"Nobody can give what they don't have: {', '.join(beyond)}.", code="scope_not_yours", scopes=beyond
        )
    return frozenset(wanted)


def require_person(ctx: Ctx, scope: str) -> None:
    """What decides about access is done by people, signed in: a stolen key must not make itself another one."""
    ctx.require(scope)
    if ctx.actor not in (ActorKind.STAFF, ActorKind.SYSTEM) or ctx.client is not None:
        raise Forbidden("Only a signed-in member of the shop's team can do this.", code="person_required")


def exceeds(ctx: Ctx, scopes: Iterable[str]) -> bool:
    return any(not ctx.may(scope) for scope in scopes)


# ── Access tokens ────────────────────────────────────────────────────────────────────────────────────────────────────
ALGORITHM = "HS256"
AUDIENCE = "merx"
LEEWAY = 30
_TYPE = "at+jwt"
_REQUIRED = ("iss", "aud", "sub", "tid", "sid", "iat", "exp", "jti")


def make_access(
    key: bytes,
    issuer: str,
    tenant: TenantId,
    subject: UUID,
    session: SessionId,
    now: datetime,
    client: UUID | None = None,
    scopes: Collection[str] = (),
) -> str:
    """With `client`, one for an OAuth client (RFC 9068): it says which, and what it may do at most."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(subject),
        "tid": str(tenant),
        "sid": str(session),
        "iat": issued,
        "exp": issued + int(ACCESS_LIFE.total_seconds()),
        "jti": str(ids.new()),
    }
    if client is not None:
        claims |= {"client_id": str(client), "scope": " ".join(sorted(scopes))}
    return jwt.encode({"alg": ALGORITHM, "typ": _TYPE}, claims, _imported(key), algorithms=[ALGORITHM])


def read_access(key: bytes, issuer: str, text: str, now: datetime) -> Claims:
    """The claims of a token that is ours and has not run out; raises InvalidToken."""
    claims = _verified(key, issuer, text)
    if claims.expires_at + LEEWAY <= now.timestamp():
        raise InvalidToken("This token has run out; refresh it or sign in again.")
    return claims


@lru_cache(2048)
def _verified(key: bytes, issuer: str, text: str) -> Claims:
    # Whether a signature is right never changes, so it is computed once; when it runs out is asked every time.
    try:
        given = _own_claims(key, text)
        if given is None:
            token = jwt.decode(text, _imported(key), algorithms=[ALGORITHM])
            given = token.claims
            if token.header.get("typ") != _TYPE:
                raise InvalidToken
        if any(name not in given for name in _REQUIRED):
            raise InvalidToken
        if given["iss"] != issuer or given["aud"] != AUDIENCE or type(given["exp"]) is not int:
            raise InvalidToken
        client = UUID(given["client_id"]) if "client_id" in given else None
        scopes = frozenset(given["scope"].split()) if client is not None else None
        session = SessionId(UUID(given["sid"]))
        times = int(given["exp"]), int(given["iat"])
        return Claims(TenantId(UUID(given["tid"])), UUID(given["sub"]), session, *times, client, scopes)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise InvalidToken from None


def _own_claims(key: bytes, text: str) -> dict[str, Any] | None:
    """What a token says that is spelled to the letter as `make_access` spells them, where its signature is right. None
    is no verdict: the library reads whatever else a token may look like, at ten times the cost."""
    signed, _, signature = text.rpartition(".")
    header, _, payload = signed.partition(".")
    if header != _own_header(key) or not signature.isascii():
        return None
    right = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).rstrip(b"=")
    if not hmac.compare_digest(right, signature.encode()):
        return None
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found if isinstance(found, dict) else None


@lru_cache(4)
def _own_header(key: bytes) -> str:
    spelled: str = jwt.encode({"alg": ALGORITHM, "typ": _TYPE}, {}, _imported(key), algorithms=[ALGORITHM])
    return spelled.partition(".")[0]


@lru_cache(4)
def _imported(key: bytes) -> OctKey:
    return OctKey.import_key(key)


# ── Refresh tokens: the tenant, then 256 bits. Its successor follows from it and a key only this installation has ────
_REFRESH = "mrt_"


def first_refresh(tenant: TenantId) -> str:
    return _spelled(tenant, secrets.token_bytes(32))


def next_refresh(key: bytes, tenant: TenantId, text: str) -> str:
    """Always the same one, so that a lost answer can be given again and nothing readable is stored."""
    return _spelled(tenant, hmac.digest(key, text.encode(), hashlib.sha256))


def refresh_tenant(text: str) -> TenantId:
    """Whose it is; raises InvalidToken where it can't be a refresh token."""
    if not text.startswith(_REFRESH) or len(text) != len(_REFRESH) + 64 or not text.isascii():
        raise InvalidToken
    try:
        return TenantId(UUID(bytes=base64.b64decode(text[len(_REFRESH) :], altchars=b"-_", validate=True)[:16]))
    except ValueError:
        raise InvalidToken from None


def _spelled(tenant: TenantId, secret: bytes) -> str:
    return _REFRESH + base64.urlsafe_b64encode(tenant.bytes + secret).decode()


# ── OAuth clients ────────────────────────────────────────────────────────────────────────────────────────────────────
def client_scopes(ctx: Ctx, wanted: Collection[str]) -> tuple[str, ...]:
    """What a client may ask for: never more than its maker may do, and never what people decide themselves."""
    if personal := sorted(PERSONAL & set(wanted)):
        raise Invalid(f"No program is given {', '.join(personal)}: people decide who gets in.", field="scopes")
    allowed = granted(ctx, wanted)
    return tuple(sorted(DELEGABLE if "*" in allowed else allowed & DELEGABLE))


def check_client(redirect_uris: Collection[str], grant_types: Collection[str], public: bool = False) -> None:
    if public and "client_credentials" in grant_types:
        raise Invalid("A public client has no secret, so it can't act for itself.", field="grant_types")
    if not grant_types or not set(grant_types) <= set(GRANT_TYPES):
        raise Invalid(f"Grant types are some of {', '.join(GRANT_TYPES)}.", field="grant_types")
    if "authorization_code" in grant_types and not redirect_uris:
        raise Invalid("The authorization code grant needs a redirect URI.", field="redirect_uris")
    if len(redirect_uris) > 20 or not all(map(_is_redirect, redirect_uris)):
        raise Invalid(
            "Redirect URIs are at most 20 https addresses (http for this very machine only), without a fragment.",
            field="redirect_uris",
        )


def _is_redirect(text: str) -> bool:
    if len(text) > 2000 or not text.isascii() or not_in_uris(text) or "#" in text:
        return False
    try:
        parts = urlsplit(text)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        _ = parts.port  # read here, because it is only looked at when it is read
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and local)


def not_in_uris(text: str) -> bool:
    """Whether it holds what no URI does (RFC 3986), and what readers therefore make different things of."""
    return any(c <= " " or c in '"<>\\^`{|}\x7f' for c in text)
