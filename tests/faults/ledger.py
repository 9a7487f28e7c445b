"""A small pure model of one shop: pieces, orders and money as they should be. It shares no code with the shop."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

CAN_CANCEL = {"pending", "confirmed", "processing"}
CAN_REFUND = {"confirmed", "processing", "shipped", "delivered"}


@dataclass
class ModelOrder:
    id: UUID
    shopper: int
    kind: str  # cod, page, token
    lines: dict[UUID, int]
    total: int
    coupon: bool
    status: str = "pending"
    stock: str = "held"
    captured: int = 0
    refunded: int = 0
    runs_out: float | None = None
    page: UUID | None = None  # the payment a page is open for
    page_ended: bool = False  # and we know of it
    page_paid: bool = False  # and its money is counted
    failed: bool = False

    @property
    def payment_status(self) -> str:
        if self.captured and self.refunded == self.captured:
            return "refunded"
        if self.refunded:
            return "partially_refunded"
        if self.captured:
            return "paid"
        return "failed" if self.failed else "unpaid"

    @property
    def closed(self) -> bool:
        return self.status in ("cancelled", "refunded")


@dataclass
class ModelShop:
    on_hand: dict[UUID, int] = field(default_factory=dict)
    prices: dict[UUID, int] = field(default_factory=dict)
    orders: dict[UUID, ModelOrder] = field(default_factory=dict)
    carts: dict[int, dict[UUID, int]] = field(default_factory=dict)
    coupon_limit: int = 6
    coupon_off: int = 50

    def reserved(self, variant: UUID) -> int:
        return sum(one.lines.get(variant, 0) for one in self.orders.values() if one.stock == "held")

    def available(self, variant: UUID) -> int:
        return self.on_hand[variant] - self.reserved(variant)

    @property
    def coupon_used(self) -> int:
        return sum(one.coupon and one.stock != "released" for one in self.orders.values())

    def short(self, basket: dict[UUID, int]) -> bool:
        return any(count > self.available(variant) for variant, count in basket.items())

    def total(self, basket: dict[UUID, int], coupon: bool) -> int:
        goods = sum(self.prices[variant] * count for variant, count in basket.items())
        return goods - (min(self.coupon_off, goods) if coupon else 0)

    def place(self, order: ModelOrder) -> None:
        self.orders[order.id] = order
        self.carts[order.shopper] = {}

    def let_go(self, order: ModelOrder, status: str) -> None:
        order.status, order.runs_out = status, None
        if order.stock == "held":
            order.stock = "released"
        if not order.captured:
            order.failed = True
            if order.kind != "cod" and not self.carts.get(order.shopper):
                self.carts[order.shopper] = dict(order.lines)

    def money(self, order: ModelOrder) -> None:
        """It arrived: for an order that is closed or paid it goes back at once."""
        order.page_ended = True
        if order.closed or order.captured:
            order.captured += order.total
            order.refunded += order.total
            return
        order.captured, order.runs_out = order.total, None
        if order.status == "pending":
            order.status = "confirmed"

    def page_left(self, order: ModelOrder) -> None:
        if not order.page_ended:
            order.page_ended = True
            if order.status == "pending":
                self.let_go(order, "cancelled")

    def cancel(self, order: ModelOrder) -> None:
        order.refunded = order.captured
        self.let_go(order, "cancelled")

    def refund(self, order: ModelOrder, amount: int) -> None:
        order.refunded += amount
        if order.refunded == order.captured and order.status in CAN_REFUND:
            self.let_go(order, "refunded")

    def ship(self, order: ModelOrder) -> None:
        order.status, order.stock, order.runs_out = "shipped", "shipped", None
        for variant, count in order.lines.items():
            self.on_hand[variant] -= count
