"""How amounts, numbers, times and colours are written for people: by the shop's locale, with Babel."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol
from markupsafe import Markup, escape

from merx.kernel import money as kernel_money
from merx.kernel.money import Money

DEFAULT_LOCALE = "en_US"
_JUST_NOW = timedelta(seconds=45)


@lru_cache(256)
def locale_of(name: str) -> Locale:
    """The locale as Babel knows it; English where nobody has heard of it."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT_LOCALE)


@lru_cache(8192)
def money(amount: Money, locale: str = DEFAULT_LOCALE) -> str:
    return str(format_currency(amount.number(), amount.currency, locale=locale_of(locale)))


@lru_cache(512)
def currency_symbol(currency: str, locale: str = DEFAULT_LOCALE) -> str:
    return str(get_currency_symbol(currency, locale=locale_of(locale)))


def plain(amount: Money | None) -> str:
    """As it stands in a form's field: '12.30'."""
    return "" if amount is None else amount.text()


def short_money(amount: Money, locale: str = DEFAULT_LOCALE) -> str:
    """Without decimals where it is large, for the axes of charts."""
    if abs(amount.minor) < 100 * 10 ** kernel_money.exponent(amount.currency):
        return money(amount, locale)
    whole = format_currency(
        amount.number().to_integral_value(), amount.currency, locale=locale_of(locale), currency_digits=False,
        decimal_quantization=False,
    )  # fmt: skip
    return str(whole)


def number(value: int | float | Decimal, locale: str = DEFAULT_LOCALE) -> str:
    return str(format_decimal(value, locale=locale_of(locale)))


def percentage(share: float, locale: str = DEFAULT_LOCALE, digits: int = 1) -> str:
    """0.125 as 12.5 %."""
    pattern = "#,##0." + "#" * digits + "%" if digits else "#,##0%"
    return str(format_percent(share, pattern, locale=locale_of(locale)))


def exact(at: datetime, locale: str = DEFAULT_LOCALE) -> str:
    return f"{format_datetime(at.astimezone(UTC), 'd MMM y, HH:mm', locale=locale_of(locale))} UTC"


def day(at: datetime | date, locale: str = DEFAULT_LOCALE) -> str:
    return str(format_date(at, "d MMM y", locale=locale_of(locale)))


def relative(at: datetime, now: datetime, locale: str = DEFAULT_LOCALE) -> str:
    """'3 minutes ago'; a day once a month has passed."""
    passed = now - at
    if timedelta(0) <= passed < _JUST_NOW:
        return "just now"
    if abs(passed) > timedelta(days=30):
        return day(at, locale)
    return str(format_timedelta(-passed, add_direction=True, threshold=1, locale=locale_of(locale)))


def time_tag(at: datetime, now: datetime, locale: str = DEFAULT_LOCALE) -> Markup:
    """Relative, with the exact time on hover."""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), exact(at, locale), relative(at, now, locale)
    )


def lines(text: str) -> Markup:
    """Text of many lines: escaped, its line ends kept."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


_CITY_FIRST = ("US", "CA", "AU", "IN", "BR", "MX")


def address_lines(address: Any, locale: str = DEFAULT_LOCALE) -> list[str]:
    """An order's address as it stands on an envelope."""
    country = locale_of(locale).territories.get(address.country.upper(), address.country) if address.country else ""
    if address.country.upper() in _CITY_FIRST:
        region = f"{address.state} {address.postal_code}".strip()
        town = ", ".join(part for part in (address.city, region) if part)
    else:
        town = ", ".join(part for part in (f"{address.postal_code} {address.city}".strip(), address.state) if part)
    lines = (address.name, address.line1, address.line2, town, country, address.phone)
    return [line for line in lines if line]


def size(count: int) -> str:
    return (
        f"{count / 1048576:.1f} MB" if count >= 1048576 else f"{count / 1024:.0f} KB" if count >= 1024 else f"{count} B"
    )
