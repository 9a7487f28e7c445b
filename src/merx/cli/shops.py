"""The commands about shops and their keys."""

from __future__ import annotations

import secrets

from merx.cli import output, session
from merx.core.auth import keys, team
from merx.core.auth.model import ApiKey, KeyType, Role
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan, Tenant
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Conflict, Invalid, NotFound
from merx.runtime import Runtime

_PAGE = 500


# ── tenants ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def show_all() -> None:
    async def work(rt: Runtime) -> None:
        rows: list[list[str]] = []
        while True:
            page, total = await tenants.list_tenants(rt, session.platform(), _PAGE, len(rows))
            rows += [_row(rt, tenant) for tenant in page]
            if len(rows) >= total or not page:
                break
        if not rows:
            output.remark('There are no shops yet: merx tenants create "My Store"')
            return
        output.table(["slug", "name", "plan", "requests/min", "state", "opened", "address"], rows)

    session.run("merx tenants", work)


def _row(rt: Runtime, tenant: Tenant) -> list[str]:
    return [
        tenant.slug,
        tenant.name,
        tenant.plan.value,
        str(tenant.limits.per_minute),
        "active" if tenant.active else "switched off",
        tenant.created_at.date().isoformat(),
        address(rt, tenant),
    ]


def address(rt: Runtime, tenant: Tenant) -> str:
    scheme = rt.settings.public_url.partition("://")[0]
    return f"{scheme}://{tenant.domain or f'{tenant.slug}.{rt.settings.base_domain}'}"


def create(name: str, slug: str | None, plan: str, currency: str, domain: str | None, owner: str | None) -> None:
    wanted = _plan(plan)
    if owner is not None and tenant_rules.email(owner) is None:
        raise Invalid(f"{owner} is not an e-mail address.", field="owner")

    async def work(rt: Runtime) -> None:
        tenant = await tenants.create(
            rt, session.platform(), name, slug=slug, domain=domain, plan=wanted, currency=currency.upper()
        )
        output.say(f"{tenant.slug}\t{address(rt, tenant)}")
        if owner is None:
            output.remark(f"Nobody can sign in yet; a key lets programs in: merx keys create --tenant {tenant.slug}")
        elif (password := await _add_owner(rt, system(tenant.id, session.SOURCE), owner)) is None:
            output.remark(f"{owner} owns it and signs in as before.")
        else:
            output.remark(f"{owner} owns it and signs in with this password, shown this once:")
            output.say(password)

    session.run("merx tenants", work)


async def _add_owner(rt: Runtime, ctx: Ctx, email: str) -> str | None:
    """The password of a person who had none here before."""
    try:
        await team.add(rt, ctx, email, Role.OWNER)
    except Invalid as needed:
        if needed.field != "password":
            raise
        password = secrets.token_urlsafe(15)
        await team.add(rt, ctx, email, Role.OWNER, password=password)
        return password
    return None


def set_plan(slug: str, plan: str, requests_per_minute: int | None) -> None:
    wanted = _plan(plan)

    async def work(rt: Runtime) -> None:
        tenant, _ = await session.shop(rt, slug)
        changed = await tenants.set_plan(rt, session.platform(), tenant.id, wanted, requests_per_minute)
        day = changed.limits.per_day
        output.say(
            f"{changed.slug} is on {changed.plan.value}: {changed.limits.per_minute} requests a minute and "
            f"{'as many a day as it likes' if day is None else f'{day} a day'} for each key."
        )

    session.run("merx tenants", work)


def _plan(name: str) -> Plan:
    if name not in [plan.value for plan in Plan]:
        raise Invalid(f"There is no plan {name!r}; there are {', '.join(Plan)}.", field="plan")
    return Plan(name)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def show_keys(slug: str) -> None:
    async def work(rt: Runtime) -> None:
        _, ctx = await session.shop(rt, slug)
        rows = [_key_row(key) for key in await _all_keys(rt, ctx)]
        output.table(["id", "name", "begins with", "type", "may", "made", "last used"], rows)

    session.run("merx keys", work)


def _key_row(key: ApiKey) -> list[str]:
    used = key.last_used_at
    return [
        str(key.id),
        key.name,
        key.prefix,
        key.type.value,
        ",".join(key.scopes),
        key.created_at.date().isoformat(),
        "never" if used is None else used.strftime("%Y-%m-%d %H:%M"),
    ]


async def _all_keys(rt: Runtime, ctx: Ctx) -> list[ApiKey]:
    found: list[ApiKey] = []
    while True:
        page, total = await keys.list_keys(rt, ctx, _PAGE, len(found))
        found += page
        if len(found) >= total or not page:
            return found


def create_key(slug: str, name: str, type_: str, scopes: str | None) -> None:
    if type_ not in [one.value for one in KeyType]:
        raise Invalid(f"There is no type {type_!r}; a key is publishable or secret.", field="type")
    wanted = None if scopes is None else [scope for scope in (one.strip() for one in scopes.split(",")) if scope]

    async def work(rt: Runtime) -> None:
        _, ctx = await session.shop(rt, slug)
        made = await keys.create(rt, ctx, name, KeyType(type_), wanted)
        output.say(made.secret)
        output.remark(f"It may: {', '.join(made.key.scopes)}. Keep it now: it is never shown again.")

    session.run("merx keys", work)


def _is(key: ApiKey, named: str) -> bool:
    """By its id, as it is listed here or as the APIs spell it; by its beginning or all of it."""
    return named in (str(key.id), ids.encode("key", key.id)) or named.startswith(key.prefix)


def revoke_key(slug: str, named: str) -> None:
    async def work(rt: Runtime) -> None:
        _, ctx = await session.shop(rt, slug)
        meant = [key for key in await _all_keys(rt, ctx) if _is(key, named)]
        if len(meant) > 1:
            several = ", ".join(str(key.id) for key in meant)
            raise Conflict(f"Several keys begin so; name the id: {several}.")
        if not meant:
            missing = NotFound("API key")
            missing.message = f"{slug} has no such key (any more); `merx keys list --tenant {slug}` shows those it has."
            raise missing
        await keys.revoke(rt, ctx, meant[0].id)
        output.say(f"Revoked {meant[0].prefix}… ({meant[0].name}).")

    session.run("merx keys", work)
