"""A coupon and the ways it can fail to apply."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from merx.kernel.errors import Refused
from merx.kernel.ids import CouponId


class CouponType(StrEnum):
    PERCENT = "percent"
    FIXED = "fixed"
    FREE_SHIPPING = "free_shipping"


class Coupon(msgspec.Struct, frozen=True):
    """`rate` in parts per million for percent, `amount_minor` for fixed; `ends_at` is exclusive."""

    id: CouponId
    code: str
    type: CouponType
    rate: int
    amount_minor: int
    minimum_minor: int
    starts_at: datetime | None
    ends_at: datetime | None
    usage_limit: int | None
    per_customer_limit: int | None
    used: int
    active: bool
    created_at: datetime


class Standing(StrEnum):
    """What a coupon does at a moment."""

    LIVE = "live"
    SCHEDULED = "scheduled"
    OVER = "over"  # past its time, used up or switched off


COUNTED = 10_000
"""Where counting a list stops for people who look at it."""


class FindCoupons(msgspec.Struct, frozen=True):
    """`search`: the beginning of a code."""

    search: str = ""
    standing: Standing | None = None
    limit: int = 25
    offset: int = 0


class FoundCoupons(msgspec.Struct, frozen=True):
    coupons: list[Coupon]
    total: int
    more: bool  # `total` is where counting stopped


class Benefit(msgspec.Struct, frozen=True):
    discount: int = 0
    free_shipping: bool = False


class CouponRefused(Refused):
    """`code` is the reason: coupon_unknown, coupon_inactive, coupon_not_started, coupon_expired, coupon_minimum,
    coupon_used_up, coupon_used_by_customer."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, code=reason, field="coupon_code")
