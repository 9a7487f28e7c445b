"""Owns buying in the store API: checkout, and a customer's own orders."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from merx.core.checkout import service as checkout
from merx.core.checkout.model import MAX_NOTES, CheckoutRequest
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery
from merx.dialects.baas import translate, wire
from merx.dialects.baas.store_door import owner, shopper
from merx.edge.app import MerxRequest
from merx.kernel.ids import OrderId

ORDERS = "/api/store/orders/"

Method = Literal["card", "cod", "bank_transfer"]
Url = Annotated[str, Meta(min_length=1, max_length=2000)]


class Checkout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `billing_address`, the bill goes where the goods go. `coupon_code` takes the place of the cart's. The
    payment page sends the shopper back to `success_url` or `cancel_url`, which belong to the shop or to one of its
    allowed origins."""

    shipping_address: wire.Address
    payment_method: Method
    billing_address: wire.Address | None = None
    notes: Annotated[str, Meta(max_length=MAX_NOTES)] = ""
    coupon_code: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    shipping_method: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    success_url: Url | None = None
    cancel_url: Url | None = None


class ListOrders(wire.Paging, frozen=True, kw_only=True):
    status: wire.Status | None = None


@post("/checkout/", guards=[shopper], tags=["Orders"], errors=(402, 502))
async def check_out(request: MerxRequest, data: Checkout) -> wire.OrderDetail:
    """Makes the cart an order.

    The same sent again gives the same order. Anything else then finds an empty cart, or, while the order waits at a
    payment page, takes its place."""
    wanted = CheckoutRequest(
        owner=owner(request),
        payment_method=data.payment_method,
        shipping_method=data.shipping_method,
        shipping_address=translate.address(data.shipping_address),
        billing_address=None if data.billing_address is None else translate.address(data.billing_address),
        coupon_code=data.coupon_code,
        notes=data.notes,
        success_url=data.success_url,
        cancel_url=data.cancel_url,
    )
    placed = await checkout.place(request.rt, request.ctx, wanted)
    return translate.placed(placed.order, placed.payment, request.rt.settings.public_url)


@get("/orders/", asks=ListOrders, guards=[shopper], tags=["Orders"])
async def list_orders(request: MerxRequest) -> wire.OrderPage:
    """The customer's own orders, newest first."""
    asked = request.ask(ListOrders)
    limit, offset = translate.bounds(asked)
    statuses = () if asked.status is None else translate.CORE_STATUSES[asked.status]
    found = await orders.page(request.rt, request.ctx, OrderQuery(statuses, limit=limit, offset=offset))
    following, preceding = translate.links(request, ORDERS, asked, found.total)
    base = request.rt.settings.public_url
    return wire.OrderPage(found.total, following, preceding, [translate.order(one, base) for one in found.orders])


@get("/orders/{order:str}/", guards=[shopper], tags=["Orders"])
async def get_order(request: MerxRequest, order: str) -> wire.OrderDetail:
    """One of the customer's own orders."""
    ident = translate.ident(OrderId, "ord", order, "order")
    found = await orders.get(request.rt, request.ctx, ident)
    return translate.order_detail(found, request.rt.settings.public_url)


ROUTES: list[ControllerRouterHandler] = [check_out, list_orders, get_order]
