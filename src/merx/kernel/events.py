"""Facts that happened. Thin: a kind, the subject and a few facts; readers load the rest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec


class Drawn(msgspec.Struct, frozen=True):
    """A fact that is known only when the event is written: the number that its transaction has drawn from a counter,
    as people read it."""

    fact: str
    counter: str
    prefix: str
    digits: int  # at least so many


class Event(msgspec.Struct, frozen=True):
    kind: str  # 'order.created': noun.past_participle
    subject: UUID  # the aggregate it is about
    facts: dict[str, Any] = {}
    drawn: Drawn | None = None  # takes the place of what `facts` says there


ORDER_CREATED = "order.created"
ORDER_PAID = "order.paid"
ORDER_SHIPPED = "order.shipped"
ORDER_DELIVERED = "order.delivered"
ORDER_CANCELLED = "order.cancelled"
ORDER_REFUNDED = "order.refunded"
INVENTORY_LOW = "inventory.low"
PAYMENT_FLAGGED = "payment.flagged"
WEBHOOK_SWITCHED_OFF = "webhook.switched_off"
CUSTOMER_ERASED = "customer.erased"

WEBHOOK_KINDS = (
    ORDER_CREATED, ORDER_PAID, ORDER_SHIPPED, ORDER_CANCELLED, ORDER_REFUNDED, INVENTORY_LOW, CUSTOMER_ERASED,
)  # fmt: skip
"""What a merchant may subscribe to."""

PERSONAL = ("email", "customer_name", "reason", "tracking_number", "tracking_url")
"""What events about orders say of a person, or may say, because somebody wrote it. Of one who is erased it is blank."""
