"""Pure decisions: what slug a name gives, what a change of settings comes to, which credentials a provider needs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from merx.core.tenants.model import (
    LOOKUPS,
    PROVIDER_FIELDS,
    PROVIDERS,
    Amount,
    Credentials,
    SettingsPatch,
    ShopSettings,
)
from merx.kernel import money
from merx.kernel.errors import Invalid
from merx.kernel.money import EXPONENTS, MAX_MINOR, Currency

MAX_SLUG = 40
RESERVED_SLUGS = frozenset(
    "about account accounts admin administrator api app apps assets auth billing blog cdn checkout commerce "
    "console dashboard demo dev docs domain email files ftp git healthz help imap livez localhost login logout "
    "mail merx metrics mobile mta ns1 ns2 oauth order orders pay payment payments platform pop pop3 portal "
    "postmaster readyz reference register root sandbox security shop signup simulator smtp ssl staging static "
    "status storefront store stripe support system team test webhook webhooks webmail www".split()
)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)
_ACCENT = re.compile(r"(?:#[0-9a-f]{6})?", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(?:[_-][A-Z]{2})?", re.ASCII)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,253}")
_SECRET = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def slug_base(name: str) -> str:
    """'My Store' -> 'mystore', 'Café 24' -> 'cafe24'. A name without Latin letters or digits gives 'shop'."""
    plain = unicodedata.normalize("NFKD", name).lower()
    letters = "".join(c for c in plain if c.isascii() and c.isalnum())[: MAX_SLUG - 6]
    return letters if len(letters) >= 3 else f"shop{letters}"


def free_slug(base: str, taken: Collection[str]) -> str:
    """`base`, with the smallest number behind it that makes it free."""
    if base not in taken and base not in RESERVED_SLUGS:
        return base
    number = 2
    while f"{base}{number}" in taken or f"{base}{number}" in RESERVED_SLUGS:
        number += 1
    return f"{base}{number}"


def check_slug(slug: str) -> str:
    """A slug somebody chose."""
    if not 3 <= len(slug) <= MAX_SLUG or not _SLUG.fullmatch(slug):
        raise Invalid(
            f"A slug has 3 to {MAX_SLUG} lower-case letters, digits and hyphens, and begins and ends with no hyphen.",
            field="slug",
        )
    if slug in RESERVED_SLUGS:
        raise Invalid(f"The slug {slug} is kept for Merx itself; choose another one.", field="slug")
    return slug


def check_name(name: str, field: str = "name") -> str:
    name = name.strip()
    if not 1 <= len(name) <= 255 or _has_control(name):
        raise Invalid("A name has 1 to 255 characters, and no control characters.", field=field)
    return name


def check_domain(domain: str) -> str:
    domain = domain.strip().lower().rstrip(".")
    if not _DOMAIN.fullmatch(domain):
        raise Invalid("A domain is a host name like shop.example.com.", field="domain")
    return domain


NOWHERE = "erased.invalid"
"""The domain of what stands in an erased customer's place; by RFC 2606 nobody has an address there."""


def email(text: str) -> str | None:
    """The address as it is stored and compared (trimmed, lower case), or None where it can't be one."""
    text = text.strip().lower()
    domain = text.rpartition("@")[2]
    return text if len(text) <= 254 and _EMAIL.fullmatch(text) and "." in domain and domain != NOWHERE else None


def check_currency(code: str) -> Currency:
    if code not in EXPONENTS:
        raise Invalid("A currency is an ISO 4217 code such as USD, EUR or JPY.", field="currency")
    return Currency(code)


def patched(before: ShopSettings, patch: SettingsPatch, now: datetime) -> ShopSettings:
    """The settings after the change; raises Invalid naming every wrong field."""
    wrong: dict[str, list[str]] = {}
    changes: dict[str, Any] = {"updated_at": now}
    currency = before.currency
    if patch.currency is not UNSET:
        if patch.currency in EXPONENTS:
            currency = changes["currency"] = Currency(patch.currency)
        else:
            wrong["currency"] = ["A currency is an ISO 4217 code such as USD, EUR or JPY."]
    _amounts(before, patch, currency, changes, wrong)
    for name in ("tax_shipping", "prices_include_tax", "shipping_enabled", "payment_test_mode"):
        if (value := getattr(patch, name)) is not UNSET:
            changes[name] = value
    _words(patch, changes, wrong)
    if wrong:
        raise Invalid("Some settings are not valid.", fields=wrong)
    return msgspec.structs.replace(before, **changes)


