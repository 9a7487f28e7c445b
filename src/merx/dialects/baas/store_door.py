"""Owns who may use which route of the store API, asked before the body is looked at, and how often one may try to sign
in or sign up.

The guards are coroutines although they wait for nothing: Litestar sends a plain function to a thread."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from merx.core.auth.model import WrongPassword
from merx.core.cart.model import Owner
from merx.edge.app import MerxRequest
from merx.edge.client import address_bucket
from merx.edge.visit import visit_of

SIGN_INS, SIGN_IN_SECONDS = 10, 300
SIGN_UPS, SIGN_UP_SECONDS = 60, 60


async def shopper(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A signed-in customer, and nobody else."""
    visit_of(connection.scope).caller().customer_id()


async def shop(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Anybody, where the host or a key names the shop."""
    visit = visit_of(connection.scope)
    if visit.shop is None:
        visit.caller()


def owner(request: MerxRequest) -> Owner:
    """Whose cart is meant."""
    return Owner(customer_id=request.ctx.customer_id())


def signing_in(request: MerxRequest, email: str) -> AbstractAsyncContextManager[None]:
    """One attempt at this account from this address; only those that fail count."""
    visit = request.visit
    assert visit.limiter is not None
    account = request.rt.vault.digest(f"{request.shop.tenant.hex}/{email.strip().lower()}").hex()[:24]
    bucket = f"signin:{account}:{address_bucket(visit.address)}"
    return visit.limiter.attempt(bucket, SIGN_INS, SIGN_IN_SECONDS, WrongPassword)


async def signing_up(request: MerxRequest) -> None:
    visit = request.visit
    assert visit.limiter is not None
    await visit.limiter.spend(f"signup:{address_bucket(visit.address)}", SIGN_UPS, SIGN_UP_SECONDS)
