"""Checkout on one page, the way to the payment page, and what comes after."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import get, post
from litestar.types import ControllerRouterHandler

from merx.core.cart import shopping
from merx.core.cart.model import Owner
from merx.core.cart.shopping import Quote
from merx.core.checkout import service as checkout
from merx.core.checkout.confirming import confirm_payment
from merx.core.checkout.model import Buyer, CheckoutRequest, Placed
from merx.core.customers.model import Customer
from merx.core.orders import own
from merx.core.orders.model import OrderDetail
from merx.core.payments.model import OPEN, Payment
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.errors import Invalid, Kind, MerxError, NotFound
from merx.kernel.ids import OrderId
from merx.web.face import PUBLIC
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.storefront import addresses
from merx.web.storefront.carting import PERSONAL
from merx.web.storefront.visiting import cart_of, order_tokens, remember_order

PAYMENTS = {
    "card": ("Card", "You pay on the payment provider's own page."),
    "cod": ("Cash on delivery", "You pay when the parcel arrives."),
    "bank_transfer": ("Bank transfer", "Your goods are sent once the money has arrived."),
}
NAMES = {
    "buyer.email": "email",
    "buyer.name": "ship_name",
    "shipping_method": "shipping_method",
    "payment_method": "payment_method",
    "notes": "notes",
    **addresses.names("ship", "shipping_address"),
    **addresses.names("bill", "billing_address"),
}
MAX_PHONE = 32


@get("/checkout", opt={"needs": PUBLIC})
async def form_page(request: PageRequest) -> Page:
    owner = cart_of(request)
    if owner is None:
        return redirect(request, "/cart")
    quote = await shopping.quote(request.rt, request.ctx, owner)
    if not quote.cart.lines:
        return redirect(request, "/cart")
    customer: Customer | None = request.visitor.values["customer"]
    form = Form({
        "email": customer.email if customer else "",
        "phone": (customer.phone or "") if customer else "",
        "ship_name": customer.name if customer else "",
        "shipping_method": quote.cart.shipping_method.code,
        "payment_method": next(iter(_payments(request))),
        "same": "on",
    })  # fmt: skip
    return _form(request, quote, form)


@post("/checkout/summary", opt={"needs": PUBLIC}, status_code=200)
async def summary(request: PageRequest) -> Page:
    """The totals with the chosen way to send, while the form is being filled in."""
    form, owner = await Form.read(request), cart_of(request)
    if owner is None:
        return redirect(request, "/cart")
    quote = await _quote(request, owner, form)
    return render(request, "checkout/summary.html", quote=quote, cart=quote.cart, headers=PERSONAL)


@post("/checkout", opt={"needs": PUBLIC}, status_code=200)
async def place(request: PageRequest) -> Page:
    form, owner = await Form.read(request), cart_of(request)
    if owner is None:
        return redirect(request, "/cart")
    wanted = _read(request, form, owner)
    if not form.ok:
        return _form(request, await _quote(request, owner, form), form)
    try:
        placed = await checkout.place(request.rt, request.ctx, wanted)
    except MerxError as refused:
        if refused.kind in (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.INTERNAL):
            raise
        form.refused(refused, NAMES)
        quote = await _quote(request, owner, form)
        if not quote.cart.lines:
            return redirect(request, "/cart")
        return _form(request, quote, form)
    return _onwards(request, placed)


def _onwards(request: PageRequest, placed: Placed) -> Page:
    """To the payment page, or to the confirmation where there is nothing to pay now."""
    if placed.lookup_token is not None:
        remember_order(request, placed.lookup_token)
    step = "pay" if placed.payment.status in OPEN and placed.payment.provider != "manual" else "success"
    return redirect(request, f"/checkout/{step}?order={placed.order.id}")


@get("/checkout/pay", opt={"needs": PUBLIC})
async def pay(request: PageRequest, order: str = "") -> Page:
    """Leads to the provider's page: by itself where it has an address, by its script where it opens above ours."""
    detail = await _own(request, order)
    payment = _payable(detail)
    if payment is None:
        return redirect(request, f"/checkout/success?order={detail.order.id}")
    script = _script(request, payment)
    if script is not None:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(script))
        for name in ("script-src", "frame-src", "connect-src", "form-action"):
            request.visitor.policy = {**request.visitor.policy, name: origin}
    return render(
        request, "checkout/pay.html", detail=detail, order=detail.order, payment=payment, script=script,
        headers=PERSONAL,
    )  # fmt: skip


