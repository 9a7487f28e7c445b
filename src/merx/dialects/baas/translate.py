"""Owns the way between the core's values and this dialect's: spelling of ids, money as text, times to the second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from merx.core.cart.model import BasketLine, Cart, ProductCard
from merx.core.catalog import model as catalog
from merx.core.customers.model import Customer
from merx.core.orders import model as orders
from merx.core.payments.model import Payment
from merx.core.payments.model import Refund as Repaid
from merx.core.payments.model import Status as Attempt
from merx.dialects.baas import wire
from merx.edge.app import MerxRequest
from merx.edge.pagination import Page, page_links
from merx.kernel import ids, money
from merx.kernel.errors import Invalid, NotFound

MAX_OFFSET = 1_000_000

ORDER_STATUS: dict[orders.Status, wire.Status] = {
    orders.Status.PENDING: "pending",
    orders.Status.CONFIRMED: "confirmed",
    orders.Status.PROCESSING: "processing",
    orders.Status.SHIPPED: "shipped",
    orders.Status.DELIVERED: "delivered",
    orders.Status.CANCELLED: "cancelled",
    orders.Status.REFUNDED: "cancelled",
}
CORE_STATUSES: dict[wire.Status, tuple[orders.Status, ...]] = {
    said: tuple(core for core, word in ORDER_STATUS.items() if word == said) for said in ORDER_STATUS.values()
}
"""Which of the core's states each of the document's words stands for."""
_ATTEMPT: dict[Attempt, wire.Attempt] = {
    Attempt.CREATED: "pending",
    Attempt.PENDING: "pending",
    Attempt.AUTHORIZED: "authorized",
    Attempt.CAPTURED: "paid",
    Attempt.DECLINED: "failed",
    Attempt.CANCELLED: "cancelled",
}

Id = TypeVar("Id", bound=UUID)


def ident(kind: Callable[[UUID], Id], prefix: str, text: str, what: str, field: str | None = None) -> Id:
    """The id that `text` spells. What spells none is as unknown as an id nobody has."""
    found = ids.decode(prefix, text)
    if found is None:
        raise NotFound(what, field=field)
    return kind(found)


def second(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def absolute(base: str, url: str) -> str:
    """Pictures that Merx serves itself are kept without a host."""
    return base + url if url.startswith("/") else url


def bounds(asked: wire.Paging) -> tuple[int, int]:
    """(limit, offset) of the core's."""
    offset = (asked.page - 1) * asked.per_page
    if offset > MAX_OFFSET:
        raise Invalid("There are no pages so far back; narrow the list.", field="page")
    return asked.per_page, offset


def links(request: MerxRequest, path: str, asked: wire.Paging, total: int) -> tuple[str | None, str | None]:
    """(next, previous): the same address with another page."""
    return page_links(path, request.scope["query_string"], Page(asked.page, asked.per_page, total))


# ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
def product(found: catalog.Product, base: str) -> wire.Product:
    currency, compare, available = found.currency, found.compare_minor, found.available
    return wire.Product(
        ids.encode("prod", found.id),
        found.name,
        found.slug,
        found.description,
        money.text(found.price_minor, currency),
        None if compare is None else money.text(compare, currency),
        [wire.Image(absolute(base, image.url), image.alt) for image in found.images],
        wire.CategoryRef(found.categories[0].number, found.categories[0].name) if found.categories else None,
        available > 0,
        available,
        second(found.created_at),
    )


def product_detail(found: catalog.Product, base: str) -> wire.ProductDetail:
    return wire.ProductDetail(
        **asdict(product(found, base)),
        sku=found.sku,
        currency=found.currency,
        categories=[wire.CategoryRef(category.number, category.name) for category in found.categories],
        options=tuple(wire.Option(option.name, option.values) for option in found.options),
        variants=[variant(one) for one in found.variants],
    )


def variant(found: catalog.Variant) -> wire.Variant:
    compare = found.compare_price
    return wire.Variant(
        id=ids.encode("var", found.id),
        sku=found.sku,
        title=found.title,
        options=found.options,
        price=found.price.text(),
        compare_price=None if compare is None else compare.text(),
        in_stock=found.available > 0,
        stock_quantity=found.available,
    )


def category_tree(found: Iterable[catalog.Category]) -> list[wire.Category]:
    """`found` has parents before their children."""
    top: list[wire.Category] = []
    below: dict[UUID, list[wire.Category]] = {}
    for one in found:
        shown = wire.Category(one.number, one.name, one.slug, one.description, below.setdefault(one.id, []))
        (top if one.parent_id is None else below.setdefault(one.parent_id, [])).append(shown)
    return top


# ── Carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def cart(found: Cart, owner: UUID, base: str) -> wire.Cart:
    """A shopper who has put nothing into a cart yet has an empty one, named after the shopper."""
    currency, totals = found.currency, found.totals
    code = found.basket.coupon_code
    coupon = UNSET if code is None else wire.CartCoupon(code, found.coupon_problem is None, found.coupon_problem)
    return wire.Cart(
        id=ids.encode("cart", found.id or owner),
        items=[_cart_item(line, currency, base) for line in found.lines],
        subtotal=money.text(totals.subtotal, currency),
        tax=money.text(totals.tax, currency),
        total=money.text(totals.total, currency),
        item_count=found.item_count,
        discount=money.text(totals.discount, currency) if totals.discount else UNSET,
        shipping=money.text(totals.shipping, currency) if totals.shipping else UNSET,
        coupon=coupon,
        tax_included=True if totals.tax_included else UNSET,
    )


