"""Each test here is a way money or stock could go wrong that is not the usual way: late, twice, at once, or half done."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.faults.till import BAD, GOOD, Till, accounts_agree, open_till, tell
from tests.locks import somebody_waits
from tests.selling import Shop, books_are_right, owner_of

from merx.core.cart import service as cart
from merx.core.cart.model import Item, Owner
from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest, Placed
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponRefused, CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.inventory import service as inventory
from merx.core.orders import service as orders
from merx.core.orders.model import Address, Order, PaymentStatus, Status, StockState
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.core.tenants.model import NoCredentials
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, Declined, Invalid, MerxError, NotFound, Refused, Upstream
from merx.kernel.ids import OrderId
from merx.kernel.money import Currency, Money
from merx.ports import Outcome

pytestmark = pytest.mark.usefixtures("provider")


class Crash(BaseException):
    """The process is gone: nothing after this point runs."""


async def buy(shop: Shop, shopper: Ctx, method: str = "card", **more: Any) -> Placed:
    request = CheckoutRequest(owner=owner_of(shopper), payment_method=method, **more)
    return await checkout.place(shop.rt, shopper, request)


async def one_order(shop: Shop, method: str = "card", price: int = 1000, **more: Any) -> tuple[Placed, Ctx]:
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", price, 9))
    return await buy(shop, shopper, method, **more), shopper


async def order_now(shop: Shop, order_id: OrderId) -> Order:
    return (await orders.get(shop.rt, shop.ctx, order_id)).order


async def events(shop: Shop, kind: str) -> int:
    found: int = await shop.value("select count(*) from outbox where tenant_id = $1 and kind = $2", kind)
    return found


async def due_in(shop: Shop, table: str) -> timedelta | None:
    """How far off the next question about a payment or refund is."""
    found = await shop.value(f"select min(check_at) from {table} where tenant_id = $1")
    return None if found is None else found - shop.ctx.now


async def good(shop: Shop, till: Till) -> None:
    await books_are_right(shop)
    await accounts_agree(shop, till)


async def heal(shop: Shop, **later: float) -> None:
    """What the worker does at that time, and a minute after it for what that brought up."""
    await healing.expire_holds(shop.rt, shop.later(shop.ctx, **later))
    for more in (0, 60):
        then = shop.later(shop.later(shop.ctx, **later), seconds=more)
        await healing.resume_payments(shop.rt, then)
        await orders.resume_refunds(shop.rt, then)


# ── Money that comes late, twice or wrong ────────────────────────────────────────────────────────────────────────────


async def test_an_order_paid_by_two_attempts_keeps_one_payment(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    with pytest.raises(Declined):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, BAD, None)
    first = next(iter(till.payments))
    paid = await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert paid.order.payment_status is PaymentStatus.PAID
    till.payments[first].outcome, till.payments[first].captured = Outcome.CAPTURED, paid.payment.amount
    assert await tell(shop, till.notice(first))
    await heal(shop, minutes=1)
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert till.kept == 1000 and await events(shop, "order.paid") == 1
    await good(shop, till)


async def test_a_page_left_open_is_closed_when_the_order_is_paid_otherwise(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    with pytest.raises(Declined):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, BAD, None)
    first = next(iter(till.payments))
    page = (await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, None, None)).payment
    till.payments[first].outcome, till.payments[first].captured = Outcome.CAPTURED, page.amount
    assert await tell(shop, till.notice(first))
    assert await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=1)) == 1
    assert till.is_closed(page.id)
    assert (await order_now(shop, placed.order.id)).status is Status.CONFIRMED
    await good(shop, till)


async def test_a_wrong_amount_waits_for_a_person_and_goes_back_with_the_order(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED, Money(10, Currency("USD")))
    await tell(shop, till.notice(placed.payment.id))
    await heal(shop, minutes=31)
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status, order.stock_state) == (
        Status.PENDING, PaymentStatus.UNPAID, StockState.HELD,
    )  # fmt: skip
    assert order.flagged and till.kept == 10
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    assert till.kept == 0
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.REFUNDED
    await good(shop, till)


async def test_a_wrong_amount_for_an_order_let_go_goes_back(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.stuck = True
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    till.end(placed.payment.id, Outcome.CAPTURED, Money(999, Currency("USD")))
    await tell(shop, till.notice(placed.payment.id))
    await heal(shop, minutes=1)
    assert till.kept == 0 and (await order_now(shop, placed.order.id)).flagged
    await good(shop, till)


async def test_money_in_another_currency_is_never_taken_for_ours(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED, Money(1000, Currency("JPY")))
    await tell(shop, till.notice(placed.payment.id))
    order = await order_now(shop, placed.order.id)
    assert order.payment_status is PaymentStatus.UNPAID and order.flagged
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    assert (await orders.get(shop.rt, shop.ctx, placed.order.id)).refunds == []
    await books_are_right(shop)


async def test_a_refund_made_at_the_provider_is_booked_here(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    mine = till.payments[placed.payment.id]
    await orders.refund(shop.rt, shop.ctx, placed.order.id, 100, "ours")
    assert await tell(shop, till.notice(placed.payment.id, refunded=Money(100, Currency("USD"))))
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PARTIALLY_REFUNDED
    mine.refunds[placed.order.id] = 400
    body = till.notice(placed.payment.id, refunded=Money(500, Currency("USD")))
    assert await tell(shop, body) and not await tell(shop, body)
    detail = await orders.get(shop.rt, shop.ctx, placed.order.id)
    assert sorted(one.amount_minor for one in detail.refunds) == [100, 400]
    assert await events(shop, "order.refunded") == 2
    await tell(shop, till.notice(placed.payment.id, refunded=Money(100, Currency("USD"))))  # an old one, late
    mine.refunds[placed.payment.id] = 500
    await tell(shop, till.notice(placed.payment.id, refunded=Money(1000, Currency("USD"))))
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.REFUNDED, PaymentStatus.REFUNDED)
    await good(shop, till)


async def test_a_refund_that_fails_leaves_the_status_the_money_says(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    await orders.refund(shop.rt, shop.ctx, placed.order.id, 300, "part")
    till.payments[placed.payment.id].refunds[placed.order.id] = 600  # somebody was quicker, at the provider's own page
    await orders.refund(shop.rt, shop.ctx, placed.order.id, 200, "part")
    detail = await orders.get(shop.rt, shop.ctx, placed.order.id)
    assert [one.status for one in detail.refunds] == ["failed", "succeeded"] and detail.order.flagged
    assert detail.order.payment_status is PaymentStatus.PARTIALLY_REFUNDED
    assert detail.payments[0].refunded_minor == 300


async def test_a_free_order_is_paid_once_and_for_all(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, price=0)
    assert (placed.order.status, placed.order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert await events(shop, "order.paid") == 1
    for token in (GOOD, None):
        with pytest.raises(Refused, match="has been paid"):
            await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, token, None)
    assert not till.payments
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    await good(shop, till)


@pytest.mark.parametrize(("currency", "price"), [("JPY", 1), ("KWD", 1234), ("USD", 10**15)])
async def test_amounts_of_any_size_and_exponent_come_through_whole(
    database: Database, currency: str, price: int
) -> None:
    shop, till = await open_till(database, currency=currency)
    placed, _ = await one_order(shop, token=GOOD, price=price)
    assert till.payments[placed.payment.id].charge.amount == Money(price, Currency(currency))
    await orders.refund(shop.rt, shop.ctx, placed.order.id, None, "all")
    assert till.kept == 0
    await good(shop, till)


@pytest.mark.parametrize(("token", "stands"), [(GOOD, "refunded"), (None, "failed")])
async def test_the_event_of_a_cancellation_says_where_the_money_is(
    database: Database, token: str | None, stands: str
) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=token)
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    sql = "select facts ->> 'payment_status' from outbox where tenant_id = $1 and kind = 'order.cancelled'"
    assert await shop.value(sql) == stands
    await good(shop, till)


# ── Cash, and cards after all ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_abandoned_page_does_not_cancel_an_order_on_delivery(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    page = (await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, None, None)).payment
    assert till.end(page.id, Outcome.EXPIRED)
    await tell(shop, till.notice(page.id))
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.stock_state) == (Status.PENDING, StockState.HELD)
    paid = await orders.mark_paid(shop.rt, shop.ctx, placed.order.id)
    assert paid.order.payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_cash_can_be_taken_after_a_card_was_declined_but_not_twice(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    with pytest.raises(Declined):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, BAD, None)
    assert (await orders.mark_paid(shop.rt, shop.ctx, placed.order.id)).order.payment_status is PaymentStatus.PAID
    with pytest.raises(Refused):
        await orders.mark_paid(shop.rt, shop.ctx, placed.order.id)
    with pytest.raises(Refused):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert till.kept == 0
    await good(shop, till)


async def test_cash_is_not_taken_for_a_cancelled_order(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")

    async def crash(*_: object) -> Any:
        raise Crash

    manual = shop.rt.payments["manual"]
    manual.cancel = crash  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    del manual.cancel
    with pytest.raises(Refused):
        await orders.mark_paid(shop.rt, shop.ctx, placed.order.id)
    await heal(shop, minutes=1)
    assert await shop.value("select status from payments where tenant_id = $1") == "cancelled"
    await good(shop, till)


async def test_a_payment_under_way_is_looked_at_when_another_is_wanted(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    page = (await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, None, None)).payment
    till.end(page.id, Outcome.EXPIRED)  # and the provider's callback never comes
    paid = await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert paid.order.payment_status is PaymentStatus.PAID and till.kept == 1000
    await good(shop, till)


# ── At the same moment ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("token", [GOOD, None])
async def test_cancelled_while_the_charge_is_on_its_way(database: Database, token: str | None) -> None:
    """The order is let go after PREPARE and before the charge reaches the provider, and our process dies before it
    hears the answer. The money goes back, the page is closed, without any callback."""
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 9))

    async def around(call: str, when: str) -> None:
        if call == "charge" and when == "before":
            order_id = await shop.value("select id from orders where tenant_id = $1")
            await orders.cancel(shop.rt, shop.ctx, order_id, "at this very moment")
            assert await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=25)) == 1
        if call == "charge" and when == "after":
            raise Crash

    till.around = around
    with pytest.raises(Crash):
        await buy(shop, shopper, token=token)
    till.around = None
    for minutes in (1, 3, 10):
        await heal(shop, minutes=minutes)
    assert till.kept == 0
    assert all(one.outcome is Outcome.CAPTURED if token else till.is_closed(key) for key, one in till.payments.items())
    assert (await due_in(shop, "payments") is None) or till.left
    await good(shop, till)


async def test_a_page_opened_for_an_order_just_cancelled_is_closed(database: Database) -> None:
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 9))

    async def around(call: str, when: str) -> None:
        if call == "charge" and when == "before":
            order_id = await shop.value("select id from orders where tenant_id = $1")
            await orders.cancel(shop.rt, shop.ctx, order_id, "at this very moment")

    till.around = around
    await buy(shop, shopper)
    till.around = None
    await heal(shop, seconds=30)
    assert len(till.payments) == 1 and all(till.is_closed(one) for one in till.payments)
    await good(shop, till)


async def test_what_is_put_into_a_cart_while_it_is_checked_out_is_not_lost(database: Database) -> None:
    shop, till = await open_till(database)
    shopper, lamp = await shop.shopper(), await shop.product("Lamp", 100, 9)
    await shop.put(shopper, await shop.product("Tent", 1000, 9))
    from merx.core.cart import store as carts

    async with database.begin(shopper) as tx:
        await carts.add(tx, owner_of(shopper), Item(None, 2, lamp))
        await carts.read(tx, owner_of(shopper))  # what is added travels with what is read
        placing = asyncio.create_task(buy(shop, shopper, "cod"))
        await somebody_waits(tx)
        assert not placing.done()
    placed = await placing
    assert placed.order.item_count == 3 and placed.order.total_minor == 1200
    await good(shop, till)


async def test_a_cart_comes_back_or_not_but_never_stops_a_cancellation(database: Database) -> None:
    """Another cart is being begun at the very moment the old one would be opened again."""
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    lamp = await shop.product("Lamp", 100, 9)
    from merx.core.cart import store as carts

    async with database.begin(shopper) as tx:
        await carts.add(tx, owner_of(shopper), Item(None, 1, lamp))
        await carts.read(tx, owner_of(shopper))
        cancelling = asyncio.create_task(orders.cancel(shop.rt, shop.ctx, placed.order.id, "no"))
        await somebody_waits(tx)
    assert (await cancelling).order.status is Status.CANCELLED
    kept = await cart.get(shop.rt, shopper, owner_of(shopper))
    assert [line.name for line in kept.lines] == ["Lamp"]
    await good(shop, till)


async def test_a_cancelled_checkout_is_not_charged_by_its_repetition(database: Database) -> None:
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 9))

    async def lost(call: str, when: str) -> None:
        raise Upstream("gone")

    till.around = lost
    placed = await buy(shop, shopper, token=GOOD)
    # A new cart is begun, so that the old one does not come back, and then emptied by an order of its own.
    await shop.put(shopper, await shop.product("Lamp", 100, 9))
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    await buy(shop, shopper, "cod")
    sql = "update carts set updated_at = now() + interval '1 second' where tenant_id = $1 and order_id = $2"
    async with database.begin(shop.ctx) as tx:
        await tx.run(sql, placed.order.id)
    till.around = None
    again = await buy(shop, shopper, token=GOOD)
    assert again.order.id == placed.order.id and again.order.status is Status.CANCELLED
    assert not till.payments
    await good(shop, till)


# ── Refused at the checkout ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_declined_token_lets_the_order_go_and_brings_the_cart_back(database: Database) -> None:
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 1))
    with pytest.raises(Declined) as declined:
        await buy(shop, shopper, token=BAD)
    assert declined.value.facts["reason"] == "card_declined"
    assert (await cart.get(shop.rt, shopper, owner_of(shopper))).item_count == 1
    placed = await buy(shop, shopper, token=GOOD)
    assert placed.order.payment_status is PaymentStatus.PAID and till.kept == 1000
    await good(shop, till)


async def test_a_decline_whose_answer_was_lost_is_told_by_the_repetition(database: Database) -> None:
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 1))

    async def crash(call: str, when: str) -> None:
        if when == "after":
            raise Crash

    till.around = crash
    with pytest.raises(Crash):
        await buy(shop, shopper, token=BAD)
    till.around = None
    with pytest.raises(Declined):
        await buy(shop, shopper, token=BAD)
    assert (await cart.get(shop.rt, shopper, owner_of(shopper))).item_count == 1
    await good(shop, till)


async def test_without_credentials_nothing_is_sold_and_nothing_stays_held(database: Database) -> None:
    shop, till = await open_till(database, payment_test_mode=False)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 1))
    with pytest.raises(NoCredentials):
        await buy(shop, shopper)
    assert await shop.value("select reserved from stock where tenant_id = $1") == 0
    assert (await cart.get(shop.rt, shopper, owner_of(shopper))).item_count == 1
    placed = await buy(shop, shopper, "cod")
    with pytest.raises(NoCredentials):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert (await order_now(shop, placed.order.id)).status is Status.PENDING
    await good(shop, till)


async def test_credentials_taken_away_stop_neither_cancelling_nor_the_worker(database: Database) -> None:
    shop, till = await open_till(database)
    paid, _ = await one_order(shop, token=GOOD)
    waiting, _ = await one_order(shop)
    running_out, _ = await one_order(shop)
    await shop.settings(payment_test_mode=False)
    assert (await orders.cancel(shop.rt, shop.ctx, paid.order.id, "no")).order.status is Status.CANCELLED
    assert (await orders.cancel(shop.rt, shop.ctx, waiting.order.id, "no")).order.status is Status.CANCELLED
    await heal(shop, minutes=31)
    assert (await order_now(shop, running_out.order.id)).status is Status.CANCELLED
    await shop.settings(payment_test_mode=True)
    await heal(shop, hours=3)
    assert till.kept == 0
    assert all(one.outcome is Outcome.CAPTURED or till.is_closed(key) for key, one in till.payments.items())
    await good(shop, till)


# ── The worker ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_broken_payment_holds_up_no_other(database: Database) -> None:
    shop, till = await open_till(database)
    placed = [(await one_order(shop))[0] for _ in range(3)]
    broken = placed[0].payment.id
    for one in placed[1:]:
        till.end(one.payment.id, Outcome.CAPTURED)
    find = till.find

    async def sometimes(account: Any, payment_id: Any, reference: Any) -> Any:
        if payment_id == broken:
            raise RuntimeError("a bug in this provider's code")
        return await find(account, payment_id, reference)

    till.find = sometimes  # type: ignore[method-assign]
    async with database.begin(shop.ctx) as tx:
        await tx.run("update payments set check_at = $2 where tenant_id = $1", shop.ctx.now)
    assert await healing.resume_payments(shop.rt, shop.ctx) == 3
    assert [(await order_now(shop, one.order.id)).payment_status for one in placed] == ["unpaid", "paid", "paid"]
    pauses = []
    for _ in range(9):
        later = await due_in(shop, "payments")
        assert later is not None
        pauses.append(later)
        await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=later.total_seconds()))
    gaps = [after - before for before, after in itertools.pairwise(pauses)]
    assert (
        gaps == sorted(gaps)
        and gaps[0] < timedelta(minutes=2)
        and timedelta(minutes=20) < gaps[-1] < timedelta(hours=2)
    )
    assert await healing.expire_holds(shop.rt, shop.later(shop.ctx, minutes=31)) == 1
    assert (await order_now(shop, placed[0].order.id)).status is Status.CANCELLED
    await good(shop, till)


async def test_a_page_that_can_not_be_closed_is_not_asked_about_without_pause(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.stuck = True
    late = shop.later(shop.ctx, minutes=31)
    assert await healing.resume_payments(shop.rt, late) == 1
    assert await healing.resume_payments(shop.rt, late) == 0
    assert await healing.expire_holds(shop.rt, late) == 1
    assert await healing.resume_payments(shop.rt, late) == 0
    assert await healing.expire_holds(shop.rt, late) == 0
    calls = till.calls
    soon = shop.later(late, seconds=1)
    assert await healing.resume_payments(shop.rt, soon) == await healing.expire_holds(shop.rt, soon) == 0
    assert till.calls == calls
    till.end(placed.payment.id, Outcome.CAPTURED)
    await heal(shop, hours=3)
    assert till.kept == 0
    await good(shop, till)


async def test_the_end_of_a_hold_is_the_providers_to_tell(database: Database) -> None:
    """Paid a moment ago, and nobody has told us; or our database is away just when the provider tells."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED)
    late = shop.later(shop.ctx, minutes=31)

    async def away(call: str, when: str) -> None:
        if when == "after":
            raise Busy

    till.around = away
    assert await healing.expire_holds(shop.rt, late) == 0
    assert (await order_now(shop, placed.order.id)).status is Status.PENDING
    till.around = None
    await healing.expire_holds(shop.rt, late)
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_a_refund_answered_twice_at_once_is_told_once(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)

    async def around(call: str, when: str) -> None:
        if when == "after":
            till.around = None
            assert await orders.resume_refunds(shop.rt, shop.later(shop.ctx, seconds=25)) == 1

    till.around = around
    await orders.refund(shop.rt, shop.ctx, placed.order.id, 400, "part")
    assert await events(shop, "order.refunded") == 1 and till.kept == 600
    await good(shop, till)


