"""Row-level security by itself, with every WHERE left out: one tenant neither sees nor changes another's rows."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from tests.selling import open_shop, owner_of
from tests.structure.test_building import tenant_tables

from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.orders import service as orders
from merx.db.database import Database
from merx.db.dsn import Dsn


async def test_without_a_where_there_is_still_nothing_of_others(database: Database, owner: Any) -> None:
    theirs, ours = await open_shop(database), await open_shop(database)
    for shop in (theirs, ours):
        shopper = await shop.shopper()
        await shop.put(shopper, await shop.product("Thing", 1000, 9))
        await coupons.create(shop.rt, shop.ctx, CouponDraft("X", CouponType.PERCENT, rate=1000))
        request = CheckoutRequest(owner=owner_of(shopper), payment_method="cod", coupon_code="X")
        placed = await checkout.place(shop.rt, shopper, request)
        await orders.ship(shop.rt, shop.ctx, (await confirmed(shop, placed)).order.id, "DHL", "1")
    filled = 0
    async with database.begin(ours.ctx) as tx:
        for table in sorted(await tenant_tables(owner)):
            seen = await tx.platform.row(
                f"select count(*), count(*) filter (where tenant_id <> $1) from {table}", ours.ctx.tenant
            )
            assert seen is not None and seen[1] == 0, f"{table} shows rows of another tenant"
            filled += seen[0] > 0
    assert filled > 15


async def confirmed(shop: Any, placed: Any) -> Any:
    return await orders.change_status(shop.rt, shop.ctx, placed.order.id, orders.Status.CONFIRMED)


@pytest.mark.parametrize("table", ["products", "variants", "stock", "orders", "customers", "settings"])
async def test_writes_meet_the_same_wall(database: Database, owner: Any, table: str) -> None:
    theirs, ours = await open_shop(database), await open_shop(database)
    shopper = await theirs.shopper()
    await theirs.put(shopper, await theirs.product("Thing", 1000, 9))
    await checkout.place(theirs.rt, shopper, CheckoutRequest(owner=owner_of(shopper), payment_method="cod"))
    column = {"stock": "on_hand", "settings": "tax_rate", "variants": "price_minor"}.get(table, "created_at")
    async with database.begin(ours.ctx) as tx:
        changed = await tx.platform.rows(f"update {table} set {column} = {column} returning tenant_id")
    assert {row[0] for row in changed} <= {ours.ctx.tenant}
    before = await owner.fetchval(f"select count(*) from {table} where tenant_id = $1", theirs.ctx.tenant)
    assert before > 0


async def test_no_tenant_no_rows(dsn: Dsn, database: Database, owner: Any) -> None:
    """A connection that has just served somebody shows nothing to whoever forgets to say for whom it works."""
    shop = await open_shop(database)
    await shop.product("Thing", 1000, 9)
    conn = await asyncpg.connect(**dsn.app)
    await conn.execute(f"begin; set local app.tenant = '{shop.ctx.tenant}'")
    assert await conn.fetchval("select count(*) from products") == 1
    await conn.execute("commit")
    for table in sorted(await tenant_tables(owner)):
        assert await conn.fetchval(f"select count(*) from {table}") == 0
    await conn.close()


async def test_a_row_of_another_tenant_cannot_be_written(database: Database) -> None:
    theirs, ours = await open_shop(database), await open_shop(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.begin(ours.ctx) as tx:
            await tx.platform.run("insert into counters (tenant_id, name) values ($1, 'stolen')", theirs.ctx.tenant)
