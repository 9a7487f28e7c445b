"""An order as people read it: one line after the other of what happened, newest first; and what may be done now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from merx.core.orders.desk import Story
from merx.core.orders.model import HistoryEntry, Order, OrderDetail, Status
from merx.core.payments.model import OPEN, RefundStatus
from merx.core.payments.model import Status as Attempt
from merx.kernel import ids
from merx.kernel.money import Money

_SAID = {
    Status.PENDING: "The order was placed",
    Status.CONFIRMED: "The order was confirmed",
    Status.PROCESSING: "The order is being prepared",
    Status.SHIPPED: "The order was shipped",
    Status.DELIVERED: "The order was delivered",
    Status.CANCELLED: "The order was cancelled",
    Status.REFUNDED: "The order was refunded",
}
_PAYMENTS = {
    Attempt.CAPTURED: ("was paid", "success"),
    Attempt.AUTHORIZED: ("was authorized", "info"),
    Attempt.PENDING: ("is awaited", "neutral"),
    Attempt.CREATED: ("was begun", "neutral"),
    Attempt.DECLINED: ("was declined", "danger"),
    Attempt.CANCELLED: ("was not paid", "neutral"),
}
_REFUNDS = {
    RefundStatus.SUCCEEDED: ("was refunded", "success"),
    RefundStatus.PENDING: ("is being refunded", "info"),
    RefundStatus.FAILED: ("could not be refunded", "danger"),
}
_ACTORS = {"system": "Merx", "anonymous": "the shopper", "customer": "the shopper", "client": "an OAuth client"}


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    icon: str
    tone: str
    text: str
    amount: Money | None = None
    who: str = ""
    note: str = ""
    link: str = ""


def timeline(story: Story) -> list[Moment]:
    """Newest first. What carries the same moment stays in the order in which it came to be."""
    detail, order = story.detail, story.detail.order
    told = [_history(entry, story) for entry in detail.history]
    for attempt in detail.payments:
        said, tone = _PAYMENTS[attempt.status]
        told.append(
            Moment(
                attempt.created_at or order.created_at, "credit-card", tone, said, attempt.amount,
                attempt.provider.capitalize(), attempt.reason or "",
            )
        )  # fmt: skip
    for refund in detail.refunds:
        said, tone = _REFUNDS[refund.status]
        told.append(
            Moment(
                refund.created_at, "undo-2", tone, said, Money(refund.amount_minor, order.currency), "", refund.reason
            )
        )
    for shipment in detail.shipments:
        said = f"Sent with {shipment.carrier}"
        told.append(
            Moment(
                shipment.created_at, "truck", "info", said, None, "", shipment.tracking_number,
                shipment.tracking_url or "",
            )
        )  # fmt: skip
    return sorted(told, key=lambda moment: moment.at)[::-1]


def _history(entry: HistoryEntry, story: Story) -> Moment:
    tone = "danger" if entry.to_status is Status.CANCELLED else "neutral"
    who = story.names.get(entry.actor) or _ACTORS.get(entry.actor.partition(":")[0], "")
    icon = {Status.PENDING: "shopping-cart", Status.CANCELLED: "ban", Status.SHIPPED: "truck"}.get(
        entry.to_status, "circle-check"
    )
    said = "The order was placed" if entry.from_status is None else _SAID[entry.to_status]
    return Moment(entry.created_at, icon, tone, said, None, who, entry.note)


def refundable(detail: OrderDetail) -> int:
    """What is left of the payment that a refund would be taken from."""
    return max((one.captured_minor - one.refunded_minor for one in detail.payments), default=0)


def payable_by_hand(detail: OrderDetail) -> bool:
    """Whether the shop notes the payment itself: cash or a transfer."""
    if detail.order.status in (Status.CANCELLED, Status.REFUNDED):
        return False
    return any(one.provider == "manual" and one.status in OPEN for one in detail.payments)


def spelled(order: Order) -> str:
    return ids.encode("ord", order.id)