@post("/checkout/confirm", opt={"needs": PUBLIC}, status_code=200)
async def confirm(request: PageRequest) -> Page:
    """The browser's word that it has paid, signed by the provider."""
    form = await Form.read(request)
    detail = await _own(request, form.text("order"))
    fields = {name: form.text(name) for name in form.names() if name not in ("order", "form_token")}
    try:
        await confirm_payment(request.rt, request.ctx, detail.order.id, fields)
    except Invalid as wrong:
        return redirect(request, f"/checkout/pay?order={detail.order.id}", said=wrong.message, tone="danger")
    return redirect(request, f"/checkout/success?order={detail.order.id}")


@get("/checkout/success", opt={"needs": PUBLIC})
async def success(request: PageRequest, order: str = "") -> Page:
    """The order's number and what happens next. A browser that is not the buyer's is thanked and told nothing."""
    detail: OrderDetail | None
    try:
        detail = await _own(request, order)
    except NotFound:
        detail = None
    template = "checkout/state.html" if request.partial and detail is not None else "checkout/success.html"
    found = None if detail is None else detail.order
    return render(request, template, detail=detail, order=found, waiting=_waits(detail), headers=PERSONAL)


def _waits(detail: OrderDetail | None) -> bool:
    """Whether the provider's word is still to come."""
    return detail is not None and _payable(detail) is not None


def _payable(detail: OrderDetail) -> Payment | None:
    return next((one for one in detail.payments if one.status in OPEN and one.provider != "manual"), None)


async def _own(request: PageRequest, order: str) -> OrderDetail:
    found = ids.parse_uuid(order)
    if found is None:
        raise NotFound("order")
    return await own.get(request.rt, request.ctx, OrderId(found), order_tokens(request))


def _script(request: PageRequest, payment: Payment) -> str | None:
    """The provider's script, where the shopper pays in a window above the shop's page."""
    found = payment.client.get("script") if payment.url is None else None
    return found if isinstance(found, str) else None


# ── The form ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _read(request: PageRequest, form: Form, owner: Owner) -> CheckoutRequest:
    """What was filled in; what is missing becomes a fault of its field."""
    values, guest = request.visitor.values, request.ctx.actor is not ActorKind.CUSTOMER
    locale: str = values["locale"]
    shipping = addresses.read(form, "ship", locale)
    billing = shipping if form.flag("same") else addresses.read(form, "bill", locale)
    if guest and not form.text("email"):
        form.fault("email", "Enter your e-mail address: the confirmation goes there.")
    if form.text("payment_method") not in _payments(request):
        form.fault("payment_method", "Choose how to pay.")
    if len(form.text("phone")) > MAX_PHONE:
        form.fault("phone", f"A telephone number has at most {MAX_PHONE} characters.")
    buyer = Buyer(form.text("email"), shipping.name, form.optional("phone")) if guest else None
    return CheckoutRequest(
        owner=owner,
        buyer=buyer,
        payment_method=form.text("payment_method"),
        shipping_method=form.optional("shipping_method"),
        shipping_address=shipping,
        billing_address=billing,
        notes=form.text("notes"),
        lookup_token=True,
    )


async def _quote(request: PageRequest, owner: Owner, form: Form) -> Quote:
    try:
        return await shopping.quote(request.rt, request.ctx, owner, form.optional("shipping_method"))
    except Invalid:
        return await shopping.quote(request.rt, request.ctx, owner)


def _payments(request: PageRequest) -> dict[str, tuple[str, str]]:
    """How this shop can be paid: by card where it has a provider for it."""
    found = request.visitor.values["settings"].payment_provider
    return {name: words for name, words in PAYMENTS.items() if name != "card" or found != "manual"}


def _form(request: PageRequest, quote: Quote, form: Form) -> Page:
    values: dict[str, Any] = request.visitor.values
    return render(
        request, "checkout/form.html", quote=quote, cart=quote.cart, form=form, payments=_payments(request),
        countries=addresses.countries(values["locale"]), headers=PERSONAL,
    )  # fmt: skip


ROUTES: list[ControllerRouterHandler] = [form_page, summary, place, pay, confirm, success]
