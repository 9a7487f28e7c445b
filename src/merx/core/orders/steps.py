"""Steps that touch several tables inside somebody else's transaction: settling a payment, letting an order go.

Locks are always taken in this order: order, payment, cart, coupon, stock, order counter, idempotency key,
catalogue version.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from merx.core.cart import store as carts
from merx.core.coupons import store as coupons
from merx.core.inventory import store as inventory
from merx.core.orders import rules, store
from merx.core.orders.model import Order, PaymentStatus, Status, StockState
from merx.core.payments import store as payments
from merx.core.payments.model import OPEN, Payment, Refund, RefundStatus
from merx.core.payments.model import Status as Attempt
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.events import ORDER_CANCELLED, ORDER_PAID, ORDER_REFUNDED, PAYMENT_FLAGGED, Event
from merx.kernel.ids import RefundId
from merx.kernel.money import Money
from merx.ports import Outcome, Receipt, RefundNews, RefundReceipt

RETRY = timedelta(seconds=10)
"""How long after a provider was asked, or should have been, the worker asks again."""

CAPTURE = timedelta(seconds=2)
"""So much time a provider has to capture by itself what it authorised; then we do."""

IN_FLIGHT = timedelta(minutes=2)
"""A charge may reach its provider so long after its payment was written. Until then, that the provider knows nothing of
it does not mean that it never will."""

ANOTHER_WAY = timedelta(minutes=15)
"""So long an order's stock is held for its payment another way, when what was authorised has been given up."""

ELSEWHERE = "It was refunded at the payment provider."

_AFTER = {
    Outcome.PENDING: Attempt.PENDING,
    Outcome.AUTHORIZED: Attempt.AUTHORIZED,
    Outcome.CAPTURED: Attempt.CAPTURED,
    Outcome.DECLINED: Attempt.DECLINED,
    Outcome.EXPIRED: Attempt.CANCELLED,
}


async def settle(tx: Tx, payment: Payment, receipt: Receipt) -> Payment:
    """Applies what the provider said about a payment, once: the same news again changes nothing.

    The order is locked here. Money for an order that was let go or is paid already is given back; money of the wrong
    amount is kept, flagged, and does not make the order paid: a person decides.
    """
    order = await store.lock(tx, payment.order_id)
    target = _AFTER.get(receipt.outcome)
    if order is None or target is None:
        return payment
    taken = (receipt.captured or payment.amount) if target is Attempt.CAPTURED else None
    moved = await payments.move(
        tx, payment.id, target, receipt, _countable(payment, taken), _check_after(tx, order, payment, target, receipt)
    )
    if moved is None:
        return await payments.get(tx, payment.id) or payment
    if taken is not None:
        await _money_arrived(tx, order, moved, taken)
    elif target is Attempt.AUTHORIZED and rules.unpaid(order) and not rules.closed(order):
        await store.set_payment(tx, order.id, PaymentStatus.AUTHORIZED, keep_hold=True)
    elif target is Attempt.CANCELLED and order.status is Status.PENDING and _was_its_only_chance(order, moved):
        await let_go(tx, order, "The payment was not made in time.")
    elif target is Attempt.CANCELLED and order.payment_status is PaymentStatus.AUTHORIZED:
        await store.set_payment(tx, order.id, PaymentStatus.UNPAID)
        if order.payment_method == "card":
            await store.hold_again(tx, order.id, tx.ctx.now + ANOTHER_WAY)
    return moved


def _countable(payment: Payment, taken: Money | None) -> int:
    """What the payment's own account holds. An amount of another currency is no amount of ours: it is flagged, and is
    never given back by us in units it was not taken in."""
    return taken.minor if taken is not None and taken.currency == payment.currency else 0


def _check_after(tx: Tx, order: Order, payment: Payment, target: Attempt, receipt: Receipt) -> datetime | None:
    """When to ask about a payment that may still be made: soon where it waits to be captured, at once where nobody
    should pay it any more."""
    now = tx.ctx.now
    if target is Attempt.CANCELLED and receipt.lingers:
        return rules.look_again(payment.created_at, now)
    if target not in OPEN:
        return None
    if rules.closed(order) or not rules.unpaid(order):
        return now
    if payment.provider == "manual":
        return None
    if target is Attempt.AUTHORIZED:
        return now + CAPTURE
    return order.hold_expires_at or now + RETRY


