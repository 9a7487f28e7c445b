"""What goes on without the shopper: providers' callbacks, payments nobody has answered for, holds that ran out.
One tenant a call; the worker calls them for tenants that have such work."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from merx.core.orders import rules, steps
from merx.core.orders import store as orders
from merx.core.orders.model import Order, Status
from merx.core.payments import store as payments
from merx.core.payments.model import OPEN, Payment
from merx.core.payments.model import Status as Attempt
from merx.core.tenants.accounts import account as provider_account
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, MerxError
from merx.kernel.ids import OrderId
from merx.ports import Outcome, Receipt
from merx.runtime import Runtime

log = logging.getLogger("merx.core.checkout")

CALLBACKS_KEPT = timedelta(days=90)
SWEPT_AT_ONCE = 1000


async def apply_callback(rt: Runtime, ctx: Ctx, provider: str, headers: Mapping[str, str], body: bytes) -> bool:
    """One verified callback, applied once however often it comes. False where it was none of our business or had been
    applied. Raises Invalid where the signature is wrong. The event and its effect are one transaction."""
    async with rt.db.begin(ctx) as tx:
        account = await provider_account(rt, tx, provider)
    notice = rt.payments[provider].verify(account, headers, body, ctx.now)
    async with rt.db.begin(ctx) as tx:
        if not await payments.record_event(tx, provider, notice.event_id, notice.kind):
            return False
        payment = await payments.get(tx, notice.payment_id) if notice.payment_id else None
        if payment is None and notice.reference:
            payment = await payments.by_reference(tx, provider, notice.reference)
        if payment is None or payment.provider != provider or (notice.receipt is None and notice.refund is None):
            return False
        if notice.receipt is not None:
            await steps.settle(tx, payment, notice.receipt)
        if notice.refund is not None:
            await steps.note_refund(tx, payment, notice.refund)
        if notice.refunded is not None:
            await steps.note_refunded(tx, payment, notice.refunded)
        return True


async def resume_payments(rt: Runtime, ctx: Ctx) -> int:
    """Asks the provider about payments whose hour has come: begun but never answered, or open past their hold."""
    async with rt.db.begin(ctx) as tx:
        due = await payments.claim_due(tx, ctx.now, steps.RETRY)
    for payment in due:
        await _resume(rt, ctx, payment)
    return len(due)


async def _resume(rt: Runtime, ctx: Ctx, payment: Payment) -> bool:
    """Whatever goes wrong with one payment is logged and holds up no other; it comes up again, more and more seldom.
    False where it was our own database that gave no answer: what the provider said may have been lost with it."""
    try:
        await _ask_about(rt, ctx, payment)
    except MerxError as wrong:
        log.warning("a payment is still open", extra={"payment": str(payment.id), "code": wrong.code})
        return not isinstance(wrong, Busy)
    except Exception:
        log.exception("a payment could not be checked", extra={"payment": str(payment.id)})
    return True


async def _ask_about(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
    if payment.status not in OPEN:
        await _look_again(rt, ctx, payment)
        return
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, payment.order_id)
        charge = await payments.charge_of(tx, payment.id)
        account = await provider_account(rt, tx, payment.provider)
    if order is None:
        return
    provider, over = rt.payments[payment.provider], _is_over(order, ctx.now)
    receipt = await provider.find(account, payment.id, payment.reference)
    if receipt.outcome is Outcome.UNKNOWN and charge is not None and not over:
        receipt = await provider.charge(account, charge.numbered(order.label))
    elif over and receipt.outcome in (Outcome.PENDING, Outcome.AUTHORIZED):
        receipt = await provider.cancel(account, payment.id, payment.reference)
    if payment.status is Attempt.AUTHORIZED and receipt.outcome is Outcome.PENDING:
        receipt = Receipt(Outcome.EXPIRED, lingers=True)  # what was authorised was given up and never captured
    if over and receipt.outcome is Outcome.UNKNOWN:
        if payment.created_at is not None and ctx.now - payment.created_at < steps.IN_FLIGHT:
            return
        receipt = Receipt(Outcome.EXPIRED)
    async with rt.db.begin(ctx) as tx:
        moved = await steps.settle(tx, payment, receipt)
        waits = moved.status is Attempt.PENDING and moved.status is payment.status and not over
        if waits and order.hold_expires_at is not None:
            await payments.postpone(tx, payment.id, order.hold_expires_at)


async def _look_again(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
    """One that is over, and of which the provider may know more: it was paid after all where it could not be closed, or
    some of it went back."""
    cancelled = payment.status is Attempt.CANCELLED
    async with rt.db.begin(ctx) as tx:
        account = await provider_account(rt, tx, payment.provider)
        if cancelled:  # however this one goes, there is an end to it
            await payments.postpone(tx, payment.id, rules.look_again(payment.created_at, ctx.now))
    receipt = await rt.payments[payment.provider].find(account, payment.id, payment.reference)
    async with rt.db.begin(ctx) as tx:
        over = await steps.settle(tx, payment, receipt) if receipt.outcome is Outcome.CAPTURED else payment
        if over.status is Attempt.CAPTURED and receipt.refunded is not None:
            await steps.note_refunded(tx, over, receipt.refunded, asked=True)
        if not cancelled or receipt.outcome is not Outcome.PENDING:
            await payments.postpone(tx, payment.id, None)


def _is_over(order: Order, now: datetime) -> bool:
    """Nobody should pay this any more: it was let go, it is paid already, or its hold on stock ran out."""
    ran_out = order.hold_expires_at is not None and order.hold_expires_at <= now
    return ran_out or rules.closed(order) or not rules.unpaid(order)


async def expire_holds(rt: Runtime, ctx: Ctx) -> int:
    """Lets go of unpaid orders whose hold on stock ran out; how many. Their provider is asked first, so that an order
    that was paid a moment ago is not cancelled; where it can't be reached the order goes all the same, and money that
    turns up later is given back."""
    async with rt.db.begin(ctx) as tx:
        expired = await orders.expired(tx, ctx.now)
    done = 0
    for order_id in expired:
        try:
            async with rt.db.begin(ctx) as tx:
                attempts = await payments.of_order(tx, order_id)
            running = [one for one in attempts if one.status in OPEN and one.provider != "manual"]
            if all([await _resume(rt, ctx, one) for one in running]):
                done += await _expire(rt, ctx, order_id)
        except MerxError as wrong:
            log.warning("an order's hold ran out and stays", extra={"order": str(order_id), "code": wrong.code})
        except Exception:
            log.exception("an order's hold could not be ended", extra={"order": str(order_id)})
    return done


async def _expire(rt: Runtime, ctx: Ctx, order_id: OrderId) -> bool:
    """True where the order is let go, now or by what its provider has just said."""
    async with rt.db.begin(ctx) as tx:
        order = await orders.lock(tx, order_id)
        if order is None or order.status is not Status.PENDING:
            return order is not None and order.status is Status.CANCELLED
        if order.hold_expires_at is None or order.hold_expires_at > ctx.now:
            return False
        attempts = await payments.of_order(tx, order_id)
        for attempt in attempts:
            if attempt.status in OPEN:
                await payments.postpone(tx, attempt.id, ctx.now + steps.RETRY)
        await steps.give_all_back(tx, order, attempts, "It was not paid in time.")
        await steps.let_go(tx, order, "It was not paid in time.")
        return True


async def forget_callbacks(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: which callbacks came so long ago that no provider sends them again; a handful at a time. What one of
    them would say once more changes nothing, by the state that its payment is in."""
    async with rt.db.begin(ctx) as tx:
        return await payments.forget_events(tx, ctx.now - CALLBACKS_KEPT, SWEPT_AT_ONCE)
