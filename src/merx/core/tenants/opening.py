"""Opening a shop inside somebody else's transaction: the tenant's row and every row a tenant begins with."""

from __future__ import annotations

from datetime import datetime

from merx.core.tenants import rules, store
from merx.core.tenants.model import DomainTaken, Plan, Tenant
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

TRIES = 5
"""How often a slug made from a name is looked for anew, where others open shops of that name at the same moment."""


async def draft(
    rt: Runtime,
    now: datetime,
    name: str,
    *,
    slug: str | None = None,
    domain: str | None = None,
    plan: Plan = Plan.FREE,
) -> Tenant:
    """The tenant to be, with a slug that is free at this moment where none was chosen. Raises DomainTaken."""
    name = rules.check_name(name)
    if slug is None:
        base = rules.slug_base(name)
        slug = rules.free_slug(base, await store.taken_slugs(rt.db, base))
    else:
        rules.check_slug(slug)
    if domain is not None:
        domain = rules.check_domain(domain)
        if await store.by_domain(rt.db, domain) is not None:
            raise DomainTaken(domain)
    return Tenant(TenantId(ids.new()), slug, name, domain, plan, None, True, now)


async def open_shop(tx: Tx, wanted: Tenant, currency: str = "USD", contact_email: str | None = None) -> Tenant | None:
    """`tx` is a transaction of the new tenant. None, and nothing written, where its slug or domain is taken."""
    checked = rules.check_currency(currency)
    made = await store.insert(tx, wanted)
    if made is not None:
        await store.insert_settings(tx, checked, contact_email)
        await store.open_counters(tx)
        await tx.open_catalog()
    return made
