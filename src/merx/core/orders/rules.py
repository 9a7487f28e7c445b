"""Pure: which status may follow, what an order owes, and what an event about it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from merx.core.orders.model import (
    MAX_NOTE,
    TRANSITIONS,
    IllegalTransition,
    NotPaid,
    Order,
    OrderLine,
    OrderQuery,
    PaymentStatus,
    Status,
)
from merx.core.payments.model import Refund, RefundStatus
from merx.kernel.errors import Invalid, Refused
from merx.kernel.ids import PaymentId, RefundId, VariantId
from merx.kernel.money import text

_MONEY_TAKEN = frozenset({PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED})
_UNPAID = frozenset({PaymentStatus.UNPAID, PaymentStatus.AUTHORIZED, PaymentStatus.FAILED})


def check_transition(order: Order, target: Status) -> None:
    """Raises IllegalTransition, or NotPaid where nothing could be refunded."""
    if target not in TRANSITIONS[order.status]:
        raise IllegalTransition(order.status, target)
    if target is Status.REFUNDED and order.payment_status not in _MONEY_TAKEN:
        raise NotPaid("Nothing was paid for this order, so nothing can be refunded.", field="status")


def check_note(text: str, field: str) -> None:
    if len(text) > MAX_NOTE:
        raise Invalid(f"This has at most {MAX_NOTE} characters.", field=field)


def closed(order: Order) -> bool:
    """Let go for good: money that comes for it goes back."""
    return order.status in (Status.CANCELLED, Status.REFUNDED)


def unpaid(order: Order) -> bool:
    return order.payment_status in _UNPAID


def after_whole_refund(order: Order) -> Status | None:
    """What an order becomes when all of its money went back; None where it stays what it is."""
    for status in (Status.REFUNDED, Status.CANCELLED):
        if status in TRANSITIONS[order.status]:
            return status
    return None


def check_period(query: OrderQuery) -> None:
    """Raises Invalid for a period that ends before it begins."""
    if query.created_from and query.created_to and query.created_from > query.created_to:
        raise Invalid("The period ends before it begins.", field="created_from")


def quantities(lines: Sequence[OrderLine]) -> dict[VariantId, int]:
    """Pieces by variant; two lines of one variant are one claim on its stock."""
    wanted: dict[VariantId, int] = {}
    for line in lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    return wanted


def payment_status(total: int, captured: int, refunded: int, before: PaymentStatus) -> PaymentStatus:
    """Computed from the money itself, all attempts together, so the order in which events arrive does not matter; a
    second payment that went back leaves an order paid."""
    if captured and refunded >= captured:
        return PaymentStatus.REFUNDED
    if captured - refunded >= total:
        return PaymentStatus.PAID
    return PaymentStatus.PARTIALLY_REFUNDED if refunded else before


def refund_amount(wanted: int | None, captured: int, refunded: int) -> int:
    """What to give back; all that is left where `wanted` is None. Raises Refused or Invalid."""
    left = captured - refunded
    if left <= 0:
        raise NotPaid("There is nothing left of this payment to refund.", field="amount")
    if wanted is None:
        return left
    if wanted <= 0:
        raise Invalid("A refund is more than zero.", field="amount")
    if wanted > left:
        raise Refused("That is more than what is left of the payment.", code="refund_too_large", field="amount")
    return wanted


def refund_meant(
    refunds: Sequence[Refund], payment_id: PaymentId, ours: RefundId | None, reference: str | None, amount_minor: int
) -> Refund | None:
    """Which of our refunds the provider speaks of: by our id, by its own, or one that was counted from the provider's
    total and has no name yet."""
    mine = [one for one in refunds if one.payment_id == payment_id]
    if ours is not None:
        return next((one for one in mine if one.id == ours), None)
    named = next((one for one in mine if reference is not None and one.reference == reference), None)
    nameless = (one for one in mine if one.reference is None and one.status is RefundStatus.SUCCEEDED)
    return named or next((one for one in nameless if one.amount_minor == amount_minor), None)


def look_again(created_at: datetime | None, now: datetime) -> datetime | None:
    """When to look once more whether somebody paid what could not be closed: the later, the more seldom; not after a
    day."""
    age = timedelta(0) if created_at is None else now - created_at
    return None if age > timedelta(days=1) else now + max(age, timedelta(minutes=10))


def facts(order: Order, **more: Any) -> Mapping[str, Any]:
    """What an event about this order carries: enough for a receiver to act, no address, no token."""
    return {
        "order_id": str(order.id),
        "order_number": order.label,
        "status": order.status.value,
        "payment_status": order.payment_status.value,
        "currency": order.currency,
        "subtotal": text(order.subtotal_minor, order.currency),
        "discount": text(order.discount_minor, order.currency),
        "shipping": text(order.shipping_minor, order.currency),
        "tax": text(order.tax_minor, order.currency),
        "grand_total": text(order.total_minor, order.currency),
        "email": order.email,
        "customer_name": order.customer_name,
        "items": [
            {
                "product_id": str(line.product_id),
                "variant_id": str(line.variant_id),
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": text(line.unit_minor, order.currency),
            }
            for line in order.lines
        ],
        **more,
    }
