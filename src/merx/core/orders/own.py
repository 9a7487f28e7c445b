"""Looking at an order that is one's own (service): as the shopper who is signed in, or with the token that checkout
gave to whoever placed it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from merx.core.orders import proofs, store
from merx.core.orders.model import OrderDetail
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import NotFound
from merx.kernel.ids import OrderId
from merx.runtime import Runtime


def is_proven(rt: Runtime, order_id: OrderId, tokens: Sequence[str]) -> bool:
    wanted = proofs.order_token(rt.vault, order_id).encode()
    return any(hmac.compare_digest(wanted, one.encode("utf-8", "replace")) for one in tokens[: proofs.MAX_TOKENS])


async def get(rt: Runtime, ctx: Ctx, order_id: OrderId, tokens: Sequence[str] = ()) -> OrderDetail:
    """Raises NotFound, the same for somebody else's order and for one that never was."""
    ctx.require("orders:own")
    proven = is_proven(rt, order_id, tokens)
    async with rt.db.begin(ctx) as tx:
        detail = await store.detail(tx, order_id)
    mine = ctx.actor is ActorKind.CUSTOMER and detail is not None and detail.order.customer_id == ctx.actor_id
    if detail is None or not (proven or mine):
        raise NotFound("order")
    return detail
