"""Asking for a customer to be erased, taking it back, what stands in the way, and what comes in between. That nothing is
left of anybody is in tests/dialects/test_erasing.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.conftest import PASSWORD, OpenShop
from tests.databases import own_fixtures
from tests.mailroom import post_office
from tests.mailroom import runtime as mail_runtime
from tests.selling import Shop, open_shop

from merx.core.auth import passwords, resets
from merx.core.auth import service as auth
from merx.core.auth.model import ROLE_SCOPES, InvalidToken, Role, WrongPassword
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest
from merx.core.customers import service as customers
from merx.core.customers.model import BeingErased, CustomerPatch, CustomerSignedIn
from merx.core.customers.service import NewCustomer
from merx.core.erasure import service
from merx.core.erasure.model import LEASE, POSTPONED, SETTLES, UNDO, NotBeingErased, OrdersOpen
from merx.core.notifications import sending
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, NoAddress, Person
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.core.recovery import rules as recovery_rules
from merx.core.recovery import service as recovery
from merx.core.recovery.model import DeadLink
from merx.db.database import Database
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Forbidden, NotFound
from merx.runtime import Runtime
from merx.worker.jobs import SECRETS

Make = Callable[..., Awaitable[OpenShop]]
EMAIL = "jane@example.com"


dsn, database = own_fixtures("core_erasing")
"""A database of its own: on the shared one, the worker of any served site would erase first."""


def now(ctx: Ctx, **later: float) -> Ctx:
    return msgspec.structs.replace(ctx, now=datetime.now(UTC) + timedelta(**later))


async def registered(rt: Runtime, ctx: Ctx) -> CustomerSignedIn:
    return await customers.register(rt, now(ctx), NewCustomer(EMAIL, PASSWORD, "Jane", "Smith", "+15551230001"))


async def value(rt: Runtime, ctx: Ctx, sql: str, *args: Any) -> Any:
    async with rt.db.begin(ctx) as tx:
        row = await tx.row(sql, *args)
    return None if row is None else row[0]


STATES = "select array_agg(state order by asked_at) from erasures where tenant_id = $1"
DUE = "select due_at from erasures where tenant_id = $1 and state in ('waiting', 'running')"


# ── Asked for, and taken back ────────────────────────────────────────────────────────────────────────────────────────
async def test_nobody_gets_in_until_it_is_taken_back(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    jane = await registered(rt, mine.owner)
    who, token = jane.customer.id, recovery_rules.spelled(mine.owner.tenant, b"r" * 32)
    async with rt.db.begin(now(mine.owner)) as tx:
        await resets.put(tx, rt.vault.digest(token), ActorKind.CUSTOMER, who, datetime.now(UTC) + timedelta(hours=1))
    asked = now(mine.owner)
    waits = await service.request(rt, asked, who)
    assert waits.erase_at == asked.now + UNDO and waits.erased_at is None and waits.email == EMAIL
    with pytest.raises(WrongPassword):
        await customers.sign_in(rt, now(mine.owner), EMAIL, PASSWORD)
    with pytest.raises(WrongPassword):
        await customers.sign_in_anyone(rt, now(mine.owner), EMAIL, PASSWORD)
    with pytest.raises(InvalidToken):
        await auth.authenticate(rt, jane.tokens.access, datetime.now(UTC))
    with pytest.raises(InvalidToken):
        await auth.refresh(rt, jane.tokens.refresh)
    with pytest.raises(DeadLink):
        await recovery.reset_password(rt, token, "another-good-password", shop=mine.owner.tenant)
    with pytest.raises(BeingErased):
        await customers.update(rt, now(mine.owner), who, CustomerPatch(phone=None))
    assert (await service.request(rt, now(mine.owner, hours=1), who)).erase_at == waits.erase_at  # asked for once
    assert await service.resume(rt, now(mine.owner, hours=71)) == 0

    assert (await service.take_back(rt, now(mine.owner), who)).erase_at is None
    assert (await customers.sign_in(rt, now(mine.owner), EMAIL, PASSWORD)).customer.phone == "+15551230001"
    with pytest.raises(NotBeingErased):
        await service.take_back(rt, now(mine.owner), who)
    assert await service.resume(rt, now(mine.owner, hours=73)) == 0
    assert await value(rt, mine.owner, STATES) == ["taken_back"]
    asker = f"staff:{mine.owner.actor_id}"
    said = "select asked_by || ' ' || taken_back_by from erasures where tenant_id = $1"
    assert await value(rt, mine.owner, said) == f"{asker} {asker}"


async def test_who_may_ask(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    who = (await registered(rt, mine.owner)).customer.id
    for role, may in ((Role.STAFF, False), (Role.ADMIN, True)):
        ctx = msgspec.structs.replace(now(mine.owner), scopes=ROLE_SCOPES[role])
        for ask in (service.request, service.take_back):
            if may:
                await ask(rt, ctx, who)
            else:
                with pytest.raises(Forbidden):
                    await ask(rt, ctx, who)
    for ask in (service.request, service.take_back):
        with pytest.raises(NotFound):
            await ask(rt, now(other.owner), who)


async def test_a_password_that_is_being_changed_comes_too_late(
    rt: Runtime, shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await shop()
    jane = await registered(rt, mine.owner)
    hashed = passwords.hashed

    async def slowly(password: str) -> str:
        await service.request(rt, now(mine.owner), jane.customer.id, at_once=True)
        assert await service.resume(rt, now(mine.owner, seconds=1)) == 1
        return await hashed(password)

    found = await auth.authenticate(rt, jane.tokens.access, datetime.now(UTC))
    caller = found.ctx(now=datetime.now(UTC), source="tests")
    monkeypatch.setattr(passwords, "hashed", slowly)
    await customers.change_password(rt, caller, PASSWORD, "another-good-password")
    kept = "select password_hash is null and erased_at is not null from customers where tenant_id = $1 and id = $2"
    assert await value(rt, mine.owner, kept, jane.customer.id)


# ── Nothing is mailed ────────────────────────────────────────────────────────────────────────────────────────────────
async def test_what_waits_is_not_mailed_and_what_was_is_not_mailed_again(database: Database, shop: Make) -> None:
    with post_office() as office:
        rt = mail_runtime(database, smtp=office.url)
        mine = await shop()
        who = (await registered(rt, mine.owner)).customer.id
        jane = Person.customer(who)
        worker = system(mine.owner.tenant)
        sent = await notifications.send_message(
            rt, now(mine.owner), jane, Channel.EMAIL, "First", "x", transactional=True
        )
        await sending.send_due(rt, worker, SECRETS)
        assert len(office.to(EMAIL)) == 1
        await notifications.send_message(rt, now(mine.owner), jane, Channel.EMAIL, "Second", "x", transactional=True)
        await recovery.request_customer_reset(rt, now(mine.owner), EMAIL)
        await service.request(rt, now(mine.owner), who)
        await notifications.resend(rt, now(mine.owner), sent.id)
        with pytest.raises(NoAddress):
            await notifications.send_message(rt, now(mine.owner), jane, Channel.EMAIL, "Third", "x", transactional=True)
        await sending.send_due(rt, worker, SECRETS)
        assert len(office.to(EMAIL)) == 1
        states = "select array_agg(distinct state) from notifications where tenant_id = $1"
        assert await value(rt, mine.owner, states) == ["suppressed"]
        await service.take_back(rt, now(mine.owner), who)
        await notifications.send_message(rt, now(mine.owner), jane, Channel.EMAIL, "Fourth", "x")
        await sending.send_due(rt, worker, SECRETS)
        assert [str(one["Subject"]) for one in office.to(EMAIL)] == ["First", "Fourth"]


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def guest_order(shop: Shop, variant: Any) -> Any:
    """Of Jane, who has no account."""
    who = Ctx(shop.ctx.tenant, ActorKind.KEY, scopes=frozenset({"checkout:write", "cart:write"}), source="baas")
    from merx.core.cart import service as cart
    from merx.core.cart.model import Item, Owner

    owner = Owner(token="janes-browser-0001")
    await cart.add(shop.rt, who, owner, Item(None, 1, variant))
    request = CheckoutRequest(owner=owner, payment_method="cod", buyer=Buyer(EMAIL, "Jane Smith", "+15551230001"))
    return (await checkout.place(shop.rt, who, request)).order


async def deliver(shop: Shop, order: Any) -> None:
    await orders.change_status(shop.rt, shop.ctx, order.id, Status.CONFIRMED)
    await orders.ship(shop.rt, shop.ctx, order.id, "DHL", "JD-1")
    await orders.change_status(shop.rt, shop.ctx, order.id, Status.DELIVERED)
    await orders.mark_paid(shop.rt, shop.ctx, order.id)


async def test_an_order_in_any_state_but_the_last_refuses_it(database: Database) -> None:
    shop = await open_shop(database)
    order = await guest_order(shop, await shop.product("Lamp", 1000, 5))
    who = order.customer_id

    async def refused() -> None:
        with pytest.raises(OrdersOpen, match="ORD-001"):
            await service.request(shop.rt, shop.ctx, who, at_once=True)

    await refused()
    await orders.change_status(shop.rt, shop.ctx, order.id, Status.CONFIRMED)
    await refused()
    await orders.ship(shop.rt, shop.ctx, order.id, "DHL", "JD-1")
    await refused()
    await orders.change_status(shop.rt, shop.ctx, order.id, Status.DELIVERED)
    await refused()  # nobody has paid for it
    await orders.mark_paid(shop.rt, shop.ctx, order.id)
    assert (await service.request(shop.rt, shop.ctx, who)).erase_at is not None


async def test_an_order_that_comes_in_between_is_served_first(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Lamp", 1000, 5)
    first = await guest_order(shop, variant)
    await deliver(shop, first)
    who = first.customer_id
    await service.request(shop.rt, shop.ctx, who)
    second = await guest_order(shop, variant)
    assert second.customer_id == who
    assert await service.resume(shop.rt, shop.later(shop.ctx, hours=73)) == 1
    assert (await customers.get(shop.rt, shop.ctx, who)).email == EMAIL
    assert await shop.value(DUE) == shop.ctx.now + timedelta(hours=73) + POSTPONED
    await deliver(shop, second)
    assert await service.resume(shop.rt, shop.later(shop.ctx, hours=75)) == 1
    assert (await customers.get(shop.rt, shop.ctx, who)).name == "Erased customer"
    assert await shop.value("select count(*) from orders where tenant_id = $1 and erased and email is null") == 2


async def test_who_is_just_writing_an_order_is_waited_for(database: Database) -> None:
    """The order's transaction has written it, and commits while the worker begins."""
    shop = await open_shop(database)
    order = await guest_order(shop, await shop.product("Lamp", 1000, 5))
    await deliver(shop, order)
    await service.request(shop.rt, shop.ctx, order.customer_id, at_once=True)
    again = "update orders set status = 'pending' where tenant_id = $1 and id = $2"
    like = "insert into carts (tenant_id, id, customer_id, created_at, updated_at) values ($1, $2, $3, $4, $4)"
    async with database.begin(shop.ctx) as tx:
        await tx.run(like, order.id, order.customer_id, shop.ctx.now)  # a reference to the customer, as an order has
        begins = asyncio.create_task(service.resume(shop.rt, shop.ctx))
        await asyncio.sleep(0.2)
        assert not begins.done()
        await tx.run(again, order.id)
    assert await begins == 1
    assert (await customers.get(shop.rt, shop.ctx, order.customer_id)).email == EMAIL


