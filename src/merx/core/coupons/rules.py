"""Decides whether a coupon applies and what it gives. The limits are decided again, for good, by the store."""

from __future__ import annotations

import re
from datetime import datetime

from merx.core.coupons.model import Benefit, Coupon, CouponRefused, CouponType, Standing
from merx.kernel.errors import Invalid
from merx.kernel.money import rate_share

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,63}", re.ASCII)


def clean_code(code: str) -> str:
    """Codes are compared in upper case. Raises Invalid for what can't be one."""
    cleaned = code.strip().upper()
    if not _CODE.fullmatch(cleaned):
        raise Invalid("A coupon code is up to 64 letters, digits, hyphens and underscores.", field="code")
    return cleaned


def standing(coupon: Coupon, now: datetime) -> Standing:
    """As the store's statements decide it."""
    if not coupon.active or (coupon.ends_at is not None and coupon.ends_at <= now):
        return Standing.OVER
    if coupon.usage_limit is not None and coupon.used >= coupon.usage_limit:
        return Standing.OVER
    return Standing.SCHEDULED if coupon.starts_at is not None and coupon.starts_at > now else Standing.LIVE


def unknown() -> CouponRefused:
    return CouponRefused("coupon_unknown", "There is no such coupon.")


def used_up() -> CouponRefused:
    return CouponRefused("coupon_used_up", "This coupon has been used as often as it may be.")


def used_by_shopper() -> CouponRefused:
    return CouponRefused("coupon_used_by_customer", "You have used this coupon as often as you may.")


def usable(coupon: Coupon | None, now: datetime) -> Coupon:
    """One that can be used at the moment, whatever for. Raises CouponRefused with the reason it can't."""
    if coupon is None:
        raise unknown()
    if not coupon.active:
        raise CouponRefused("coupon_inactive", "This coupon is not active.")
    if coupon.starts_at is not None and now < coupon.starts_at:
        raise CouponRefused("coupon_not_started", "This coupon can't be used yet.")
    if coupon.ends_at is not None and now >= coupon.ends_at:
        raise CouponRefused("coupon_expired", "This coupon has expired.")
    if coupon.usage_limit is not None and coupon.used >= coupon.usage_limit:
        raise used_up()
    return coupon


def benefit(coupon: Coupon | None, subtotal: int, now: datetime) -> Benefit:
    """What the coupon takes off goods worth `subtotal`. Raises CouponRefused with the reason it does not apply."""
    coupon = usable(coupon, now)
    if subtotal < coupon.minimum_minor:
        raise CouponRefused("coupon_minimum", "The basket is below this coupon's minimum.")
    if coupon.type is CouponType.PERCENT:
        return Benefit(rate_share(subtotal, coupon.rate))
    if coupon.type is CouponType.FIXED:
        return Benefit(min(coupon.amount_minor, subtotal))
    return Benefit(free_shipping=True)
