"""Pure: may this be sold, what is the order, where may a payment page send the shopper back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from merx.core.cart.model import MAX_LINES, Basket, BasketLine, Cart, Item
from merx.core.cart.rules import check_quantity
from merx.core.checkout.model import MAX_NOTES, MAX_TOKEN, PAYMENT_METHODS, CartEmpty, CheckoutRequest, Claimed
from merx.core.inventory.model import OutOfStock
from merx.core.orders.model import Address, Order, OrderLine, PaymentStatus, Status, StockState
from merx.core.tenants.model import Origins
from merx.core.tenants.rules import email
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound, Refused
from merx.kernel.ids import LineId, OrderId, VariantId
from merx.kernel.money import parse_minor

HOLD = timedelta(minutes=15)
PAGE_HOLD = timedelta(minutes=30)
"""How long stock is held for an unpaid order; longer where the shopper is at a payment page."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # all but tabs and line ends
_LIMITS = {
    "line1": 255,
    "line2": 255,
    "city": 100,
    "state": 100,
    "postal_code": 32,
    "country": 64,
    "name": 255,
    "phone": 32,
}


def check_request(request: CheckoutRequest) -> None:
    """Raises Invalid, naming the field."""
    if request.payment_method not in PAYMENT_METHODS:
        raise Invalid(f"A payment method is one of {', '.join(PAYMENT_METHODS)}.", field="payment_method")
    if len(request.notes) > MAX_NOTES:
        raise Invalid(f"Notes have at most {MAX_NOTES} characters.", field="notes")
    check_token(request.token)
    buyer = request.buyer
    if buyer is not None:
        if email(buyer.email) is None:
            raise Invalid("Enter a valid email address.", field="buyer.email")
        if len(buyer.name) > _LIMITS["name"] or len(buyer.phone or "") > _LIMITS["phone"]:
            raise Invalid("A name has at most 255 characters, a telephone number 32.", field="buyer.name")
    for name, address in (("shipping_address", request.shipping_address), ("billing_address", request.billing_address)):
        if address is not None:
            check_address(address, name)


def check_token(token: str | None) -> None:
    if token is not None and not (0 < len(token) <= MAX_TOKEN and token.isascii() and token.isprintable()):
        raise Invalid("This is not a payment method of the provider's.", field="token")


def check_buyer(ctx: Ctx, request: CheckoutRequest) -> None:
    """Raises NotFound where a shopper orders in another's name; a program that names one of the shop's customers needs
    orders:write, because a storefront's key is in everybody's hands."""
    if request.customer_id is None or (ctx.actor is ActorKind.CUSTOMER and request.customer_id == ctx.actor_id):
        return
    if ctx.actor is ActorKind.CUSTOMER:
        raise NotFound("customer", field="customer_id")
    if request.owner is None:
        ctx.require("orders:write")


def check_address(address: Address, field: str) -> None:
    wrong = {
        f"{field}.{name}": [said]
        for name, limit in _LIMITS.items()
        if (said := _fault(getattr(address, name), limit)) is not None
    }
    if wrong:
        raise Invalid(next(iter(wrong.values()))[0], fields=wrong)


def _fault(value: str, limit: int) -> str | None:
    """What stands on a parcel: lines are all right, blanks alone and what no printer can write are not."""
    if len(value) > limit:
        return f"This has at most {limit} characters."
    if value and not value.strip():
        return "There is nothing but blanks in it."
    return "There are control characters in it." if _CONTROL.search(value) else None


def check_items(items: Sequence[Item]) -> None:
    if not items:
        raise Invalid("An order has at least one item.", field="items")
    if len(items) > MAX_LINES:
        raise Invalid(f"An order has at most {MAX_LINES} items.", field="items")
    for place, item in enumerate(items):
        if item.product_id is None and item.variant_id is None:
            raise Invalid("An item names a product or a variant.", field=f"items[{place}].product_id")
        try:
            check_quantity(item.quantity)
        except Invalid as wrong:
            raise Invalid(wrong.message, field=f"items[{place}].quantity") from None


def check_claims(items: Sequence[Claimed]) -> None:
    """What a browser tells of an order it wants to pay for."""
    if not 1 <= len(items) <= MAX_LINES:
        raise Invalid(f"A payment is for 1 to {MAX_LINES} items.", field="items")
    for place, item in enumerate(items):
        try:
            check_quantity(item.quantity)
        except Invalid as wrong:
            raise Invalid(wrong.message, field=f"items[{place}].quantity") from None


def check_same_items(order: Order, items: Sequence[Claimed]) -> None:
    """Raises Invalid unless they are the order's lines, piece for piece and at the order's prices."""
    left = {line.id: line.quantity for line in order.lines}
    for place, item in enumerate(items):
        price, wanted, key = parse_minor(item.price, order.currency), item.quantity, item.key.lower()
        for line in order.lines:
            if price == line.unit_minor and key in _keys(line):
                taken = min(wanted, left[line.id])
                left[line.id] -= taken
                wanted -= taken
        if wanted:
            raise Invalid(
                "The order does not hold this item in this quantity at this price; its own lines are what is paid for.",
                code="items_differ",
                field=f"items[{place}]",
            )
    if any(left.values()):
        raise Invalid("The order holds more than these items.", code="items_differ", field="items")