async def test_an_unpaid_order_the_merchant_confirmed_is_kept_and_comes_up_no_more(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    await orders.change_status(shop.rt, shop.ctx, placed.order.id, Status.CONFIRMED)
    for minutes in (31, 60):
        assert await healing.expire_holds(shop.rt, shop.later(shop.ctx, minutes=minutes)) == 0
    due = (
        "select count(*) from work_due(now() + interval '2 hours', '{}') w where w.tenant_id = $1 and w.kind = 'holds'"
    )
    assert await shop.value(due) == 0
    till.end(placed.payment.id, Outcome.CAPTURED)
    await tell(shop, till.notice(placed.payment.id))
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    await good(shop, till)


async def test_a_slow_refund_is_asked_about_more_and_more_seldom(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    till.slow_refunds = True
    await orders.refund(shop.rt, shop.ctx, placed.order.id, None, "all")
    gaps, before = [], timedelta()
    for _ in range(9):
        later = await due_in(shop, "refunds")
        assert later is not None
        gaps.append(later - before)
        before = later
        await orders.resume_refunds(shop.rt, shop.later(shop.ctx, seconds=later.total_seconds()))
    assert gaps == sorted(gaps) and timedelta(minutes=20) < gaps[-1] < timedelta(hours=2)
    till.slow_refunds = False
    assert await orders.resume_refunds(shop.rt, shop.later(shop.ctx, days=1)) == 1
    assert await events(shop, "order.refunded") == 1 and till.kept == 0
    await good(shop, till)


# ── Whose it is, and how much of it ──────────────────────────────────────────────────────────────────────────────────


async def test_a_shopper_buys_in_nobody_elses_name(database: Database) -> None:
    shop, _ = await open_till(database)
    mine, other = await shop.shopper(), await shop.shopper()
    tent = await shop.product("Tent", 1000, 9)
    await shop.put(other, tent)
    with pytest.raises(NotFound):
        await cart.get(shop.rt, mine, owner_of(other))
    with pytest.raises(NotFound):
        await checkout.place(shop.rt, mine, CheckoutRequest(owner=owner_of(other), payment_method="cod"))
    request = CheckoutRequest(items=(Item(None, 1, tent),), customer_id=other.customer_id(), payment_method="cod")
    with pytest.raises(NotFound):
        await checkout.place(shop.rt, mine, request)
    assert (await cart.get(shop.rt, other, owner_of(other))).item_count == 1
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 0


async def test_a_customers_limit_is_not_got_round_by_another_address(database: Database) -> None:
    shop, till = await open_till(database)
    tent, shopper = await shop.product("Tent", 1000, 9), await shop.shopper()
    await coupons.create(shop.rt, shop.ctx, CouponDraft("ONE", CouponType.FIXED, amount_minor=1, per_customer_limit=1))

    async def order(email: str, known: bool) -> Placed:
        request = CheckoutRequest(
            items=(Item(None, 1, tent),), customer_id=shopper.customer_id() if known else None,
            buyer=Buyer(email), coupon_code="ONE", payment_method="cod",
        )  # fmt: skip
        return await checkout.place(shop.rt, shopper if known else shop.ctx, request)

    first = await order("one@example.com", True)
    with pytest.raises(CouponRefused):
        await order("two@example.com", True)
    guest = await order(" Three@Example.com ", False)
    assert guest.order.email == "three@example.com"
    with pytest.raises(CouponRefused):
        await order("three@example.COM", False)
    for placed in (first, guest):
        await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    await order("one@example.com", True)
    await good(shop, till)


async def test_two_lines_of_one_variant_are_one_claim_on_its_stock(database: Database) -> None:
    shop, till = await open_till(database)
    tent = await shop.product("Tent", 1000, 3)
    request = CheckoutRequest(items=(Item(None, 2, tent), Item(None, 1, tent)), payment_method="cod")
    placed = await checkout.place(shop.rt, shop.ctx, request)
    assert await shop.value("select reserved from stock where tenant_id = $1") == 3
    with pytest.raises(MerxError, match="Not enough"):
        await checkout.place(shop.rt, shop.ctx, msgspec.structs.replace(request, items=(Item(None, 1, tent),) * 2))
    await orders.change_status(shop.rt, shop.ctx, placed.order.id, Status.CONFIRMED)
    await orders.ship(shop.rt, shop.ctx, placed.order.id, "DHL", "1")
    assert await shop.value("select on_hand from stock where tenant_id = $1") == 0
    await good(shop, till)


async def test_texts_too_long_or_not_text_at_all_change_nothing(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop, token=GOOD)
    ident, endless = placed.order.id, "x" * 100_000
    tent = await shop.product("Lamp", 5, 5)
    await shop.put(shopper, tent)
    tries = [
        orders.cancel(shop.rt, shop.ctx, ident, endless),
        orders.cancel(shop.rt, shop.ctx, ident, "a\0b"),
        orders.refund(shop.rt, shop.ctx, ident, 1, endless),
        orders.refund(shop.rt, shop.ctx, ident, 1, "a\0b"),
        orders.refund(shop.rt, shop.ctx, ident, -1, ""),
        orders.change_status(shop.rt, shop.ctx, ident, Status.CONFIRMED, endless),
        orders.change_status(shop.rt, shop.ctx, ident, Status.REFUNDED, endless),
        orders.ship(shop.rt, shop.ctx, ident, "DHL", "a\0b"),
        inventory.receive(shop.rt, shop.ctx, tent, 1, endless),
        inventory.set_available(shop.rt, shop.ctx, tent, 1, endless),
        buy(shop, shopper, token=endless),
        buy(shop, shopper, token="a\0b"),
        buy(shop, shopper, notes="a\0b"),
        buy(shop, shopper, shipping_address=Address(line1="a\0b")),
        buy(shop, shopper, billing_address=Address(name=endless)),
        buy(shop, shopper, buyer=Buyer("a@example.com", "a\0b", "\0")),
        buy(shop, shopper, success_url="http://["),
        buy(shop, shopper, success_url="https://evil.example/"),
        buy(shop, shopper, cancel_url="javascript:alert(1)"),
        buy(shop, shopper, coupon_code=endless),
        buy(shop, shopper, shipping_method=endless),
        checkout.pay_order(shop.rt, shop.ctx, ident, endless, None),
        coupons.create(shop.rt, shop.ctx, CouponDraft("A", CouponType.FREE_SHIPPING, minimum_minor=-1)),
        coupons.create(shop.rt, shop.ctx, CouponDraft("A", CouponType.FREE_SHIPPING, minimum_minor=10**30)),
        shipping.put(shop.rt, shop.ctx, ShippingMethod("van", "Van", 1, free_over_minor=-1)),
        shipping.put(shop.rt, shop.ctx, ShippingMethod("van", "Van", 1, position=-(10**12))),
    ]
    for wanted in tries:
        with pytest.raises((Invalid, Refused)):
            await wanted
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 1
    assert till.kept == 1000 and (await order_now(shop, ident)).status is Status.CONFIRMED
    assert (await cart.get(shop.rt, shopper, owner_of(shopper))).item_count == 1
    await good(shop, till)


async def test_a_guests_cart_goes_the_same_way(database: Database) -> None:
    shop, till = await open_till(database)
    guest, owner = await shop.shopper(), Owner(token="mine-alone")
    await cart.add(shop.rt, guest, owner, Item(None, 1, await shop.product("Tent", 1000, 9)))
    request = CheckoutRequest(owner=owner, buyer=Buyer("g@example.com"))
    placed = await checkout.place(shop.rt, guest, request)
    await healing.expire_holds(shop.rt, shop.later(shop.ctx, minutes=31))
    assert (await cart.get(shop.rt, guest, owner)).item_count == 1
    again = await checkout.place(shop.rt, guest, request)
    assert again.order.id != placed.order.id and not again.replayed
    await good(shop, till)
