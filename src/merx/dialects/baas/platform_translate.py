"""Owns the way between the core's values and the merchant's side of this dialect."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType

from merx.core.auth import model as auth
from merx.core.coupons.model import Coupon, CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.customers.model import Customer
from merx.core.shipping.model import ShippingMethod
from merx.core.tenants.model import Configuration, SettingsPatch, Tenant
from merx.core.webhooks.model import Delivery, Endpoint
from merx.dialects.baas import platform_goods_wire as goods
from merx.dialects.baas import platform_wire as shop
from merx.dialects.baas import translate
from merx.dialects.baas.platform_door import moment
from merx.kernel import ids, money
from merx.kernel.errors import Invalid
from merx.kernel.money import RATE_UNIT, Currency
from merx.runtime import Runtime

second = translate.second


# ── People, keys, clients ────────────────────────────────────────────────────────────────────────────────────────────
def user(found: auth.Member) -> shop.User:
    person = found.staff
    return shop.User(
        found.number,
        person.email,
        person.first_name,
        person.last_name,
        found.role,
        found.permissions,
        second(found.created_at),
    )


def _shop_url(rt: Runtime, slug: str) -> str:
    scheme = rt.settings.public_url.partition("://")[0]
    return f"{scheme}://{slug}.{rt.settings.base_domain}"


def tenant_ref(rt: Runtime, found: Tenant) -> shop.TenantRef:
    return shop.TenantRef(
        ids.encode("ten", found.id), found.slug, found.name, found.plan.value, _shop_url(rt, found.slug)
    )


def tenant(rt: Runtime, found: Tenant) -> shop.Tenant:
    return shop.Tenant(
        ids.encode("ten", found.id),
        found.slug,
        found.name,
        found.plan.value,
        _shop_url(rt, found.slug),
        found.domain,
        shop.Limits(found.limits.per_minute, found.limits.per_day),
        second(found.created_at),
    )


def _key(found: auth.ApiKey) -> dict[str, Any]:
    return {
        "id": ids.encode("key", found.id),
        "name": found.name,
        "type": found.type,
        "prefix": found.prefix,
        "scopes": found.scopes,
        "created_at": second(found.created_at),
        "expires_at": moment(found.expires_at),
        "last_used_at": moment(found.last_used_at),
    }


def key(found: auth.ApiKey) -> shop.ApiKey:
    return shop.ApiKey(**_key(found))


def made_key(made: auth.NewKey) -> shop.MadeKey:
    return shop.MadeKey(**_key(made.key), key=made.secret)


def _client(found: auth.OauthClient) -> dict[str, Any]:
    return {
        "client_id": str(found.id),
        "name": found.name,
        "redirect_uris": found.redirect_uris,
        "grant_types": found.grant_types,
        "scopes": found.scopes,
        "public": found.public,
        "created_at": second(found.created_at),
    }


def client(found: auth.OauthClient) -> shop.OauthClient:
    return shop.OauthClient(**_client(found))


def made_client(made: auth.NewOauthClient) -> shop.MadeOauthClient:
    return shop.MadeOauthClient(**_client(made.client), client_secret=made.secret)


# ── Settings and shipping ────────────────────────────────────────────────────────────────────────────────────────────
def settings(found: Configuration) -> shop.Settings:
    kept, threshold = found.settings, found.settings.free_shipping_threshold
    return shop.Settings(
        name=found.tenant.name,
        currency=kept.currency,
        tax_percentage=f"{kept.tax_percentage:f}",
        tax_shipping=kept.tax_shipping,
        prices_include_tax=kept.prices_include_tax,
        shipping_enabled=kept.shipping_enabled,
        flat_shipping_rate=kept.flat_shipping.text(),
        free_shipping_threshold=None if threshold is None else threshold.text(),
        payment_provider=kept.payment_provider,
        payment_test_mode=kept.payment_test_mode,
        payment_credentials={
            one.provider: shop.CredentialHint(one.hint, second(one.updated_at)) for one in found.credentials
        },
        low_stock_threshold=kept.low_stock_threshold,
        guest_order_lookup=kept.guest_order_lookup,
        allowed_origins=kept.allowed_origins,
        locale=kept.locale,
        contact_email=kept.contact_email,
        accent=kept.accent,
        updated_at=second(kept.updated_at),
    )


_SAME = [name for name in shop.SettingsChange.__struct_fields__ if name in SettingsPatch.__struct_fields__]


def settings_patch(given: shop.SettingsChange) -> SettingsPatch:
    changes: dict[str, Any] = {name: getattr(given, name) for name in _SAME}
    if given.payment_credentials is not UNSET:
        changes["credentials"] = _credentials(given.payment_credentials, given.payment_provider)
    return SettingsPatch(**changes)


def _credentials(
    given: Mapping[str, str | dict[str, str] | None], provider: str | UnsetType
) -> dict[str, dict[str, str] | None]:
    flat = {name: value for name, value in given.items() if isinstance(value, str)}
    if not flat:
        return {name: value for name, value in given.items() if not isinstance(value, str)}
    if len(flat) < len(given) or provider is UNSET:
        raise Invalid(
            'Send the payment_provider with its credentials, or write them as {"stripe": {…}}.',
            field="payment_credentials",
        )
    return {provider: flat}


def minor(amount: Decimal, currency: Currency, field: str) -> int:
    found = money.parse_minor(amount, currency)
    if found is None:
        digits = money.exponent(currency)
        raise Invalid(f"This is an amount in {currency}, not negative, with at most {digits} decimals.", field=field)
    return found


def maybe_minor(amount: Decimal | None, currency: Currency, field: str) -> int | None:
    return None if amount is None else minor(amount, currency, field)


def shipping_method(found: ShippingMethod, currency: Currency) -> shop.ShippingMethod:
    over = found.free_over_minor
    return shop.ShippingMethod(
        found.code,
        found.name,
        money.text(found.price_minor, currency),
        None if over is None else money.text(over, currency),
        found.active,
        found.position,
    )


# ── Webhooks and events ──────────────────────────────────────────────────────────────────────────────────────────────
def _webhook(found: Endpoint) -> dict[str, Any]:
    return {
        "id": ids.encode("wh", found.id),
        "url": found.url,
        "events": found.events,
        "active": found.active,
        "failing_since": moment(found.failing_since),
        "disabled_reason": found.disabled_reason,
        "created_at": second(found.created_at),
    }


def webhook(found: Endpoint) -> shop.Webhook:
    return shop.Webhook(**_webhook(found))


def made_webhook(found: Endpoint, secret: str) -> shop.MadeWebhook:
    return shop.MadeWebhook(**_webhook(found), secret=secret)


def delivery(found: Delivery) -> shop.Delivery:
    over = found.finished_at is not None
    tries = [
        shop.DeliveryAttempt(one.attempt, one.status, one.error, one.answer, one.milliseconds, second(one.created_at))
        for one in found.attempts
    ]
    return shop.Delivery(
        id=ids.encode("dlv", found.id),
        webhook_id=ids.encode("wh", found.endpoint_id),
        event_id=ids.encode("evt", found.event_id),
        type=found.kind,
        state=found.state.value,
        attempt=found.attempt,
        next_at=None if over else second(found.next_at),
        created_at=second(found.created_at),
        finished_at=moment(found.finished_at),
        attempts=tries,
    )


# ── Coupons, customers ───────────────────────────────────────────────────────────────────────────────────────────────
def coupon(found: Coupon, currency: Currency) -> goods.Coupon:
    value = None
    if found.type is CouponType.PERCENT:
        value = f"{money.percent(found.rate):f}"
    elif found.type is CouponType.FIXED:
        value = money.text(found.amount_minor, currency)
    return goods.Coupon(
        id=ids.encode("cpn", found.id),
        code=found.code,
        type=found.type,
        value=value,
        minimum=money.text(found.minimum_minor, currency),
        starts_at=moment(found.starts_at),
        ends_at=moment(found.ends_at),
        usage_limit=found.usage_limit,
        per_customer_limit=found.per_customer_limit,
        used=found.used,
        active=found.active,
        created_at=second(found.created_at),
    )


def coupon_draft(given: goods.NewCoupon, currency: Currency) -> CouponDraft:
    rate = amount = 0
    if given.type is CouponType.FREE_SHIPPING:
        if given.value:
            raise Invalid("Free shipping has no value; leave it out.", field="value")
    elif given.value is None:
        raise Invalid("This field is required.", field="value")
    elif given.type is CouponType.PERCENT:
        parsed = money.parse_rate(given.value)
        if parsed is None or not 0 < parsed <= RATE_UNIT:
            raise Invalid("A percentage is more than 0 and at most 100, with at most four decimals.", field="value")
        rate = parsed
    else:
        amount = minor(given.value, currency, "value")
    return CouponDraft(
        code=given.code,
        type=given.type,
        rate=rate,
        amount_minor=amount,
        minimum_minor=0 if given.minimum is None else minor(given.minimum, currency, "minimum"),
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        usage_limit=given.usage_limit,
        per_customer_limit=given.per_customer_limit,
        active=given.active,
    )


def changed_coupon(before: Coupon, given: goods.CouponChange, currency: Currency) -> goods.NewCoupon:
    """The whole coupon as it is to be. Another type needs its own value."""
    kept: dict[str, Any] = {
        "code": before.code,
        "type": before.type,
        "value": None,
        "minimum": money.Money(before.minimum_minor, currency).number(),
        "starts_at": before.starts_at,
        "ends_at": before.ends_at,
        "usage_limit": before.usage_limit,
        "per_customer_limit": before.per_customer_limit,
        "active": before.active,
    }
    if before.type is CouponType.PERCENT:
        kept["value"] = money.percent(before.rate)
    elif before.type is CouponType.FIXED:
        kept["value"] = money.Money(before.amount_minor, currency).number()
    if given.type is not UNSET and given.type is not before.type:
        kept["value"] = None
    changes = {name: value for name in kept if (value := getattr(given, name)) is not UNSET}
    return goods.NewCoupon(**{**kept, **changes})


def customer(found: Customer) -> goods.MerchantCustomer:
    return goods.MerchantCustomer(
        ids.encode("cus", found.id),
        found.email,
        found.first_name,
        found.last_name,
        found.phone,
        found.accepts_marketing,
        second(found.created_at),
        found.status,
        found.registered,
        second(found.updated_at),
        None if found.erase_at is None else second(found.erase_at),
        None if found.erased_at is None else second(found.erased_at),
    )
