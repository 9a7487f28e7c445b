"""Work under an idempotency key, broken at every statement and at every commit. Whatever broke, the thing is done once: the
client's repetition does it, or is told that it was done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from tests.faults.test_crash_points import rolled_back
from tests.faults.wire import BreakableDatabase, Faults, Killed
from tests.selling import Shop, open_shop, owner_of

from merx.core.auth import keys
from merx.core.cart import service as carts
from merx.core.cart.model import Item, Owner
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductDraft, ProductQuery, Sort
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest
from merx.core.idempotency import service
from merx.core.idempotency.model import AnswerLost, Claim, Remembered
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, MerxError
from merx.runtime import Runtime

ANSWER = Remembered(201, {}, b"done")
NOTE = "with noted as"

Work = Callable[[Runtime, Ctx, str], Awaitable[object]]


async def a_key(rt: Runtime, ctx: Ctx, name: str) -> object:
    return await keys.create(rt, ctx, name)


async def a_product(rt: Runtime, ctx: Ctx, name: str) -> object:
    return await catalog.create_product(rt, ctx, ProductDraft(name=name, price="5"))


async def one_more(rt: Runtime, ctx: Ctx, name: str) -> object:
    listed = await catalog.list_products(rt, ctx, ProductQuery(sort=Sort.OLDEST))
    return await carts.add(rt, ctx, Owner(token=name), Item(listed.items[0].id, 1, None))


WORKS: dict[str, tuple[Work, str]] = {
    "a key": (a_key, "select count(*) from api_keys where tenant_id = $1 and name = $2"),
    "a product": (a_product, "select count(*) from products where tenant_id = $1 and name = $2"),
    "one more in the cart": (
        one_more,
        "select sum(l.quantity) from carts c join cart_lines l on l.tenant_id = $1 and l.cart_id = c.id "
        "where c.tenant_id = $1 and c.token = $2",
    ),
}


async def ask(rt: Runtime, ctx: Ctx, name: str, work: Work) -> str:
    """What the edge does with a request whose key is `name`, and what came of it."""
    found = await service.begin(rt, ctx, "test", name, b"the same")
    if isinstance(found, Remembered):
        return "kept"
    try:
        await work(rt, service.under(ctx, found), name)
    except Exception:
        await service.release(rt, ctx, found)
        raise
    await service.finish(rt, ctx, found, ANSWER)
    return "done"


@pytest.fixture
async def breakable(dsn: Dsn) -> AsyncIterator[BreakableDatabase]:
    found = BreakableDatabase(dsn.app)
    yield found
    await found.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKS)
async def test_broken_at_every_point_it_is_done_once(
    database: Database, breakable: BreakableDatabase, name: str
) -> None:
    work, counted = WORKS[name]
    shop = await open_shop(database)
    await shop.product("Tent", 1000, 1000)
    broken = msgspec.structs.replace(shop.rt, db=breakable)
    came = set[str]()

    async def run(faults: Faults) -> None:
        breakable.pool.faults, thing = faults, os.urandom(8).hex()
        with contextlib.suppress(Killed, MerxError):
            await ask(broken, shop.ctx, thing, work)
        if faults.fired:
            await rolled_back(shop, faults)
        later = shop.later(shop.ctx, seconds=61)
        for _ in range(2):
            try:
                came.add(await ask(shop.rt, later, thing, work))
            except AnswerLost:
                came.add("lost")
        assert await shop.value(counted, thing) == 1, (faults, faults.trace)

    recorded = Faults()
    await run(recorded)
    assert [event for event in recorded.trace if event.startswith(NOTE)]
    for faults in recorded.points():
        await run(faults)
        assert faults.fired, (faults, recorded.trace)
    assert came == {"done", "kept", "lost"}


async def claimed(shop: Shop, ctx: Ctx, key: str) -> Claim:
    found = await service.begin(shop.rt, ctx, "test", key, b"the same")
    assert isinstance(found, Claim)
    return found


async def test_who_was_overtaken_does_nothing(database: Database) -> None:
    """The first stood still for longer than its lease, and its repetition has done the work."""
    shop = await open_shop(database)
    first = await claimed(shop, shop.ctx, "k")
    assert await ask(shop.rt, shop.later(shop.ctx, seconds=61), "k", a_key) == "done"
    with pytest.raises(Conflict) as refused:
        await a_key(shop.rt, service.under(shop.ctx, first), "k")
    assert refused.value.code == "idempotency_in_progress" and refused.value.retry_after
    await service.release(shop.rt, shop.ctx, first)
    assert await shop.value(WORKS["a key"][1], "k") == 1
    assert await ask(shop.rt, shop.later(shop.ctx, seconds=62), "k", a_key) == "kept"


async def test_a_failure_after_the_effect_does_not_free_the_key(database: Database) -> None:
    shop = await open_shop(database)

    async def half(rt: Runtime, ctx: Ctx, name: str) -> None:
        await a_key(rt, ctx, name)
        raise RuntimeError("the answer could not be made")

    with pytest.raises(RuntimeError):
        await ask(shop.rt, shop.ctx, "k", half)
    with pytest.raises(AnswerLost):  # at once, not after the lease
        await ask(shop.rt, shop.later(shop.ctx, seconds=1), "k", a_key)
    assert await shop.value(WORKS["a key"][1], "k") == 1
    day = shop.later(shop.ctx, seconds=86_401)
    assert await ask(shop.rt, day, "k", a_key) == "done"  # after a day the key is as good as new
    again = await service.begin(shop.rt, shop.later(day, seconds=1), "test", "k", b"the same")
    assert isinstance(again, Remembered)


async def test_what_only_read_took_no_effect(database: Database) -> None:
    shop = await open_shop(database)
    claim = await claimed(shop, shop.ctx, "k")
    async with shop.rt.db.begin(service.under(shop.ctx, claim)) as tx:
        await tx.row("select 1 from products where tenant_id = $1")
    await claimed(shop, shop.later(shop.ctx, seconds=61), "k")


async def test_another_tenants_transaction_says_nothing(database: Database) -> None:
    shop, other = await open_shop(database), await open_shop(database)
    claim = await claimed(shop, shop.ctx, "k")
    elsewhere = msgspec.structs.replace(service.under(shop.ctx, claim), tenant=other.ctx.tenant)
    async with shop.rt.db.begin(elsewhere) as tx:
        await tx.run("insert into counters (tenant_id, name) values ($1, 'mine')")
    await claimed(shop, shop.later(shop.ctx, seconds=61), "k")


async def test_it_costs_no_message(database: Database, breakable: BreakableDatabase) -> None:
    """A cart notes its change in the message that commits; a checkout, which finds itself again, notes nothing."""
    shop = await open_shop(database)
    tent, shopper = await shop.product("Tent", 1000, 10), await shop.shopper()
    item, owner = Item(None, 1, tent), owner_of(shopper)
    await carts.add(shop.rt, shopper, owner, item)
    plain = shop.rt.db.last_round_trips
    under = service.under(shopper, await claimed(shop, shopper, "k"))
    await carts.add(shop.rt, under, owner, item)
    assert shop.rt.db.last_round_trips == plain
    recorded = breakable.pool.faults = Faults()
    broken = msgspec.structs.replace(shop.rt, db=breakable)
    await checkout.place(broken, under, CheckoutRequest(owner=owner, payment_method="cod"))
    assert recorded.trace and not [event for event in recorded.trace if event.startswith(NOTE)]
