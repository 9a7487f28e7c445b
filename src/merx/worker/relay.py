"""The relay: takes committed events from the outbox and hands each to everybody who waits for it, in one transaction.
An event is handed on exactly once; what comes of it (a delivery, a mail) is done at least once."""

from __future__ import annotations

from merx.core.tenants import directory
from merx.core.webhooks import service as webhooks
from merx.core.webhooks import store as webhook_store
from merx.db import outbox
from merx.kernel.context import Ctx
from merx.runtime import Runtime
from merx.worker import telling

AT_ONCE = 200


async def relay(rt: Runtime, ctx: Ctx) -> int:
    """One batch; how many events it held."""
    shop = await directory.find(rt, ctx.tenant)
    async with rt.db.begin(ctx) as tx:
        events = await outbox.claim(tx, AT_ONCE)
        if not events:
            return 0
        drafts = webhooks.drafts(events, await webhook_store.endpoints(tx))
        if drafts:
            await webhook_store.insert_deliveries(tx, drafts)
        told = telling.concerns_somebody(events, ctx.now)
        if told and shop is not None:
            await telling.tell(rt, tx, shop, told)
        await outbox.mark_relayed(tx, [event.id for event in events])
    return len(events)
