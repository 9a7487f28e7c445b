"""A tenant, its plan's limits, its shop's settings. Amounts are in the minor units of the settings' currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from merx.kernel import money
from merx.kernel.errors import Conflict, Refused
from merx.kernel.ids import TenantId
from merx.kernel.money import Currency, Money


class Plan(StrEnum):
    FREE = "free"
    STARTER = "starter"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class PlanLimits(msgspec.Struct, frozen=True):
    """Requests one credential may make. `per_day` None: as many as it likes."""

    per_minute: int
    per_day: int | None


PLAN_LIMITS: Mapping[Plan, PlanLimits] = {
    Plan.FREE: PlanLimits(60, 10_000),
    Plan.STARTER: PlanLimits(120, 50_000),
    Plan.PRO: PlanLimits(300, 200_000),
    Plan.ENTERPRISE: PlanLimits(10_000, None),
}


class Tenant(msgspec.Struct, frozen=True):
    id: TenantId
    slug: str
    name: str
    domain: str | None
    plan: Plan
    requests_per_minute: int | None  # agreed with this tenant; replaces what the plan says
    active: bool
    created_at: datetime

    @property
    def limits(self) -> PlanLimits:
        return limits_of(self.plan, self.requests_per_minute)


def limits_of(plan: Plan, requests_per_minute: int | None = None) -> PlanLimits:
    limits = PLAN_LIMITS[plan]
    return limits if requests_per_minute is None else PlanLimits(requests_per_minute, limits.per_day)


class Figures(msgspec.Struct, frozen=True):
    """How much a tenant is used. `requests`, and of them those that `failed` through our fault, are of some time."""

    products: int = 0
    orders: int = 0
    members: int = 0
    requests: int = 0
    failed: int = 0


class FoundTenants(msgspec.Struct, frozen=True):
    tenants: list[Tenant]
    total: int
    figures: Mapping[TenantId, Figures]


class ShopSettings(msgspec.Struct, frozen=True):
    currency: Currency
    tax_rate: int  # parts per million
    tax_shipping: bool
    prices_include_tax: bool
    shipping_enabled: bool
    flat_shipping_minor: int
    free_shipping_threshold_minor: int | None
    payment_provider: str
    payment_test_mode: bool
    low_stock_threshold: int
    guest_order_lookup: str  # 'verified', 'recent' or 'open'
    allowed_origins: tuple[str, ...]
    locale: str
    contact_email: str | None
    accent: str  # '#rrggbb': the colour of the shop's pages; '' where none was chosen
    updated_at: datetime

    @property
    def currency_symbol(self) -> str:
        return _SYMBOLS.get(self.currency, self.currency)

    @property
    def tax_percentage(self) -> Decimal:
        return money.percent(self.tax_rate)

    @property
    def flat_shipping(self) -> Money:
        return Money(self.flat_shipping_minor, self.currency)

    @property
    def free_shipping_threshold(self) -> Money | None:
        minor = self.free_shipping_threshold_minor
        return None if minor is None else Money(minor, self.currency)


class Origins(msgspec.Struct, frozen=True):
    """Where a shop's pages may live: its own addresses, what its settings list and, in payment test mode, this very
    machine at any port, so that a front end can be built before it has an address."""

    own: tuple[str, ...]
    listed: tuple[str, ...]
    local: bool

    def allow(self, origin: str) -> bool:
        origin = origin.lower()
        if origin in self.own or origin in [one.lower() for one in self.listed]:
            return True
        return self.local and _LOCAL.fullmatch(origin) is not None


Amount = Decimal | int | str
"""An amount in main units as a client wrote it; read with the currency that holds after the change."""

Credentials = Mapping[str, str]


class SettingsPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Only what is set changes. `credentials` holds, by provider, what is to be stored (merged with what is known of
    that provider already), or None to forget that provider's. `name` is the shop's, on its pages and letters."""

    name: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    tax_percentage: Amount | UnsetType = UNSET
    tax_shipping: bool | UnsetType = UNSET
    prices_include_tax: bool | UnsetType = UNSET
    shipping_enabled: bool | UnsetType = UNSET
    flat_shipping_rate: Amount | UnsetType = UNSET
    free_shipping_threshold: Amount | UnsetType | None = UNSET
    payment_provider: str | UnsetType = UNSET
    payment_test_mode: bool | UnsetType = UNSET
    low_stock_threshold: int | UnsetType = UNSET
    guest_order_lookup: str | UnsetType = UNSET
    allowed_origins: list[str] | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    contact_email: str | UnsetType | None = UNSET
    accent: str | UnsetType = UNSET
    credentials: Mapping[str, Credentials | None] | UnsetType = UNSET


class CredentialHint(msgspec.Struct, frozen=True):
    """All that is ever shown of a provider's credentials."""

    provider: str
    hint: str  # the last four characters of its main secret
    updated_at: datetime


class Configuration(msgspec.Struct, frozen=True):
    """What the merchant sees: the settings, and which providers have credentials."""

    tenant: Tenant
    settings: ShopSettings
    credentials: tuple[CredentialHint, ...]


class ProviderFields(msgspec.Struct, frozen=True):
    required: tuple[str, ...]
    optional: tuple[str, ...]
    shown: str  # whose last characters are the hint


PROVIDER_FIELDS: Mapping[str, ProviderFields] = {
    "stripe": ProviderFields(("secret_key",), ("webhook_secret",), "secret_key"),
    "razorpay": ProviderFields(("key_id", "key_secret"), ("webhook_secret",), "key_id"),
}
PROVIDERS = ("manual", "stripe", "razorpay")
LOOKUPS = ("verified", "recent", "open")


class DomainTaken(Conflict):
    code = "domain_taken"

    def __init__(self, domain: str) -> None:
        super().__init__(f"The domain {domain} belongs to another shop.", field="domain")


class SlugTaken(Conflict):
    code = "slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"A shop named {slug} exists already; choose another slug.", field="slug")


class NoCredentials(Refused):
    """Live mode, and nobody has given this provider's credentials."""

    code = "payments_not_configured"

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"This shop takes real payments through {provider} but has no credentials for it: add them in the "
            f"settings, or switch payment test mode on.",
            provider=provider,
        )


_LOCAL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.ASCII)
_SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "CAD": "CA$",
    "AUD": "A$", "NZD": "NZ$", "MXN": "MX$", "HKD": "HK$", "SGD": "S$", "CHF": "CHF", "ILS": "₪", "NGN": "₦",
    "PHP": "₱", "PLN": "zł", "RUB": "₽", "THB": "฿", "TRY": "₺", "UAH": "₴", "VND": "₫", "ZAR": "R", "CZK": "Kč",
    "DKK": "kr", "NOK": "kr", "SEK": "kr", "HUF": "Ft",
}  # fmt: skip
