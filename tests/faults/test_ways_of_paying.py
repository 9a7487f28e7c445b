"""One order and several ways to pay it: another way closes the first, what was authorised is captured, what could not
be closed is looked at again, a browser's word is checked; and refunds that are asked for twice or fail late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.faults.test_money_paths import buy, events, good, heal, one_order, order_now
from tests.faults.till import BAD, GOOD, Till, open_till, tell
from tests.selling import Shop, books_are_right

from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.confirming import confirm_payment
from merx.core.idempotency.model import KeyReused
from merx.core.orders import service as orders
from merx.core.orders.model import OrderDetail, PaymentStatus, Status
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Upstream
from merx.kernel.ids import OrderId, PaymentId, RefundId
from merx.kernel.money import Currency, Money
from merx.ports import Outcome, Receipt, RefundNews, RefundReceipt

pytestmark = pytest.mark.usefixtures("provider")


def usd(minor: int) -> Money:
    return Money(minor, Currency("USD"))


async def detail_of(shop: Shop, order_id: OrderId) -> OrderDetail:
    return await orders.get(shop.rt, shop.ctx, order_id)


def silent(till: Till, *calls: str) -> None:
    async def around(call: str, when: str) -> None:
        if call in calls:
            raise Upstream("gone")

    till.around = around


# ── Refunds asked for twice ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refund_with_the_same_key_is_the_same_refund(database: Database) -> None:
    """As after a crash: the key's lease at the edge has run out, and the client sends its request again."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    ident = placed.order.id
    silent(till, "refund")
    await orders.refund(shop.rt, shop.ctx, ident, 300, "part", key="k-1")
    till.around = None
    again = await orders.refund(shop.rt, shop.ctx, ident, 300, "part", key="k-1")
    assert [(one.amount_minor, one.status) for one in again.refunds] == [(300, "succeeded")]
    await orders.refund(shop.rt, shop.ctx, ident, None, "part", key="k-1")
    assert till.kept == 700
    with pytest.raises(KeyReused):
        await orders.refund(shop.rt, shop.ctx, ident, 301, "part", key="k-1")
    await orders.refund(shop.rt, shop.ctx, ident, 300, "part", key="k-2")
    another = msgspec.structs.replace(shop.ctx, actor_id=ids.new())
    await orders.refund(shop.rt, another, ident, 300, "part", key="k-1")  # somebody else's key of that name
    assert till.kept == 100
    await good(shop, till)


# ── Refunds that fail ────────────────────────────────────────────────────────────────────────────────────────────────


def failed(refund_id: RefundId | None, minor: int, reference: str = "re_1") -> RefundNews:
    return RefundNews(refund_id, usd(minor), RefundReceipt(False, reference=reference, reason="lost"))


@pytest.mark.parametrize("late", ["after", "before"])
async def test_a_refund_that_fails_after_it_looked_done(database: Database, late: str) -> None:
    """The provider's total of before the failure changes nothing, whether it comes before or after the failure."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    payment = placed.payment.id
    told = await orders.refund(shop.rt, shop.ctx, placed.order.id, 400, "part")
    refund = told.refunds[0]
    assert refund.status == "succeeded" and till.kept == 600
    del till.payments[payment].refunds[refund.id]
    total = till.notice(payment, refunded=usd(400))
    failure = till.notice(payment, refund=failed(refund.id, 400), receipt=None)
    for body in (total, failure) if late == "after" else (failure, total):
        assert await tell(shop, body)
    await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=1))
    after = await detail_of(shop, placed.order.id)
    assert [one.status for one in after.refunds] == ["failed"]
    assert after.payments[0].refunded_minor == 0 and after.order.payment_status is PaymentStatus.PAID
    assert after.order.flagged and await events(shop, "payment.flagged") == 1
    assert not await tell(shop, failure)
    assert await tell(shop, till.notice(payment, refund=failed(refund.id, 400), receipt=None))
    assert (await detail_of(shop, placed.order.id)).payments[0].refunded_minor == 0
    await orders.refund(shop.rt, shop.ctx, placed.order.id, 400, "again")
    assert till.kept == 600
    await good(shop, till)


async def test_a_refund_at_the_providers_own_pages_that_fails(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    payment, mine = placed.payment.id, till.payments[placed.payment.id]
    done = RefundNews(None, usd(250), RefundReceipt(True, reference="re_9"))
    mine.refunds[payment] = 250
    await tell(shop, till.notice(payment, refund=done, refunded=usd(250)))
    await tell(shop, till.notice(payment, refund=done, refunded=usd(250)))
    first = await detail_of(shop, placed.order.id)
    assert [(one.amount_minor, one.reference) for one in first.refunds] == [(250, "re_9")]
    del mine.refunds[payment]
    await tell(shop, till.notice(payment, refund=failed(None, 250, "re_9"), receipt=None))
    after = await detail_of(shop, placed.order.id)
    assert [one.status for one in after.refunds] == ["failed"] and after.payments[0].refunded_minor == 0
    await good(shop, till)


async def test_a_failure_heard_of_before_its_refund(database: Database) -> None:
    """A refund at the provider's pages that failed; the total from before comes last and is not believed."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, token=GOOD)
    payment = placed.payment.id
    await tell(shop, till.notice(payment, refund=failed(None, 250, "re_9"), receipt=None))
    await tell(shop, till.notice(payment, refunded=usd(250)))
    await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=1))
    after = await detail_of(shop, placed.order.id)
    assert [one.status for one in after.refunds] == ["failed"] and after.payments[0].refunded_minor == 0
    till.payments[payment].refunds[payment] = 100  # and then a true one
    await tell(shop, till.notice(payment, refunded=usd(100)))
    await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=2))
    assert (await detail_of(shop, placed.order.id)).payments[0].refunded_minor == 100
    await good(shop, till)


