"""What a shopper can do to a cart. Each is one transaction of four round trips: begin, change, read, commit."""

from __future__ import annotations

from typing import Any

from merx.core.cart import rules, store
from merx.core.cart.model import MAX_LINES, MAX_QUANTITY, Basket, Cart, Item, Owner
from merx.core.coupons import rules as coupons
from merx.core.inventory.model import OutOfStock
from merx.kernel.context import Ctx
from merx.kernel.errors import NotFound, Refused
from merx.kernel.ids import LineId
from merx.runtime import Runtime


async def get(rt: Runtime, ctx: Ctx, owner: Owner) -> Cart:
    """The open cart, or an empty one where there is none yet."""
    ctx.require("cart:write")
    async with rt.db.begin(ctx) as tx:
        basket = await store.read(tx, rules.check_owner(ctx, owner))
    return rules.price(basket, ctx.now)


async def add(rt: Runtime, ctx: Ctx, owner: Owner, item: Item) -> Cart:
    """Adds to what is there already. Raises NotFound for what is not for sale, OutOfStock past what is available."""
    ctx.require("cart:write")
    rules.check_quantity(item.quantity)
    async with rt.db.begin(ctx) as tx:
        added = await store.add(tx, rules.check_owner(ctx, owner), item)
        if added is None:
            raise NotFound("product", field="product_id")
        _check_stock(added)
        basket = await store.read(tx, owner)
        _check_size(basket)
    return rules.price(basket, ctx.now)


async def set_quantity(rt: Runtime, ctx: Ctx, owner: Owner, line_id: LineId, quantity: int) -> Cart:
    """Zero removes the line."""
    ctx.require("cart:write")
    rules.check_quantity(quantity, lowest=0)
    async with rt.db.begin(ctx) as tx:
        if quantity == 0:
            if not await store.remove_line(tx, rules.check_owner(ctx, owner), line_id):
                raise NotFound("cart item")
        else:
            changed = await store.set_quantity(tx, rules.check_owner(ctx, owner), line_id, quantity)
            if changed is None:
                raise NotFound("cart item")
            _check_stock(changed)
        basket = await store.read(tx, owner)
    return rules.price(basket, ctx.now)


async def clear(rt: Runtime, ctx: Ctx, owner: Owner) -> Cart:
    ctx.require("cart:write")
    async with rt.db.begin(ctx) as tx:
        await store.clear(tx, rules.check_owner(ctx, owner))
        basket = await store.read(tx, owner)
    return rules.price(basket, ctx.now)


async def set_coupon(rt: Runtime, ctx: Ctx, owner: Owner, code: str | None) -> Cart:
    """Raises CouponRefused where it would not apply now, so that a shopper learns of it at once."""
    ctx.require("cart:write")
    cleaned = coupons.clean_code(code) if code is not None else None
    async with rt.db.begin(ctx) as tx:
        if not await store.set_coupon(tx, rules.check_owner(ctx, owner), cleaned):
            raise Refused("Put something into the cart first.", code="cart_empty")
        basket = await store.read(tx, owner)
        return rules.price(basket, ctx.now, strict=cleaned is not None)


def _check_stock(change: tuple[Any, int, int]) -> None:
    variant, quantity, available = change
    if quantity > available or quantity >= MAX_QUANTITY:
        raise OutOfStock([variant])


def _check_size(basket: Basket) -> None:
    if len(basket.lines) > MAX_LINES:
        raise Refused(f"A cart holds at most {MAX_LINES} different items.", code="cart_full")
