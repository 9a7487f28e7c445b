"""The cart: adding, changing, a coupon. A form sends the visitor back to the cart; htmx swaps the cart in place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import get, post
from litestar.types import ControllerRouterHandler

from merx.core.cart import service as carts
from merx.core.cart.model import Cart, Item, Owner
from merx.kernel import ids
from merx.kernel.errors import Kind, MerxError, NotFound
from merx.kernel.ids import LineId, ProductId, VariantId
from merx.web.face import PUBLIC
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, inside, redirect, render
from merx.web.storefront.visiting import cart_of, cart_to_fill

PERSONAL = {"cache-control": "no-store"}
MOST_AT_ONCE = 999
Change = Callable[[Owner], Awaitable[Cart]]
_SHOPPER_CAN_MEND = (Kind.INVALID, Kind.CONFLICT, Kind.REFUSED, Kind.NOT_FOUND)


@get("/cart", opt={"needs": PUBLIC})
async def cart(request: PageRequest) -> Page:
    return _show(request, await _read(request), Form())


@post("/cart/items", opt={"needs": PUBLIC}, status_code=200)
async def add(request: PageRequest) -> Page:
    """More of what is in the cart already. What can't be had is said where the visitor is."""
    form = await Form.read(request)
    product, variant = ids.parse_uuid(form.text("product")), ids.parse_uuid(form.text("variant"))
    if product is None:
        raise NotFound("product")
    item = Item(ProductId(product), _quantity(form, 1), None if variant is None else VariantId(variant))
    back = inside(form.text("back"), "/cart")
    try:
        found = await carts.add(request.rt, request.ctx, cart_to_fill(request), item)
    except MerxError as refused:
        if refused.kind not in _SHOPPER_CAN_MEND:
            raise
        if request.partial:
            return render(request, "cart/added.html", status=200, refused=refused, line=None, count=None)
        return redirect(request, back, said=refused.message, tone="danger")
    line = next((one for one in found.lines if one.variant_id == variant or one.product_id == product), None)
    if request.partial:
        return render(request, "cart/added.html", refused=None, line=line, count=found.item_count)
    return redirect(request, "/cart", said=f"{line.name if line else 'It'} is in your cart.")


@post("/cart/items/{line:str}", opt={"needs": PUBLIC}, status_code=200)
async def change(request: PageRequest, line: str) -> Page:
    """How many of it; none takes it out."""
    form, found = await Form.read(request), ids.parse_uuid(line)
    if found is None:
        raise NotFound("cart item")
    quantity = 0 if form.has("remove") else _quantity(form, 0)
    return await _do(request, form, lambda owner: carts.set_quantity(
        request.rt, request.ctx, owner, LineId(found), quantity
    ))  # fmt: skip


@post("/cart/coupon", opt={"needs": PUBLIC}, status_code=200)
async def coupon(request: PageRequest) -> Page:
    form = await Form.read(request)
    code = None if form.has("remove") else form.text("code")
    if code == "":
        form.fault("code", "Enter a code.")
        return _show(request, await _read(request), form)
    return await _do(request, form, lambda owner: carts.set_coupon(request.rt, request.ctx, owner, code))


async def _do(request: PageRequest, form: Form, change: Change) -> Page:
    owner = cart_of(request)
    if owner is None:
        return redirect(request, "/cart")
    try:
        found = await change(owner)
    except MerxError as refused:
        if refused.kind not in _SHOPPER_CAN_MEND:
            raise
        if refused.kind is not Kind.NOT_FOUND:  # somebody has taken it out in another tab
            form.refused(refused, {"coupon_code": "code"})
        return _show(request, await _read(request), form)
    if request.partial:
        return _show(request, found, Form())
    return redirect(request, "/cart")


async def _read(request: PageRequest) -> Cart | None:
    owner = cart_of(request)
    return None if owner is None else await carts.get(request.rt, request.ctx, owner)


def _show(request: PageRequest, found: Cart | None, form: Form) -> Page:
    template = "cart/contents.html" if request.partial else "cart/page.html"
    count = 0 if found is None else found.item_count
    return render(request, template, cart=found, form=form, count=count, headers=PERSONAL)


def _quantity(form: Form, lowest: int) -> int:
    found = form.number("quantity")
    return max(lowest, min(MOST_AT_ONCE, 1 if found is None else found))


ROUTES: list[ControllerRouterHandler] = [cart, add, change, coupon]