def _was_its_only_chance(order: Order, payment: Payment) -> bool:
    """An order on delivery does not end with a payment page that was tried in between, nor any order with an attempt
    whose place another takes."""
    if payment.superseded:
        return False
    return payment.provider == "manual" or order.payment_method == "card"


async def _money_arrived(tx: Tx, order: Order, payment: Payment, taken: Money) -> None:
    if taken != payment.amount:
        await store.flag(tx, order.id, f"Asked for {payment.amount.text()}, got {taken.text()} {taken.currency}.")
        tx.emit(Event(PAYMENT_FLAGGED, order.id, dict(rules.facts(order, received=taken.text()))))
    if rules.closed(order) or not rules.unpaid(order):
        why = "The order was cancelled before it was paid." if rules.closed(order) else "The order was paid twice."
        await give_back(tx, order, payment, payment.captured_minor, why)
        return
    if taken != payment.amount:
        await store.set_payment(tx, order.id, order.payment_status, keep_hold=True)
        return
    for other in await payments.of_order(tx, order.id):
        if other.id != payment.id and other.status in OPEN:
            await payments.postpone(tx, other.id, tx.ctx.now)
    await store.set_payment(tx, order.id, PaymentStatus.PAID, keep_hold=True)
    status = order.status
    if order.status is Status.PENDING:
        await store.move(tx, order.id, Status.CONFIRMED, "paid")
        status = Status.CONFIRMED
    paid = msgspec.structs.replace(order, status=status, payment_status=PaymentStatus.PAID)
    tx.emit(Event(ORDER_PAID, order.id, dict(rules.facts(paid))))


async def give_back(
    tx: Tx, order: Order, payment: Payment, amount_minor: int, reason: str, key: str | None = None
) -> Refund | None:
    """Books a refund that is then asked of the provider, by the caller after the commit or by the worker. None where
    so much is not left of the payment (any more), and for nothing at all. `key` is what its repetition finds it by."""
    if amount_minor <= 0 or not await payments.reserve_refund(tx, payment.id, amount_minor):
        return None
    refund = _refund(tx, payment, amount_minor, reason)
    await payments.insert_refund(tx, refund, tx.ctx.now + RETRY, key)
    await _count_money(tx, order, order.payment_status)
    return refund


def _refund(tx: Tx, payment: Payment, amount_minor: int, reason: str) -> Refund:
    return Refund(
        RefundId(ids.new()), payment.order_id, payment.id, amount_minor, reason, RefundStatus.PENDING, None, tx.ctx.now
    )


async def give_all_back(tx: Tx, order: Order, attempts: Sequence[Payment], reason: str) -> list[Refund]:
    """Books refunds of whatever is left of these payments."""
    booked = []
    for attempt in attempts:
        refund = await give_back(tx, order, attempt, attempt.captured_minor - attempt.refunded_minor, reason)
        if refund is not None:
            booked.append(refund)
    return booked


async def note_refunded(tx: Tx, payment: Payment, refunded: Money, *, asked: bool = False) -> None:
    """The provider says how much of a payment went back in all. What is not in our books was refunded on its own pages,
    and is booked now. What we have booked ourselves is always in them before the provider hears of it.

    Where a refund has failed meanwhile, a callback's total may still hold it: then the provider is asked, and only its
    answer (`asked`) counts."""
    order = await store.lock(tx, payment.order_id)
    current = await payments.get(tx, payment.id)
    if order is None or current is None or refunded.currency != current.currency:
        return
    elsewhere = min(refunded.minor, current.captured_minor) - current.refunded_minor
    if elsewhere > 0 and not asked:
        known = await payments.refunds_of_order(tx, order.id)
        if any(one.payment_id == payment.id and one.status is RefundStatus.FAILED and one.reference for one in known):
            await payments.postpone(tx, payment.id, tx.ctx.now)
            return
    booked = await give_back(tx, order, current, elsewhere, ELSEWHERE)
    if booked is None:
        return
    await finish_refund(tx, booked, RefundReceipt(True))
    await close_if_all_went_back(tx, order, booked.reason)


