"""Writes stock and stock_movements. Every writer locks rows in variant order, and locks them last in its transaction:
baskets that share variants in different orders never deadlock, and a hot row is held for one commit only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merx.core.inventory.model import Movement, MovementKind, OutOfStock, StockLevel
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.ids import OrderId, ProductId, VariantId

TABLES = ("stock", "stock_movements")

_LOCKED = """
with want as (select * from unnest($2::uuid[], $3::bigint[], $4::uuid[]) as w (variant_id, quantity, movement_id)),
held as materialized (
  select s.variant_id from stock s where s.tenant_id = $1 and s.variant_id = any($2::uuid[])
  order by s.variant_id for no key update)"""
_LEDGER = """,
moved as (
  insert into stock_movements
    (tenant_id, id, variant_id, kind, on_hand_delta, reserved_delta, order_id, reason, actor, created_at)
  select $1, c.movement_id, c.variant_id, {kind}, c.on_hand_delta, c.reserved_delta, $5, {reason}, {actor}, $6
  from changed c)
select variant_id, product_id, on_hand, reserved from changed
"""

OPEN_STOCK = """
with opened as (
  insert into stock (tenant_id, variant_id, product_id, on_hand)
  select $1, o.variant_id, o.product_id, o.on_hand
  from unnest($2::uuid[], $3::uuid[], $4::bigint[]) as o (variant_id, product_id, on_hand)
  returning variant_id, on_hand)
insert into stock_movements (tenant_id, id, variant_id, kind, on_hand_delta, reason, actor, created_at)
select $1, m.id, o.variant_id, 'received', o.on_hand, $6, $7, $8
from opened o join unnest($2::uuid[], $5::uuid[]) as m (variant_id, id) using (variant_id)
where o.on_hand > 0
returning 1
"""
RESERVE = (
    _LOCKED
    + """,
changed as (
  update stock s set reserved = s.reserved + w.quantity
  from want w join held h using (variant_id)
  where s.tenant_id = $1 and s.variant_id = w.variant_id and s.on_hand - s.reserved >= w.quantity
  returning s.variant_id, s.product_id, s.on_hand, s.reserved, w.movement_id, 0 as on_hand_delta,
    w.quantity as reserved_delta)"""
    + _LEDGER.format(kind="'reserved'", reason="''", actor="''")
)
RELEASE = (
    _LOCKED
    + """,
changed as (
  update stock s set reserved = s.reserved - w.quantity
  from want w join held h using (variant_id)
  where s.tenant_id = $1 and s.variant_id = w.variant_id
  returning s.variant_id, s.product_id, s.on_hand, s.reserved, w.movement_id, 0 as on_hand_delta,
    -w.quantity as reserved_delta)"""
    + _LEDGER.format(kind="'released'", reason="''", actor="''")
)
SHIP = (
    _LOCKED
    + """,
changed as (
  update stock s set on_hand = s.on_hand - w.quantity, reserved = s.reserved - w.quantity
  from want w join held h using (variant_id)
  where s.tenant_id = $1 and s.variant_id = w.variant_id
  returning s.variant_id, s.product_id, s.on_hand, s.reserved, w.movement_id, -w.quantity as on_hand_delta,
    -w.quantity as reserved_delta)"""
    + _LEDGER.format(kind="'shipped'", reason="''", actor="''")
)
ADJUST = (
    _LOCKED
    + """,
changed as (
  update stock s set on_hand = s.on_hand + w.quantity
  from want w join held h using (variant_id)
  where s.tenant_id = $1 and s.variant_id = w.variant_id and s.on_hand + w.quantity >= s.reserved
  returning s.variant_id, s.product_id, s.on_hand, s.reserved, w.movement_id, w.quantity as on_hand_delta,
    0 as reserved_delta)"""
    + _LEDGER.format(kind="$9::text", reason="$7::text", actor="$8::text")
)
LOCK = """
select variant_id, product_id, on_hand, reserved from stock
where tenant_id = $1 and variant_id = any($2::uuid[]) order by variant_id for no key update
"""
LEVELS = """
select variant_id, product_id, on_hand, reserved from stock where tenant_id = $1 and variant_id = any($2::uuid[])
"""
MOVEMENTS = """
select id, variant_id, kind, on_hand_delta, reserved_delta, order_id, reason, actor, created_at
from stock_movements where tenant_id = $1 and variant_id = $2 order by id desc limit $3 offset $4
"""

PRODUCT_MOVEMENTS = """
select m.id, m.variant_id, m.kind, m.on_hand_delta, m.reserved_delta, m.order_id, m.reason, m.actor, m.created_at,
  count(*) over () as matching