def _keys(line: OrderLine) -> tuple[str, ...]:
    return str(line.product_id), str(line.variant_id), str(line.id), (line.sku or str(line.id)).lower()


def is_of(line: BasketLine, item: Item) -> bool:
    """Whether a line is of what an item names: of both, where it names a product and a variant."""
    return item.product_id in (None, line.product_id) and item.variant_id in (None, line.variant_id)


def check_sellable(basket: Basket) -> None:
    """Raises Refused for an empty basket and for what is no longer for sale, OutOfStock for what is short already.
    Stock is decided for good when it is reserved."""
    if not basket.lines:
        raise CartEmpty()
    gone = [line.name for line in basket.lines if not line.sellable]
    if gone:
        raise Refused(
            f"No longer for sale: {', '.join(gone)}. Remove it and try again.", code="unavailable", field="items"
        )
    wanted: dict[VariantId, int] = {}
    for line in basket.lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    short = [line for line in basket.lines if wanted[line.variant_id] > line.available]
    if short:
        raise short_of(basket.lines, [line.variant_id for line in short])


def short_of(lines: Sequence[BasketLine], variants: Sequence[VariantId]) -> OutOfStock:
    names = dict.fromkeys(line.name for line in lines if line.variant_id in set(variants))
    return OutOfStock(list(dict.fromkeys(variants)), list(names))


def provider_of(method: str, configured: str) -> str:
    """Cash and transfers need no provider; a card goes to the shop's own, or is taken by hand where it has none."""
    return configured if method == "card" else "manual"


def order_of(
    order_id: OrderId, request: CheckoutRequest, cart: Cart, at_page: bool, immediate: bool, source: str, now: datetime
) -> Order:
    """The order as it is written; its number is drawn later. A total of zero is paid from the start."""
    basket, totals = cart.basket, cart.totals
    free = totals.total == 0
    hold = None if immediate or free else now + (PAGE_HOLD if at_page else HOLD)
    buyer = request.buyer
    coupon = basket.coupon if basket.coupon_code else None
    return Order(
        id=order_id,
        number=0,
        customer_id=basket.customer_id,
        email=email(buyer.email) if buyer else basket.email,
        customer_name=(buyer.name if buyer else "") or basket.customer_name,
        phone=(buyer.phone if buyer else None) or basket.phone,
        status=Status.CONFIRMED if free else Status.PENDING,
        payment_status=PaymentStatus.PAID if free else PaymentStatus.UNPAID,
        stock_state=StockState.HELD,
        hold_expires_at=hold,
        currency=basket.currency,
        subtotal_minor=totals.subtotal,
        discount_minor=totals.discount,
        shipping_minor=totals.shipping,
        tax_minor=totals.tax,
        total_minor=totals.total,
        tax_included=totals.tax_included,
        coupon_id=coupon.id if coupon else None,
        coupon_code=coupon.code if coupon else None,
        shipping_method=cart.shipping_method.code,
        payment_method=request.payment_method,
        shipping_address=request.shipping_address,
        billing_address=request.billing_address or request.shipping_address,
        notes=request.notes,
        cart_id=basket.id,
        source=source,
        flagged=None,
        created_at=now,
        updated_at=now,
        lines=_lines(cart),
    )


def _lines(cart: Cart) -> list[OrderLine]:
    return [
        OrderLine(
            id=LineId(ids.new()),
            product_id=line.product_id,
            variant_id=line.variant_id,
            sku=line.sku,
            name=line.name,
            variant_title=line.variant_title,
            image=line.image,
            quantity=line.quantity,
            unit_minor=line.unit_minor,
            total_minor=priced.total,
            discount_minor=priced.discount,
            tax_minor=priced.tax,
        )
        for line, priced in zip(cart.lines, cart.totals.lines, strict=True)
    ]


def check_return(url: str | None, field: str, origins: Origins) -> None:
    """Where a payment page sends the shopper back to: only to the shop's own or an allowed origin. An open redirect
    behind a payment is a present to phishers."""
    if url is None:
        return
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise Invalid("This must be an http:// or https:// address of at most 2000 characters.", field=field)
    if not origins.allow(f"{parts.scheme}://{parts.netloc}"):
        raise Invalid(
            "This address is not among the shop's allowed origins; add its origin to allowed_origins in the settings.",
            code="origin_not_allowed",
            field=field,
        )


def _split(url: str) -> SplitResult | None:
    if len(url) > 2000 or not url.isprintable() or " " in url:
        return None
    try:
        return urlsplit(url)
    except ValueError:
        return None
