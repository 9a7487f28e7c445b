"""Owns the way between the core's values and this dialect's: money as numbers, times as milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec.structs import asdict, replace

from merx.core.cart import model as carts
from merx.core.catalog import model as catalog
from merx.core.checkout.model import Placed
from merx.core.coupons.model import CouponType
from merx.core.orders import model as orders
from merx.core.payments.model import Payment
from merx.core.payments.model import Status as Stands
from merx.core.tenants.model import ShopSettings
from merx.dialects.aerostack import wire
from merx.kernel import money
from merx.kernel.errors import Upstream
from merx.kernel.money import Money

_STATUS: dict[orders.Status, wire.Status] = {
    orders.Status.PENDING: "pending",
    orders.Status.CONFIRMED: "confirmed",
    orders.Status.PROCESSING: "processing",
    orders.Status.SHIPPED: "shipped",
    orders.Status.DELIVERED: "delivered",
    orders.Status.CANCELLED: "cancelled",
    orders.Status.REFUNDED: "refunded",
}
_PAID: dict[orders.PaymentStatus, wire.PaymentStatus] = {
    orders.PaymentStatus.UNPAID: "unpaid",
    orders.PaymentStatus.AUTHORIZED: "authorized",
    orders.PaymentStatus.PAID: "paid",
    orders.PaymentStatus.PARTIALLY_REFUNDED: "partially_refunded",
    orders.PaymentStatus.REFUNDED: "refunded",
    orders.PaymentStatus.FAILED: "failed",
}
_ATTEMPT: dict[Stands, wire.Attempt] = {
    Stands.CREATED: "pending",
    Stands.PENDING: "pending",
    Stands.AUTHORIZED: "authorized",
    Stands.CAPTURED: "paid",
    Stands.DECLINED: "failed",
    Stands.CANCELLED: "cancelled",
}


def millis(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def absolute(base: str, url: str) -> str:
    """Pictures that Merx serves itself are kept without a host."""
    return base + url if url.startswith("/") else url


def _number(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-money.exponent(currency))


def config(found: ShopSettings) -> wire.Config:
    threshold = found.free_shipping_threshold
    return wire.Config(
        default_currency=found.currency,
        currency_symbol=found.currency_symbol,
        tax_percentage=found.tax_percentage,
        flat_shipping_rate=found.flat_shipping.number(),
        free_shipping_threshold=None if threshold is None else threshold.number(),
        shipping_enabled=found.shipping_enabled,
        payment_provider=found.payment_provider,
    )


# ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
def product(found: catalog.Product, base: str) -> wire.Product:
    currency, compare, available = found.currency, found.compare_minor, found.available
    return wire.Product(
        id=found.id,
        name=found.name,
        slug=found.slug,
        description=found.description,
        price=_number(found.price_minor, currency),
        compare_at_price=None if compare is None else _number(compare, currency),
        currency=currency,
        sku=found.sku,
        stock=available,
        in_stock=available > 0,
        images=[wire.Image(absolute(base, image.url), image.alt) for image in found.images],
        categories=[wire.CategoryRef(one.id, one.name, one.slug) for one in found.categories],
        options=tuple([wire.Option(option.name, option.values) for option in found.options]),
        variants=[_variant(one) for one in found.variants],
        created_at=millis(found.created_at),
        updated_at=millis(found.updated_at),
    )


def _variant(found: catalog.Variant) -> wire.Variant:
    compare = found.compare_minor
    return wire.Variant(
        id=found.id,
        sku=found.sku,
        title=found.title,
        options=found.options,
        price=_number(found.price_minor, found.currency),
        compare_at_price=None if compare is None else _number(compare, found.currency),
        stock=found.available,
        in_stock=found.available > 0,
    )


def category_tree(found: Iterable[catalog.Category]) -> list[wire.Category]:
    """`found` has parents before their children."""
    top: list[wire.Category] = []
    below: dict[UUID, list[wire.Category]] = {}
    for one in found:
        shown = wire.Category(one.id, one.name, one.slug, one.description, below.setdefault(one.id, []))
        (top if one.parent_id is None else below.setdefault(one.parent_id, [])).append(shown)
    return top


# ── Carts and coupons ────────────────────────────────────────────────────────────────────────────────────────────────
def cart(found: carts.Cart, cart_id: str, base: str) -> wire.Cart:
    currency, totals, code = found.currency, found.totals, found.basket.coupon_code
    coupon = None
    if code is not None:
        coupon = wire.CartCoupon(code, found.coupon_problem is None and bool(found.lines), found.coupon_problem)
    return wire.Cart(
        id=cart_id,
        items=[_cart_item(line, currency, base) for line in found.lines],
        item_count=found.item_count,
        currency=currency,
        subtotal=_number(totals.subtotal, currency),
        discount_total=_number(totals.discount, currency),
        shipping_total=_number(totals.shipping, currency),
        tax_total=_number(totals.tax, currency),
        tax_included=totals.tax_included,
        grand_total=_number(totals.total, currency),
        coupon=coupon,
    )


def _cart_item(line: carts.BasketLine, currency: str, base: str) -> wire.CartItem:
    assert line.id is not None and line.card is not None
    return wire.CartItem(
        id=line.id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        name=line.name,
        variant_title=line.variant_title or None,
        slug=line.card.slug,
        sku=line.sku,
        image=None if line.image is None else absolute(base, line.image),
        quantity=line.quantity,
        unit_price=_number(line.unit_minor, currency),
        total_price=_number(line.unit_minor * line.quantity, currency),
        available=line.sellable and line.quantity <= line.available,
    )


def coupon(found: carts.CouponTrial, cart_id: str | None, base: str) -> wire.CouponCheck:
    coupon, currency = found.coupon, found.currency
    value = money.percent(coupon.rate) if coupon.type is CouponType.PERCENT else _number(coupon.amount_minor, currency)
    free = coupon.type is CouponType.FREE_SHIPPING
    check = wire.CouponCheck(valid=True, code=coupon.code, type=coupon.type.value, value=value, free_shipping=free)
    if found.benefit is None:
        return replace(check, minimum=_number(coupon.minimum_minor, currency))
    check = replace(check, discount=_number(found.benefit.discount, currency))
    if found.cart is None or cart_id is None:
        return check
    return replace(check, cart=cart(found.cart, cart_id, base))


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def placed(made: Placed) -> wire.Placed:
    order = made.order
    shown = wire.PlacedOrder(order.id, order.label, _number(order.total_minor, order.currency))
    return wire.Placed(True, shown, session(made.payment), made.lookup_token)


def session(payment: Payment) -> wire.PaymentSession:
    """What the page goes on with. Raises Upstream where the provider has given no answer yet: sent again, the checkout
    of the same cart is the same order, and asks once more."""
    if payment.status is Stands.CREATED:
        raise Upstream(
            "The payment provider gave no answer. The order is kept: send the same checkout again in a moment.",
            code="payment_unavailable",
            retry_after=2,
        )
    if payment.provider == "razorpay" and "token" in payment.client:
        given = payment.client
        return wire.PaymentSession(
            token=given["token"],
            provider_order_id=given["providerOrderId"],
            amount=given["amount"],
            currency=given["currency"],
        )
    if payment.provider == "manual":
        return wire.PaymentSession(id=str(payment.id), status=_ATTEMPT[payment.status])
    url = payment.url if payment.status is Stands.PENDING else None
    return wire.PaymentSession(id=payment.reference, url=url)


def confirmed(made: Placed) -> wire.Confirmed:
    order = made.order
    return wire.Confirmed(
        True,
        wire.ConfirmedOrder(
            order.id,
            order.label,
            _STATUS[order.status],
            _PAID[order.payment_status],
            _number(order.total_minor, order.currency),
        ),
    )


def order_summary(found: orders.OrderSummary) -> wire.OrderSummary:
    return wire.OrderSummary(
        id=found.id,
        order_number=found.label,
        status=_STATUS[found.status],
        payment_status=_PAID[found.payment_status],
        currency=found.currency,
        grand_total=found.total.number(),
        created_at=millis(found.created_at),
    )


def order_detail(found: orders.OrderDetail, base: str) -> wire.OrderDetail:
    order, payment = found.order, found.payments[0] if found.payments else None
    amount = {name: Money(getattr(order, f"{name}_minor"), order.currency).number() for name in _AMOUNTS}
    return wire.OrderDetail(
        id=order.id,
        order_number=order.label,
        status=_STATUS[order.status],
        payment_status=_PAID[order.payment_status],
        currency=order.currency,
        grand_total=amount["total"],
        created_at=millis(order.created_at),
        email=order.email or "",
        customer_name=order.customer_name,
        customer_phone=order.phone,
        items=[_order_item(line, order.currency, base) for line in order.lines],
        item_count=order.item_count,
        subtotal=amount["subtotal"],
        discount_total=amount["discount"],
        shipping_total=amount["shipping"],
        tax_total=amount["tax"],
        tax_included=order.tax_included,
        coupon_code=order.coupon_code,
        shipping_method=order.shipping_method,
        payment_method=order.payment_method,
        shipping_address=_address(order.shipping_address),
        billing_address=_address(order.billing_address),
        shipments=[
            wire.Shipment(one.carrier, one.tracking_number, one.tracking_url, millis(one.created_at))
            for one in found.shipments
        ],
        payment_url=payment.url if payment is not None and payment.status is Stands.PENDING else None,
        updated_at=millis(order.updated_at),
    )


_AMOUNTS = ("subtotal", "discount", "shipping", "tax", "total")


def _order_item(line: orders.OrderLine, currency: str, base: str) -> wire.OrderItem:
    return wire.OrderItem(
        id=line.id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        name=line.name,
        variant_title=line.variant_title or None,
        sku=line.sku,
        image=None if line.image is None else absolute(base, line.image),
        quantity=line.quantity,
        unit_price=_number(line.unit_minor, currency),
        total_price=_number(line.total_minor, currency),
    )


def _address(found: orders.Address | None) -> wire.Address | None:
    if found is None:
        return None
    return wire.Address(
        line1=found.line1 or None,
        line2=found.line2 or None,
        city=found.city or None,
        state=found.state or None,
        postal_code=found.postal_code or None,
        country=found.country or None,
    )


def address(given: wire.Address | None) -> orders.Address | None:
    return None if given is None else orders.Address(**{name: said or "" for name, said in asdict(given).items()})
