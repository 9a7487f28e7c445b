"""Asking for a customer to be erased, and taking it back; and for the worker: going on with one that is due.

Asking is one transaction: from its commit on nobody signs in as this customer and nothing is mailed to them. Erasing is
many short ones. The first makes it final; each of the others does a handful that says by its own rows what is left to
do, so whoever comes after a crash goes on, and doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from merx.core.activity import store as activity
from merx.core.auth import resets, sessions
from merx.core.cart import store as carts
from merx.core.customers import store as customers
from merx.core.customers.model import BeingErased, Customer
from merx.core.erasure import store
from merx.core.erasure.model import (
    HOUR,
    LEASE,
    LOG_PIECE,
    NAMED,
    ORDERS_AT_ONCE,
    POSTPONED,
    ROWS_AT_ONCE,
    SETTLES,
    UNDO,
    Erasure,
    NotBeingErased,
    OrdersOpen,
)
from merx.core.idempotency import store as idempotency
from merx.core.notifications import store as notifications
from merx.core.orders import erasing as orders
from merx.core.payments import store as payments
from merx.core.webhooks import store as webhooks
from merx.db import outbox
from merx.db.database import Tx
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import NotFound
from merx.kernel.events import CUSTOMER_ERASED, Event
from merx.kernel.ids import CustomerId
from merx.runtime import Runtime

PERMISSION = "customers:erase"
Step = Callable[[Tx, CustomerId], Awaitable[int]]


# ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────────────
async def request(rt: Runtime, ctx: Ctx, customer: CustomerId, *, at_once: bool = False) -> Customer:
    """Needs customers:erase. Final after three days, or as soon as the worker comes to it; asked again, it changes
    nothing but to hasten it. Raises OrdersOpen while an order still needs a name and an address."""
    ctx.require(PERMISSION)
    async with rt.db.begin(ctx) as tx:
        before = _found(await customers.lock(tx, customer))
        if before.erased_at is not None:
            return before
        if undone := await orders.undone(tx, customer, NAMED + 1):
            raise OrdersOpen(undone)
        due_at = ctx.now if at_once else ctx.now + UNDO
        if before.erase_at is None:
            await store.insert(tx, customer, due_at)
        elif at_once:
            await store.hasten(tx, customer)
        else:
            due_at = before.erase_at
        after = _found(await customers.set_erase_at(tx, customer, due_at))
        await _shut_out(rt, tx, customer)
    rt.revoked()
    rt.db.wake.set()
    return after


async def take_back(rt: Runtime, ctx: Ctx, customer: CustomerId) -> Customer:
    """Needs customers:erase. They may sign in again; sessions that have ended stay so, and what was not mailed
    meanwhile is not mailed. Raises Refused where it is final, or nobody has asked."""
    ctx.require(PERMISSION)
    async with rt.db.begin(ctx) as tx:
        before = _found(await customers.lock(tx, customer))
        if before.erased_at is not None:
            raise BeingErased(before)
        if not await store.take_back(tx, customer):
            raise NotBeingErased
        return _found(await customers.set_erase_at(tx, customer, None))


async def _shut_out(rt: Runtime, tx: Tx, customer: CustomerId) -> None:
    await sessions.end_all(rt, tx, customer)
    await resets.forget(tx, customer)


def _found(customer: Customer | None) -> Customer:
    if customer is None:
        raise NotFound("customer")
    return customer


# ── For the worker ───────────────────────────────────────────────────────────────────────────────────────────────────
async def resume(rt: Runtime, ctx: Ctx) -> int:
    """Goes on with one erasure of this tenant that is due; how many that were. One that fails in the middle is taken up
    again when its lease is over."""
    async with rt.db.begin(ctx) as tx:
        found = await store.claim(tx, ctx.now + LEASE)
    if found is None:
        return 0
    if found.begun_at is None:
        if not await _begin(rt, ctx, found):
            return 1
        found = msgspec.structs.replace(found, begun_at=ctx.now)
    for step in STEPS:
        more = True
        while more:
            async with rt.db.begin(ctx) as tx:
                more = await step(tx, found.customer_id) > 0
    await _erase_log(rt, ctx, found.customer_id)
    await _finish(rt, ctx, found)
    return 1


async def _begin(rt: Runtime, ctx: Ctx, erasure: Erasure) -> bool:
    """From the commit on it is final. What only the e-mail leads to goes in this same transaction, because afterwards
    nobody knows it any more. False where it was taken back, or an order has come meanwhile."""
    customer = erasure.customer_id
    async with rt.db.begin(ctx) as tx:
        # Held against whoever is writing an order in their name: it is seen here, or by `_finish`.
        before = _found(await customers.lock_whole(tx, customer))
        if await orders.undone(tx, customer, 1):
            if await store.postpone(tx, erasure.id, ctx.now + POSTPONED):
                await customers.set_erase_at(tx, customer, ctx.now + POSTPONED)
            return False
        if not await store.begin(tx, erasure.id):
            return False
        await notifications.erase_bare(tx, before.email)
        await customers.erase(tx, customer)
        await _shut_out(rt, tx, customer)
    rt.revoked()
    return True


async def _finish(rt: Runtime, ctx: Ctx, erasure: Erasure) -> None:
    """Not before what was under way is written, nor while an order is left that was placed in the same moment."""
    assert erasure.begun_at is not None
    customer, settled = erasure.customer_id, erasure.begun_at + SETTLES
    async with rt.db.begin(ctx) as tx:
        if await orders.any_left(tx, customer):
            pause = POSTPONED if await orders.undone(tx, customer, 1) else SETTLES
            await store.postpone(tx, erasure.id, max(settled, ctx.now + pause))
        elif ctx.now < settled:
            await store.postpone(tx, erasure.id, settled)
        elif await store.finish(tx, erasure.id):
            facts = {"asked_at": _stamp(erasure.asked_at), "final_at": _stamp(erasure.begun_at)}
            tx.emit(Event(CUSTOMER_ERASED, customer, {"customer_id": str(customer), **facts}))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _erase_orders(tx: Tx, customer: CustomerId) -> int:
    """Locks in the order that all others keep to: orders, payments, carts."""
    found = await orders.pick(tx, customer, ORDERS_AT_ONCE)
    if not found:
        return 0
    mine = list(found)
    about: list[UUID] = list(mine)
    await payments.erase(tx, mine)
    await carts.erase_of_orders(tx, [cart for cart in found.values() if cart is not None])
    await outbox.erase(tx, about)  # before deliveries: a relay that is at work writes those first
    await webhooks.erase(tx, about)
    await orders.erase(tx, mine)
    return len(mine)


async def _erase_carts(tx: Tx, customer: CustomerId) -> int:
    return await carts.erase(tx, customer, ROWS_AT_ONCE)


async def _erase_letters(tx: Tx, customer: CustomerId) -> int:
    return await notifications.erase(tx, customer, ROWS_AT_ONCE)


async def _erase_log(rt: Runtime, ctx: Ctx, customer: CustomerId) -> None:
    """A transaction for each piece of it, since the customer is known: pages say nothing that could be looked up."""
    async with rt.db.begin(ctx) as tx:
        known = _found(await customers.by_id(tx, customer))
        since = known.created_at.replace(minute=0, second=0, microsecond=0)
        hours = await activity.hours(tx, since, ctx.now + LOG_PIECE, None)
    for hour, _ in hours:
        for start in (hour + LOG_PIECE * n for n in range(HOUR // LOG_PIECE)):
            async with rt.db.begin(ctx) as tx:
                await activity.forget_caller(tx, customer, start, start + LOG_PIECE)


async def _erase_answers(tx: Tx, customer: CustomerId) -> int:
    await idempotency.erase(tx, f"{ActorKind.CUSTOMER}:{customer}")
    return 0


async def _erase_thanks(tx: Tx, customer: CustomerId) -> int:
    """A try that was on its way is noted, with its answer, after its delivery has been erased: the second round, when
    all has settled, finds it here."""
    return await webhooks.erase_answers(tx, customer, ROWS_AT_ONCE)


STEPS: tuple[Step, ...] = (_erase_orders, _erase_thanks, _erase_carts, _erase_letters, _erase_answers)
"""Each does a handful and says how much it was, until nothing is left. Several have to come after another: letters are
written by the relay, which the first waits for."""
