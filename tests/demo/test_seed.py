"""The demo shops as they stand in a database: all of it there, the books right, and a second start changes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.databases import own_fixtures
from tests.selling import FakeProvider, Shop, books_are_right

from merx.core.auth import service as auth
from merx.core.auth.model import KeyType
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery
from merx.core.customers import service as customers
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery, PaymentStatus, Status
from merx.core.tenants import store as tenants
from merx.demo import seed, shops
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Conflict
from merx.runtime import Runtime

dsn, database = own_fixtures("demo")
"""A database of its own: the demo's shops have fixed names, and elsewhere another process signs in at them, or is
    only about to fill them, while this one counts their rows."""


@pytest.fixture
async def seeded(rt: Runtime) -> dict[str, seed.Access]:
    return {access.slug: access for access in await seed.seed(rt)}


async def ctx_of(rt: Runtime, slug: str) -> Ctx:
    tenant = await tenants.by_slug(rt.db, slug)
    assert tenant is not None
    return system(tenant.id, "tests")


async def everything(owner: Any, tenant: Any) -> dict[str, Any]:
    """The row count of every table of a tenant, and its catalogue version."""
    found = await owner.fetch(
        """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"""
    )
    rows = {
        row[0]: await owner.fetchval(f"select count(*) from {row[0]} where tenant_id = $1", tenant) for row in found
    }
    rows["version"] = await owner.fetchval("select sum(version) from catalog_versions where tenant_id = $1", tenant)
    rows["simulated"] = await owner.fetchval("select count(*) from simulator_objects where account = $1", str(tenant))
    return rows


@pytest.mark.parametrize("slug", shops.SLUGS)
async def test_a_second_start_changes_nothing(
    rt: Runtime, seeded: dict[str, seed.Access], owner: Any, slug: str
) -> None:
    tenant = (await ctx_of(rt, slug)).tenant
    before = await everything(owner, tenant)
    assert before["products"] >= 60 and before["orders"] >= 30 and before["outbox"] > 100
    waiting = "select count(*) from outbox where tenant_id = $1 and state = 'new'"
    assert await owner.fetchval(waiting, tenant) == 0  # or its customers would get mails about the past
    again = await asyncio.gather(seed.seed(rt), seed.seed(rt))
    assert await everything(owner, tenant) == before
    assert [{access.slug: access for access in one} for one in again] == [seeded, seeded]


@pytest.mark.parametrize("slug", shops.SLUGS)
async def test_the_books_are_right(rt: Runtime, seeded: dict[str, seed.Access], slug: str) -> None:
    await books_are_right(Shop(rt, await ctx_of(rt, slug), FakeProvider()))


@pytest.mark.parametrize("slug", shops.SLUGS)
async def test_the_catalogue_is_the_files(rt: Runtime, seeded: dict[str, seed.Access], slug: str) -> None:
    shop, ctx = shops.load(slug), await ctx_of(rt, slug)
    page = await catalog.list_products(rt, ctx, ProductQuery(active=None, limit=1000))
    assert [product.slug for product in page.items] == [product.slug for product in shop.products]
    for kept, told in zip(page.items, shop.products, strict=True):
        assert (kept.name, kept.description, kept.active) == (told.name, told.description, told.active)
        assert [(v.sku, v.price.text(), v.available, v.options) for v in kept.variants] == [
            (v.sku, v.price, v.stock, v.options) for v in told.variants
        ]
        assert sorted(category.slug for category in kept.categories) == sorted(told.categories)
        assert [image.url for image in kept.images] == [image.url for image in shop.images(told)]
    listed = {category.slug: category for category in (await catalog.list_categories(rt, ctx)).items}
    parents = {category.slug: parent.slug if parent else None for category, parent in shop.walk()}
    by_id = {category.id: category.slug for category in listed.values()}
    assert {slug: by_id.get(one.parent_id) if one.parent_id else None for slug, one in listed.items()} == parents
    shown = await catalog.list_products(rt, ctx, ProductQuery(limit=1))
    assert shown.total == sum(product.active for product in shop.products)


@pytest.mark.parametrize(("sku", "stock"), [("WH-001", 25), ("BS-002", 42)])
async def test_the_documented_stock(rt: Runtime, seeded: dict[str, seed.Access], sku: str, stock: int) -> None:
    page = await catalog.list_products(rt, await ctx_of(rt, "tech"), ProductQuery(search=sku))
    assert (page.items[0].sku, page.items[0].available) == (sku, stock)


@pytest.mark.parametrize("slug", shops.SLUGS)
async def test_orders_are_as_told(rt: Runtime, seeded: dict[str, seed.Access], slug: str) -> None:
    shop, ctx = shops.load(slug), await ctx_of(rt, slug)
    page = await orders.page(rt, ctx, OrderQuery(limit=1000))
    assert [order.label for order in page.orders] == [f"ORD-{number:03d}" for number in range(len(shop.orders), 0, -1)]
    days = Counter[int]()
    for order, told in zip(page.orders, reversed(shop.orders), strict=True):
        days[told.days_ago] += 1
        assert (order.email, order.status, order.coupon_code) == (told.customer, told.status, told.coupon)
        assert sorted((line.sku, line.quantity) for line in order.lines) == sorted(
            (line.sku, line.quantity) for line in told.lines
        )
        age = ctx.now - order.created_at
        assert timedelta(days=told.days_ago) < age < timedelta(days=told.days_ago + 1)
        assert order.hold_expires_at is None and order.shipping_address is not None
        detail = await orders.get(rt, ctx, order.id)
        moments = [entry.created_at for entry in detail.history]
        assert moments == sorted(moments) and moments[-1] < ctx.now
        assert detail.history[-1].to_status == order.status
        assert len(detail.shipments) == (told.shipment is not None)
        (payment,) = detail.payments
        taken = order.payment_status in (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)
        assert payment.captured_minor == (order.total_minor if taken else 0)
        assert payment.refunded_minor == sum(refund.amount_minor for refund in detail.refunds)
        if told.status is Status.DELIVERED:
            assert order.payment_status is (PaymentStatus.PARTIALLY_REFUNDED if told.refund else PaymentStatus.PAID)
        if told.status is Status.REFUNDED:
            assert order.payment_status is PaymentStatus.REFUNDED and payment.refunded_minor == order.total_minor


async def test_coupons_are_used_up(rt: Runtime, seeded: dict[str, seed.Access], owner: Any) -> None:
    for slug, code in (("tech", "FIRST3"), ("outdoor", "EARLYBIRD")):
        row = await owner.fetchrow(
            "select used, usage_limit from coupons where tenant_id = $1 and code = $2",
            (await ctx_of(rt, slug)).tenant,
            code,
        )
        assert row[0] == row[1]


async def test_keys_and_people_can_get_in(rt: Runtime, seeded: dict[str, seed.Access]) -> None:
    for slug, access in seeded.items():
        ctx = await ctx_of(rt, slug)
        assert access.publishable is not None and access.secret is not None
        assert (await auth.authenticate(rt, access.publishable)).storefront_only
        found = await auth.authenticate(rt, access.secret)
        assert found.scopes == {"*"} and found.tenant == ctx.tenant
        for role, email, password in access.staff:
            assert (await auth.sign_in(rt, email, password)).member.role == role
        for email, password in access.shoppers:
            signed_in = await customers.sign_in(rt, ctx, email, password)
            assert signed_in.customer.registered


async def test_a_key_that_was_revoked_is_not_shown(rt: Runtime, seeded: dict[str, seed.Access]) -> None:
    """Under another MERX_SECRET_KEY the keys are others, and those are nobody's."""
    other = msgspec.structs.replace(rt, vault=type(rt.vault)(b"another secret of this installation"))
    for access in await seed.seed(other):
        assert access.publishable is None and access.secret is None
    assert seed.key_of(rt, "tech", KeyType.SECRET) != seed.key_of(other, "tech", KeyType.SECRET)


async def test_a_shop_of_that_name_is_left_alone(rt: Runtime, monkeypatch: pytest.MonkeyPatch, shop: Any) -> None:
    mine = await shop()
    monkeypatch.setattr(shops, "SLUGS", (mine.signed_in.tenant.slug,))
    monkeypatch.setattr(
        shops, "load", lambda slug: msgspec.structs.replace(msgspec.json.decode(TECH, type=shops.DemoShop), slug=slug)
    )
    with pytest.raises(Conflict, match="somebody's own"):
        await seed.seed(rt, datetime.now(UTC))


TECH = msgspec.json.encode(shops.load("tech"))
