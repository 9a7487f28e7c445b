"""What the outside asks about tenants: who a host or an id names, and how a shop is set up."""

from __future__ import annotations

from datetime import timedelta

from msgspec import UNSET

from merx.core.tenants import accounts, directory, opening, rules, store
from merx.core.tenants.directory import find, find_by_domain, find_by_slug, forget
from merx.core.tenants.model import (
    Configuration,
    Figures,
    FoundTenants,
    NoCredentials,
    Origins,
    Plan,
    SettingsPatch,
    ShopSettings,
    SlugTaken,
    Tenant,
)
from merx.db.database import Tx
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Forbidden, Invalid, NotFound, Refused
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.kernel.money import EXPONENTS
from merx.ports import Account
from merx.runtime import Runtime

__all__ = [
    "NoCredentials",
    "account",
    "change_tenant",
    "create",
    "find",
    "find_by_domain",
    "find_by_slug",
    "find_tenants",
    "forget",
    "get",
    "get_configuration",
    "get_settings",
    "list_tenants",
    "look_at",
    "origins",
    "patch_settings",
    "set_active",
    "set_plan",
    "shop_window",
]


# ── The platform's side ──────────────────────────────────────────────────────────────────────────────────────────────
async def create(
    rt: Runtime,
    ctx: Ctx,
    name: str,
    *,
    slug: str | None = None,
    domain: str | None = None,
    plan: Plan = Plan.FREE,
    currency: str = "USD",
    contact_email: str | None = None,
) -> Tenant:
    """A shop without people. Without a slug the name gives one; a slug that was chosen and is taken is SlugTaken."""
    _require_platform(ctx)
    for _ in range(opening.TRIES):
        wanted = await opening.draft(rt, ctx.now, name, slug=slug, domain=domain, plan=plan)
        async with rt.db.begin(system(wanted.id, ctx.source)) as tx:
            made = await opening.open_shop(tx, wanted, currency, contact_email)
        if made is not None:
            forget(rt)
            return made
        if slug is not None:
            break
    raise SlugTaken(slug or rules.slug_base(name))


async def list_tenants(rt: Runtime, ctx: Ctx, limit: int = 20, offset: int = 0) -> tuple[list[Tenant], int]:
    """All of them, oldest first, and how many there are."""
    _require_platform(ctx)
    return await store.page(rt.db, limit, offset), await store.count(rt.db)


async def find_tenants(rt: Runtime, ctx: Ctx, search: str = "", limit: int = 25, offset: int = 0) -> FoundTenants:
    """Newest first, with how much they are used; requests are the last hour's. `search`: the beginning of a slug or
    part of a name."""
    _require_platform(ctx)
    wanted = search.strip().lower()[:100]
    listed = await store.find(rt.db, wanted, limit, offset)
    known = await store.figures(rt.db, [one.id for one in listed], ctx.now - timedelta(hours=1))
    whole = len(listed) < limit and (listed or not offset)
    return FoundTenants(listed, offset + len(listed) if whole else await store.count_found(rt.db, wanted), known)


async def look_at(rt: Runtime, ctx: Ctx, tenant: TenantId) -> tuple[Tenant, Figures]:
    """One, with how much it is used; requests are those of the last day."""
    _require_platform(ctx)
    found = _found(await store.by_id(rt.db, tenant))
    known = await store.figures(rt.db, [tenant], ctx.now - timedelta(days=1))
    return found, known.get(tenant, Figures())


async def change_tenant(
    rt: Runtime, ctx: Ctx, tenant: TenantId, plan: Plan, requests_per_minute: int | None, active: bool
) -> Tenant:
    """Plan and state at once, as somebody saw them side by side."""
    _require_platform(ctx)
    _check_agreed(requests_per_minute)
    async with rt.db.begin(system(tenant, ctx.source)) as tx:
        await store.set_plan(tx, tenant, plan, requests_per_minute)
        changed = await store.set_active(tx, tenant, active)
    return _changed(rt, changed)


async def set_plan(
    rt: Runtime, ctx: Ctx, tenant: TenantId, plan: Plan, requests_per_minute: int | None = None
) -> Tenant:
    """`requests_per_minute`: what was agreed with this tenant; None: what the plan says."""
    _require_platform(ctx)
    _check_agreed(requests_per_minute)
    async with rt.db.begin(system(tenant, ctx.source)) as tx:
        changed = await store.set_plan(tx, tenant, plan, requests_per_minute)
    return _changed(rt, changed)


async def set_active(rt: Runtime, ctx: Ctx, tenant: TenantId, active: bool) -> Tenant:
    """A tenant that is switched off answers nobody; nothing of it is lost."""
    _require_platform(ctx)
    async with rt.db.begin(system(tenant, ctx.source)) as tx:
        changed = await store.set_active(tx, tenant, active)
    return _changed(rt, changed)


