"""Rules of what proves, without signing in, that an order is the asker's own: the token given at checkout, and the
client address it was placed from. Neither is stored: only digests under this installation's key are."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta

from merx.kernel import addresses
from merx.kernel.context import Ctx
from merx.kernel.ids import OrderId, TenantId
from merx.vault import Vault

RECENT = timedelta(hours=24)
"""So long an address stands for who ordered from it."""

MAX_TOKENS = 20
MAX_TOKEN = 100


def order_token(vault: Vault, order_id: OrderId) -> str:
    """43 characters that nobody can guess. It follows from the order, so that a checkout whose answer was lost gives
    the same one when it is repeated."""
    made = hmac.digest(vault.key("order token"), order_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def token_digest(vault: Vault, token: str) -> bytes:
    return vault.digest(f"order token/{token}")


def opens(vault: Vault, order_id: OrderId, tokens: Iterable[str]) -> bool:
    """Whether one of them was given for this order."""
    wanted = order_token(vault, order_id).encode()
    return any(hmac.compare_digest(wanted, one.encode("utf-8", "replace")) for one in list(tokens)[:MAX_TOKENS])


def token_digests(vault: Vault, tokens: Iterable[str]) -> list[bytes]:
    """Of what may be tokens; the rest proves nothing."""
    return [token_digest(vault, one) for one in list(tokens)[:MAX_TOKENS] if 0 < len(one) <= MAX_TOKEN]


def client_digest(vault: Vault, ctx: Ctx) -> bytes | None:
    """Where a shopper's request came from. None where that is unknown, and for the merchant's own programs and people:
    they order for many, all from one address."""
    where = addresses.bucket(ctx.address)
    if where == addresses.UNKNOWN or ctx.may("orders:read"):
        return None
    return client_digest_of(vault, ctx.tenant, where)


def client_digest_of(vault: Vault, tenant: TenantId, where: str) -> bytes:
    return vault.digest(f"client/{tenant.hex}/{where}")