def _amounts(
    before: ShopSettings, patch: SettingsPatch, currency: Currency, changes: dict[str, Any], wrong: dict[str, list[str]]
) -> None:
    said = f"This is an amount in {currency} that is not negative, with at most {EXPONENTS[currency]} decimals."
    if patch.flat_shipping_rate is not UNSET:
        changes["flat_shipping_minor"] = _minor(patch.flat_shipping_rate, currency)
        if changes["flat_shipping_minor"] is None:
            wrong["flat_shipping_rate"] = [said]
    elif currency != before.currency:
        changes["flat_shipping_minor"] = _moved(before.flat_shipping_minor, before.currency, currency)
    threshold = patch.free_shipping_threshold
    if threshold is not UNSET:
        minor = None if threshold is None else _minor(threshold, currency)
        changes["free_shipping_threshold_minor"] = minor
        if threshold is not None and minor is None:
            wrong["free_shipping_threshold"] = [said]
    elif currency != before.currency and before.free_shipping_threshold_minor is not None:
        moved = _moved(before.free_shipping_threshold_minor, before.currency, currency)
        changes["free_shipping_threshold_minor"] = moved
    if patch.tax_percentage is not UNSET:
        changes["tax_rate"] = money.parse_rate(patch.tax_percentage)
        if changes["tax_rate"] is None:
            wrong["tax_percentage"] = ["A tax percentage is between 0 and 100, with at most four decimals."]


def _words(patch: SettingsPatch, changes: dict[str, Any], wrong: dict[str, list[str]]) -> None:
    for name, allowed in (("payment_provider", PROVIDERS), ("guest_order_lookup", LOOKUPS)):
        value = getattr(patch, name)
        if value is not UNSET:
            changes[name] = value
            if value not in allowed:
                wrong[name] = [f"This is one of {', '.join(allowed)}."]
    if patch.low_stock_threshold is not UNSET:
        changes["low_stock_threshold"] = patch.low_stock_threshold
        if not 0 <= patch.low_stock_threshold <= 1_000_000:
            wrong["low_stock_threshold"] = ["This is a whole number between 0 and 1000000."]
    if patch.allowed_origins is not UNSET:
        changes["allowed_origins"] = tuple(dict.fromkeys(patch.allowed_origins))
        if len(patch.allowed_origins) > 50 or not all(map(_is_origin, patch.allowed_origins)):
            wrong["allowed_origins"] = ["These are at most 50 origins like https://shop.example.com, without a path."]
    if patch.locale is not UNSET:
        changes["locale"] = patch.locale
        if not _LOCALE.fullmatch(patch.locale):
            wrong["locale"] = ["A locale is a language and a country, such as en_US."]
    if patch.contact_email is not UNSET:
        changes["contact_email"] = None if patch.contact_email is None else email(patch.contact_email)
        if patch.contact_email is not None and changes["contact_email"] is None:
            wrong["contact_email"] = ["This is no e-mail address."]
    if patch.accent is not UNSET:
        changes["accent"] = patch.accent.lower()
        if not _ACCENT.fullmatch(changes["accent"]):
            wrong["accent"] = ["A colour is written like #4f46e5; leave it empty for the usual one."]


def _minor(value: Amount, currency: Currency) -> int | None:
    return money.parse_minor(value, currency)


def _moved(minor: int, before: Currency, after: Currency) -> int:
    """The same figure in main units: 5.00 stays 5."""
    shift = EXPONENTS[after] - EXPONENTS[before]
    return min(money.share(minor, Fraction(10) ** shift), MAX_MINOR)


def _is_origin(text: str) -> bool:
    if len(text) > 255 or _has_control(text) or not text.isascii():
        return False
    try:
        parts = urlsplit(text)
        bare = f"{parts.scheme}://{parts.netloc}"
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in text and text == bare
    except ValueError:
        return False


def _has_control(text: str) -> bool:
    return any(c < " " or c == "\x7f" for c in text)


def merged_credentials(provider: str, known: Credentials, given: Credentials) -> dict[str, str]:
    """What is stored of a provider after `given`; raises Invalid naming what is missing, unknown or malformed."""
    fields = PROVIDER_FIELDS.get(provider)
    if fields is None:
        raise Invalid(f"There are no credentials to give for {provider}.", field="credentials")
    allowed = fields.required + fields.optional
    wrong: dict[str, list[str]] = {}
    for name, value in given.items():
        if name not in allowed:
            wrong[f"credentials.{name}"] = [f"The credentials of {provider} are {', '.join(allowed)}."]
        elif not _SECRET.fullmatch(value):
            wrong[f"credentials.{name}"] = ["This is up to 255 printable characters without spaces."]
    after = {**known, **given}
    for name in fields.required:
        if name not in after:
            wrong[f"credentials.{name}"] = [f"{provider} needs this."]
    if wrong:
        raise Invalid("Some credentials are not valid.", fields=wrong)
    return after


def check_mode(provider: str, credentials: Mapping[str, str], test_mode: bool) -> None:
    """A live key in test mode would take real money; a test key in live mode would take none."""
    key = credentials.get(PROVIDER_FIELDS[provider].shown, "")
    if "_live_" in key and test_mode:
        raise Invalid(
            f"These are live credentials of {provider}, and this shop is in payment test mode: send payment_test_mode "
            f"false with them.",
            field="payment_test_mode",
        )
    if "_test_" in key and not test_mode:
        raise Invalid(
            f"These are test credentials of {provider}, and this shop takes real payments: send payment_test_mode "
            f"true, or live credentials.",
            field="payment_test_mode",
        )


def hint(provider: str, credentials: Mapping[str, str]) -> str:
    return credentials.get(PROVIDER_FIELDS[provider].shown, "")[-4:]
