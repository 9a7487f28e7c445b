"""What a merchant can do to stock outside an order: count it anew, add to it, read its ledger."""

from __future__ import annotations

from merx.core.inventory import store
from merx.core.inventory.model import MAX_ON_HAND, MAX_REASON, Movement, MovementKind, StockLevel
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, NotFound, Refused
from merx.kernel.ids import ProductId, VariantId
from merx.runtime import Runtime


async def set_available(rt: Runtime, ctx: Ctx, variant: VariantId, available: int, reason: str = "count") -> StockLevel:
    """Makes exactly `available` pieces sellable; what orders hold stays held."""
    ctx.require("products:write")
    if not 0 <= available <= MAX_ON_HAND:
        raise Invalid(f"Stock is a whole number between 0 and {MAX_ON_HAND}.", field="stock_quantity")
    _check_reason(reason)
    async with rt.db.begin(ctx) as tx:
        await store.set_available(tx, {variant: available}, reason)
        return await _one(await store.levels(tx, [variant]))


async def receive(rt: Runtime, ctx: Ctx, variant: VariantId, delta: int, reason: str = "") -> StockLevel:
    """Adds (or, negative, takes away) pieces; never below what orders hold."""
    ctx.require("products:write")
    if not -MAX_ON_HAND <= delta <= MAX_ON_HAND:
        raise Invalid(f"A change of stock is at most {MAX_ON_HAND}.", field="delta")
    _check_reason(reason)
    async with rt.db.begin(ctx) as tx:
        await _one(await store.levels(tx, [variant]))
        kind = MovementKind.RECEIVED if delta > 0 else MovementKind.ADJUSTED
        changed = await store.adjust(tx, {variant: delta}, reason, kind)
        if not changed:
            raise Refused("Orders hold more than would be left.", code="stock_reserved", field="delta")
        return changed[0]


async def level(rt: Runtime, ctx: Ctx, variant: VariantId) -> StockLevel:
    ctx.require("products:read")
    async with rt.db.begin(ctx) as tx:
        return await _one(await store.levels(tx, [variant]))


async def ledger(rt: Runtime, ctx: Ctx, variant: VariantId, limit: int = 20, offset: int = 0) -> list[Movement]:
    ctx.require("products:read")
    async with rt.db.begin(ctx) as tx:
        return await store.movements(tx, variant, limit, offset)


async def product_ledger(
    rt: Runtime, ctx: Ctx, product: ProductId, limit: int = 20, offset: int = 0
) -> tuple[list[Movement], int]:
    """The movements of all of a product's variants, newest first, and how many there are; none of an unknown one."""
    ctx.require("products:read")
    async with rt.db.begin(ctx) as tx:
        return await store.product_movements(tx, product, limit, offset)


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON:
        raise Invalid(f"A reason has at most {MAX_REASON} characters.", field="reason")


async def _one(levels: list[StockLevel]) -> StockLevel:
    if not levels:
        raise NotFound("variant")
    return levels[0]
