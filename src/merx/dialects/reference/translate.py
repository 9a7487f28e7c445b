"""Owns the way between the core's values and this dialect's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from urllib.parse import quote

from msgspec import UNSET

from merx.core.activity.model import Level
from merx.core.cart.model import Item
from merx.core.catalog import model as catalog
from merx.core.checkout.model import CheckoutRequest, Placed
from merx.core.customers.model import Customer
from merx.core.customers.trail import Named
from merx.core.notifications import model as notifications
from merx.core.orders import model as orders
from merx.core.payments.model import Status as Attempt
from merx.dialects.reference import wire
from merx.edge.logs import redact
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.errors import Invalid
from merx.kernel.ids import CustomerId, ProductId

USER, PRODUCT, ORDER, PAYMENT, NOTIFICATION = "usr", "prod", "ord", "pay", "ntf"
OWN_PREFIX = "/reference/v1"
_CALLERS = {
    ActorKind.STAFF: (USER, "User"),
    ActorKind.CUSTOMER: (USER, "User"),
    ActorKind.KEY: ("key", "API key"),
    ActorKind.CLIENT: ("client", "Client"),
}
"""How a caller's id is spelled, and what a log calls it."""


def second(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def user(found: Customer) -> wire.User:
    return wire.User(
        id=ids.encode(USER, found.id),
        username=found.username,
        email=found.email,
        status=found.status.value,
        created_at=second(found.created_at),
    )


def product(found: catalog.Product) -> wire.Product:
    return wire.Product(
        id=ids.encode(PRODUCT, found.id),
        name=found.name,
        description=found.description,
        price=found.price.number(),
        currency=found.currency,
        stock=found.available,
    )


# ── Orders and payments ──────────────────────────────────────────────────────────────────────────────────────────────
def wanted(data: wire.NewOrder, key: str | None) -> CheckoutRequest:
    """An order that waits for its payment to be sent. `key`: the request's idempotency key."""
    customer = ids.decode(USER, data.user_id)
    if customer is None:
        raise unknown_user()
    sent_to = data.shipping_address
    return CheckoutRequest(
        items=tuple(Item(_product_id(one, place), one.quantity) for place, one in enumerate(data.items)),
        customer_id=CustomerId(customer),
        payment_method="card",
        pay_later=True,
        key=key,
        shipping_address=orders.Address(
            line1=sent_to.street, city=sent_to.city, postal_code=sent_to.zip_code, country=sent_to.country
        ),
    )


def unknown_user() -> Invalid:
    return Invalid("This shop has no such user.", field="userId", code="user_not_found")


def _product_id(item: wire.NewItem, place: int) -> ProductId:
    found = ids.decode(PRODUCT, item.product_id)
    if found is None:
        raise Invalid("No such product.", code="product_unknown", field=f"items[{place}].product_id")
    return ProductId(found)


def order(found: orders.Order) -> wire.Order:
    def number(minor: int) -> Decimal:
        return found.money(minor).number()

    waits = found.hold_expires_at is not None and found.payment_status is orders.PaymentStatus.UNPAID
    return wire.Order(
        id=ids.encode(ORDER, found.id),
        user_id=None if found.customer_id is None else ids.encode(USER, found.customer_id),
        order_number=found.label,
        status=found.status.value,
        payment_status=found.payment_status.value,
        items=[_item(line, found) for line in found.lines],
        shipping_address=_address(found.shipping_address),
        subtotal=number(found.subtotal_minor),
        discount=number(found.discount_minor),
        shipping=number(found.shipping_minor),
        tax=number(found.tax_minor),
        total=number(found.total_minor),
        currency=found.currency,
        created_at=second(found.created_at),
        expires_at=second(found.hold_expires_at) if waits and found.hold_expires_at is not None else UNSET,
    )


def _item(line: orders.OrderLine, of: orders.Order) -> wire.OrderItem:
    return wire.OrderItem(
        product_id=ids.encode(PRODUCT, line.product_id),
        name=line.name,
        quantity=line.quantity,
        price=of.money(line.unit_minor).number(),
        total=of.money(line.total_minor).number(),
    )


def _address(found: orders.Address | None) -> wire.OrderAddress | None:
    if found is None:
        return None
    return wire.OrderAddress(street=found.line1, city=found.city, zip_code=found.postal_code, country=found.country)


_PAID: dict[Attempt, Literal["succeeded", "authorized", "pending"]] = {
    Attempt.CAPTURED: "succeeded",
    Attempt.AUTHORIZED: "authorized",
}


def payment(found: Placed, method: str) -> wire.Payment:
    made = found.payment
    return wire.Payment(
        id=ids.encode(PAYMENT, made.id),
        order_id=ids.encode(ORDER, made.order_id),
        payment_method_id=method,
        amount=made.amount.number(),
        currency=made.currency,
        status=_PAID.get(made.status, "pending"),
        created_at=second(made.created_at or found.order.updated_at),
    )


# ── Notifications ────────────────────────────────────────────────────────────────────────────────────────────────────
def notification(found: notifications.Notification) -> wire.Notification:
    return wire.Notification(
        id=ids.encode(NOTIFICATION, found.id),
        user_id=None if found.person is None else ids.encode(USER, found.person.id),
        type=found.channel.value,
        subject=found.subject,
        status=found.state.value,
        attempts=found.attempts,
        created_at=second(found.created_at),
        finished_at=None if found.finished_at is None else second(found.finished_at),
        error=found.error,
    )


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def level(said: wire.Level | None) -> Level | None:
    return None if said is None else Level(said)


def end(moment: datetime | None, written: str | None) -> datetime | None:
    """A date alone is all of its day."""
    if moment is None or written is None or len(written) != len("2024-01-15") or moment.year == 9999:
        return moment
    return moment + timedelta(days=1, seconds=-1)


_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _in_one_line(text: str) -> str:
    """An address is anybody's to make up, and a log is read in terminals: what would begin a line there, or turn or
    colour one, is written as it was in the address."""
    return _UNSEEN.sub(lambda found: quote(found[0]), text)


def log_entry(found: Named) -> wire.LogEntry:
    entry, of = found.entry, found.entry.kind
    prefix, called = _CALLERS.get(of.actor, ("", ""))
    ident = ids.encode(prefix, of.actor_id) if prefix and of.actor_id is not None else None
    return wire.LogEntry(
        timestamp=entry.at,
        level=of.level.value,
        message=_in_one_line(f"{_who(called, found.name, ident)} accessed {_endpoint(of.path)} endpoint."),
        user_id=ident,
        ip_address=of.address,
        method=of.method,
        path=_in_one_line(of.path),
        status=of.status,
        duration_ms=entry.milliseconds,
        api=of.dialect,
        request_id=entry.request_id,
    )


def _who(called: str, name: str | None, ident: str | None) -> str:
    """Some call themselves, or a key, by an address or by what is a secret somewhere."""
    named = ident if name is None else redact(name)
    return f"{called} '{named}'" if called and named else "Somebody"


def _endpoint(path: str) -> str:
    """This API's own addresses as its document writes them, those of the others whole."""
    return path.removeprefix(OWN_PREFIX) if path.startswith(f"{OWN_PREFIX}/") else path
