"""Owns the way between the core's values and this dialect's: states, payment methods, numbers, times to the second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET

from merx.core.cart.model import Item
from merx.core.catalog import model as catalog
from merx.core.catalog.tree import Tree
from merx.core.checkout.model import Buyer, CheckoutRequest, Claimed
from merx.core.orders import model as orders
from merx.core.tenants.model import Tenant
from merx.dialects.pycommerce import wire
from merx.kernel.errors import Invalid
from merx.kernel.ids import CustomerId, ProductId, VariantId
from merx.runtime import Runtime

MAX_OFFSET = 1_000_000

ORDER_STATUS: dict[orders.Status, wire.Status] = {
    orders.Status.PENDING: "pending",
    orders.Status.CONFIRMED: "confirmed",
    orders.Status.PROCESSING: "processing",
    orders.Status.SHIPPED: "shipped",
    orders.Status.DELIVERED: "completed",
    orders.Status.CANCELLED: "cancelled",
    orders.Status.REFUNDED: "refunded",
}
CORE_STATUS = {said: core for core, said in ORDER_STATUS.items()}
EXPRESS = "express"
"""A shipping method that this API's document names: it is taken in every shop."""
_PAYMENT_METHOD = {"card": "credit_card"}
_CORE_PAYMENT_METHOD = {"credit_card": "card"}


def bounds(asked: wire.Paging) -> tuple[int, int]:
    """(limit, offset) of the core's."""
    offset = (asked.page - 1) * asked.limit
    if offset > MAX_OFFSET:
        raise Invalid("There are no pages so far back; narrow the list.", field="page")
    return asked.limit, offset


def second(when: datetime) -> datetime:
    return when.replace(microsecond=0)


# ── Shops and catalogue ──────────────────────────────────────────────────────────────────────────────────────────────
def tenant(rt: Runtime, found: Tenant) -> wire.Tenant:
    domain = found.domain or f"{found.slug}.{rt.settings.base_domain}"
    return wire.Tenant(found.id, found.name, found.slug, domain, found.active)


def categorizer(tree: Iterable[catalog.Category]) -> Callable[[catalog.Product], list[str]]:
    """The names of the categories a product is found by: those it was put into, and those above them."""
    known = Tree(tree, datetime.now(UTC))

    def names(found: catalog.Product) -> list[str]:
        return list(dict.fromkeys(one.name for one in known.with_those_above(found.categories)))

    return names


def product(found: catalog.Product, categories: list[str]) -> wire.Product:
    return wire.Product(
        id=found.id,
        name=found.name,
        description=found.description,
        price=found.price.number(),
        sku=found.sku,
        stock=found.available,
        categories=categories,
    )


def category(found: catalog.Category) -> wire.Category:
    return wire.Category(found.id, found.name, found.description, found.slug, found.parent_id)


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def summary(found: orders.Order) -> wire.OrderSummary:
    return wire.OrderSummary(
        id=found.id,
        customer_name=found.customer_name,
        customer_email=found.email,
        status=ORDER_STATUS[found.status],
        total=found.money(found.total_minor).number(),
        created_at=second(found.created_at),
        items_count=len(found.lines),
        shipping_method=found.shipping_method,
    )


def order(found: orders.Order, tenant_id: UUID) -> wire.Order:
    def number(minor: int) -> Decimal:
        return found.money(minor).number()

    return wire.Order(
        id=found.id,
        customer=wire.Customer(found.customer_id, found.customer_name, found.email, found.phone),
        status=ORDER_STATUS[found.status],
        total=number(found.total_minor),
        subtotal=number(found.subtotal_minor),
        tax=number(found.tax_minor),
        shipping_cost=number(found.shipping_minor),
        created_at=second(found.created_at),
        updated_at=second(found.updated_at),
        shipping_address=_address(found.shipping_address),
        billing_address=_address(found.billing_address),
        shipping_method=found.shipping_method,
        payment_method=_PAYMENT_METHOD.get(found.payment_method, found.payment_method),
        payment_status=found.payment_status.value,
        notes=found.notes,
        items=[_item(line, found) for line in found.lines],
        tenant_id=tenant_id,
        discount=number(found.discount_minor) if found.discount_minor else UNSET,
        tax_included=True if found.tax_included else UNSET,
    )


def _item(line: orders.OrderLine, of: orders.Order) -> wire.OrderItem:
    return wire.OrderItem(
        id=line.id,
        product_id=line.product_id,
        name=line.name,
        quantity=line.quantity,
        unit_price=of.money(line.unit_minor).number(),
        total_price=of.money(line.total_minor).number(),
        variant_id=line.variant_id if line.variant_title else UNSET,
        variant=line.variant_title or UNSET,
    )


def _address(found: orders.Address | None) -> wire.OrderAddress | None:
    if found is None:
        return None
    return wire.OrderAddress(found.line1, found.line2, found.city, found.state, found.postal_code, found.country)


def wanted(data: wire.NewOrder, shopper: CustomerId | None, key: str | None) -> CheckoutRequest:
    """`shopper`: who is signed in, and so whose order it is; `key`: the request's idempotency key."""
    return CheckoutRequest(
        items=tuple(
            Item(ProductId(one.product_id), one.quantity, None if one.variant_id is None else VariantId(one.variant_id))
            for one in data.items
        ),
        customer_id=shopper,
        buyer=Buyer(data.customer.email.strip(), data.customer.name.strip(), data.customer.phone or None),
        payment_method=_CORE_PAYMENT_METHOD.get(data.payment_method, data.payment_method),
        shipping_method=data.shipping_method,
        shipping_words=(EXPRESS,),
        shipping_address=_given(data.shipping_address),
        billing_address=None if data.billing_address is None else _given(data.billing_address),
        notes=data.notes,
        key=key,
    )


def _given(one: wire.Address) -> orders.Address:
    return orders.Address(
        line1=one.line1,
        line2=one.line2,
        city=one.city,
        state=one.state,
        postal_code=one.postal_code,
        country=one.country,
    )


def claimed(items: list[wire.SessionItem]) -> list[Claimed]:
    return [Claimed(one.id, one.name, one.price, one.quantity) for one in items]
