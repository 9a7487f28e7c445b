"""What selling leaves behind: carts nobody comes back for, and which callbacks came."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from tests.selling import Shop, open_shop, owner_of

from merx.core.cart import service as cart
from merx.core.cart.model import Item, Owner
from merx.core.payments import store as payments
from merx.db.database import Database
from merx.kernel.context import ActorKind, Ctx
from merx.worker import jobs, store


def guest(shop: Shop) -> tuple[Ctx, Owner]:
    scopes = frozenset({"cart:write"})
    return Ctx(shop.ctx.tenant, ActorKind.KEY, scopes=scopes), Owner(token=f"web-{os.urandom(8).hex()}")


async def age(owner: Any, shop: Shop, began: str, touched: str) -> None:
    await owner.execute(
        "update carts set created_at = now() - $2::text::interval, updated_at = now() - $3::text::interval"
        " where tenant_id = $1",
        shop.ctx.tenant,
        began,
        touched,
    )


async def swept(shop: Shop, kind: str) -> int:
    """Whether the worker is told of this shop, and what its sweep clears."""
    told = (kind, shop.ctx.tenant) in await store.stale_rows(shop.rt.db, datetime.now(UTC))
    gone = await jobs.SWEEPS[kind](shop.rt, shop.ctx)
    assert told == (gone > 0)
    return gone


async def test_carts_that_guests_left_are_cleared_away(worker_database: Database, worker_owner: Any) -> None:
    shop = await open_shop(worker_database)
    variant, jane = await shop.product("Lamp", 1000, 5), await shop.shopper()
    who, theirs = guest(shop)
    await shop.put(jane, variant)
    await cart.add(shop.rt, who, theirs, Item(None, 1, variant))
    await age(worker_owner, shop, "89 days", "89 days")
    assert await swept(shop, "carts") == 0
    await age(worker_owner, shop, "200 days", "10 days")
    assert await swept(shop, "carts") == 0
    await age(worker_owner, shop, "200 days", "91 days")
    assert await swept(shop, "carts") == 1
    assert (await cart.get(shop.rt, who, theirs)).lines == []
    assert len((await cart.get(shop.rt, jane, owner_of(jane))).lines) == 1  # a customer's own stays
    assert await shop.value("select count(*) from cart_lines where tenant_id = $1") == 1


async def test_callbacks_are_remembered_for_a_season(worker_database: Database) -> None:
    shop = await open_shop(worker_database)
    for age_, name in ((91, "evt_old"), (80, "evt_new")):
        async with shop.rt.db.begin(shop.later(shop.ctx, days=-age_)) as tx:
            assert await payments.record_event(tx, "stripe", name, "x")
    assert await swept(shop, "callbacks") == 1
    async with shop.rt.db.begin(shop.ctx) as tx:
        assert not await payments.record_event(tx, "stripe", "evt_new", "x")
