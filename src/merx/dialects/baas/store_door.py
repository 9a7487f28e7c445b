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
from merx.edge.visit import visit_of
from merx.kernel.errors import Unauthenticated


async def shopper(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A signed-in customer, and nobody else."""
    visit_of(connection.scope).caller().customer_id()


async def shop(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Anybody, where the host or a key names the shop."""
    visit = visit_of(connection.scope)
    if visit.shop is None:
        if visit.denied is None and visit.ctx is None:  # "Sign in" would be no help to who is just doing that
            raise Unauthenticated("Which shop? Use its own address, or send one of its API keys.")
        visit.caller()


def owner(request: MerxRequest) -> Owner:
    """Whose cart is meant."""
    return Owner(customer_id=request.ctx.customer_id())


def signing_in(
    request: MerxRequest, account: str, failure: type[Exception] = WrongPassword
) -> AbstractAsyncContextManager[None]:
    """One attempt at the password of this shop's account from this address; only those that fail count."""
    visit = request.visit
    assert visit.limiter is not None
    return visit.limiter.sign_in(f"{request.shop.tenant.hex}/{account}", visit.address, failure)


async def signing_up(request: MerxRequest) -> None:
    visit = request.visit
    assert visit.limiter is not None
    await visit.limiter.sign_up(visit.address)