from stock s join stock_movements m on m.tenant_id = $1 and m.variant_id = s.variant_id
where s.tenant_id = $1 and s.product_id = $2 order by m.id desc limit $3 offset $4
"""
COUNT_PRODUCT_MOVEMENTS = """
select count(*) from stock s join stock_movements m on m.tenant_id = $1 and m.variant_id = s.variant_id
where s.tenant_id = $1 and s.product_id = $2
"""


async def open_stock(tx: Tx, opened: Sequence[tuple[VariantId, ProductId, int]], reason: str = "first stock") -> None:
    """The stock rows of new variants, with what is on hand of each. Nobody can hold them yet, so nothing is locked."""
    tx.touch_catalog()
    await tx.rows(
        OPEN_STOCK,
        [variant for variant, _, _ in opened],
        [product for _, product, _ in opened],
        [on_hand for _, _, on_hand in opened],
        [ids.new() for _ in opened],
        reason,
        tx.ctx.principal,
        tx.ctx.now,
    )


async def reserve(tx: Tx, order_id: OrderId, wanted: Mapping[VariantId, int]) -> list[StockLevel]:
    """Holds all of it or raises OutOfStock (and the transaction must end). To be followed by little
    but the commit."""
    levels = await _change(tx, RESERVE, wanted, order_id)
    if len(levels) < len(wanted):
        found = {level.variant_id for level in levels}
        raise OutOfStock([variant for variant in wanted if variant not in found])
    return levels


async def release(tx: Tx, order_id: OrderId, held: Mapping[VariantId, int]) -> list[StockLevel]:
    """Gives back what an order held. That it still held it is the order's own compare-and-set, made before."""
    return _all(held, await _change(tx, RELEASE, held, order_id))


async def ship(tx: Tx, order_id: OrderId, held: Mapping[VariantId, int]) -> list[StockLevel]:
    """What an order held leaves the house."""
    return _all(held, await _change(tx, SHIP, held, order_id))


async def adjust(
    tx: Tx,
    deltas: Mapping[VariantId, int],
    reason: str,
    kind: MovementKind = MovementKind.ADJUSTED,
    order_id: OrderId | None = None,
) -> list[StockLevel]:
    """Adds to (or takes from) what is on hand. Rows missing from the answer would have gone below what is reserved."""
    return await _change(tx, ADJUST, deltas, order_id, reason, tx.ctx.principal, kind.value)


async def set_available(tx: Tx, wanted: Mapping[VariantId, int], reason: str) -> None:
    """Makes exactly this many available to sell, whatever is reserved at the moment."""
    tx.touch_catalog()
    before = {level.variant_id: level for level in map(_level, await tx.rows(LOCK, sorted(wanted)))}
    deltas = {variant: count - before[variant].available for variant, count in wanted.items() if variant in before}
    if deltas := {variant: delta for variant, delta in deltas.items() if delta}:
        await adjust(tx, deltas, reason)


async def levels(tx: Tx, variants: Sequence[VariantId]) -> list[StockLevel]:
    return [_level(row) for row in await tx.rows(LEVELS, list(variants))]


async def movements(tx: Tx, variant: VariantId, limit: int, offset: int) -> list[Movement]:
    """The ledger of one variant, newest first."""
    found = await tx.rows(MOVEMENTS, variant, limit, offset)
    return [Movement(row[0], row[1], MovementKind(row[2]), *tuple(row)[3:]) for row in found]


async def product_movements(tx: Tx, product: ProductId, limit: int, offset: int) -> tuple[list[Movement], int]:
    """The ledger of a product's variants, those it no longer has included, newest first; and how long it is."""
    rows = await tx.rows(PRODUCT_MOVEMENTS, product, limit, offset)
    found = [Movement(row[0], row[1], MovementKind(row[2]), *tuple(row)[3:9]) for row in rows]
    if rows or offset == 0:
        return found, rows[0][9] if rows else 0
    counted = await tx.row(COUNT_PRODUCT_MOVEMENTS, product)
    return found, counted[0] if counted else 0


async def _change(
    tx: Tx, statement: str, quantities: Mapping[VariantId, int], order_id: OrderId | None, *more: Any
) -> list[StockLevel]:
    tx.touch_catalog()
    rows = await tx.rows(
        statement,
        list(quantities),
        list(quantities.values()),
        [ids.new() for _ in quantities],
        order_id,
        tx.ctx.now,
        *more,
    )
    return [_level(row) for row in rows]


def _all(held: Mapping[VariantId, int], changed: list[StockLevel]) -> list[StockLevel]:
    """Stock that an order holds can't be missing; a part of it must not be lost in silence."""
    if len(changed) != len(held):
        raise AssertionError("stock that an order holds has no row")
    return changed


def _level(row: Any) -> StockLevel:
    return StockLevel(row[0], row[1], row[2], row[3])