TRY_ON_ITS_WAY = (
    "insert into webhook_endpoints (tenant_id, id, url, events, secret, created_at) values ($1, $2, '', '{}', '', $3)",
    "insert into webhook_deliveries (tenant_id, id, endpoint_id, event_id, kind, body, subject, next_at, created_at) "
    "values ($1, $2, $2, $2, 'order.paid', '{\"data\": {}}', $2, $3, $3)",
    "insert into webhook_attempts (tenant_id, delivery_id, attempt, answer, milliseconds, created_at) "
    "values ($1, $2, 1, 'Thank you, Jane', 1, $3)",
)
"""Noted when its receiver has answered, whatever has become of the order meanwhile."""


async def test_what_is_written_late_is_found_before_it_is_done(database: Database) -> None:
    """An order whose transaction began before the customer was erased, and committed after."""
    shop = await open_shop(database)
    order = await guest_order(shop, await shop.product("Lamp", 1000, 5))
    await deliver(shop, order)
    await service.request(shop.rt, shop.ctx, order.customer_id, at_once=True)
    assert await service.resume(shop.rt, shop.ctx) == 1
    assert await shop.value(STATES) == ["running"] and await shop.value(DUE) == shop.ctx.now + SETTLES
    late = "update orders set erased = false, email = 'late@example.com', status = $3 where tenant_id = $1 and id = $2"
    async with database.begin(shop.ctx) as tx:
        for told in TRY_ON_ITS_WAY:
            await tx.run(told, order.id, shop.ctx.now)
        await tx.run(late, order.id, "shipped")
    assert await service.resume(shop.rt, shop.later(shop.ctx, minutes=2)) == 1
    assert await shop.value("select email from orders where tenant_id = $1") == "late@example.com"
    async with database.begin(shop.ctx) as tx:
        await tx.run(late, order.id, "delivered")
    for minutes in (90, 180):
        await service.resume(shop.rt, shop.later(shop.ctx, minutes=minutes))
    assert await shop.value("select email is null and erased from orders where tenant_id = $1")
    assert (
        await shop.value("select count(*) filter (where answer is null) from webhook_attempts where tenant_id = $1")
        == 1
    )
    assert await shop.value(STATES) == ["done"]
    assert await shop.value("select count(*) from outbox where tenant_id = $1 and kind = 'customer.erased'") == 1


