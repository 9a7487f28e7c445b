"""What a merchant's page about one endpoint shows (service): the endpoint, and what was sent to it."""

from __future__ import annotations

import msgspec

from merx.core.webhooks import steps, store
from merx.core.webhooks.model import Delivery, DeliveryState, Endpoint
from merx.kernel.context import Ctx
from merx.kernel.errors import NotFound
from merx.kernel.ids import EndpointId
from merx.runtime import Runtime

COUNTED = 10_000


class Sent(msgspec.Struct, frozen=True):
    endpoint: Endpoint
    deliveries: list[Delivery]  # newest first, each with its tries
    total: int
    more: bool  # `total` is where counting stopped


async def sent(
    rt: Runtime, ctx: Ctx, endpoint_id: EndpointId, state: DeliveryState | None, limit: int, offset: int
) -> Sent:
    """Needs webhooks:read."""
    ctx.require("webhooks:read")
    states = tuple(DeliveryState) if state is None else (state,)
    async with rt.db.begin(ctx) as tx:
        endpoint = await store.endpoint(tx, endpoint_id)
        if endpoint is None:
            raise NotFound("webhook endpoint")
        total = await store.count_deliveries_up_to(tx, endpoint_id, states, COUNTED + 1)
        found = await store.deliveries(tx, endpoint_id, states, limit, offset)
        return Sent(endpoint, await steps.with_attempts(tx, found), min(total, COUNTED), total > COUNTED)