async def test_a_pending_refund_is_finished_by_its_callback(database: Database) -> None:
    shop, till = await open_till(database)
    till.slow_refunds = True
    for fine in (True, False):
        placed, _ = await one_order(shop, token=GOOD)
        told = await orders.refund(shop.rt, shop.ctx, placed.order.id, 400, "part")
        refund = told.refunds[0]
        assert refund.status == "pending"
        if not fine:
            del till.payments[placed.payment.id].refunds[refund.id]
        news = RefundNews(refund.id, usd(400), RefundReceipt(fine, reference="re_2"))
        await tell(shop, till.notice(placed.payment.id, refund=news, receipt=None))
        after = await detail_of(shop, placed.order.id)
        assert (after.refunds[0].status, after.refunds[0].reference) == ("succeeded" if fine else "failed", "re_2")
    assert await events(shop, "order.refunded") == 1
    await good(shop, till)


# ── Another way ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_card_in_hand_closes_the_page_that_was_open(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    page = placed.payment
    paid = await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert (paid.order.status, paid.order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert till.is_closed(page.id) and paid.payment.id != page.id and till.kept == 1000
    await good(shop, till)


async def test_the_closed_pages_own_callback_does_not_end_the_order(database: Database) -> None:
    """It may come while we still hold the provider's answer in our hands."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)

    async def around(call: str, when: str) -> None:
        if (call, when) == ("cancel", "after"):
            gone = Receipt(Outcome.EXPIRED, f"ref_{placed.payment.id.hex}")
            await tell(shop, till.notice(placed.payment.id, receipt=gone))

    till.around = around
    paid = await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert paid.order.payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_paid_meanwhile_is_said(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _shopper = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED)
    with pytest.raises(Refused) as raised:
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    assert raised.value.code == "already_paid"
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    assert till.kept == 1000 and len(till.payments) == 1
    await good(shop, till)


async def test_the_same_page_again_is_the_same_page(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    for _ in range(2):
        again = await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, None, None)
        assert again.payment.id == placed.payment.id
    assert (await buy(shop, shopper)).payment.id == placed.payment.id
    assert len(till.payments) == 1
    await good(shop, till)


@pytest.mark.parametrize(("method", "token"), [("cod", None), ("card", GOOD)])
async def test_a_cart_at_a_page_is_checked_out_another_way(database: Database, method: str, token: str | None) -> None:
    """After a quarter of an hour too, when the click can't be the same any more: the page is still open."""
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    later = shop.later(shopper, minutes=15)
    again = await buy(shop, later, method, token=token)
    assert again.order.id != placed.order.id and not again.replayed
    assert till.is_closed(placed.payment.id)
    first = await order_now(shop, placed.order.id)
    assert (first.status, first.stock_state) == (Status.CANCELLED, "released")
    assert again.order.payment_status is (PaymentStatus.PAID if token else PaymentStatus.UNPAID)
    await good(shop, till)


async def test_a_cart_that_was_paid_at_its_page_is_not_sold_twice(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED)
    with pytest.raises(Refused) as raised:
        await buy(shop, shopper, "cod")
    assert raised.value.code == "already_paid"
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 1
    await good(shop, till)


async def test_a_provider_that_is_away_changes_nothing(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    silent(till, "cancel")
    for attempt in (buy(shop, shopper, "cod"), checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)):
        with pytest.raises(Upstream):
            await attempt
    till.around = None
    assert (await order_now(shop, placed.order.id)).status is Status.PENDING
    till.end(placed.payment.id, Outcome.CAPTURED)
    await tell(shop, till.notice(placed.payment.id))
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_a_crash_between_two_ways_leaves_an_order_that_ends_by_itself(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    silent(till, "charge")
    await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    till.around = None
    await heal(shop, seconds=25)
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    other, _ = await one_order(shop)

    async def dies(call: str, when: str) -> None:
        if (call, when) == ("cancel", "after"):
            raise Upstream("the line was cut")

    till.around = dies
    with pytest.raises(Upstream):
        await checkout.pay_order(shop.rt, shop.ctx, other.order.id, GOOD, None)
    till.around = None
    await heal(shop, minutes=31)
    assert (await order_now(shop, other.order.id)).status is Status.CANCELLED
    await good(shop, till)


async def test_a_charge_that_may_be_on_its_way_is_waited_for(database: Database) -> None:
    shop, till = await open_till(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 9))
    silent(till, "charge")
    placed = await buy(shop, shopper)
    till.around = None
    with pytest.raises(Conflict):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, GOOD, None)
    later = shop.later(shop.ctx, minutes=3)
    paid = await checkout.pay_order(shop.rt, later, placed.order.id, GOOD, None)
    assert paid.order.payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_cash_closes_the_page_that_was_tried_in_between(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    page = (await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, None, None)).payment
    paid = await orders.mark_paid(shop.rt, shop.ctx, placed.order.id)
    assert paid.order.payment_status is PaymentStatus.PAID and till.is_closed(page.id)
    other, _ = await one_order(shop, "cod")
    page = (await checkout.pay_order(shop.rt, shop.ctx, other.order.id, None, None)).payment
    till.end(page.id, Outcome.CAPTURED)
    with pytest.raises(Refused) as raised:
        await orders.mark_paid(shop.rt, shop.ctx, other.order.id)
    assert raised.value.code == "already_paid" and till.kept == 1000
    await good(shop, till)


