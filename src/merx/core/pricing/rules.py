"""Pure: amounts in, totals out. Every split goes through `allocate`, so lines always add up to their totals."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from merx.core.pricing.model import LineAmount, PricedLine, TaxRules, Totals
from merx.kernel.errors import Invalid
from merx.kernel.money import MAX_MINOR, RATE_UNIT, allocate, rate_share, share


def subtotal(lines: Sequence[LineAmount]) -> int:
    """Raises Invalid where the sum is past what money here can hold."""
    whole = sum(line.unit * line.quantity for line in lines)
    if whole > MAX_MINOR:
        raise Invalid("These quantities add up to more than an order can hold.", field="quantity", code="too_large")
    return whole


def totals(lines: Sequence[LineAmount], discount: int, shipping: int, tax: TaxRules) -> Totals:
    """`discount` is cut to the subtotal. Tax is rounded once, on the sum, and shared out over the lines."""
    goods = subtotal(lines)
    discount = min(discount, goods)
    line_totals = [line.unit * line.quantity for line in lines]
    discounts = allocate(discount, line_totals)
    taxable = [total - less for total, less in zip(line_totals, discounts, strict=True)]
    weights = [*taxable, shipping if tax.tax_shipping else 0]
    whole_tax = _tax(sum(weights), tax)
    taxes = allocate(whole_tax, weights)
    return Totals(
        subtotal=goods,
        discount=discount,
        shipping=shipping,
        tax=whole_tax,
        total=goods - discount + shipping + (0 if tax.prices_include_tax else whole_tax),
        lines=tuple(
            PricedLine(total, less, part) for total, less, part in zip(line_totals, discounts, taxes, strict=False)
        ),
        tax_included=tax.prices_include_tax,
    )


def _tax(base: int, tax: TaxRules) -> int:
    if tax.prices_include_tax:
        return share(base, Fraction(tax.rate, RATE_UNIT + tax.rate))
    return rate_share(base, tax.rate)