def _cart_item(line: BasketLine, currency: str, base: str) -> wire.CartItem:
    assert line.id is not None and line.card is not None  # a kept cart's lines have both
    chosen: wire.ChosenVariant | UnsetType = UNSET
    if line.variant_title:
        chosen = wire.ChosenVariant(ids.encode("var", line.variant_id), line.variant_title, line.sku)
    return wire.CartItem(
        id=ids.encode("item", line.id),
        product=_card(line.card, currency, base),
        quantity=line.quantity,
        unit_price=money.text(line.unit_minor, currency),
        total_price=money.text(line.unit_minor * line.quantity, currency),
        variant=chosen,
    )


def _card(card: ProductCard, currency: str, base: str) -> wire.Product:
    return wire.Product(
        id=ids.encode("prod", card.id),
        name=card.name,
        slug=card.slug,
        description=card.description,
        price=money.text(card.price_minor, currency),
        compare_price=None if card.compare_minor is None else money.text(card.compare_minor, currency),
        images=[wire.Image(absolute(base, image.url), image.alt) for image in card.images],
        category=wire.CategoryRef(card.categories[0].number, card.categories[0].name) if card.categories else None,
        in_stock=card.available > 0,
        stock_quantity=card.available,
        created_at=second(card.created_at),
    )


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def order(found: orders.Order, base: str) -> wire.Order:
    def text(minor: int) -> str:
        return money.text(minor, found.currency)

    return wire.Order(
        id=ids.encode("ord", found.id),
        order_number=found.label,
        status=ORDER_STATUS[found.status],
        payment_status=found.payment_status.value,
        items=[_order_item(line, found.currency, base) for line in found.lines],
        shipping_address=_address(found.shipping_address),
        billing_address=_address(found.billing_address),
        payment_method=found.payment_method,
        shipping_method=found.shipping_method,
        notes=found.notes,
        subtotal=text(found.subtotal_minor),
        discount=text(found.discount_minor),
        shipping=text(found.shipping_minor),
        tax=text(found.tax_minor),
        total=text(found.total_minor),
        currency=found.currency,
        coupon_code=found.coupon_code,
        item_count=found.item_count,
        created_at=second(found.created_at),
        updated_at=second(found.updated_at),
    )


def order_detail(found: orders.OrderDetail, base: str) -> wire.OrderDetail:
    return _with_story(found.order, found.payments, found.shipments, found.refunds, base)


def placed(found: orders.Order, paying: Payment, base: str) -> wire.OrderDetail:
    return _with_story(found, [paying], [], [], base)


def _with_story(
    found: orders.Order,
    payments: Sequence[Payment],
    shipments: Iterable[orders.Shipment],
    refunds: Iterable[Repaid],
    base: str,
) -> wire.OrderDetail:
    return wire.OrderDetail(
        **asdict(order(found, base)),
        payment=payment(payments[0]) if payments else None,
        shipments=[shipment(one) for one in shipments],
        refunds=[refund(one, found.currency) for one in refunds],
    )


def _order_item(line: orders.OrderLine, currency: str, base: str) -> wire.OrderItem:
    return wire.OrderItem(
        id=ids.encode("item", line.id),
        product_id=ids.encode("prod", line.product_id),
        variant_id=ids.encode("var", line.variant_id),
        name=line.name,
        variant=line.variant_title or None,
        sku=line.sku,
        image=None if line.image is None else absolute(base, line.image),
        quantity=line.quantity,
        unit_price=money.text(line.unit_minor, currency),
        total_price=money.text(line.total_minor, currency),
    )


def _address(found: orders.Address | None) -> wire.OrderAddress | None:
    if found is None:
        return None
    return wire.OrderAddress(
        street=found.line1,
        city=found.city,
        state=found.state,
        postal_code=found.postal_code,
        country=found.country,
        street2=found.line2 or UNSET,
        name=found.name or UNSET,
        phone=found.phone or UNSET,
    )


def address(given: wire.Address) -> orders.Address:
    return orders.Address(
        line1=given.street,
        line2=given.street2,
        city=given.city,
        state=given.state,
        postal_code=given.postal_code,
        country=given.country,
        name=given.name,
        phone=given.phone,
    )


def payment(found: Payment) -> wire.Payment:
    url = found.url if _ATTEMPT[found.status] == "pending" else None
    status, amount = _ATTEMPT[found.status], found.amount.text()
    window = None if found.window is None else wire.Window(**asdict(found.window))
    return wire.Payment(ids.encode("pay", found.id), status, found.method, amount, url, window)


def shipment(found: orders.Shipment) -> wire.Shipment:
    return wire.Shipment(
        ids.encode("ship", found.id),
        found.carrier,
        found.tracking_number,
        found.tracking_url,
        second(found.created_at),
    )


def refund(found: Repaid, currency: str) -> wire.Refund:
    return wire.Refund(
        ids.encode("ref", found.id),
        money.text(found.amount_minor, currency),
        found.reason,
        found.status.value,
        second(found.created_at),
    )


# ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
def customer(found: Customer) -> wire.Customer:
    return wire.Customer(
        ids.encode("cus", found.id),
        found.email,
        found.first_name,
        found.last_name,
        found.phone,
        found.accepts_marketing,
        second(found.created_at),
    )
