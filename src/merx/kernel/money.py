"""Money is an integer of minor units plus a currency. No float ever touches it; the one rounding lives here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import NewType

import msgspec

Currency = NewType("Currency", str)
RATE_UNIT = 1_000_000
"""Rates (tax, percentage discounts) are integers in parts per million: 8.875 % is 88_750."""

MAX_MINOR = 10**15
"""Amounts past this are refused at the door, so that no sum of them leaves 64 bits."""

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
_THREE = "BHD IQD JOD KWD LYD OMR TND".split()
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
).split()
EXPONENTS: dict[str, int] = {c: 0 for c in _NONE} | {c: 3 for c in _THREE} | {c: 2 for c in _TWO}
"""ISO 4217 minor-unit exponents of the currencies a shop can use."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Moves a decimal point without rounding: the usual context would drop a 29th digit, and with it what is wrong."""
_PLAIN = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?", re.ASCII)


def exponent(currency: str) -> int:
    return EXPONENTS[currency]


class Money(msgspec.Struct, frozen=True, order=True, gc=False):
    minor: int
    currency: Currency

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __mul__(self, count: int) -> Money:
        return Money(self.minor * count, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise AssertionError(f"{self.currency} met {other.currency}")
        return other.minor

    def share(self, part: Fraction) -> Money:
        return Money(share(self.minor, part), self.currency)

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        return [Money(minor, self.currency) for minor in allocate(self.minor, weights)]

    def text(self) -> str:
        """'12.30', '1230' in yen: for dialects that speak decimal strings."""
        return text(self.minor, self.currency)

    def number(self) -> Decimal:
        """Decimal('12.30'): for dialects that speak JSON numbers."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])


def zero(currency: Currency) -> Money:
    return Money(0, currency)


def share(minor: int, part: Fraction) -> int:
    """This fraction of the amount, half away from zero: the one rounding in the system."""
    exact = minor * part
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return whole if exact >= 0 else -whole


def rate_share(minor: int, rate: int) -> int:
    """`rate` parts per million of the amount, rounded like `share`; for rates and amounts that are not negative."""
    return (2 * minor * rate + RATE_UNIT) // (2 * RATE_UNIT)


def allocate(minor: int, weights: Sequence[int]) -> list[int]:
    """Split by weight without losing a unit (largest remainder, then position). All-zero weights take position."""
    total = sum(weights)
    if not weights:
        return []
    if total == 0:
        return [minor, *[0] * (len(weights) - 1)]
    shares = [minor * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(minor * weights[i] % total), i))
    for index in by_remainder[: minor - sum(shares)]:
        shares[index] += 1
    return shares


def text(minor: int, currency: str) -> str:
    digits = EXPONENTS[currency]
    sign, figures = ("-" if minor < 0 else ""), str(abs(minor)).zfill(digits + 1)
    return sign + (figures if digits == 0 else f"{figures[:-digits]}.{figures[-digits:]}")


def parse_minor(value: Decimal | int | str, currency: str) -> int | None:
    """Minor units of a main-unit amount, or None where it is not one: NaN, exponent notation in text, more decimals
    than the currency has, negative, or past MAX_MINOR. Trailing zeros do not count as decimals."""
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            return None
        value = Decimal(value)
    elif isinstance(value, int):
        value = Decimal(value) if not isinstance(value, bool) and abs(value) <= MAX_MINOR else Decimal("NaN")
    if not value.is_finite() or not -20 < value.adjusted() < 20:
        return 0 if value.is_finite() and value == 0 else None
    scaled = value.scaleb(EXPONENTS[currency], _EXACT)
    if scaled != scaled.to_integral_value() or not 0 <= scaled <= MAX_MINOR:
        return None
    return int(scaled)


def parse_rate(percent: Decimal | int | str) -> int | None:
    """Parts per million of a percentage between 0 and 100 with at most four decimals, or None."""
    if isinstance(percent, str):
        if not _PLAIN.fullmatch(percent):
            return None
        percent = Decimal(percent)
    value = Decimal(percent)
    if not value.is_finite() or not 0 <= value <= 100:
        return None
    scaled = value.scaleb(4, _EXACT)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def percent(rate: int) -> Decimal:
    """Decimal('8.875') of 88_750 parts per million, without trailing zeros."""
    value = Decimal(rate).scaleb(-4).normalize()
    return value if value.as_tuple().exponent <= 0 else value.quantize(Decimal(1))  # type: ignore[operator]