# ── What was authorised, and what could not be closed ────────────────────────────────────────────────────────────────


async def test_what_was_authorised_is_captured(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.payments[placed.payment.id].outcome = Outcome.AUTHORIZED
    assert await tell(shop, till.notice(placed.payment.id))
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.PENDING, PaymentStatus.AUTHORIZED)
    await healing.expire_holds(shop.rt, shop.later(shop.ctx, minutes=45))
    assert (await order_now(shop, placed.order.id)).status is Status.PENDING
    assert await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=5)) == 1
    order = await order_now(shop, placed.order.id)
    assert (order.status, order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert till.kept == 1000
    await good(shop, till)


async def test_what_was_authorised_and_given_up_lets_the_order_go(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.payments[placed.payment.id].outcome = Outcome.AUTHORIZED
    await tell(shop, till.notice(placed.payment.id))
    till.payments[placed.payment.id].outcome = Outcome.PENDING
    await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=5))
    assert (await order_now(shop, placed.order.id)).status is Status.CANCELLED
    await good(shop, till)


async def test_what_is_authorised_for_an_order_let_go_goes_back(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    till.stuck = True
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    till.payments[placed.payment.id].outcome = Outcome.AUTHORIZED
    await tell(shop, till.notice(placed.payment.id))
    await heal(shop, seconds=30)
    assert till.payments[placed.payment.id].captured == usd(1000) and till.kept == 0
    await good(shop, till)


async def test_money_that_comes_after_the_end_is_found_without_a_callback(database: Database) -> None:
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    await heal(shop, minutes=31)
    assert (await order_now(shop, placed.order.id)).status is Status.CANCELLED
    assert till.end(placed.payment.id, Outcome.CAPTURED) is till.lingers
    await heal(shop, minutes=90)
    assert till.kept == 0
    if till.lingers:
        assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.REFUNDED
    await good(shop, till)


async def test_looking_again_has_an_end(database: Database) -> None:
    shop, till = await open_till(database)
    await one_order(shop)
    for hours in (0.52, 2, 4, 8, 16, 23, 25, 40, 60, 120):
        await heal(shop, hours=hours)
    assert await shop.value("select min(check_at) from payments where tenant_id = $1") is None
    calls = till.calls
    await heal(shop, hours=500)
    assert till.calls == calls
    await good(shop, till)


# ── The browser's word ───────────────────────────────────────────────────────────────────────────────────────────────


def proof(payment: Any) -> Mapping[str, str]:
    return {"proof": payment.reference}


async def test_the_browsers_word_settles_the_order_once(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    pending = await confirm_payment(shop.rt, shopper, placed.order.id, proof(placed.payment))
    assert pending.order.payment_status is PaymentStatus.UNPAID  # said, and not paid
    till.end(placed.payment.id, Outcome.CAPTURED)
    for _ in range(3):
        paid = await confirm_payment(shop.rt, shopper, placed.order.id, proof(placed.payment))
        assert (paid.order.status, paid.payment.status) == (Status.CONFIRMED, "captured")
    await tell(shop, till.notice(placed.payment.id))
    assert await events(shop, "order.paid") == 1
    await good(shop, till)


async def test_a_word_that_was_not_signed_changes_nothing(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    other, _ = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED)
    for fields in ({}, {"proof": "no"}, proof(other.payment)):
        with pytest.raises(Invalid):
            await confirm_payment(shop.rt, shopper, placed.order.id, fields)
    with pytest.raises(NotFound):
        await confirm_payment(shop.rt, await shop.shopper(), placed.order.id, proof(placed.payment))
    with pytest.raises(NotFound):
        await confirm_payment(shop.rt, shop.ctx, OrderId(ids.new()), proof(placed.payment))
    with pytest.raises(Forbidden):
        nobody = msgspec.structs.replace(shop.ctx, scopes=frozenset())
        await confirm_payment(shop.rt, nobody, placed.order.id, proof(placed.payment))
    cash, _ = await one_order(shop, "cod")
    with pytest.raises(Refused):
        await confirm_payment(shop.rt, shop.ctx, cash.order.id, proof(placed.payment))
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.UNPAID


async def test_the_browsers_word_for_an_order_let_go(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    till.stuck = True
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    till.end(placed.payment.id, Outcome.CAPTURED)
    late = await confirm_payment(shop.rt, shopper, placed.order.id, proof(placed.payment))
    assert late.order.status is Status.CANCELLED
    await heal(shop, seconds=30)
    assert till.kept == 0
    await good(shop, till)


async def test_the_browsers_word_while_the_provider_is_away(database: Database) -> None:
    shop, till = await open_till(database)
    placed, shopper = await one_order(shop)
    till.end(placed.payment.id, Outcome.CAPTURED)
    silent(till, "find")
    heard = await confirm_payment(shop.rt, shopper, placed.order.id, proof(placed.payment))
    assert heard.order.payment_status is PaymentStatus.UNPAID
    till.around = None
    assert await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=1)) == 1
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    await good(shop, till)


async def test_the_window_of_a_first_try_pays_an_order_that_waits_for_cash(database: Database) -> None:
    """A window that could not be closed, paid after all: the order is paid by it, and the cash is not wanted any
    more."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop, "cod")
    with pytest.raises(Exception, match="declined"):
        await checkout.pay_order(shop.rt, shop.ctx, placed.order.id, BAD, None)
    first = PaymentId(next(iter(till.payments)))
    till.payments[first].outcome, till.payments[first].captured = Outcome.CAPTURED, usd(1000)
    await tell(shop, till.notice(first))
    assert (await order_now(shop, placed.order.id)).payment_status is PaymentStatus.PAID
    await books_are_right(shop)
    await good(shop, till)


async def test_a_callback_waits_for_no_provider(database: Database) -> None:
    """It is answered from our own books alone, whatever it is about: the provider may be slow, and gives up on us after
    a few seconds."""
    shop, till = await open_till(database)
    placed, _ = await one_order(shop)
    gone, _ = await one_order(shop)
    till.stuck = True
    await orders.cancel(shop.rt, shop.ctx, gone.order.id, "no")
    silent(till, "charge", "find", "cancel", "refund")
    calls = till.calls
    till.payments[placed.payment.id].outcome = Outcome.AUTHORIZED
    assert await tell(shop, till.notice(placed.payment.id))
    for payment in (placed.payment.id, gone.payment.id):
        till.payments[payment].outcome, till.payments[payment].captured = Outcome.CAPTURED, usd(1000)
        assert await tell(shop, till.notice(payment))
    till.payments[placed.payment.id].refunds[placed.payment.id] = 100
    assert await tell(shop, till.notice(placed.payment.id, refunded=usd(100)))
    assert till.calls == calls
    till.around = None
    await heal(shop, minutes=1)
    assert till.kept == 900
    await good(shop, till)
