"""Writes tenants, settings, provider_credentials and counters. `tenants` is a reference table without row-level
security: its statements go through `tx.platform` or come from `Database.lookup`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from merx.core.tenants.model import CredentialHint, Figures, Plan, ShopSettings, Tenant
from merx.db.database import Database, Tx
from merx.kernel.ids import TenantId

TABLES = ("tenants", "settings", "provider_credentials", "counters")
COUNTERS = ("orders", "members", "categories")

_TENANT = "id, slug, name, domain, plan, requests_per_minute, active, created_at"
INSERT_TENANT = f"""
insert into tenants (id, slug, name, domain, plan, requests_per_minute, created_at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing returning {_TENANT}
"""
TENANT_BY_ID = f"select {_TENANT} from tenants where id = $1 and not system"
TENANT_BY_SLUG = f"select {_TENANT} from tenants where slug = $1 and not system"
TENANT_BY_DOMAIN = f"select {_TENANT} from tenants where domain = $1 and not system"
TENANTS_BY_IDS = f"select {_TENANT} from tenants where id = any($1::uuid[]) order by created_at, id limit $2 offset $3"
TENANTS = f"select {_TENANT} from tenants where not system order by created_at, id limit $1 offset $2"
COUNT_TENANTS = "select count(*) from tenants where not system"
TENANTS_NEWEST = f"""
select {_TENANT} from tenants where not system order by created_at desc, id desc limit $1 offset $2
"""
TENANTS_FOUND = f"""
select {_TENANT} from tenants where not system and (starts_with(slug, $1) or strpos(lower(name), $1) > 0)
order by created_at desc, id desc limit $2 offset $3
"""
COUNT_TENANTS_FOUND = """
select count(*) from tenants where not system and (starts_with(slug, $1) or strpos(lower(name), $1) > 0)
"""
TENANT_FIGURES = "select * from tenant_figures($1, $2)"
TAKEN_SLUGS = "select slug from tenants where starts_with(slug, $1)"
SET_PLAN = f"update tenants set plan = $2, requests_per_minute = $3 where id = $1 and not system returning {_TENANT}"
SET_ACTIVE = f"update tenants set active = $2 where id = $1 and not system returning {_TENANT}"
SET_NAME = f"update tenants set name = $2 where id = $1 and not system returning {_TENANT}"

_SETTINGS = (
    "currency, tax_rate, tax_shipping, prices_include_tax, shipping_enabled, flat_shipping_minor, "
    "free_shipping_threshold_minor, payment_provider, payment_test_mode, low_stock_threshold, guest_order_lookup, "
    "allowed_origins, locale, contact_email, accent, updated_at"
)
INSERT_SETTINGS = "insert into settings (tenant_id, currency, contact_email, updated_at) values ($1, $2, $3, $4)"
SETTINGS = f"select {_SETTINGS} from settings where tenant_id = $1"
LOCK_SETTINGS = f"{SETTINGS} for no key update"
UPDATE_SETTINGS = f"""
update settings set currency = $2, tax_rate = $3, tax_shipping = $4, prices_include_tax = $5, shipping_enabled = $6,
  flat_shipping_minor = $7, free_shipping_threshold_minor = $8, payment_provider = $9, payment_test_mode = $10,
  low_stock_threshold = $11, guest_order_lookup = $12, allowed_origins = $13, locale = $14, contact_email = $15,
  accent = $16, updated_at = $17
where tenant_id = $1 returning {_SETTINGS}
"""
SHOWN_PRODUCTS = "select coalesce(sum(products), 0)::bigint from catalog_versions where tenant_id = $1"

PUT_CREDENTIALS = """
insert into provider_credentials (tenant_id, provider, sealed, hint, updated_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, provider) do update
set sealed = excluded.sealed, hint = excluded.hint, updated_at = excluded.updated_at
"""
SEALED_CREDENTIALS = "select sealed from provider_credentials where tenant_id = $1 and provider = $2"
DELETE_CREDENTIALS = "delete from provider_credentials where tenant_id = $1 and provider = $2"
CREDENTIAL_HINTS = "select provider, hint, updated_at from provider_credentials where tenant_id = $1 order by provider"

OPEN_COUNTERS = "insert into counters (tenant_id, name) select $1, n from unnest($2::text[]) as n returning 1"
NEXT_NUMBERS = """
insert into counters (tenant_id, name, last) values ($1, $2, $3)
on conflict (tenant_id, name) do update set last = counters.last + excluded.last
returning last
"""
COUNTED = "select last from counters where tenant_id = $1 and name = $2 for no key update"


async def insert(tx: Tx, tenant: Tenant) -> Tenant | None:
    """None where the slug or the domain belongs to somebody else."""
    return _tenant(
        await tx.platform.row(
            INSERT_TENANT,
            tenant.id,
            tenant.slug,
            tenant.name,
            tenant.domain,
            tenant.plan.value,
            tenant.requests_per_minute,
            tenant.created_at,
        )
    )


async def taken_slugs(db: Database, base: str) -> set[str]:
    return {row[0] for row in await db.lookups(TAKEN_SLUGS, base)}


async def by_id(db: Database, tenant: TenantId) -> Tenant | None:
    return _tenant(await db.lookup(TENANT_BY_ID, tenant))


async def by_slug(db: Database, slug: str) -> Tenant | None:
    return _tenant(await db.lookup(TENANT_BY_SLUG, slug))


async def by_domain(db: Database, domain: str) -> Tenant | None:
    return _tenant(await db.lookup(TENANT_BY_DOMAIN, domain))


async def by_ids(db: Database, tenants: list[TenantId], limit: int = 1000, offset: int = 0) -> list[Tenant]:
    """Oldest first; the platform's own among them."""
    return [_as_tenant(row) for row in await db.lookups(TENANTS_BY_IDS, tenants, limit, offset)]


async def page(db: Database, limit: int, offset: int) -> list[Tenant]:
    return [_as_tenant(row) for row in await db.lookups(TENANTS, limit, offset)]


async def count(db: Database) -> int:
    row = await db.lookup(COUNT_TENANTS)
    return int(row[0]) if row else 0


async def find(db: Database, search: str, limit: int, offset: int) -> list[Tenant]:
    """Newest first. `search`: the beginning of a slug or part of a name, in lower case; '' finds all."""
    rows = await (
        db.lookups(TENANTS_FOUND, search, limit, offset) if search else db.lookups(TENANTS_NEWEST, limit, offset)
    )
    return [_as_tenant(row) for row in rows]


async def count_found(db: Database, search: str) -> int:
    row = await (db.lookup(COUNT_TENANTS_FOUND, search) if search else db.lookup(COUNT_TENANTS))
    return int(row[0]) if row else 0


async def figures(db: Database, tenants: Sequence[TenantId], since: datetime) -> dict[TenantId, Figures]:
    """How much they are used; requests count from `since` on."""
    rows = await db.lookups(TENANT_FIGURES, list(tenants), since)
    return {TenantId(row[0]): Figures(*tuple(row)[1:]) for row in rows}


async def set_name(tx: Tx, name: str) -> Tenant | None:
    return _tenant(await tx.platform.row(SET_NAME, tx.ctx.tenant, name))


async def set_plan(tx: Tx, tenant: TenantId, plan: Plan, requests_per_minute: int | None) -> Tenant | None:
    return _tenant(await tx.platform.row(SET_PLAN, tenant, plan.value, requests_per_minute))


async def set_active(tx: Tx, tenant: TenantId, active: bool) -> Tenant | None:
    return _tenant(await tx.platform.row(SET_ACTIVE, tenant, active))


async def insert_settings(tx: Tx, currency: str, contact_email: str | None) -> None:
    await tx.run(INSERT_SETTINGS, currency, contact_email, tx.ctx.now)


async def settings(tx: Tx) -> ShopSettings:
    return _as_settings(await tx.row(SETTINGS))


async def lock_settings(tx: Tx) -> ShopSettings:
    return _as_settings(await tx.row(LOCK_SETTINGS))


async def update_settings(tx: Tx, after: ShopSettings) -> ShopSettings:
    tx.touch_catalog()
    return _as_settings(
        await tx.row(
            UPDATE_SETTINGS,
            after.currency,
            after.tax_rate,
            after.tax_shipping,
            after.prices_include_tax,
            after.shipping_enabled,
            after.flat_shipping_minor,
            after.free_shipping_threshold_minor,
            after.payment_provider,
            after.payment_test_mode,
            after.low_stock_threshold,
            after.guest_order_lookup,
            list(after.allowed_origins),
            after.locale,
            after.contact_email,
            after.accent,
            after.updated_at,
        )
    )


async def shown_products(tx: Tx) -> int:
    row = await tx.row(SHOWN_PRODUCTS)
    return int(row[0]) if row else 0


async def put_credentials(tx: Tx, provider: str, sealed: bytes, hint: str) -> None:
    await tx.run(PUT_CREDENTIALS, provider, sealed, hint, tx.ctx.now)


async def sealed_credentials(tx: Tx, provider: str) -> bytes | None:
    row = await tx.row(SEALED_CREDENTIALS, provider)
    return row[0] if row else None


async def delete_credentials(tx: Tx, provider: str) -> bool:
    return await tx.run(DELETE_CREDENTIALS, provider) > 0


async def credential_hints(tx: Tx) -> list[CredentialHint]:
    return [CredentialHint(*row) for row in await tx.rows(CREDENTIAL_HINTS)]


async def open_counters(tx: Tx) -> None:
    await tx.rows(OPEN_COUNTERS, list(COUNTERS))


async def next_number(tx: Tx, counter: str, count: int = 1) -> int:
    """The first of `count` numbers nobody else gets. Holds the counter until the transaction ends: ask for it late."""
    row = await tx.row(NEXT_NUMBERS, counter, count)
    assert row is not None
    return int(row[0]) - count + 1


async def counted(tx: Tx, counter: str) -> int:
    """How far `counter` has come; it stays there until the transaction ends."""
    row = await tx.row(COUNTED, counter)
    return int(row[0]) if row else 0


def _tenant(row: Any) -> Tenant | None:
    return None if row is None else _as_tenant(row)


def _as_tenant(row: Any) -> Tenant:
    return Tenant(TenantId(row[0]), row[1], row[2], row[3], Plan(row[4]), row[5], row[6], row[7])


def _as_settings(row: Any) -> ShopSettings:
    values = list(row)
    values[11] = tuple(values[11])
    return ShopSettings(*values)
