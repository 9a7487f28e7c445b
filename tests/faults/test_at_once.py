"""A payment, a cancellation, the end of the hold and more, all at the very same moment. Whoever comes first: one of the
ends that make sense, stock resolved once, no money without an order, no event twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable
from typing import Any

import pytest
from tests.faults.till import GOOD, Till, accounts_agree, open_till, tell
from tests.selling import Shop, books_are_right, owner_of

from merx.core.cart import service as cart
from merx.core.cart.model import Item
from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest, Placed
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, Conflict, Kind, MerxError, Refused
from merx.kernel.ids import VariantId
from merx.ports import Outcome

pytestmark = pytest.mark.slow
ENDS = {
    ("confirmed", "paid", "held"), ("cancelled", "failed", "released"), ("cancelled", "refunded", "released"),
    ("refunded", "refunded", "released"), ("shipped", "paid", "shipped"), ("shipped", "refunded", "shipped"),
    ("refunded", "refunded", "shipped"), ("shipped", "unpaid", "shipped"), ("confirmed", "unpaid", "held"),
}  # fmt: skip


async def open_it(database: Database) -> tuple[Shop, Till, VariantId]:
    shop, till = await open_till(database)
    await coupons.create(shop.rt, shop.ctx, CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    return shop, till, await shop.product("Tent", 1000, 100_000)


async def buy(shop: Shop, shopper: Ctx, tent: VariantId, method: str = "card", token: str | None = None) -> Placed:
    await shop.put(shopper, tent)
    request = CheckoutRequest(owner=owner_of(shopper), payment_method=method, token=token, coupon_code="TEN")
    return await checkout.place(shop.rt, shopper, request)


async def all_at_once(*wanted: Awaitable[Any]) -> list[Any]:
    """Whoever is refused is refused by a rule, or told to try again; nothing else goes wrong."""
    answers = await asyncio.gather(*wanted, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            assert isinstance(answer, MerxError), answer
            assert answer.kind in (Kind.REFUSED, Kind.CONFLICT, Kind.BUSY, Kind.DECLINED), answer
    return answers


async def settle_down(shop: Shop) -> None:
    for minutes in (31.0, 32.0, 36.0, 60.0):
        then = shop.later(shop.ctx, minutes=minutes)
        await healing.expire_holds(shop.rt, then)
        await healing.resume_payments(shop.rt, then)
        await orders.resume_refunds(shop.rt, then)


async def ends_well(shop: Shop, till: Till) -> None:
    await books_are_right(shop)
    await accounts_agree(shop, till)
    async with shop.rt.db.begin(shop.ctx) as tx:
        found = await tx.rows("select status, payment_status, stock_state from orders where tenant_id = $1")
    assert {tuple(row) for row in found} <= ENDS


@pytest.mark.parametrize("first", range(4))
async def test_paid_cancelled_and_run_out(database: Database, first: int) -> None:
    """Rounds in four parts: a callback (and the same again, and one that says the page ran out), the
    merchant's cancellation, the end of the hold, the worker's own question, and the shopper going on shopping."""
    shop, till, tent = await open_it(database)
    dice, seen = random.Random(first), set()
    late = shop.later(shop.ctx, minutes=31)
    for number in range(40):
        shopper = await shop.shopper()
        placed = await buy(shop, shopper, tent)
        order, payment = placed.order.id, placed.payment.id
        ran_out = till.notice(payment)
        ended = till.end(payment, Outcome.CAPTURED if number % 5 else Outcome.EXPIRED)
        assert ended
        paid = till.notice(payment)
        wanted: list[Awaitable[Any]] = [
            tell(shop, paid), tell(shop, paid), tell(shop, ran_out),
            orders.cancel(shop.rt, shop.ctx, order, "no"),
            healing.expire_holds(shop.rt, late),
            healing.resume_payments(shop.rt, late),
            cart.add(shop.rt, shopper, owner_of(shopper), Item(None, 1, tent)),
        ]  # fmt: skip
        dice.shuffle(wanted)
        await all_at_once(*wanted[: dice.randint(3, 7)])
        for later in wanted[3:]:
            later.close()  # type: ignore[attr-defined]
        seen.add((await orders.get(shop.rt, shop.ctx, order)).order.status.value)
    await settle_down(shop)
    await ends_well(shop, till)
    assert len(seen) > 1, "the race was won by more than one"


async def test_shipped_cancelled_and_refunded(database: Database) -> None:
    shop, till, tent = await open_it(database)
    dice = random.Random(5)
    for number in range(30):
        shopper = await shop.shopper()
        placed = await buy(shop, shopper, tent, token=GOOD)
        order = placed.order.id
        wanted: list[Awaitable[Any]] = [
            orders.ship(shop.rt, shop.ctx, order, "DHL", "1"),
            orders.change_status(shop.rt, shop.ctx, order, Status.SHIPPED),
            orders.cancel(shop.rt, shop.ctx, order, "no"),
            orders.cancel(shop.rt, shop.ctx, order, "no, too"),
            orders.refund(shop.rt, shop.ctx, order, None, "all"),
            orders.refund(shop.rt, shop.ctx, order, None, "all, too"),
            orders.change_status(shop.rt, shop.ctx, order, Status.REFUNDED),
        ]
        dice.shuffle(wanted)
        answers = await all_at_once(*wanted)
        assert sum(not isinstance(answer, BaseException) for answer in answers) >= 1, number
        if till.kept and any(isinstance(answer, Busy) for answer in answers):  # who was told to try again does
            with contextlib.suppress(Refused, Conflict):
                await orders.refund(shop.rt, shop.ctx, order, None, "again")
    await settle_down(shop)
    await ends_well(shop, till)
    assert till.kept == 0


async def test_paid_by_hand_by_card_and_cancelled(database: Database) -> None:
    shop, till, tent = await open_it(database)
    dice = random.Random(6)
    for _ in range(30):
        shopper = await shop.shopper()
        order = (await buy(shop, shopper, tent, "cod")).order.id
        wanted: list[Awaitable[Any]] = [
            orders.mark_paid(shop.rt, shop.ctx, order),
            orders.mark_paid(shop.rt, shop.ctx, order),
            checkout.pay_order(shop.rt, shop.ctx, order, GOOD, None),
            checkout.pay_order(shop.rt, shop.ctx, order, GOOD, None),
            checkout.pay_order(shop.rt, shop.ctx, order, None, None),
            orders.cancel(shop.rt, shop.ctx, order, "no"),
        ]
        dice.shuffle(wanted)
        await all_at_once(*wanted[:5])
        wanted[5].close()  # type: ignore[attr-defined]
    await settle_down(shop)
    for _ in range(2):
        await healing.resume_payments(shop.rt, shop.later(shop.ctx, hours=5))
        await orders.resume_refunds(shop.rt, shop.later(shop.ctx, hours=6))
    await books_are_right(shop)
    await accounts_agree(shop, till)


async def test_a_cart_checked_out_changed_and_brought_back(database: Database) -> None:
    """What was put in and answered with success is in the order or in the cart that is there afterwards."""
    shop, till, tent = await open_it(database)
    for _ in range(15):
        shopper = await shop.shopper()
        await shop.put(shopper, tent)
        request = CheckoutRequest(owner=owner_of(shopper), payment_method="cod")

        async def put(shopper: Ctx = shopper) -> int:
            for _ in range(20):
                try:
                    await shop.put(shopper, tent)
                    return 1
                except Busy:
                    await asyncio.sleep(0.02)
            return 0

        placing = [checkout.place(shop.rt, shopper, request) for _ in range(3)]
        answers = await all_at_once(put(), put(), *placing, put(), put())
        added = sum(one for one in answers if isinstance(one, int))
        sold = await shop.value(
            "select coalesce(sum(l.quantity), 0) from orders o join order_lines l on l.order_id = o.id "
            "where o.tenant_id = $1 and o.customer_id = $2 and l.tenant_id = $1", shopper.customer_id(),
        )  # fmt: skip
        kept = await cart.get(shop.rt, shopper, owner_of(shopper))
        assert sold + kept.item_count == 1 + added
    await ends_well_on_delivery(shop, till)


async def ends_well_on_delivery(shop: Shop, till: Till) -> None:
    await books_are_right(shop)
    await accounts_agree(shop, till)
