"""Which events somebody is told about, and what: orders to their shoppers, switched-off webhooks to the shop's owners.
The relay calls it inside its transaction, so that an event and what is told about it belong together; a second relay
of the same event would find its key taken. Letters are rendered later, when they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from merx.core.auth import store as auth
from merx.core.auth.model import Role
from merx.core.notifications import rules, steps
from merx.core.notifications.model import (
    TOLD_WITHIN,
    Channel,
    Content,
    Draft,
    Kind,
    Line,
    Person,
    Recipient,
)
from merx.core.orders import store as orders
from merx.core.orders.model import Address, Order
from merx.core.tenants.model import Tenant
from merx.core.webhooks import store as webhooks
from merx.db.database import Tx
from merx.db.outbox import Recorded
from merx.kernel.events import (
    ORDER_CANCELLED,
    ORDER_CREATED,
    ORDER_PAID,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    WEBHOOK_SWITCHED_OFF,
)
from merx.kernel.ids import EndpointId, OrderId
from merx.kernel.money import parse_minor
from merx.runtime import Runtime

KINDS = {
    ORDER_CREATED: Kind.ORDER_PLACED,
    ORDER_PAID: Kind.ORDER_PAID,
    ORDER_SHIPPED: Kind.ORDER_SHIPPED,
    ORDER_CANCELLED: Kind.ORDER_CANCELLED,
    ORDER_REFUNDED: Kind.ORDER_REFUNDED,
}
MOST_OWNERS, MOST_LINES = 20, 200
CARD = "card"
FUTURE = timedelta(minutes=5)
log = structlog.get_logger(__name__)


def concerns_somebody(events: Iterable[Recorded], now: datetime) -> list[Recorded]:
    """Those that somebody may be told about: known kinds, and no old news."""
    return [
        event
        for event in events
        if (event.kind in KINDS or event.kind == WEBHOOK_SWITCHED_OFF)
        and now - TOLD_WITHIN <= event.created_at <= now + FUTURE
    ]


async def tell(rt: Runtime, tx: Tx, shop: Tenant, events: Sequence[Recorded]) -> None:
    """Writes what is to be told about these events. One that can't be told is logged and holds up nothing."""
    about = [OrderId(event.subject) for event in events if event.kind in KINDS]
    found = await orders.get_many(tx, about) if about else {}
    drafts: list[Draft] = []
    for event in events:
        if event.kind == WEBHOOK_SWITCHED_OFF:
            drafts += await _to_owners(tx, shop, event)
            continue
        order = found.get(OrderId(event.subject))
        try:
            draft = None if order is None else of_order(shop.name, order, event)
        except Exception as bug:
            log.error("worker.telling.failed", event_id=str(event.id), exc_info=bug)
            continue
        if draft is not None:
            drafts.append(draft)
    await steps.write(rt, tx, drafts)


def of_order(shop: str, order: Order, event: Recorded) -> Draft | None:
    """None where there is nobody to write to or nothing to say: an order that is paid by card is confirmed when it is
    paid, every other one when it is placed."""
    kind = KINDS[event.kind]
    if kind is Kind.ORDER_PLACED and (order.payment_method == CARD or event.facts.get("payment_status") == "paid"):
        return None
    if not rules.is_mailable(order.email):
        return None
    content = _content(order, event.facts, kind)
    person = None if order.customer_id is None else Person.customer(order.customer_id)
    assert order.email is not None
    return Draft(
        Channel.EMAIL,
        kind,
        Recipient(order.email, rules.header_safe(order.customer_name, 150), person),
        rules.subject_of(kind, shop, content),
        f"event/{event.id}",
        content=msgspec.json.encode(content).decode(),
    )


def _content(order: Order, facts: dict[str, Any], kind: Kind) -> Content:
    shipped = kind is Kind.ORDER_SHIPPED
    return Content(
        number=order.label,
        currency=order.currency,
        name=order.customer_name.partition(" ")[0][:60],
        placed_at=order.created_at,
        lines=tuple(
            Line(one.name, one.variant_title, one.quantity, one.total_minor) for one in order.lines[:MOST_LINES]
        ),
        subtotal_minor=order.subtotal_minor,
        discount_minor=order.discount_minor,
        shipping_minor=order.shipping_minor,
        tax_minor=order.tax_minor,
        total_minor=order.total_minor,
        tax_included=order.tax_included,
        address=_lines(order.shipping_address),
        payment_method=order.payment_method,
        carrier=_text(facts, "carrier") if shipped else "",
        tracking_number=_text(facts, "tracking_number") if shipped else "",
        tracking_url=_text(facts, "tracking_url") if shipped else "",
        refunded_minor=parse_minor(_text(facts, "refunded") or "0", order.currency) or 0,
        paid=facts.get("payment_status") in ("paid", "partially_refunded", "refunded"),
    )


def _text(facts: dict[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def _lines(address: Address | None) -> tuple[str, ...]:
    if address is None:
        return ()
    town = " ".join(part for part in (address.postal_code, address.city) if part)
    rows = (address.name, address.line1, address.line2, town, address.state, address.country)
    return tuple(row for row in rows if row)


async def _to_owners(tx: Tx, shop: Tenant, event: Recorded) -> list[Draft]:
    endpoint = await webhooks.endpoint(tx, EndpointId(event.subject))
    if endpoint is None:
        return []
    content = Content(url=endpoint.url, reason=_text(event.facts, "reason"))
    team = await auth.members(tx, MOST_OWNERS * 5, 0)
    owners = [one.staff for one in team if one.role is Role.OWNER and one.staff.active][:MOST_OWNERS]
    return [
        Draft(
            Channel.EMAIL,
            Kind.WEBHOOK_SWITCHED_OFF,
            Recipient(
                owner.email, rules.header_safe(f"{owner.first_name} {owner.last_name}", 150), Person.member(owner.id)
            ),
            rules.subject_of(Kind.WEBHOOK_SWITCHED_OFF, shop.name, content),
            f"event/{event.id}/{owner.id}",
            content=msgspec.json.encode(content).decode(),
        )
        for owner in owners
        if rules.is_mailable(owner.email)
    ]
