"""Pure: a basket in, a priced cart out; and what may go into one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from merx.core.cart.model import MAX_QUANTITY, Basket, Cart, Owner
from merx.core.coupons import rules as coupons
from merx.core.coupons.model import Benefit, CouponRefused
from merx.core.pricing import rules as pricing
from merx.core.pricing.model import LineAmount
from merx.core.shipping import rules as shipping
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound

_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def price(
    basket: Basket,
    now: datetime,
    shipping_method: str | None = None,
    strict: bool = False,
    taken: Sequence[str] = (),
) -> Cart:
    """`strict` raises CouponRefused where the coupon does not apply; otherwise the cart says why and goes on
    without it. Raises Invalid for an unknown shipping method, `taken` being known."""
    amounts = [LineAmount(line.unit_minor, line.quantity) for line in basket.lines]
    goods = pricing.subtotal(amounts)
    benefit, problem = Benefit(), None
    if basket.coupon_code is not None:
        try:
            benefit = coupons.benefit(basket.coupon, goods, now)
        except CouponRefused as refused:
            if strict:
                raise
            problem = refused.message
    method = shipping.choose(basket.shipping, basket.methods, shipping_method, taken)
    after = goods - min(benefit.discount, goods)
    cost = shipping.cost(basket.shipping, method, after, benefit.free_shipping) if basket.lines else 0
    return Cart(basket, pricing.totals(amounts, benefit.discount, cost, basket.tax), method, problem)


def check_quantity(quantity: int, lowest: int = 1) -> int:
    if not lowest <= quantity <= MAX_QUANTITY:
        raise Invalid(f"A quantity is between {lowest} and {MAX_QUANTITY}.", field="quantity")
    return quantity


def check_owner(ctx: Ctx, owner: Owner) -> Owner:
    """Raises NotFound where a shopper names another shopper's cart."""
    if ctx.actor is ActorKind.CUSTOMER and owner.customer_id not in (None, ctx.actor_id):
        raise NotFound("cart")
    if owner.token is not None and not _TOKEN.fullmatch(owner.token):
        raise Invalid("A cart id is up to 128 letters, digits, dots, colons, hyphens and underscores.", field="cart_id")
    return owner