def _check_agreed(requests_per_minute: int | None) -> None:
    if requests_per_minute is not None and not 1 <= requests_per_minute <= 10_000_000:
        raise Invalid("Requests a minute are a number between 1 and 10000000.", field="requests_per_minute")


def _changed(rt: Runtime, tenant: Tenant | None) -> Tenant:
    changed = _found(tenant)
    forget(rt)
    rt.revoked()
    return changed


def _found(tenant: Tenant | None) -> Tenant:
    if tenant is None:
        raise NotFound("tenant")
    return tenant


def _require_platform(ctx: Ctx) -> None:
    ctx.require("*")
    if ctx.tenant != PLATFORM_TENANT:
        raise Forbidden("Only the platform's administrators may do this.", code="platform_only")


# ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────────────
async def get(rt: Runtime, ctx: Ctx) -> Tenant:
    """The caller's own tenant."""
    tenant = await find(rt, ctx.tenant)
    if tenant is None:
        raise NotFound("tenant")
    return tenant


async def get_settings(rt: Runtime, ctx: Ctx) -> ShopSettings:
    """For storefronts too: what they may show of it is the dialect's choice."""
    async with rt.db.begin(ctx) as tx:
        return await store.settings(tx)


async def shop_window(rt: Runtime, slug: str) -> ShopSettings:
    """The settings of the shop of this name, for whoever comes to buy there; what is shown of them is the dialect's
    choice."""
    tenant = await find_by_slug(rt, slug)
    if tenant is None or not tenant.active:
        raise NotFound("shop")
    return await get_settings(rt, system(tenant.id))


async def origins(rt: Runtime, tenant: TenantId) -> Origins:
    """Where the shop's pages may live."""
    found, settings = await find(rt, tenant), await get_settings(rt, system(tenant))
    assert found is not None
    return directory.origins(rt, found.slug, found.domain, settings.allowed_origins, settings.payment_test_mode)


async def get_configuration(rt: Runtime, ctx: Ctx) -> Configuration:
    ctx.require("settings:read")
    tenant = await get(rt, ctx)
    async with rt.db.begin(ctx) as tx:
        return Configuration(tenant, await store.settings(tx), tuple(await store.credential_hints(tx)))


async def patch_settings(rt: Runtime, ctx: Ctx, patch: SettingsPatch) -> Configuration:
    ctx.require("settings:write")
    tenant = await get(rt, ctx)
    name = tenant.name if patch.name is UNSET else rules.check_name(patch.name)
    if patch.payment_provider is not UNSET and patch.payment_provider not in rt.payments:
        names = ", ".join(sorted(rt.payments))
        raise Invalid(f"This installation takes payments through one of {names}.", field="payment_provider")
    async with rt.db.begin(ctx) as tx:
        before = await store.lock_settings(tx)
        after = rules.patched(before, patch, ctx.now)
        if after.currency != before.currency:
            await _check_currency(tx, before, after)
        if patch.credentials is not UNSET:
            for provider, given in sorted(patch.credentials.items()):
                await accounts.change(rt, tx, provider, None if given is None else dict(given))
        if patch.credentials is not UNSET or after.payment_test_mode != before.payment_test_mode:
            for hint in await store.credential_hints(tx):
                await accounts.check_mode(rt, tx, hint.provider, after.payment_test_mode)
        settings = await store.update_settings(tx, after)
        hints = tuple(await store.credential_hints(tx))
        if name != tenant.name:
            tenant = _found(await store.set_name(tx, name))
    if patch.name is not UNSET:
        forget(rt)
    if (before.allowed_origins, before.payment_test_mode) != (after.allowed_origins, after.payment_test_mode):
        rt.revoked()
    return Configuration(tenant, settings, hints)


async def account(rt: Runtime, ctx: Ctx, provider: str) -> Account:
    """For a provider's callback, whose signature is checked with this account's secret."""
    async with rt.db.begin(ctx) as tx:
        return await accounts.account(rt, tx, provider)


async def _check_currency(tx: Tx, before: ShopSettings, after: ShopSettings) -> None:
    tx.touch_catalog()
    await tx.flush()  # the version's row is locked before the order counter, as checkout does
    if await store.counted(tx, "orders"):
        raise Refused(
            f"This shop has taken orders in {before.currency}, so its currency can't change any more: open another "
            f"shop for {after.currency}.",
            code="currency_in_use",
            field="currency",
        )
    if EXPONENTS[after.currency] != EXPONENTS[before.currency] and await store.shown_products(tx):
        raise Refused(
            f"{after.currency} has another number of decimals than {before.currency}, so the prices of the products "
            f"would change their meaning: change the currency before there are products.",
            code="currency_in_use",
            field="currency",
        )