async def test_what_is_taken_back_when_the_worker_has_just_come_stays_taken_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an order that would have put it off, and without."""
    shop = await open_shop(database)
    variant = await shop.product("Lamp", 1000, 5)
    order = await guest_order(shop, variant)
    begin = service._begin

    async def too_late(rt: Runtime, ctx: Ctx, erasure: Any) -> bool:
        await service.take_back(shop.rt, shop.ctx, erasure.customer_id)
        return await begin(rt, ctx, erasure)

    monkeypatch.setattr(service, "_begin", too_late)
    for orders_more in (True, False):
        await deliver(shop, order)
        await service.request(shop.rt, shop.ctx, order.customer_id)
        due = shop.later(shop.ctx, hours=73)
        order = await guest_order(shop, variant) if orders_more else order
        assert await service.resume(shop.rt, due) == 1
        kept = await customers.get(shop.rt, shop.ctx, order.customer_id)
        assert kept.email == EMAIL and kept.erase_at is None and kept.erased_at is None
    assert await shop.value(STATES) == ["taken_back", "taken_back"]


# ── The worker ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_at_once_hastens_what_waits_and_is_final(database: Database) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Lamp", 1000, 5))
    who = shopper.customer_id()
    await service.request(shop.rt, shop.ctx, who)
    assert await service.resume(shop.rt, shop.ctx) == 0
    await service.request(shop.rt, shop.later(shop.ctx, seconds=1), who, at_once=True)
    assert await service.resume(shop.rt, shop.later(shop.ctx, seconds=1)) == 1
    with pytest.raises(BeingErased, match="for good"):
        await service.take_back(shop.rt, shop.ctx, who)
    assert await shop.value("select count(*) from carts where tenant_id = $1") == 0
    again = await service.request(shop.rt, shop.ctx, who)
    assert again.erased_at is not None and await shop.value(STATES) == ["running"]


async def test_two_workers_do_it_once(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Lamp", 1000, 50)
    placed = [await guest_order(shop, variant) for _ in range(6)]
    for order in placed:
        await deliver(shop, order)
    await service.request(shop.rt, shop.ctx, placed[0].customer_id, at_once=True)
    done = await asyncio.gather(*(service.resume(shop.rt, shop.ctx) for _ in range(5)))
    assert sorted(done) == [0, 0, 0, 0, 1]
    last = shop.later(shop.ctx, seconds=(LEASE + SETTLES).total_seconds())
    assert sorted(await asyncio.gather(*(service.resume(shop.rt, last) for _ in range(5)))) == [0, 0, 0, 0, 1]
    assert await shop.value(STATES) == ["done"]
    assert await shop.value("select count(*) from outbox where tenant_id = $1 and kind = 'customer.erased'") == 1


async def test_the_address_in_an_erased_ones_place_is_nobodys(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    jane = await registered(rt, mine.owner)
    await service.request(rt, now(mine.owner), jane.customer.id, at_once=True)
    await service.resume(rt, now(mine.owner, seconds=1))
    gone = await customers.get(rt, now(mine.owner), jane.customer.id)
    assert gone.email == f"{jane.customer.id.hex}@erased.invalid" and not gone.registered
    for ask in (
        customers.register(rt, now(mine.owner), NewCustomer(gone.email, PASSWORD)),
        customers.create(rt, now(mine.owner), gone.email),
    ):
        with pytest.raises(Exception, match="Invalid request data"):
            await ask
    back = await registered(rt, mine.owner)
    assert back.customer.id != jane.customer.id
