"""Owns buying, and the orders of an e-mail."""

from __future__ import annotations

import contextlib

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from merx.core.cart.model import Owner
from merx.core.checkout import confirming
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest
from merx.core.orders import lookup
from merx.core.orders.model import OrderDetail
from merx.dialects.aerostack import translate, wire
from merx.dialects.aerostack.errors import renamed
from merx.dialects.aerostack.paths import ident
from merx.edge.admission import admit
from merx.edge.app import MerxRequest, reply
from merx.edge.client import address_bucket
from merx.edge.pagination import offset_of
from merx.kernel.context import ActorKind
from merx.kernel.errors import NotFound
from merx.kernel.ids import OrderId

LOOKUPS, LOOKUP_SECONDS = 10, 60
"""So often an e-mail's orders may be asked for, and so often by one client address."""

TOKEN_HEADER = "X-Order-Token"  # noqa: S105
_TOKENS = {TOKEN_HEADER: "The `orderToken` of a checkout, or several with commas: they show the orders they were for"}
_ORDER = {"orderId": {"type": "string", "format": "uuid", "description": "The order's id"}}


@post(
    "/checkout",
    operation_id="checkout",
    tags=["Checkout"],
    guards=[admit],
    needs="checkout:write",
    errors=(402,),
)
async def place(request: MerxRequest, data: wire.CheckoutBody) -> Response[wire.Placed]:
    """Makes the cart an order, and says how it is paid.

    The same sent again answers with the same order and the same payment. Anything else then finds an empty cart, or,
    while the order waits to be paid online, takes its place.
    """
    ctx = request.ctx
    wanted = CheckoutRequest(
        owner=Owner(token=data.cart_id),
        customer_id=ctx.customer_id() if ctx.actor is ActorKind.CUSTOMER else None,
        buyer=Buyer(data.email, data.customer_name or "", data.customer_phone),
        payment_method=data.payment_method or "card",
        shipping_method=data.shipping_method,
        shipping_address=translate.address(data.shipping_address),
        billing_address=translate.address(data.billing_address),
        coupon_code=data.coupon_code,
        notes=data.notes or "",
        success_url=data.success_url,
        cancel_url=data.cancel_url,
        lookup_token=True,
    )
    with renamed(items="cartId", code="couponCode"):
        made = await checkout.place(request.rt, ctx, wanted)
    return reply(translate.placed(made), 201)


@post(
    "/checkout/confirm",
    operation_id="confirmCheckout",
    status_code=200,
    tags=["Checkout"],
    guards=[admit],
    needs="checkout:write",
)
async def confirm(request: MerxRequest, data: wire.ConfirmBody) -> wire.Confirmed:
    """Takes what Razorpay's window hands to the page after paying, checks that Razorpay signed it, and answers with
    the order as it stands then. The provider's own callback says the same; whichever comes second changes nothing."""
    fields = {
        "razorpay_payment_id": data.razorpay_payment_id,
        "razorpay_order_id": data.razorpay_order_id,
        "razorpay_signature": data.razorpay_signature,
    }
    made = await confirming.confirm_payment(request.rt, request.ctx, OrderId(data.order_id), fields)
    return translate.confirmed(made)


@get(
    "/orders",
    operation_id="listOrders",
    asks=wire.ListOrders,
    tags=["Orders"],
    guards=[admit],
    needs="orders:own",
    takes=_TOKENS,
)
async def list_orders(request: MerxRequest) -> wire.OrderList:
    """An e-mail's orders, newest first, as far as they are the asker's own.

    An e-mail proves nothing by itself. Shown are the signed-in customer's orders, those whose `orderToken` is sent
    along, and for 24 hours those that came from this client's address. Anything else is an empty list.
    """
    asked = request.ask(wire.ListOrders)
    await _limited(request, asked.email)
    about = lookup.Asked(asked.email, _tokens(request, asked.order_token))
    offset = offset_of(asked.page, asked.limit)
    found = await lookup.page(request.rt, request.ctx, about, asked.limit, offset)
    shown = [translate.order_summary(one) for one in found.orders]
    return wire.OrderList(shown, found.total, asked.page, asked.limit)


@get(
    "/orders/{orderId:str}",
    operation_id="getOrder",
    asks=wire.OneOrder,
    tags=["Orders"],
    guards=[admit],
    needs="orders:own",
    names=_ORDER,
    takes=_TOKENS,
)
async def get_order(request: MerxRequest) -> wire.OrderDetail:
    """One order, for who knows its id and its e-mail and would find it in the list. To everybody else there is none.

    With its `orderToken`, or signed in as who ordered it, it may be asked for as often as the plan allows requests.
    """
    asked = request.ask(wire.OneOrder)
    order = OrderId(ident(request, "orderId", "order"))
    about = lookup.Asked(asked.email, _tokens(request, asked.order_token))
    found = await _proven(request, order, about)
    if found is None:
        await _limited(request, asked.email)
        found = await lookup.one(request.rt, request.ctx, order, about)
    return translate.order_detail(found, request.rt.settings.public_url)


async def _proven(request: MerxRequest, order: OrderId, about: lookup.Asked) -> OrderDetail | None:
    """The order, for who can prove that it is theirs: as often as they like, since a page that waits for the payment
    asks again and again. Only a wrong e-mail counts, and only theirs, so nobody else uses it up for them."""
    rt, ctx, limiter = request.rt, request.ctx, request.visit.limiter
    if not lookup.proves(rt, ctx, order, about):
        return None
    assert limiter is not None
    with contextlib.suppress(NotFound):
        async with limiter.attempt(f"orders:{order.hex}:{ctx.principal}", LOOKUPS, LOOKUP_SECONDS, NotFound):
            return await lookup.proven(rt, ctx, order, about)
    return None


def _tokens(request: MerxRequest, in_query: list[str]) -> list[str]:
    header = request.visit.headers.get(TOKEN_HEADER.lower().encode(), b"").decode("latin-1")
    return [*(one.strip() for one in header.split(",")), *in_query]


async def _limited(request: MerxRequest, email: str) -> None:
    """Counted before anything is looked at, a hit like a miss; in counters that may be shared, hence the digest."""
    if lookup.unlimited(request.ctx):
        return
    visit, tenant = request.visit, request.ctx.tenant.hex
    assert visit.limiter is not None
    whose = request.rt.vault.digest(f"lookup/{tenant}/{email.strip().lower()}").hex()[:24]
    await visit.limiter.spend(f"orders:{tenant}:{address_bucket(visit.address)}", LOOKUPS, LOOKUP_SECONDS)
    await visit.limiter.spend(f"orders:{whose}", LOOKUPS, LOOKUP_SECONDS)


ROUTES: list[ControllerRouterHandler] = [place, confirm, list_orders, get_order]
