"""What a shopper can do to a cart, each in one transaction of two round trips: it changes and reads; it commits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec

from merx.core.cart import rules, store
from merx.core.cart.model import MAX_LINES, MAX_QUANTITY, Basket, Cart, CouponTrial, Item, Owner
from merx.core.coupons import rules as coupons
from merx.core.coupons import store as coupon_store
from merx.core.coupons.model import Coupon
from merx.core.inventory.model import OutOfStock
from merx.core.pricing import rules as pricing
from merx.core.pricing.model import LineAmount
from merx.db.database import Tx
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound, Refused
from merx.kernel.ids import LineId, VariantId
from merx.kernel.money import parse_minor
from merx.runtime import Runtime

KEPT = timedelta(days=90)
"""So long after they were touched last carts of guests are kept; a browser forgets its own after 60 days."""

SWEPT_AT_ONCE = 1000


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
        basket = await store.read(tx, owner)
        if added.line is None:
            what = "product" if item.variant_id is None else "variant"
            raise NotFound(what, field=f"{what}_id")
        _check_stock(added.line, basket)
        _check_size(basket)
        return rules.price(basket, ctx.now)  # inside: what can't be priced is not kept


async def set_quantity(rt: Runtime, ctx: Ctx, owner: Owner, line_id: LineId, quantity: int) -> Cart:
    """Zero removes the line."""
    ctx.require("cart:write")
    rules.check_quantity(quantity, lowest=0)
    rules.check_owner(ctx, owner)
    async with rt.db.begin(ctx) as tx:
        if quantity == 0:
            changed = await store.remove_line(tx, owner, line_id)
        else:
            changed = await store.set_quantity(tx, owner, line_id, quantity)
        basket = await store.read(tx, owner)
        if not changed.done:
            raise NotFound("cart item")
        if quantity and changed.line is not None:
            _check_stock(changed.line, basket)
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
        changed = await store.set_coupon(tx, rules.check_owner(ctx, owner), cleaned)
        basket = await store.read(tx, owner)
        if not changed.done:
            raise Refused("Put something into the cart first.", code="cart_empty")
        cart = rules.price(basket, ctx.now, strict=cleaned is not None)
        if basket.coupon is not None:
            await _check_uses(tx, ctx, basket.coupon)
        return cart


async def drop_coupon(rt: Runtime, ctx: Ctx, owner: Owner) -> Cart:
    """The cart without its coupon, whether it had one or not."""
    ctx.require("cart:write")
    async with rt.db.begin(ctx) as tx:
        await store.set_coupon(tx, rules.check_owner(ctx, owner), None)
        basket = await store.read(tx, owner)
    return rules.price(basket, ctx.now)


async def try_coupon(
    rt: Runtime, ctx: Ctx, code: str, worth: Owner | Decimal | None, keep: bool = False
) -> CouponTrial:
    """What a code would give for a cart, or for goods of this worth in main units; for neither, whether it can be used
    at all. `keep` puts it on the cart. Raises CouponRefused with the reason why it does not apply, and then nothing
    changes. A limit of uses by one shopper is looked at where the shopper is signed in: an answer about anybody's
    e-mail would tell who bought what."""
    ctx.require("cart:write")
    cleaned = coupons.clean_code(code)
    goods: int | None
    async with rt.db.begin(ctx) as tx:
        if isinstance(worth, Owner):
            basket = await _cart_to_try(tx, rules.check_owner(ctx, worth), cleaned, keep)
            goods = pricing.subtotal([LineAmount(line.unit_minor, line.quantity) for line in basket.lines])
        else:
            basket = await store.unkept(tx, [], cleaned, None)
            goods = None if worth is None else _minor(worth, basket.currency)
        coupon = coupons.usable(basket.coupon, ctx.now)
        benefit = None if goods is None else coupons.benefit(coupon, goods, ctx.now)
        await _check_uses(tx, ctx, coupon)
    cart = rules.price(basket, ctx.now) if isinstance(worth, Owner) else None
    return CouponTrial(coupon, benefit, basket.currency, cart)


async def _cart_to_try(tx: Tx, owner: Owner, code: str, keep: bool) -> Basket:
    """The cart as it would be, or from now on is, with this coupon on it."""
    if keep:
        await store.set_coupon(tx, owner, code)
    basket = await store.read(tx, owner)
    if not basket.lines:
        raise Refused("Put something into the cart first.", code="cart_empty")
    if basket.coupon_code == code:
        return basket
    return msgspec.structs.replace(basket, coupon_code=code, coupon=await coupon_store.by_code(tx, code))


def _minor(worth: Decimal, currency: str) -> int:
    found = parse_minor(worth, currency)
    if found is None:
        raise Invalid(f"This is not an amount in {currency}.", field="subtotal")
    return found


async def _check_uses(tx: Tx, ctx: Ctx, coupon: Coupon) -> None:
    limit = coupon.per_customer_limit
    if limit is None or ctx.actor is not ActorKind.CUSTOMER:
        return
    if await coupon_store.uses(tx, coupon.id, str(ctx.customer_id())) >= limit:
        raise coupons.used_by_shopper()


def _check_stock(change: tuple[VariantId, int, int], basket: Basket) -> None:
    variant, quantity, available = change
    if quantity > available or quantity >= MAX_QUANTITY:
        raise OutOfStock([variant], [line.name for line in basket.lines if line.variant_id == variant])


def _check_size(basket: Basket) -> None:
    if len(basket.lines) > MAX_LINES:
        raise Refused(f"A cart holds at most {MAX_LINES} different items.", code="cart_full")


# ── For the worker ───────────────────────────────────────────────────────────────────────────────────────────────────
async def forget_left(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: a handful of the carts that guests have left for good."""
    async with rt.db.begin(ctx) as tx:
        return await store.forget_left(tx, ctx.now - KEPT, SWEPT_AT_ONCE)