async def note_refund(tx: Tx, payment: Payment, news: RefundNews) -> None:
    """The provider's word on one refund, in whatever order it comes. One made on its own pages is counted by the total
    that its payment's news carry; here it only gets its name. Failed, it is kept as failed even where it was never
    counted, so that a late total does not count it."""
    order = await store.lock(tx, payment.order_id)
    if order is None or news.amount.currency != payment.currency:
        return
    said = news.receipt
    known = rules.refund_meant(
        await payments.refunds_of_order(tx, order.id), payment.id, news.refund_id, said.reference, news.amount.minor
    )
    if known is not None:
        await finish_refund(tx, known, said)
    elif not said.succeeded and not said.pending and news.refund_id is None and news.amount.minor > 0:
        never = _refund(tx, payment, news.amount.minor, ELSEWHERE)
        await payments.insert_refund(tx, never, None)
        await payments.fail_refund(tx, never.id, said.reference)


async def close_if_all_went_back(tx: Tx, order: Order, reason: str) -> None:
    """An order none of whose money is left is refunded, and stock it still holds returns."""
    captured, refunded = await payments.money_of_order(tx, order.id)
    target = rules.after_whole_refund(order)
    if captured and refunded >= captured and target is not None:
        await let_go(tx, order, reason, target)


async def _count_money(tx: Tx, order: Order, before: PaymentStatus) -> None:
    captured, refunded = await payments.money_of_order(tx, order.id)
    await store.set_payment(tx, order.id, rules.payment_status(order.total_minor, captured, refunded, before))


async def finish_refund(tx: Tx, refund: Refund, said: RefundReceipt) -> None:
    """The provider's word on a refund. A failed one, even one that had looked done, is taken back out of the payment's
    account, and a person is told: the money is still ours."""
    order = await store.lock(tx, refund.order_id)
    assert order is not None
    if said.pending:
        if said.reference is not None:
            await payments.name_refund(tx, refund.id, said.reference)
        return
    if said.succeeded:
        if await payments.finish_refund(tx, refund.id, said.reference) is not None:
            given = order.money(refund.amount_minor).text()
            more = {"refunded": given, "refund_id": str(refund.id)}
            tx.emit(Event(ORDER_REFUNDED, order.id, dict(rules.facts(order, **more))))
        elif said.reference is not None:
            await payments.name_refund(tx, refund.id, said.reference)
        return
    if await payments.fail_refund(tx, refund.id, said.reference) is None:
        return
    await payments.undo_refund(tx, refund.payment_id, refund.amount_minor)
    await _count_money(tx, order, PaymentStatus.UNPAID)
    await store.flag(tx, order.id, "A refund failed at the payment provider.")
    tx.emit(Event(PAYMENT_FLAGGED, order.id, dict(rules.facts(order, refund_failed=str(refund.id)))))


async def let_go(tx: Tx, order: Order, note: str, target: Status = Status.CANCELLED) -> None:
    """Cancels (or refunds) an order: stock, coupon and, if it was never paid, the cart come back. The order is locked
    by the caller. Open payments are closed by the caller after the commit, or by the worker."""
    if await store.move(tx, order.id, target, note) is None:
        return
    captured, refunded = await payments.money_of_order(tx, order.id)
    stands = rules.payment_status(order.total_minor, captured, refunded, order.payment_status)
    if rules.unpaid(order) and captured == 0:
        stands = PaymentStatus.FAILED
        await store.set_payment(tx, order.id, stands)
        await _reopen_cart(tx, order)
    if order.coupon_id is not None and order.stock_state is StockState.HELD:
        await coupons.give_back(tx, order.coupon_id, order.shopper)
    cancelled = msgspec.structs.replace(order, status=target, payment_status=stands)
    if target is Status.CANCELLED:
        tx.emit(Event(ORDER_CANCELLED, order.id, dict(rules.facts(cancelled, reason=note))))
    if await store.set_stock(tx, order.id, StockState.RELEASED):
        await inventory.release(tx, order.id, rules.quantities(order.lines))


async def _reopen_cart(tx: Tx, order: Order) -> None:
    if order.cart_id is None or order.payment_method != "card":
        return
    place = await carts.take_place(tx, order.cart_id)
    if place is not None:
        await carts.reopen(tx, order.cart_id, place)
