"""Which methods a shop offers, and what one costs a basket."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.shipping.model import EXPRESS, STANDARD, ShippingMethod, ShippingRules
from merx.kernel.errors import Invalid


def offered(rules: ShippingRules, rows: Sequence[ShippingMethod]) -> list[ShippingMethod]:
    """'standard' first, then the tenant's own active methods in their order. 'express' is offered by every shop, at
    the flat rate until the shop gives it a price of its own or switches it off."""
    standard = ShippingMethod(STANDARD, "Standard", rules.flat_minor, rules.free_over_minor)
    own = sorted((row for row in rows if row.active), key=lambda row: (row.position, row.code))
    if all(row.code != EXPRESS for row in rows):
        own.insert(0, ShippingMethod(EXPRESS, "Express", rules.flat_minor))
    return [standard, *own]


def choose(rules: ShippingRules, rows: Sequence[ShippingMethod], code: str | None) -> ShippingMethod:
    """Raises Invalid where the shop offers no such method."""
    methods = offered(rules, rows)
    for method in methods:
        if method.code == (code or STANDARD):
            return method
    names = ", ".join(method.code for method in methods)
    raise Invalid(f"This shop ships by: {names}.", code="shipping_method_unknown", field="shipping_method")


def cost(rules: ShippingRules, method: ShippingMethod, goods: int, free: bool = False) -> int:
    """`goods`: minor units after discount. Nothing to send, or shipping switched off, costs nothing."""
    if not rules.enabled or free or goods < 0:
        return 0
    if method.free_over_minor is not None and goods >= method.free_over_minor:
        return 0
    return method.price_minor
