"""Facts that happened. Thin: a kind, the subject and a few facts; readers load the rest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True):
    kind: str  # 'order.created': noun.past_participle
    subject: UUID  # the aggregate it is about
    facts: dict[str, Any] = {}


ORDER_CREATED = "order.created"
ORDER_PAID = "order.paid"
ORDER_SHIPPED = "order.shipped"
ORDER_DELIVERED = "order.delivered"
ORDER_CANCELLED = "order.cancelled"
ORDER_REFUNDED = "order.refunded"
INVENTORY_LOW = "inventory.low"
PAYMENT_FLAGGED = "payment.flagged"
WEBHOOK_SWITCHED_OFF = "webhook.switched_off"

WEBHOOK_KINDS = (ORDER_CREATED, ORDER_PAID, ORDER_SHIPPED, ORDER_CANCELLED, ORDER_REFUNDED, INVENTORY_LOW)
"""What a merchant may subscribe to."""
