"""What a shop's own pages need of a visitor's cart beside changing it (service): how full it is, what sending it costs,
and that a guest's cart comes along when they sign in."""

from __future__ import annotations

import msgspec

from merx.core.cart import rules, store
from merx.core.cart.model import Cart, Owner
from merx.core.catalog import store as catalog
from merx.core.catalog.model import Category
from merx.core.customers import store as customers
from merx.core.customers.model import Customer
from merx.core.shipping import rules as shipping
from merx.core.shipping.model import ShippingMethod
from merx.core.tenants import directory
from merx.core.tenants import store as tenants
from merx.core.tenants.model import ShopSettings, Tenant
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import NotFound
from merx.kernel.ids import CustomerId
from merx.runtime import Runtime


class Counter(msgspec.Struct, frozen=True):
    """What stands around every page of a shop. `categories` are flat, parents before their children."""

    shop: Tenant
    settings: ShopSettings
    categories: tuple[Category, ...]
    customer: Customer | None
    item_count: int


async def counter(rt: Runtime, ctx: Ctx, owner: Owner | None) -> Counter:
    """`owner` None: the visitor has no cart yet."""
    ctx.require("catalog:read")
    shop = await directory.find(rt, ctx.tenant)
    if shop is None:
        raise NotFound("shop")
    async with rt.db.begin(ctx) as tx:
        settings = await tenants.settings(tx)
        categories = await catalog.list_categories(tx)
        customer = None
        if ctx.actor is ActorKind.CUSTOMER:
            customer = await customers.by_id(tx, ctx.customer_id())
        count = 0 if owner is None else await store.count_items(tx, rules.check_owner(ctx, owner))
    return Counter(shop, settings, categories.items, customer, count)


async def adopt(rt: Runtime, ctx: Ctx, customer: CustomerId, token: str) -> None:
    """A guest's cart becomes the customer's who has just signed in; with what that one held already, it is one cart.
    Nothing where the guest had none."""
    rules.check_owner(ctx, Owner(token=token))
    async with rt.db.begin(ctx) as tx:
        kept, guest = await store.lock_both(tx, customer, token)
        if guest is None:
            return
        if kept is None:
            await store.hand_over(tx, guest, customer)
            return
        await store.add_to_equal(tx, guest, kept)
        await store.move_lines(tx, guest, kept)
        await store.join(tx, guest, kept)


class Way(msgspec.Struct, frozen=True):
    """A way to send the cart, and what that costs (minor units)."""

    method: ShippingMethod
    cost: int


class Quote(msgspec.Struct, frozen=True):
    """The cart priced with the chosen way to send it, and all ways there are."""

    cart: Cart
    ways: list[Way]


async def quote(rt: Runtime, ctx: Ctx, owner: Owner, shipping_method: str | None = None) -> Quote:
    """Raises Invalid for a way the shop does not offer."""
    ctx.require("cart:write")
    async with rt.db.begin(ctx) as tx:
        basket = await store.read(tx, rules.check_owner(ctx, owner))
    ways = [
        Way(method, rules.price(basket, ctx.now, method.code).totals.shipping)
        for method in shipping.offered(basket.shipping, basket.methods)
    ]
    return Quote(rules.price(basket, ctx.now, shipping_method), ways)
