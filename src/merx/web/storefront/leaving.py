"""Coming back from the payment page without having paid: the order still waits, and the shopper may go on paying or
have their cart back."""

from __future__ import annotations

from litestar import get, post
from litestar.types import ControllerRouterHandler

from merx.core.checkout.leaving import leave
from merx.core.orders import own
from merx.core.orders.model import PaymentStatus, Status
from merx.core.payments.model import OPEN
from merx.kernel import ids
from merx.kernel.errors import MerxError, NotFound
from merx.kernel.ids import OrderId
from merx.web.face import PUBLIC
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.storefront.carting import PERSONAL
from merx.web.storefront.visiting import order_tokens


@get("/checkout/cancel", opt={"needs": PUBLIC})
async def cancelled(request: PageRequest, order: str = "") -> Page:
    """Looking at this page changes nothing: the payment page may still be open in another tab."""
    found = ids.parse_uuid(order)
    try:
        if found is None:
            raise NotFound("order")
        detail = await own.get(request.rt, request.ctx, OrderId(found), order_tokens(request))
    except NotFound:
        return redirect(request, "/cart")
    if not any(one.status in OPEN for one in detail.payments):
        gone = detail.order.payment_status in (PaymentStatus.UNPAID, PaymentStatus.FAILED)
        return redirect(request, "/cart" if gone else f"/checkout/success?order={detail.order.id}")
    return render(request, "checkout/cancel.html", detail=detail, order=detail.order, headers=PERSONAL)


@post("/checkout/cancel", opt={"needs": PUBLIC}, status_code=200)
async def back_to_cart(request: PageRequest) -> Page:
    form = await Form.read(request)
    found = ids.parse_uuid(form.text("order"))
    if found is None:
        raise NotFound("order")
    try:
        order = await leave(request.rt, request.ctx, OrderId(found), order_tokens(request))
    except MerxError as wrong:
        if wrong.retry_after is None:
            raise
        return redirect(request, f"/checkout/cancel?order={found}", said=wrong.message, tone="warning")
    if order.status is Status.CANCELLED:
        return redirect(request, "/cart", said="Nothing was charged. Your cart is as you left it.")
    paid = order.payment_status is PaymentStatus.PAID
    said = "The payment had gone through already." if paid else "Nothing was charged by card. Your order stands."
    return redirect(request, f"/checkout/success?order={order.id}", said=said)


ROUTES: list[ControllerRouterHandler] = [cancelled, back_to_cart]
