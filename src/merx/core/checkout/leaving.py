"""A shopper comes back from the payment page without having paid and wants their cart back: the page is closed at the
provider, so that nobody can pay there any more, and then the order goes."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.orders import closing, own
from merx.core.orders import store as orders
from merx.core.orders.model import Order
from merx.core.payments.model import OPEN
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, NotFound
from merx.kernel.ids import OrderId
from merx.runtime import Runtime


async def leave(rt: Runtime, ctx: Ctx, order_id: OrderId, tokens: Sequence[str] = ()) -> Order:
    """The order as it is afterwards: cancelled, with its stock and its cart back, or paid where the money was quicker.
    Only card orders end this way. Raises NotFound for an order that is not the shopper's; Upstream where the provider
    gives no answer, and Conflict where it may be taking the money this very moment: the order then ends when its time
    is up, or when it is left once more."""
    ctx.require("checkout:write")
    detail = await own.get(rt, ctx, order_id, tokens)
    waiting = [one for one in detail.payments if one.status in OPEN and one.provider != "manual"]
    for payment in waiting:
        if (await closing.close(rt, ctx, payment)).status in OPEN:
            raise Conflict(
                "The payment is under way at this moment; try again in a few seconds.",
                code="payment_in_progress",
                retry_after=5,
            )
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, order_id)
    if order is None:
        raise NotFound("order")
    return order
