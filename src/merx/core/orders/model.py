"""An order and its states. Amounts are minor units of the order's own currency and never change after the sale."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from merx.core.payments.model import Payment, Refund
from merx.kernel.errors import Refused
from merx.kernel.events import Drawn
from merx.kernel.ids import CartId, CouponId, CustomerId, LineId, OrderId, ProductId, ShipmentId, VariantId
from merx.kernel.money import Currency, Money
from merx.kernel.states import Table

MAX_NOTE = 2000


class Status(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


TRANSITIONS: Table[Status] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.PROCESSING, Status.SHIPPED, Status.CANCELLED, Status.REFUNDED}),
    Status.PROCESSING: frozenset({Status.SHIPPED, Status.CANCELLED, Status.REFUNDED}),
    Status.SHIPPED: frozenset({Status.DELIVERED, Status.REFUNDED}),
    Status.DELIVERED: frozenset({Status.REFUNDED}),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}


class PaymentStatus(StrEnum):
    UNPAID = "unpaid"
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    FAILED = "failed"


class StockState(StrEnum):
    HELD = "held"
    RELEASED = "released"
    SHIPPED = "shipped"


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every dialect's address is one of these: `street` is line1, `zipCode` is postal_code."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    name: str = ""
    phone: str = ""


class OrderLine(msgspec.Struct, frozen=True, array_like=True):
    id: LineId
    product_id: ProductId
    variant_id: VariantId
    sku: str | None
    name: str
    variant_title: str
    image: str | None
    quantity: int
    unit_minor: int
    total_minor: int
    discount_minor: int
    tax_minor: int


class HistoryEntry(msgspec.Struct, frozen=True, array_like=True):
    from_status: Status | None
    to_status: Status
    actor: str
    note: str
    created_at: datetime


class Shipment(msgspec.Struct, frozen=True, array_like=True):
    id: ShipmentId
    carrier: str
    tracking_number: str
    tracking_url: str | None
    created_at: datetime


class Order(msgspec.Struct, frozen=True):
    id: OrderId
    number: int
    customer_id: CustomerId | None
    email: str | None
    customer_name: str
    phone: str | None
    status: Status
    payment_status: PaymentStatus
    stock_state: StockState
    hold_expires_at: datetime | None
    currency: Currency
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    tax_included: bool
    coupon_id: CouponId | None
    coupon_code: str | None
    shipping_method: str
    payment_method: str
    shipping_address: Address | None
    billing_address: Address | None
    notes: str
    cart_id: CartId | None
    source: str
    flagged: str | None
    created_at: datetime
    updated_at: datetime
    lines: list[OrderLine] = []

    @property
    def label(self) -> str:
        return label(self.number)

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    @property
    def shopper(self) -> str:
        """Under what a coupon's use by this customer is counted. Not the e-mail where there is a customer: that of an
        order is what the shopper typed."""
        return str(self.customer_id or self.email or self.id)


class OrderDetail(msgspec.Struct, frozen=True):
    """An order with everything that happened to it; payments and refunds newest first."""

    order: Order
    payments: list[Payment] = []
    refunds: list[Refund] = []
    history: list[HistoryEntry] = []
    shipments: list[Shipment] = []


class Placement(msgspec.Struct, frozen=True):
    """What is written of an order beside its `Order`."""

    client_digest: bytes | None = None
    lookup_hash: bytes | None = None
    cart_version: int | None = None
    request_digest: bytes | None = None  # what the order is found by when its request comes again


class OrderQuery(msgspec.Struct, frozen=True):
    """`created_from` is inclusive, `created_to` exclusive. Several statuses are alternatives."""

    statuses: tuple[Status, ...] = ()
    customer_id: CustomerId | None = None
    email: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    limit: int = 20
    offset: int = 0


class OrderPage(msgspec.Struct, frozen=True):
    orders: list[Order]
    total: int


class Proof(msgspec.Struct, frozen=True):
    """What somebody has who asks about an e-mail's orders: any of it will do for the orders it fits."""

    customer_id: CustomerId | None
    client_digest: bytes | None
    since: datetime  # a client's address stands for no older orders
    tokens: list[bytes]


class OrderSummary(msgspec.Struct, frozen=True):
    """All that a list by e-mail shows."""

    id: OrderId
    number: int
    status: Status
    payment_status: PaymentStatus
    currency: Currency
    total_minor: int
    created_at: datetime

    @property
    def label(self) -> str:
        return label(self.number)

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)


class OrderSummaries(msgspec.Struct, frozen=True):
    orders: list[OrderSummary]
    total: int


NUMBERED = Drawn("order_number", "orders", "ORD-", 3)
"""What an event says of an order whose number is drawn while it is written."""


def label(number: int) -> str:
    """ORD-001: the number people read."""
    return f"{NUMBERED.prefix}{number:0{NUMBERED.digits}d}"


class IllegalTransition(Refused):
    code = "illegal_transition"

    def __init__(self, current: Status, wanted: Status) -> None:
        legal = sorted(state.value for state in TRANSITIONS[current])
        then = f"only {', '.join(legal)} can follow" if legal else "nothing can follow"
        super().__init__(
            f"An order that is {current} can't become {wanted}: {then}.",
            field="status",
            current=current,
            wanted=wanted,
            legal=legal,
        )


class NotPaid(Refused):
    code = "not_paid"
