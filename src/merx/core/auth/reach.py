"""In which shops else a caller may act: the platform's administrators in every one, people in those whose team they are
in, with what they may do there; everybody else in the credential's own.

Asked where a request names a shop. Raises WrongTenant for a shop that exists and for one that does not alike; only
administrators, who may see them all, are told that there is none: NotFound."""

from __future__ import annotations

from msgspec.structs import replace

from merx.core.auth import store
from merx.core.auth.model import EVERYTHING, member_scopes
from merx.core.tenants import directory
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Tenant
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, NotFound, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT, StaffId, TenantId
from merx.runtime import Runtime


class WrongTenant(Forbidden):
    code = "wrong_tenant"

    def __init__(self, field: str = "tenant", said: str = "This credential is not for that shop.") -> None:
        super().__init__(said, field=field)


async def by_slug(rt: Runtime, ctx: Ctx, slug: str) -> Ctx:
    """The caller in the shop of this name."""
    return await _enter(rt, ctx, await directory.find_by_slug(rt, slug), "tenant")


async def by_id(rt: Runtime, ctx: Ctx, tenant: TenantId) -> Ctx:
    return await _enter(rt, ctx, await directory.find(rt, tenant), "tenant_id")


async def others(rt: Runtime, ctx: Ctx) -> list[Ctx]:
    """A person in each other shop whose team they are in. Not for administrators, who may act in all."""
    if ctx.actor is not ActorKind.STAFF or ctx.actor_id is None or ctx.client is not None:
        return []  # what a member lets a program do is for one shop
    joined = await store.tenants_of(rt.db, StaffId(ctx.actor_id))
    elsewhere = {one[0]: one for one in joined if one[0] not in (ctx.tenant, PLATFORM_TENANT)}
    active = [shop.id for shop in await tenants.by_ids(rt.db, list(elsewhere)) if shop.active] if elsewhere else []
    return [
        replace(ctx, tenant=tenant, scopes=member_scopes(role, permissions))
        for tenant, _, role, permissions in map(elsewhere.__getitem__, active)
    ]


def is_administrator(ctx: Ctx) -> bool:
    return ctx.tenant == PLATFORM_TENANT and ctx.may("*")


async def _enter(rt: Runtime, ctx: Ctx, shop: Tenant | None, field: str) -> Ctx:
    """`field`: what the request names the shop with."""
    if ctx.actor is ActorKind.ANONYMOUS:
        raise Unauthenticated("Sign in or send an API key.")
    if shop is not None and shop.id == ctx.tenant:
        return ctx
    if is_administrator(ctx):
        if shop is None:
            raise NotFound("shop", field=field)
        if not shop.active:
            raise WrongTenant(field, "This shop is switched off.")
        return replace(ctx, tenant=shop.id, scopes=EVERYTHING)
    for other in await others(rt, ctx):
        if shop is not None and other.tenant == shop.id:
            return other
    raise WrongTenant(field)
