"""Owns the store API's cart. Each route answers with the whole cart as it is then."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from merx.core.cart import service as carts
from merx.core.cart.model import MAX_QUANTITY, Cart, Item
from merx.dialects.baas import translate, wire
from merx.dialects.baas.errors import renamed
from merx.dialects.baas.store_door import owner, shopper
from merx.edge.app import MerxRequest
from merx.kernel.ids import LineId, ProductId, VariantId

Ident = Annotated[str, Meta(min_length=1, max_length=64)]


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `variant_id`, the product's first variant that is for sale."""

    product_id: Ident
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)] = 1
    variant_id: Ident | None = None


class ItemChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quantity: Annotated[int, Meta(ge=0, le=MAX_QUANTITY, description="0 takes the item out")]


class CouponCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(min_length=1, max_length=64)]


@get("/cart/", guards=[shopper], tags=["Cart"])
async def get_cart(request: MerxRequest) -> wire.Cart:
    """The customer's cart."""
    return _cart(request, await carts.get(request.rt, request.ctx, owner(request)))


@delete("/cart/", status_code=200, guards=[shopper], tags=["Cart"])
async def clear_cart(request: MerxRequest) -> wire.Cart:
    """Takes everything out of the cart, the coupon too."""
    return _cart(request, await carts.clear(request.rt, request.ctx, owner(request)))


@post("/cart/items/", guards=[shopper], tags=["Cart"])
async def add_item(request: MerxRequest, data: NewItem) -> wire.Cart:
    """Adds a product; more of one that is in the cart already."""
    product = translate.ident(ProductId, "prod", data.product_id, "product", "product_id")
    chosen = data.variant_id
    variant = None if chosen is None else translate.ident(VariantId, "var", chosen, "variant", "variant_id")
    with renamed(items="quantity"):
        found = await carts.add(request.rt, request.ctx, owner(request), Item(product, data.quantity, variant))
    return _cart(request, found)


@patch("/cart/items/{item:str}/", guards=[shopper], tags=["Cart"])
async def change_item(request: MerxRequest, item: str, data: ItemChange) -> wire.Cart:
    """Changes how many of an item are wanted."""
    line = translate.ident(LineId, "item", item, "cart item")
    with renamed(items="quantity"):
        found = await carts.set_quantity(request.rt, request.ctx, owner(request), line, data.quantity)
    return _cart(request, found)


@delete("/cart/items/{item:str}/", status_code=200, guards=[shopper], tags=["Cart"])
async def remove_item(request: MerxRequest, item: str) -> wire.Cart:
    """Takes an item out of the cart."""
    line = translate.ident(LineId, "item", item, "cart item")
    return _cart(request, await carts.set_quantity(request.rt, request.ctx, owner(request), line, 0))


@post("/cart/coupon/", status_code=200, guards=[shopper], tags=["Cart"])
async def set_coupon(request: MerxRequest, data: CouponCode) -> wire.Cart:
    """Puts a coupon on the cart, in place of another."""
    with renamed(coupon_code="code"):
        found = await carts.set_coupon(request.rt, request.ctx, owner(request), data.code)
    return _cart(request, found)


@delete("/cart/coupon/", status_code=200, guards=[shopper], tags=["Cart"])
async def drop_coupon(request: MerxRequest) -> wire.Cart:
    """Takes the coupon off the cart."""
    return _cart(request, await carts.set_coupon(request.rt, request.ctx, owner(request), None))


def _cart(request: MerxRequest, found: Cart) -> wire.Cart:
    return translate.cart(found, request.ctx.customer_id(), request.rt.settings.public_url)


ROUTES: list[ControllerRouterHandler] = [
    get_cart,
    clear_cart,
    add_item,
    change_item,
    remove_item,
    set_coupon,
    drop_coupon,
]
