"""Owns the way between the core's values and this dialect's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from merx.core.catalog import model as catalog
from merx.core.catalog.tree import Tree
from merx.core.checkout.model import Placed
from merx.core.orders import model as orders
from merx.core.payments.model import Payment
from merx.core.payments.model import Refund as Repaid
from merx.core.payments.model import Status as Attempt
from merx.dialects.commerce import wire
from merx.kernel.ids import VariantId

STATUS_WORDS: dict[orders.Status, wire.Status] = {
    orders.Status.PENDING: "pending",
    orders.Status.CONFIRMED: "confirmed",
    orders.Status.PROCESSING: "confirmed",
    orders.Status.SHIPPED: "shipped",
    orders.Status.DELIVERED: "delivered",
    orders.Status.CANCELLED: "cancelled",
    orders.Status.REFUNDED: "refunded",
}
CORE_STATUSES: dict[wire.Status, tuple[orders.Status, ...]] = {
    said: tuple(core for core, word in STATUS_WORDS.items() if word == said) for said in STATUS_WORDS.values()
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
_WORDS: dict[str, wire.Category] = {
    "footwear": "footwear",
    "apparel": "apparel",
    "accessories": "accessories",
    "electronics": "electronics",
    "home": "home",
}


def absolute(base: str, url: str) -> str:
    """Pictures that Merx serves itself are kept without a host."""
    return base + url if url.startswith("/") else url


def pagination(asked: wire.Paging, total: int) -> wire.Pagination:
    return wire.Pagination(
        page=asked.page, page_size=asked.page_size, total_items=total, total_pages=-(-total // asked.page_size)
    )


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def categorizer(tree: Iterable[catalog.Category]) -> Callable[[catalog.Product], wire.Category | None]:
    """Which of the five a product is in, however deep below."""
    known = Tree(tree, datetime.now(UTC))

    def category(found: catalog.Product) -> wire.Category | None:
        word = known.branch(found.categories, wire.CATEGORIES)
        return None if word is None else _WORDS[word]

    return category


def product(found: catalog.Product, category: wire.Category | None, base: str) -> wire.Product:
    compare = found.compare_price
    return wire.Product(
        id=found.id,
        name=found.name,
        slug=found.slug,
        description=found.description,
        price=found.price.number(),
        compare_at_price=None if compare is None else compare.number(),
        currency=found.currency,
        stock=found.available,
        category=category,
        active=found.active,
        sku=found.sku,
        images=[wire.Image(url=absolute(base, image.url), alt=image.alt) for image in found.images],
        variants=[_variant(one) for one in found.variants],
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _variant(found: catalog.Variant) -> wire.Variant:
    compare = found.compare_price
    return wire.Variant(
        id=found.id,
        sku=found.sku,
        title=found.title,
        options=found.options,
        price=found.price.number(),
        compare_at_price=None if compare is None else compare.number(),
        stock=found.available,
        active=found.active,
    )


def draft(given: wire.ProductCreate) -> catalog.ProductDraft:
    return catalog.ProductDraft(
        name=given.name,
        price=given.price,
        description=given.description or "",
        compare_price=given.compare_at_price,
        sku=given.sku,
        stock=given.stock,
        active=given.active,
        images=_images(given.images),
        variants=tuple(_variant_draft(one) for one in given.variants),
        branch=None if given.category is None else branch(given.category),
    )


def changes(given: wire.ProductUpdate, expected_version: int | None) -> catalog.ProductChanges:
    """Null empties what may be empty."""
    variants = given.variants
    return catalog.ProductChanges(
        name=given.name,
        price=given.price,
        description="" if given.description is None else given.description,
        compare_price=given.compare_at_price,
        sku=given.sku,
        stock=given.stock,
        active=given.active,
        images=UNSET if given.images is UNSET else _images(given.images or []),
        variants=UNSET if variants is UNSET else tuple(_variant_draft(one) for one in variants),
        branch=UNSET if given.category is UNSET else branch(given.category),
        expected_version=expected_version,
    )


def branch(category: wire.Category | None) -> catalog.Branch:
    return catalog.Branch(category, wire.CATEGORIES)


def _images(given: list[wire.ImageBody]) -> tuple[catalog.ImageDraft, ...]:
    return tuple(catalog.ImageDraft(one.url, one.alt) for one in given)


def _variant_draft(given: wire.VariantBody) -> catalog.VariantDraft:
    ident = _or_none(given.id)
    return catalog.VariantDraft(
        sku=_or_none(given.sku),
        options=_or_none(given.options) or {},
        title=_or_none(given.title),
        price=_or_none(given.price),
        compare_price=_or_none(given.compare_at_price),
        stock=_or_none(given.stock),
        active=_or_none(given.active),
        id=None if ident is None else VariantId(ident),
    )


def _or_none(value: Any) -> Any:
    return None if value is UNSET else value


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def order(found: orders.Order, base: str) -> wire.Order:
    return wire.Order(**_order(found, base))


def order_detail(found: orders.OrderDetail, base: str) -> wire.OrderDetail:
    payments = found.payments
    return wire.OrderDetail(
        **_order(found.order, base),
        payment=_payment(payments[0]) if payments else None,
        shipments=[_shipment(one) for one in found.shipments],
        refunds=[_refund(one, found.order) for one in found.refunds],
    )


def placed(found: Placed, base: str) -> wire.OrderDetail:
    return order_detail(orders.OrderDetail(found.order, [found.payment]), base)


def _order(found: orders.Order, base: str) -> dict[str, Any]:
    def number(minor: int) -> Any:
        return found.money(minor).number()

    return {
        "id": found.id,
        "order_number": found.label,
        "status": STATUS_WORDS[found.status],
        "payment_status": found.payment_status.value,
        "items": [_item(line, found, base) for line in found.lines],
        "customer": wire.Customer(id=found.customer_id, email=found.email, name=found.customer_name, phone=found.phone),
        "subtotal": number(found.subtotal_minor),
        "discount": number(found.discount_minor),
        "shipping": number(found.shipping_minor),
        "tax": number(found.tax_minor),
        "total": number(found.total_minor),
        "tax_included": found.tax_included,
        "currency": found.currency,
        "coupon_code": found.coupon_code,
        "shipping_method": found.shipping_method,
        "payment_method": found.payment_method,
        "shipping_address": _address(found.shipping_address),
        "billing_address": _address(found.billing_address),
        "notes": found.notes,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


def _item(line: orders.OrderLine, found: orders.Order, base: str) -> wire.OrderItem:
    return wire.OrderItem(
        id=line.id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        sku=line.sku,
        name=line.name,
        variant=line.variant_title or None,
        image=None if line.image is None else absolute(base, line.image),
        quantity=line.quantity,
        unit_price=found.money(line.unit_minor).number(),
        total_price=found.money(line.total_minor).number(),
    )


def _address(found: orders.Address | None) -> wire.Address | None:
    return None if found is None else wire.Address(**asdict(found))


def address(given: wire.AddressBody | None) -> orders.Address | None:
    return None if given is None else orders.Address(**asdict(given))


def _payment(found: Payment) -> wire.Payment:
    status = _ATTEMPT[found.status]
    return wire.Payment(
        id=found.id,
        status=status,
        method=found.method,
        amount=found.amount.number(),
        url=found.url if status == "pending" else None,
        window=None if found.window is None else wire.Window(**asdict(found.window)),
    )


def _shipment(found: orders.Shipment) -> wire.Shipment:
    return wire.Shipment(
        id=found.id,
        carrier=found.carrier,
        tracking_number=found.tracking_number,
        tracking_url=found.tracking_url,
        created_at=found.created_at,
    )


def _refund(found: Repaid, of: orders.Order) -> wire.Refund:
    return wire.Refund(
        id=found.id,
        amount=of.money(found.amount_minor).number(),
        reason=found.reason,
        status=found.status.value,
        created_at=found.created_at,
    )
