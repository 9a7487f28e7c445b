"""Opening a shop for somebody (service): what the installation's administrators do, with the owner in it from the
beginning."""

from __future__ import annotations

import msgspec

from merx.core.auth import passwords, rules, store
from merx.core.auth.model import Role, Staff
from merx.core.tenants import directory, opening
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Plan, SlugTaken, Tenant
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Conflict, Forbidden, Invalid
from merx.kernel.ids import PLATFORM_TENANT, StaffId
from merx.runtime import Runtime


class Founding(msgspec.Struct, frozen=True):
    """Without a slug the name gives one. `password` is for an owner who is new; one who works here keeps theirs."""

    name: str
    owner: str
    password: str = ""
    slug: str | None = None
    domain: str | None = None
    plan: Plan = Plan.FREE
    currency: str = "USD"


async def found(rt: Runtime, ctx: Ctx, wanted: Founding) -> Tenant:
    """The shop with its owner: all of it or nothing."""
    ctx.require("*")
    if ctx.tenant != PLATFORM_TENANT:
        raise Forbidden("Only the platform's administrators may do this.", code="platform_only")
    email = tenant_rules.email(wanted.owner)
    if email is None:
        raise Invalid("Enter a valid email address.", field="owner")
    known = await store.staff_by_email(rt.db, email)
    password_hash = None if known is not None else await _hashed(wanted, email)
    for _ in range(opening.TRIES):
        tenant = await opening.draft(rt, ctx.now, wanted.name, slug=wanted.slug, domain=wanted.domain, plan=wanted.plan)
        async with rt.db.begin(system(tenant.id, ctx.source)) as tx:
            made = await opening.open_shop(tx, tenant, wanted.currency, email)
            if made is not None:
                staff: Staff | None = known[0] if known is not None else None
                if password_hash is not None:
                    staff = await store.insert_staff(tx, StaffId(ids.new()), email, password_hash, "", "")
                if staff is None:
                    raise Conflict("Somebody has just registered this e-mail; send the form again.", field="owner")
                await store.insert_member(tx, staff, await tenants.next_number(tx, "members"), Role.OWNER)
        if made is not None:
            directory.forget(rt)
            return made
        if wanted.slug is not None:
            break
    raise SlugTaken(wanted.slug or tenant_rules.slug_base(wanted.name))


async def _hashed(wanted: Founding, email: str) -> str:
    if not wanted.password:
        raise Invalid("A new owner needs a password to begin with.", field="password")
    if faults := rules.password_faults(wanted.password, wanted.name, email):
        raise Invalid(faults[0], fields={"password": faults})
    return await passwords.hashed(wanted.password)
