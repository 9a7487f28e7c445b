"""Clears away pictures that nothing shows: no product, and no order of what was bought while a product showed them."""

from __future__ import annotations

from merx.core.catalog import pictures as catalog
from merx.core.media import store as media
from merx.core.media.model import SIZES, name, path
from merx.core.orders import pictures as orders
from merx.kernel.context import Ctx
from merx.runtime import Runtime

AT_ONCE = 100


async def clear_pictures(rt: Runtime, ctx: Ctx) -> int:
    """One handful of those not looked at for a day; how many it looked at. The rows say what is leaving before the
    first file goes, and go after the last: whatever is interrupted is taken up by the next sweep."""
    async with rt.db.begin(ctx) as tx:
        unseen = await media.unseen(tx, AT_ONCE)
        if not unseen:
            return 0
        used = set(await catalog.pictures_shown(tx, unseen))
        by_path = {path(ctx.tenant, digest, size): digest for digest in set(unseen) - used for size in SIZES}
        used |= {by_path[one] for one in await orders.pictures_shown(tx, list(by_path))}
        if used:
            await media.seen(tx, sorted(used))
        leaving = await media.leave(tx, sorted(set(unseen) - used))
    if leaving:
        await rt.media.delete([name(ctx.tenant, digest, size) for digest in leaving for size in SIZES])
        async with rt.db.begin(ctx) as tx:
            await media.gone(tx, leaving)
    return len(used) + len(leaving)
