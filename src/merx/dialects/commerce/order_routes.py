"""Owns the orders' routes."""

from __future__ import annotations

from litestar import Response, get, patch, post
from litestar.types import ControllerRouterHandler

from merx.core.cart.model import Item
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery, Status
from merx.dialects.commerce import translate, wire
from merx.dialects.commerce.paths import ident, in_path
from merx.edge.admission import ANYBODY_KNOWN, admit
from merx.edge.app import MerxRequest, reply
from merx.edge.pagination import offset_of
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid
from merx.kernel.ids import OrderId, ProductId, VariantId

_ORDER_ID = in_path("orderId", "Order UUID")


@get(
    "/orders",
    operation_id="listOrders",
    tags=["Orders"],
    asks=wire.ListOrders,
    guards=[admit],
    needs=ANYBODY_KNOWN,
    refuses=(400, 401, 403, 404, 414, 422, 429, 500, 503),
)
async def list_orders(request: MerxRequest) -> wire.OrderList:
    """Lists orders, newest first, in pages.

    Who has `orders:read` sees the shop's, a shopper sees their own.
    """
    asked = request.ask(wire.ListOrders)
    query = OrderQuery(
        statuses=() if asked.status is None else translate.CORE_STATUSES[asked.status],
        created_from=asked.from_,
        created_to=asked.to,
        limit=asked.page_size,
        offset=offset_of(asked.page, asked.page_size),
    )
    found = await orders.page(request.rt, request.ctx, query)
    base = request.rt.settings.public_url
    shown = [translate.order(one, base) for one in found.orders]
    return wire.OrderList(data=shown, pagination=translate.pagination(asked, found.total))


@post(
    "/orders",
    operation_id="createOrder",
    tags=["Orders"],
    guards=[admit],
    needs="checkout:write",
    gives={"Location": "Where the order is"},
    refuses=(400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 500, 503),
)
async def create_order(request: MerxRequest, data: wire.OrderCreate) -> Response[wire.OrderDetail]:
    """Makes an order: all of its stock is reserved, or none and nothing else has happened (422).

    Prices, shipping and tax are the shop's. Paid by card, it holds its stock for a while, and `payment.url` is where
    the shopper pays.
    """
    wanted = _checkout(request.ctx, data, request.headers.get("idempotency-key"))
    made = await checkout.place(request.rt, request.ctx, wanted)
    shown = translate.placed(made, request.rt.settings.public_url)
    return reply(shown, 201, {"Location": f"/commerce/v2/orders/{shown.id}"})


def _checkout(ctx: Ctx, data: wire.OrderCreate, key: str | None) -> CheckoutRequest:
    shopper = ctx.actor is ActorKind.CUSTOMER
    if shopper and data.customer is not None:
        raise Invalid("An order is its shopper's own; leave this out.", field="customer")
    buyer = data.customer
    return CheckoutRequest(
        items=tuple(
            Item(ProductId(one.product_id), one.quantity, None if one.variant_id is None else VariantId(one.variant_id))
            for one in data.items
        ),
        customer_id=ctx.customer_id() if shopper else None,
        buyer=None if buyer is None else Buyer(buyer.email, buyer.name, buyer.phone),
        payment_method=data.payment_method,
        shipping_method=data.shipping_method,
        shipping_address=translate.address(data.shipping_address),
        billing_address=translate.address(data.billing_address),
        coupon_code=data.coupon_code,
        notes=data.notes,
        key=key,
    )


@get(
    "/orders/{orderId:str}",
    operation_id="getOrder",
    tags=["Orders"],
    guards=[admit],
    needs=ANYBODY_KNOWN,
    names=_ORDER_ID,
    refuses=(400, 401, 403, 404, 414, 422, 429, 500, 503),
)
async def get_order(request: MerxRequest) -> wire.OrderDetail:
    """Shows one order. Somebody else's is as unknown as one that never was."""
    found = await orders.get(request.rt, request.ctx, _order_id(request))
    return translate.order_detail(found, request.rt.settings.public_url)


@patch(
    "/orders/{orderId:str}/status",
    operation_id="updateOrderStatus",
    tags=["Orders"],
    guards=[admit],
    needs="orders:write",
    names=_ORDER_ID,
    refuses=(400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 500, 503),
)
async def update_order_status(request: MerxRequest, data: wire.StatusUpdate) -> wire.OrderDetail:
    """Moves an order on. Needs `orders:write`.

    pending becomes confirmed or cancelled; confirmed becomes shipped, cancelled or refunded; shipped becomes delivered
    or refunded; delivered becomes refunded. Anything else is 422 and says what could follow. Cancelling returns the
    stock; refunding gives the money back through the payment provider, and needs `refunds:write` too.
    """
    found = await orders.change_status(request.rt, request.ctx, _order_id(request), Status(data.status))
    return translate.order_detail(found, request.rt.settings.public_url)


def _order_id(request: MerxRequest) -> OrderId:
    return OrderId(ident(request, "orderId"))


ROUTES: list[ControllerRouterHandler] = [list_orders, create_order, get_order, update_order_status]
