"""Owns carts and coupons. A cart is whoever's knows its id; each answer is the whole cart as it is then."""

from __future__ import annotations

from litestar import delete, get, patch, post
from litestar.types import ControllerRouterHandler

from merx.core.cart import service as carts
from merx.core.cart.model import Cart, Item, Owner
from merx.core.coupons.model import CouponRefused
from merx.dialects.aerostack import translate, wire
from merx.dialects.aerostack.errors import renamed
from merx.dialects.aerostack.paths import ident
from merx.edge.admission import admit
from merx.edge.app import MerxRequest
from merx.edge.client import address_bucket
from merx.kernel.errors import Invalid
from merx.kernel.ids import LineId, ProductId, VariantId

COUPON_TRIES, COUPON_SECONDS = 30, 60
"""So many codes one client address may try at one shop; codes are to be known, not found."""

_CART = {"cartId": {"type": "string", "maxLength": 128, "description": "The client's own id of the cart"}}
_ITEM = {**_CART, "itemId": {"type": "string", "format": "uuid", "description": "The item's id, as the cart shows it"}}


@get("/cart/{cartId:str}", operation_id="getCart", tags=["Cart"], guards=[admit], needs="cart:write", names=_CART)
async def get_cart(request: MerxRequest) -> wire.Cart:
    """A cart's contents with all totals; an empty cart where there is none yet."""
    return _cart(request, await carts.get(request.rt, request.ctx, owner(request)))


@post(
    "/cart/{cartId:str}/items",
    operation_id="addCartItem",
    status_code=200,
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
    names=_CART,
)
async def add_item(request: MerxRequest, data: wire.ItemBody) -> wire.Cart:
    """Adds to what is in the cart already; the first item makes the cart."""
    variant = None if data.variant_id is None else VariantId(data.variant_id)
    item = Item(ProductId(data.product_id), data.quantity, variant)
    with renamed(items="quantity"):
        found = await carts.add(request.rt, request.ctx, owner(request), item)
    return _cart(request, found)


@patch(
    "/cart/{cartId:str}/items/{itemId:str}",
    operation_id="changeCartItem",
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
    names=_ITEM,
)
async def change_item(request: MerxRequest, data: wire.QuantityBody) -> wire.Cart:
    """Changes how many of an item are wanted."""
    line = LineId(ident(request, "itemId", "cart item"))
    with renamed(items="quantity"):
        found = await carts.set_quantity(request.rt, request.ctx, owner(request), line, data.quantity)
    return _cart(request, found)


@delete(
    "/cart/{cartId:str}/items/{itemId:str}",
    operation_id="removeCartItem",
    status_code=200,
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
    names=_ITEM,
)
async def remove_item(request: MerxRequest) -> wire.Cart:
    """Takes an item out of the cart."""
    line = LineId(ident(request, "itemId", "cart item"))
    return _cart(request, await carts.set_quantity(request.rt, request.ctx, owner(request), line, 0))


@delete(
    "/cart/{cartId:str}",
    operation_id="clearCart",
    status_code=200,
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
    names=_CART,
)
async def clear_cart(request: MerxRequest) -> wire.Cart:
    """Takes everything out of the cart, the coupon too."""
    return _cart(request, await carts.clear(request.rt, request.ctx, owner(request)))


@delete(
    "/cart/{cartId:str}/coupon",
    operation_id="removeCartCoupon",
    status_code=200,
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
    names=_CART,
)
async def drop_coupon(request: MerxRequest) -> wire.Cart:
    """Takes the coupon off the cart."""
    return _cart(request, await carts.drop_coupon(request.rt, request.ctx, owner(request)))


@post(
    "/coupons/validate",
    operation_id="validateCoupon",
    status_code=200,
    tags=["Cart"],
    guards=[admit],
    needs="cart:write",
)
async def validate_coupon(request: MerxRequest, data: wire.CouponBody) -> wire.CouponCheck:
    """Says what a code gives now, or why it gives nothing.

    Asked about a cart, a code that applies is kept on it and the cart's totals have it from then on, unless `apply` is
    false. Asked about alone, it is only looked at whether it can be used now.
    """
    name, code = ("code", data.code) if data.coupon_code is None else ("couponCode", data.coupon_code)
    if code is None:
        raise Invalid("This field is required.", field="code")
    if data.coupon_code is not None and data.code is not None:
        raise Invalid("Send either code or couponCode.", field="couponCode")
    if data.cart_id is not None and data.subtotal is not None:
        raise Invalid("Send either cartId or subtotal.", field="subtotal")
    await _limited(request)
    worth = data.subtotal if data.cart_id is None else Owner(token=data.cart_id)
    try:
        with renamed(code=name):
            found = await carts.try_coupon(request.rt, request.ctx, code, worth, data.apply)
    except CouponRefused as refused:
        return wire.CouponCheck(valid=False, code=code.strip().upper(), error=refused.message, reason=refused.code)
    return translate.coupon(found, data.cart_id, request.rt.settings.public_url)


async def _limited(request: MerxRequest) -> None:
    visit = request.visit
    assert visit.limiter is not None
    bucket = f"coupon:{request.ctx.tenant.hex}:{address_bucket(visit.address)}"
    await visit.limiter.spend(bucket, COUPON_TRIES, COUPON_SECONDS)


def owner(request: MerxRequest) -> Owner:
    return Owner(token=str(request.path_params["cartId"]))


def _cart(request: MerxRequest, found: Cart) -> wire.Cart:
    return translate.cart(found, str(request.path_params["cartId"]), request.rt.settings.public_url)


ROUTES: list[ControllerRouterHandler] = [
    get_cart,
    add_item,
    change_item,
    remove_item,
    clear_cart,
    drop_coupon,
    validate_coupon,
]
