"""A way to send an order."""

from __future__ import annotations

import msgspec

STANDARD = "standard"


class ShippingMethod(msgspec.Struct, frozen=True):
    """`free_over_minor`: goods worth this much after discount are sent for nothing."""

    code: str
    name: str
    price_minor: int
    free_over_minor: int | None = None
    active: bool = True
    position: int = 0


class ShippingRules(msgspec.Struct, frozen=True):
    enabled: bool
    flat_minor: int
    free_over_minor: int | None
