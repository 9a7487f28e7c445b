"""Writes shipping_methods."""

from __future__ import annotations

from typing import Any

from merx.core.shipping.model import ShippingMethod
from merx.db.database import Tx
from merx.kernel import ids

TABLES = ("shipping_methods",)
ALL = """
select code, name, price_minor, free_over_minor, active, position from shipping_methods
where tenant_id = $1 order by position, code
"""
PUT = """
insert into shipping_methods (tenant_id, id, code, name, price_minor, free_over_minor, active, position)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, code) do update set name = excluded.name, price_minor = excluded.price_minor,
  free_over_minor = excluded.free_over_minor, active = excluded.active, position = excluded.position
returning code, name, price_minor, free_over_minor, active, position
"""
REMOVE = "delete from shipping_methods where tenant_id = $1 and code = $2 returning code"


def method_of(row: Any) -> ShippingMethod:
    return ShippingMethod(*row)


async def all_methods(tx: Tx) -> list[ShippingMethod]:
    return [method_of(row) for row in await tx.rows(ALL)]


async def put(tx: Tx, method: ShippingMethod) -> ShippingMethod:
    row = await tx.row(
        PUT,
        ids.new(),
        method.code,
        method.name,
        method.price_minor,
        method.free_over_minor,
        method.active,
        method.position,
    )
    return method_of(row)


async def remove(tx: Tx, code: str) -> bool:
    return await tx.row(REMOVE, code) is not None
