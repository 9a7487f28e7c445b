"""Steps that touch several tables inside somebody else's transaction: settling a payment, letting an order go.

Locks are always taken in this order: order, payment, coupon, cart, stock, order counter, catalogue version.
"""

from __future__ import annotations

from datetime import timedelta

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
from merx.ports import Outcome, Receipt

RETRY = timedelta(seconds=20)
"""How long after a provider was asked, or should have been, the worker asks again."""

_AFTER = {
    Outcome.PENDING: Attempt.PENDING,
    Outcome.AUTHORIZED: Attempt.AUTHORIZED,
    Outcome.CAPTURED: Attempt.CAPTURED,
    Outcome.DECLINED: Attempt.DECLINED,
    Outcome.EXPIRED: Attempt.CANCELLED,
}


async def settle(tx: Tx, payment: Payment, receipt: Receipt) -> Payment:
    """Applies what the provider said about a payment, once: the same news again changes nothing.

    The order is locked here. Money for an order that was let go is given back; money of the wrong amount is kept,
    flagged, and does not make the order paid.
    """
    order = await store.lock(tx, payment.order_id)
    target = _AFTER.get(receipt.outcome)
    if order is None or target is None:
        return payment
    captured = payment.captured_minor
    if target is Attempt.CAPTURED:
        captured = receipt.captured.minor if receipt.captured is not None else payment.amount_minor
    check_at = order.hold_expires_at if target is Attempt.PENDING else None
    moved = await payments.move(tx, payment.id, target, receipt, captured, check_at)
    if moved is None:
        return payment
    if target is Attempt.CAPTURED:
        await _money_arrived(tx, order, moved, receipt)
    elif target is Attempt.AUTHORIZED:
        await store.set_payment(tx, order.id, PaymentStatus.AUTHORIZED, keep_hold=True)
    elif target is Attempt.CANCELLED and order.status is Status.PENDING and payment.status in OPEN:
        await let_go(tx, order, "The payment was not made in time.")
    return moved


async def _money_arrived(tx: Tx, order: Order, payment: Payment, receipt: Receipt) -> None:
    taken = receipt.captured
    if taken is not None and taken != payment.amount:
        await store.flag(tx, order.id, f"Asked for {payment.amount.text()}, got {taken.text()} {taken.currency}.")
        tx.emit(Event(PAYMENT_FLAGGED, order.id, dict(rules.facts(order, received=taken.text()))))
        return
    if order.status in (Status.CANCELLED, Status.REFUNDED):
        await give_back(tx, order, payment, payment.captured_minor, "It was paid after the order was cancelled.")
        return
    await store.set_payment(tx, order.id, PaymentStatus.PAID, keep_hold=True)
    status = order.status
    if order.status is Status.PENDING:
        await store.move(tx, order.id, Status.CONFIRMED, "paid")
        status = Status.CONFIRMED
    paid = msgspec.structs.replace(order, status=status, payment_status=PaymentStatus.PAID)
    tx.emit(Event(ORDER_PAID, order.id, dict(rules.facts(paid))))


async def give_back(tx: Tx, order: Order, payment: Payment, amount_minor: int, reason: str) -> Refund | None:
    """Books a refund that is then asked of the provider, by the caller after the commit or by the worker. None where
    so much is not left of the payment (any more)."""
    after = await payments.reserve_refund(tx, payment.id, amount_minor)
    if after is None:
        return None
    refund = Refund(
        RefundId(ids.new()), order.id, payment.id, amount_minor, reason, RefundStatus.PENDING, None, tx.ctx.now
    )
    await payments.insert_refund(tx, refund, tx.ctx.now + RETRY)
    refunded, captured = after
    status = rules.payment_status(order.total_minor, captured, refunded, order.payment_status)
    await store.set_payment(tx, order.id, status)
    return refund


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
    refunded, captured = await payments.undo_refund(tx, refund.payment_id, refund.amount_minor)
    before = PaymentStatus.PAID if captured else order.payment_status
    await store.set_payment(tx, order.id, rules.payment_status(order.total_minor, captured, refunded, before))
    await store.flag(tx, order.id, "A refund failed at the payment provider.")


async def let_go(tx: Tx, order: Order, note: str, target: Status = Status.CANCELLED) -> None:
    """Cancels (or refunds) an order: stock, coupon and, if it was never paid, the cart come back. The order is locked
    by the caller. Open payments are closed by the caller after the commit, or by the worker."""
    if await store.move(tx, order.id, target, note) is None:
        return
    unpaid = order.payment_status in (PaymentStatus.UNPAID, PaymentStatus.AUTHORIZED, PaymentStatus.FAILED)
    if unpaid:
        await store.set_payment(tx, order.id, PaymentStatus.FAILED)
    if order.coupon_id is not None and order.stock_state is StockState.HELD:
        await coupons.give_back(tx, order.coupon_id, order.shopper)
    if unpaid and order.cart_id is not None and order.payment_method == "card":
        await carts.reopen(tx, order.id)
    cancelled = msgspec.structs.replace(order, status=target)
    if target is Status.CANCELLED:
        tx.emit(Event(ORDER_CANCELLED, order.id, dict(rules.facts(cancelled, reason=note))))
    if await store.set_stock(tx, order.id, StockState.RELEASED):
        await inventory.release(tx, order.id, rules.quantities(order.lines))
