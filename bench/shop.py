"""The data that is measured on: a tenant with a catalogue, shoppers who add to carts, carts waiting to be checked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from merx.core.auth import keys, sessions
from merx.core.auth import service as auth
from merx.core.auth.model import STOREFRONT_SCOPES, KeyType
from merx.core.auth.service import Registration
from merx.core.catalog import service as catalog
from merx.core.catalog import transfer
from merx.core.catalog.model import Product, ProductDraft, ProductQuery, Sort
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.ids import PLATFORM_TENANT, CustomerId, SessionId
from merx.runtime import Runtime

ADJECTIVES = (
    "Quiet Bright Steel Walnut Pocket Travel Studio Alpine Urban Classic Compact Solar Marine Velvet Copper".split()
)
NOUNS = (
    "Headphones Speaker Lamp Backpack Kettle Tent Camera Jacket Watch Mug Keyboard Bottle Boots Drone Charger".split()
)
KEYS = 64


class Shop(msgspec.Struct):
    ctx: Ctx
    host: str
    key: str
    products: list[Product]
    keys: list[str]  # more of them, for APIs that limit each key


def numbered(prefix: int, number: int) -> UUID:
    return UUID(f"{prefix:08d}{number:024d}")


def numbered_sql(prefix: int, variable: str = "k") -> str:
    """The same in SQL, of one of pgbench's variables."""
    return f"('{prefix:08d}' || lpad((:{variable})::text, 24, '0'))::uuid"


def drafts(count: int) -> Iterator[ProductDraft]:
    for n in range(count):
        adjective, noun = ADJECTIVES[n % len(ADJECTIVES)], NOUNS[n // len(ADJECTIVES) % len(NOUNS)]
        yield ProductDraft(
            name=f"{adjective} {noun} {n}",
            slug=f"product-{n}",
            price=f"{5 + n % 900}.{n % 100:02d}",
            description=f"A {adjective.lower()} {noun.lower()} that is made to last, number {n} of the range.",
            sku=f"B-{n:06d}",
            stock=1_000_000,
            categories=("Home" if n % 2 else "Electronics",),
        )


async def open_shop(rt: Runtime, name: str, products: int, sampled: int) -> Shop:
    signed = await auth.register(
        rt,
        Registration(business_name=name, email=f"owner-{ids.new().hex}@example.com", password="correct horse battery"),
    )
    tenant = signed.tenant
    await tenants.set_plan(rt, system(PLATFORM_TENANT, "bench"), tenant.id, Plan.ENTERPRISE, 10_000_000)
    ctx = system(tenant.id, "bench")
    await transfer.bulk_load(rt, ctx, drafts(products))
    made = [
        (await keys.create(rt, ctx, f"bench {n}", KeyType.SECRET, sorted(STOREFRONT_SCOPES))).secret
        for n in range(KEYS)
    ]
    page = await catalog.list_products(rt, ctx, ProductQuery(sort=Sort.OLDEST, limit=sampled))
    return Shop(ctx, f"{tenant.slug}.{rt.settings.base_domain}", made[0], list(page.items), made)


async def shoppers(rt: Runtime, conn: asyncpg.Connection, shop: Shop, prefix: int, count: int) -> list[str]:
    """Signed-in customers with numbered ids; their access tokens."""
    now, tenant = shop.ctx.now, shop.ctx.tenant
    ends = now + timedelta(days=1)
    people = [(CustomerId(numbered(prefix, n)), SessionId(ids.new())) for n in range(count)]
    email = [f"s{prefix}-{n}@example.com" for n in range(count)]
    await conn.copy_records_to_table(
        "customers",
        columns=["tenant_id", "id", "email", "username", "password_hash", "created_at", "updated_at"],
        records=[(tenant, who, mail, mail, "x", now, now) for (who, _), mail in zip(people, email, strict=True)],
    )
    await conn.copy_records_to_table(
        "sessions",
        columns=["tenant_id", "id", "actor", "actor_id", "created_at", "expires_at"],
        records=[(tenant, session, "customer", who, now, ends) for who, session in people],
    )
    scopes = sorted(STOREFRONT_SCOPES)
    await conn.copy_records_to_table(
        "credentials",
        columns=["hash", "tenant_id", "kind", "subject", "actor", "actor_id", "scopes", "expires_at", "created_at"],
        records=[
            (sessions.session_digest(rt, session), tenant, "session", session, "customer", who, scopes, ends, now)
            for who, session in people
        ],
    )
    return [sessions.tokens(rt, tenant, who, session, "", now).access for who, session in people]


async def carts(conn: asyncpg.Connection, shop: Shop, prefix: int, count: int) -> None:
    """One open cart a shopper with one line; which product follows from the number."""
    now, tenant, products = shop.ctx.now, shop.ctx.tenant, shop.products
    await conn.copy_records_to_table(
        "carts",
        columns=["tenant_id", "id", "customer_id", "created_at", "updated_at"],
        records=[(tenant, numbered(prefix + 1, n), numbered(prefix, n), now, now) for n in range(count)],
    )
    await conn.copy_records_to_table(
        "cart_lines",
        columns=["tenant_id", "id", "cart_id", "variant_id", "quantity"],
        records=[
            (tenant, numbered(prefix + 2, n), numbered(prefix + 1, n), products[n % len(products)].variants[0].id, 1)
            for n in range(count)
        ],
    )


async def customers_only(conn: asyncpg.Connection, shop: Shop, prefix: int, count: int) -> None:
    """Customers without sessions: pgbench signs nobody in."""
    now, tenant = shop.ctx.now, shop.ctx.tenant
    await conn.copy_records_to_table(
        "customers",
        columns=["tenant_id", "id", "email", "username", "password_hash", "created_at", "updated_at"],
        records=[
            (tenant, numbered(prefix, n), f"s{prefix}-{n}@example.com", f"s{n}", "x", now, now) for n in range(count)
        ],
    )


async def analyze(conn: asyncpg.Connection) -> None:
    """What is there is vacuumed and analysed. A table that is still empty is not: the planner would take it for one
    that stays so, and read it from end to end through all that is about to be written; nobody's shop begins so."""
    found = await conn.fetch(
        """select quote_ident(relname) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and pg_relation_size(oid) > 0"""
    )
    await conn.execute(f"vacuum analyze {', '.join(row[0] for row in found)}")


def lines(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("\n".join(map(str, rows)) + "\n")
    return str(path)
