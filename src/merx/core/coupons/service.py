"""What a merchant can do with coupons. What a code gives a shopper is asked of the cart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from merx.core.coupons import rules, store
from merx.core.coupons.model import COUNTED, Coupon, CouponType, FindCoupons, FoundCoupons
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, Invalid, NotFound
from merx.kernel.ids import CouponId
from merx.kernel.money import MAX_MINOR, RATE_UNIT
from merx.runtime import Runtime


class CouponDraft(msgspec.Struct, frozen=True):
    """`value_rate` (parts per million) for percent, `value_minor` for fixed."""

    code: str
    type: CouponType
    rate: int = 0
    amount_minor: int = 0
    minimum_minor: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    usage_limit: int | None = None
    per_customer_limit: int | None = None
    active: bool = True


async def create(rt: Runtime, ctx: Ctx, draft: CouponDraft) -> Coupon:
    ctx.require("coupons:write")
    coupon = Coupon(id=CouponId(ids.new()), used=0, created_at=ctx.now, **_checked(draft))
    async with rt.db.begin(ctx) as tx:
        made = await store.insert(tx, coupon)
    if made is None:
        raise Conflict("A coupon with this code exists already.", field="code", code="already_exists")
    return made


async def update(rt: Runtime, ctx: Ctx, coupon_id: CouponId, draft: CouponDraft) -> Coupon:
    ctx.require("coupons:write")
    async with rt.db.begin(ctx) as tx:
        before = await store.by_id(tx, coupon_id)
        if before is None:
            raise NotFound("coupon")
        after = await store.update(tx, msgspec.structs.replace(before, **_checked(draft)))
    if after is None:
        raise Conflict("It has been used more often than that already.", field="usage_limit", code="already_used")
    return after


async def remove(rt: Runtime, ctx: Ctx, coupon_id: CouponId) -> None:
    ctx.require("coupons:write")
    async with rt.db.begin(ctx) as tx:
        if not await store.remove(tx, coupon_id):
            raise NotFound("coupon")


async def get(rt: Runtime, ctx: Ctx, coupon_id: CouponId) -> Coupon:
    ctx.require("coupons:read")
    async with rt.db.begin(ctx) as tx:
        coupon = await store.by_id(tx, coupon_id)
    if coupon is None:
        raise NotFound("coupon")
    return coupon


async def page(rt: Runtime, ctx: Ctx, limit: int, offset: int) -> tuple[list[Coupon], int]:
    ctx.require("coupons:read")
    async with rt.db.begin(ctx) as tx:
        return await store.page(tx, limit, offset), await store.count(tx)


async def find(rt: Runtime, ctx: Ctx, wanted: FindCoupons) -> FoundCoupons:
    """Newest first, by what they do at this moment and the beginning of their code."""
    ctx.require("coupons:read")
    wanted = msgspec.structs.replace(wanted, search=wanted.search.strip().upper()[:64])
    async with rt.db.begin(ctx) as tx:
        total = await store.count_found(tx, wanted, COUNTED + 1)
        return FoundCoupons(await store.find(tx, wanted), min(total, COUNTED), total > COUNTED)


def _checked(draft: CouponDraft) -> dict[str, Any]:
    if draft.type is CouponType.PERCENT and not 0 < draft.rate <= RATE_UNIT:
        raise Invalid("A percentage is more than 0 and at most 100.", field="value")
    if draft.type is CouponType.FIXED and not 0 < draft.amount_minor <= MAX_MINOR:
        raise Invalid("A fixed discount is more than 0.", field="value")
    if not 0 <= draft.minimum_minor <= MAX_MINOR:
        raise Invalid("A minimum is not negative.", field="minimum")
    if draft.starts_at and draft.ends_at and draft.starts_at >= draft.ends_at:
        raise Invalid("A coupon ends after it starts.", field="ends_at")
    for name in ("usage_limit", "per_customer_limit"):
        limit = getattr(draft, name)
        if limit is not None and not 0 < limit < 2**31:
            raise Invalid("A limit is at least 1.", field=name)
    fields = msgspec.structs.asdict(draft) | {"code": rules.clean_code(draft.code)}
    if draft.type is not CouponType.PERCENT:
        fields["rate"] = 0
    if draft.type is not CouponType.FIXED:
        fields["amount_minor"] = 0
    return fields
