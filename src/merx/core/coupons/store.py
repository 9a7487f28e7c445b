"""Writes coupons and coupon_uses. Uses are counted by conditional updates, so a limit holds under any race."""

from __future__ import annotations

from typing import Any

from merx.core.coupons.model import COUNTED, Coupon, CouponType, FindCoupons, Standing
from merx.core.coupons.rules import used_by_shopper, used_up
from merx.db.database import Tx
from merx.kernel.ids import CouponId

TABLES = ("coupons", "coupon_uses")

_COLUMNS = """id, code, type, rate, amount_minor, minimum_minor, starts_at, ends_at, usage_limit, per_customer_limit,
  used, active, created_at"""
INSERT = f"""
insert into coupons (tenant_id, {_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13)
on conflict (tenant_id, code) where deleted_at is null do nothing returning {_COLUMNS}
"""
UPDATE = f"""
update coupons set code = $3, type = $4, rate = $5, amount_minor = $6, minimum_minor = $7, starts_at = $8, ends_at = $9,
  usage_limit = $10, per_customer_limit = $11, active = $12
where tenant_id = $1 and id = $2 and deleted_at is null and ($10::int is null or used <= $10) returning {_COLUMNS}
"""
REMOVE = "update coupons set deleted_at = $3 where tenant_id = $1 and id = $2 and deleted_at is null returning id"
BY_ID = f"select {_COLUMNS} from coupons where tenant_id = $1 and id = $2 and deleted_at is null"
BY_CODE = f"select {_COLUMNS} from coupons where tenant_id = $1 and code = $2 and deleted_at is null"
PAGE = f"""
select {_COLUMNS} from coupons where tenant_id = $1 and deleted_at is null
order by created_at desc, id desc limit $2 offset $3
"""
COUNT = "select count(*) from coupons where tenant_id = $1 and deleted_at is null"

_OVER = "(not active or ends_at <= $2 or used >= usage_limit)"
_STANDINGS: dict[Standing | None, str] = {
    None: "",
    Standing.LIVE: f" and {_OVER} is not true and (starts_at is null or starts_at <= $2)",
    Standing.SCHEDULED: f" and {_OVER} is not true and starts_at > $2",
    Standing.OVER: f" and {_OVER}",
}


_BY_CODE = f"""
  select c.id from coupons c where c.tenant_id = $1 and c.deleted_at is null
    and c.code collate "C" >= $3 and c.code collate "C" < $4 limit {COUNTED + 1}"""


def _found(standing: Standing | None, by_code: bool) -> tuple[str, str]:
    """A list and its count, of what stands so, by the beginning of a code or not. $2 is the moment, $3 and
    $4 the beginning and what comes after all codes that begin so."""
    where = "tenant_id = $1 and deleted_at is null and created_at <= $2" + _STANDINGS[standing]
    where += f" and id = any(array({_BY_CODE}))" if by_code else ""
    last = 5 if by_code else 3
    page = f"""
select {_COLUMNS} from coupons where {where} order by created_at desc, id desc limit ${last} offset ${last + 1}"""
    return page, f"select count(*) from (select 1 from coupons where {where} limit ${last}::bigint) as counted"


FOUND = {(one, by_code): _found(one, by_code) for one in _STANDINGS for by_code in (False, True)}
USES = "select used from coupon_uses where tenant_id = $1 and coupon_id = $2 and shopper = $3"
REDEEM = """
with taken as (
  update coupons set used = used + 1
  where tenant_id = $1 and id = $2 and active and deleted_at is null and (usage_limit is null or used < usage_limit)
  returning id, per_customer_limit),
counted as (
  insert into coupon_uses as u (tenant_id, coupon_id, shopper, used) select $1, t.id, $3, 1 from taken t
  on conflict (tenant_id, coupon_id, shopper) do update set used = u.used + 1
  returning u.used)
select t.per_customer_limit is null or c.used <= t.per_customer_limit from taken t, counted c
"""
GIVE_BACK = """
with given as (
  update coupons set used = used - 1 where tenant_id = $1 and id = $2 and used > 0 returning id)
update coupon_uses u set used = u.used - 1
from given g where u.tenant_id = $1 and u.coupon_id = g.id and u.shopper = $3 and u.used > 0
returning u.used
"""


def coupon_of(row: Any) -> Coupon:
    return Coupon(row[0], row[1], CouponType(row[2]), *tuple(row)[3:13])


async def insert(tx: Tx, coupon: Coupon) -> Coupon | None:
    """None where the code is taken."""
    row = await tx.row(INSERT, *_fields(coupon), coupon.active, coupon.created_at)
    return coupon_of(row) if row else None


async def update(tx: Tx, coupon: Coupon) -> Coupon | None:
    """None where it is gone, or where it was used more often than the new limit."""
    row = await tx.row(UPDATE, *_fields(coupon), coupon.active)
    return coupon_of(row) if row else None


def _fields(coupon: Coupon) -> tuple[Any, ...]:
    return (
        coupon.id,
        coupon.code,
        coupon.type.value,
        coupon.rate,
        coupon.amount_minor,
        coupon.minimum_minor,
        coupon.starts_at,
        coupon.ends_at,
        coupon.usage_limit,
        coupon.per_customer_limit,
    )


async def remove(tx: Tx, coupon_id: CouponId) -> bool:
    return await tx.row(REMOVE, coupon_id, tx.ctx.now) is not None


async def by_id(tx: Tx, coupon_id: CouponId) -> Coupon | None:
    row = await tx.row(BY_ID, coupon_id)
    return coupon_of(row) if row else None


async def by_code(tx: Tx, code: str) -> Coupon | None:
    row = await tx.row(BY_CODE, code)
    return coupon_of(row) if row else None


async def page(tx: Tx, limit: int, offset: int) -> list[Coupon]:
    """Newest first."""
    return [coupon_of(row) for row in await tx.rows(PAGE, limit, offset)]


async def count(tx: Tx) -> int:
    row = await tx.row(COUNT)
    return int(row[0]) if row else 0


async def find(tx: Tx, wanted: FindCoupons) -> list[Coupon]:
    """Newest first."""
    sql, asked = FOUND[wanted.standing, bool(wanted.search)][0], _asked(tx, wanted)
    return [coupon_of(row) for row in await tx.rows(sql, *asked, wanted.limit, wanted.offset)]


async def count_found(tx: Tx, wanted: FindCoupons, most: int) -> int:
    """`most`: where counting stops."""
    row = await tx.row(FOUND[wanted.standing, bool(wanted.search)][1], *_asked(tx, wanted), most)
    return int(row[0]) if row else 0


def _asked(tx: Tx, wanted: FindCoupons) -> tuple[Any, ...]:
    return (tx.ctx.now, wanted.search, wanted.search + "\U0010ffff") if wanted.search else (tx.ctx.now,)


async def uses(tx: Tx, coupon_id: CouponId, shopper: str) -> int:
    row = await tx.row(USES, coupon_id, shopper)
    return row[0] if row else 0


async def redeem(tx: Tx, coupon_id: CouponId, shopper: str) -> None:
    """Counts one use, in the order's own transaction. Raises CouponRefused past either limit."""
    row = await tx.row(REDEEM, coupon_id, shopper)
    if row is None:
        raise used_up()
    if not row[0]:
        raise used_by_shopper()


async def give_back(tx: Tx, coupon_id: CouponId, shopper: str) -> None:
    """A released order's use counts no longer."""
    await tx.row(GIVE_BACK, coupon_id, shopper)
