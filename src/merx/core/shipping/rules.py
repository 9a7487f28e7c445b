"""Which methods a shop offers, and what one costs a basket."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.shipping.model import STANDARD, ShippingMethod, ShippingRules
from merx.kernel.errors import Invalid


def offered(rules: ShippingRules, rows: Sequence[ShippingMethod]) -> list[ShippingMethod]:
    """'standard' first, then the tenant's own active methods in their order."""
    standard = ShippingMethod(STANDARD, "Standard", rules.flat_minor, rules.free_over_minor)
    return [standard, *sorted((row for row in rows if row.active), key=lambda row: (row.position, row.code))]


def choose(
    rules: ShippingRules, rows: Sequence[ShippingMethod], code: str | None, taken: Sequence[str] = ()
) -> ShippingMethod:
    """Raises Invalid where the shop offers no such method. `taken`: codes that are taken at the flat rate where the
    shop has no method of theirs, neither offered nor switched off."""
    methods, kept = offered(rules, rows), {row.code for row in rows}
    methods += [ShippingMethod(one, one.title(), rules.flat_minor) for one in taken if one not in kept]
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
