"""Stock levels and movements. available = on_hand - reserved; an order holds (reserves), then ships or releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.kernel.errors import Refused
from merx.kernel.ids import OrderId, ProductId, VariantId

MAX_ON_HAND = 1_000_000_000
MAX_REASON = 500


class MovementKind(StrEnum):
    RECEIVED = "received"
    ADJUSTED = "adjusted"
    RESERVED = "reserved"
    RELEASED = "released"
    SHIPPED = "shipped"
    RETURNED = "returned"


class StockLevel(msgspec.Struct, frozen=True):
    variant_id: VariantId
    product_id: ProductId
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Movement(msgspec.Struct, frozen=True):
    id: UUID
    variant_id: VariantId
    kind: MovementKind
    on_hand_delta: int
    reserved_delta: int
    order_id: OrderId | None
    reason: str
    actor: str
    created_at: datetime


class OutOfStock(Refused):
    """Names what is short, never how many are left."""

    code = "out_of_stock"

    def __init__(self, variants: Sequence[VariantId], names: Sequence[str] = ()) -> None:
        what = ", ".join(names) if names else "one or more items"
        super().__init__(
            f"Not enough in stock: {what}. Lower the quantity or remove it.",
            field="items",
            variants=[str(variant) for variant in variants],
        )
        self.variants = tuple(variants)
