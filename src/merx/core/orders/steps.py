"""Steps that touch several tables inside somebody else's transaction: settling a payment, letting an order go.

Locks are always taken in this order: order, payment, cart, coupon, stock, order counter, catalogue version.
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
from merx.ports import Outcome, Receipt

RETRY = timedelta(seconds=10)
"""How long after a provider was asked, or should have been, the worker asks again."""

IN_FLIGHT = timedelta(minutes=2)
"""A charge may reach its provider so long after its payment was written. Until then, that the provider knows nothing of
it does not mean that it never will."""

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
        tx, payment.id, target, receipt, _countable(payment, taken), _check_after(order, payment, target, tx.ctx.now)
    )
    if moved is None:
        return await payments.get(tx, payment.id) or payment
    if taken is not None:
        await _money_arrived(tx, order, moved, taken)
    elif target is Attempt.AUTHORIZED and rules.unpaid(order) and not rules.closed(order):
        await store.set_payment(tx, order.id, PaymentStatus.AUTHORIZED, keep_hold=True)
    elif target is Attempt.CANCELLED and order.status is Status.PENDING and _was_its_only_chance(order, payment):
        await let_go(tx, order, "The payment was not made in time.")
    elif target is Attempt.CANCELLED and order.payment_status is PaymentStatus.AUTHORIZED:
        await store.set_payment(tx, order.id, PaymentStatus.UNPAID)
    return moved


def _countable(payment: Payment, taken: Money | None) -> int:
    """What the payment's own account holds. An amount of another currency is no amount of ours: it is flagged, and is
    never given back by us in units it was not taken in."""
    return taken.minor if taken is not None and taken.currency == payment.currency else 0


def _check_after(order: Order, payment: Payment, target: Attempt, now: datetime) -> datetime | None:
    """When to ask about a payment that may still be made: at once where nobody should pay it any more."""
    if target not in OPEN:
        return None
    if rules.closed(order) or not rules.unpaid(order):
        return now
    if target is Attempt.AUTHORIZED or payment.provider == "manual":
        return None
    return order.hold_expires_at or now + RETRY


def _was_its_only_chance(order: Order, payment: Payment) -> bool:
    """An order on delivery does not end with a payment page that was tried in between."""
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


async def give_back(tx: Tx, order: Order, payment: Payment, amount_minor: int, reason: str) -> Refund | None:
    """Books a refund that is then asked of the provider, by the caller after the commit or by the worker. None where
    so much is not left of the payment (any more), and for nothing at all."""
    if amount_minor <= 0 or not await payments.reserve_refund(tx, payment.id, amount_minor):
        return None
    refund = Refund(
        RefundId(ids.new()), order.id, payment.id, amount_minor, reason, RefundStatus.PENDING, None, tx.ctx.now
    )
    await payments.insert_refund(tx, refund, tx.ctx.now + RETRY)
    await _count_money(tx, order, order.payment_status)
    return refund


async def give_all_back(tx: Tx, order: Order, attempts: Sequence[Payment], reason: str) -> list[Refund]:
    """Books refunds of whatever is left of these payments."""
    booked = []
    for attempt in attempts:
        refund = await give_back(tx, order, attempt, attempt.captured_minor - attempt.refunded_minor, reason)
        if refund is not None:
            booked.append(refund)
    return booked


async def note_refunded(tx: Tx, payment: Payment, refunded: Money) -> None:
    """The provider says how much of a payment went back in all. What is not in our books was refunded on its own pages,
    and is booked now. What we have booked ourselves is always in them before the provider hears of it."""
    order = await store.lock(tx, payment.order_id)
    current = await payments.get(tx, payment.id)
    if order is None or current is None or refunded.currency != current.currency:
        return
    elsewhere = min(refunded.minor, current.captured_minor) - current.refunded_minor
    booked = await give_back(tx, order, current, elsewhere, "It was refunded at the payment provider.")
    if booked is None:
        return
    await finish_refund(tx, booked, True, None)
    await close_if_all_went_back(tx, order, booked.reason)


async def close_if_all_went_back(tx: Tx, order: Order, reason: str) -> None:
    """An order none of whose money is left is refunded, and stock it still holds returns."""
    captured, refunded = await payments.money_of_order(tx, order.id)
    target = rules.after_whole_refund(order)
    if captured and refunded >= captured and target is not None:
        await let_go(tx, order, reason, target)


async def _count_money(tx: Tx, order: Order, before: PaymentStatus) -> None:
    captured, refunded = await payments.money_of_order(tx, order.id)
    await store.set_payment(tx, order.id, rules.payment_status(order.total_minor, captured, refunded, before))


async def finish_refund(tx: Tx, refund: Refund, succeeded: bool, reference: str | None) -> None:
    """The provider's word on a refund; a failed one is taken back out of the payment's account."""
    order = await store.lock(tx, refund.order_id)
    assert order is not None
    status = RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED
    if await payments.finish_refund(tx, refund.id, status, reference) is None:
        return
    if succeeded:
        given = order.money(refund.amount_minor).text()
        tx.emit(Event(ORDER_REFUNDED, order.id, dict(rules.facts(order, refunded=given, refund_id=str(refund.id)))))
        return
    await payments.undo_refund(tx, refund.payment_id, refund.amount_minor)
    await _count_money(tx, order, PaymentStatus.UNPAID)
    await store.flag(tx, order.id, "A refund failed at the payment provider.")


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
