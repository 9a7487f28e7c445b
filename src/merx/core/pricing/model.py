"""What pricing takes and gives. All amounts are minor units of one currency."""

from __future__ import annotations

import msgspec


class TaxRules(msgspec.Struct, frozen=True):
    rate: int  # parts per million
    tax_shipping: bool = False
    prices_include_tax: bool = False


class LineAmount(msgspec.Struct, frozen=True):
    unit: int
    quantity: int


class PricedLine(msgspec.Struct, frozen=True):
    total: int  # unit times quantity, before discount
    discount: int
    tax: int  # of the line after discount


class Totals(msgspec.Struct, frozen=True):
    """total = subtotal - discount + shipping (+ tax, where prices do not include it)."""

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int
    lines: tuple[PricedLine, ...]
    tax_included: bool = False
