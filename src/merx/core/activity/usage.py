"""How much of a plan is used (service): what the access log says of today."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from merx.core.activity import store
from merx.core.activity.model import Level
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Figures, Tenant
from merx.kernel.context import Ctx
from merx.kernel.errors import NotFound
from merx.runtime import Runtime


class Usage(msgspec.Struct, frozen=True):
    """Requests of all credentials since midnight, UTC; `refused` for what the callers did, `failed` for what we did."""

    tenant: Tenant
    figures: Figures
    requests: int
    refused: int
    failed: int
    yesterday: int


async def usage(rt: Runtime, ctx: Ctx) -> Usage:
    """Needs settings:read."""
    ctx.require("settings:read")
    midnight = ctx.now.replace(hour=0, minute=0, second=0, microsecond=0)
    later = ctx.now + timedelta(minutes=1)
    tenant = await tenants.by_id(rt.db, ctx.tenant)
    if tenant is None:
        raise NotFound("tenant")
    known = await tenants.figures(rt.db, [ctx.tenant], ctx.now)
    async with rt.db.begin(ctx) as tx:
        today = [await store.total(tx, midnight, later, level) for level in (None, Level.WARN, Level.ERROR)]
        before = await store.total(tx, midnight - timedelta(days=1), midnight - timedelta(seconds=1), None)
    return Usage(tenant, known.get(ctx.tenant, Figures()), today[0], today[1], today[2], before)
