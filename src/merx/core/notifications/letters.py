"""Letters: what a notification says, as HTML and as plain text, from templates beside this file. Pure: the same content
gives the same letter. Everything that anybody wrote is escaped. The words are English; amounts are written as the
shop's locale has them, and dates as English is written in its country.

Jinja2 and Babel are imported when the first letter is written."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from merx.core.notifications.model import Content, Kind, Letter, Shop
from merx.core.notifications.rules import subject_of
from merx.kernel.money import EXPONENTS

if TYPE_CHECKING:
    from babel import Locale
    from jinja2 import Environment

FALLBACK = "en_US"


def render(kind: Kind, shop: Shop, content: Content) -> Letter:
    """A letter about an order or about the shop's own business."""
    return _write(kind.value, shop, subject=subject_of(kind, shop.name, content), c=content)


def reset(shop: Shop, link: str, name: str, minutes: int) -> Letter:
    """The one letter with a secret in it."""
    subject = subject_of(Kind.PASSWORD_RESET, shop.name, Content())
    return _write(Kind.PASSWORD_RESET.value, shop, subject=subject, link=link, name=name, minutes=minutes)


def message(shop: Shop, subject: str, text: str, unsubscribe: str | None) -> Letter:
    """The merchant's own words in the shop's dress. `unsubscribe`: the link that ends such messages."""
    paragraphs = [part.strip("\n").split("\n") for part in text.split("\n\n") if part.strip()]
    return _write(Kind.MESSAGE.value, shop, subject=subject, words=text, paragraphs=paragraphs, unsubscribe=unsubscribe)


def _write(template: str, shop: Shop, **values: Any) -> Letter:
    given = {"shop": shop, "locale": _locale(shop.locale), **values}
    environment = _environment()
    html = environment.get_template(f"{template}.html").render(given)
    text = environment.get_template(f"{template}.txt").render(given)
    return Letter(_squeezed(text), html)


def _squeezed(text: str) -> str:
    """No more than one empty line in a row: what was left out of a letter leaves no holes."""
    lines: list[str] = []
    for line in text.strip().split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


@lru_cache(1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("merx.core.notifications", "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["money"] = _money
    made.filters["day"] = _day
    made.filters["one_line"] = lambda text: " ".join(str(text).split())
    return made


@lru_cache(256)
def _locale(name: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(FALLBACK)


def _money(minor: int, currency: str, locale: Locale) -> str:
    from babel.numbers import format_currency

    return str(format_currency(Decimal(minor).scaleb(-EXPONENTS[currency]), currency, locale=locale))


def _day(at: datetime | None, locale: Locale) -> str:
    from babel.dates import format_date

    return "" if at is None else str(format_date(at, "long", locale=_locale(f"en_{locale.territory or 'US'}")))
