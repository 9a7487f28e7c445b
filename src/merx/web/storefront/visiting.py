"""Whose cart a visitor fills, and where this shop's pages are."""

from __future__ import annotations

import secrets

from merx.core.cart.model import Owner
from merx.core.tenants.model import Tenant
from merx.kernel.context import ActorKind
from merx.kernel.ids import CustomerId
from merx.web import cookies
from merx.web.pages import PageRequest

CART = "merx_cart"
CART_SECONDS = 60 * 86_400
ORDERS = "merx_orders"
ORDERS_SECONDS = 30 * 86_400
MOST_ORDERS = 6


def cart_of(request: PageRequest) -> Owner | None:
    """The shopper's own cart, or the one their browser began; None where it has begun none."""
    if request.ctx.actor is ActorKind.CUSTOMER:
        return Owner(customer_id=request.ctx.customer_id())
    token = guest_token(request)
    return None if token is None else Owner(token=token)


def cart_to_fill(request: PageRequest) -> Owner:
    """The same; one is begun where there is none."""
    found = cart_of(request)
    if found is not None:
        return found
    token = f"web-{secrets.token_urlsafe(24)}"
    request.visitor.put_cookie(CART, token, CART_SECONDS)
    return Owner(token=token)


def guest_token(request: PageRequest) -> str | None:
    found = cookies.read(request.visit.headers, CART, request.visit.https)
    return found if found and found.startswith("web-") and len(found) == 36 else None


def signed_in_as(request: PageRequest) -> CustomerId | None:
    return request.ctx.customer_id() if request.ctx.actor is ActorKind.CUSTOMER else None


def order_tokens(request: PageRequest) -> list[str]:
    """What this browser was given when it ordered: it may look at these orders without signing in."""
    found = cookies.read(request.visit.headers, ORDERS, request.visit.https)
    return found.split("~")[:MOST_ORDERS] if found else []


def remember_order(request: PageRequest, token: str) -> None:
    kept = [token, *(one for one in order_tokens(request) if one != token)][:MOST_ORDERS]
    request.visitor.put_cookie(ORDERS, "~".join(kept), ORDERS_SECONDS)


def home(request: PageRequest, shop: Tenant) -> str:
    """The shop's canonical address, without a slash at its end: its own domain where it has one."""
    scheme = "https" if request.rt.settings.public_url.startswith("https://") else "http"
    host = shop.domain or f"{shop.slug}.{request.rt.settings.base_domain}"
    return f"{scheme}://{host}"
