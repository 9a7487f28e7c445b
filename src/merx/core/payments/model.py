"""Attempts to take money, and money given back."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from merx.kernel.ids import OrderId, PaymentId, RefundId
from merx.kernel.money import Currency, Money
from merx.kernel.states import Table


class Status(StrEnum):
    CREATED = "created"  # the row is there, the provider may or may not have heard of it
    PENDING = "pending"  # waits for the shopper, or for cash
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"
    CANCELLED = "cancelled"


TRANSITIONS: Table[Status] = {
    Status.CREATED: frozenset({Status.PENDING, Status.AUTHORIZED, Status.CAPTURED, Status.DECLINED, Status.CANCELLED}),
    Status.PENDING: frozenset({Status.AUTHORIZED, Status.CAPTURED, Status.DECLINED, Status.CANCELLED}),
    Status.AUTHORIZED: frozenset({Status.CAPTURED, Status.CANCELLED}),
    Status.CAPTURED: frozenset(),
    Status.DECLINED: frozenset({Status.CAPTURED}),  # money that arrives late is still money
    Status.CANCELLED: frozenset({Status.CAPTURED}),
}

OPEN = frozenset({Status.CREATED, Status.PENDING, Status.AUTHORIZED})


class Payment(msgspec.Struct, frozen=True):
    """`charge` is what was asked of the provider, kept so that it can be asked again after a crash."""

    id: PaymentId
    order_id: OrderId
    provider: str
    method: str
    status: Status
    amount_minor: int
    currency: Currency
    captured_minor: int = 0
    refunded_minor: int = 0
    reference: str | None = None
    url: str | None = None
    client: dict[str, Any] = {}
    reason: str | None = None
    created_at: datetime | None = None
    superseded: bool = False  # another attempt takes its place: its end is not the order's

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def window(self) -> Window | None:
        """Where it is paid in one, and still can be."""
        given = self.client
        if self.status is not Status.PENDING or "providerOrderId" not in given:
            return None
        return Window(given["token"], given["providerOrderId"], given["amount"], given["currency"])


class Window(msgspec.Struct, frozen=True):
    """What the script of a provider that has a window instead of a page is opened with, in Razorpay's own words;
    `amount` in the currency's smallest unit."""

    key: str
    order_id: str
    amount: int
    currency: str


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(msgspec.Struct, frozen=True):
    id: RefundId
    order_id: OrderId
    payment_id: PaymentId
    amount_minor: int
    reason: str
    status: RefundStatus
    reference: str | None
    created_at: datetime
