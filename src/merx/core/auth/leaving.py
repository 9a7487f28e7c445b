"""Signing out of every browser and program at once (service)."""

from __future__ import annotations

import msgspec

from merx.core.auth import sessions, store
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Unauthenticated
from merx.kernel.ids import StaffId
from merx.runtime import Runtime


async def sign_out_everywhere(rt: Runtime, ctx: Ctx) -> None:
    """Ends every session of the caller, this one too, in every shop they work in."""
    if ctx.actor is not ActorKind.STAFF or ctx.actor_id is None:
        raise Unauthenticated("Sign in as a member of the shop's team.", code="staff_required")
    if ctx.client is not None:
        raise Forbidden("A person's own account is not for programs that act for them.", code="person_required")
    staff = StaffId(ctx.actor_id)
    joined = {tenant for tenant, *_ in await store.tenants_of(rt.db, staff)}
    for tenant in sorted({*joined, ctx.tenant}):
        async with rt.db.begin(msgspec.structs.replace(ctx, tenant=tenant)) as tx:
            await sessions.end_all(rt, tx, staff)
    rt.revoked()
