"""What goes on without the shopper: providers' callbacks, payments nobody has answered for, holds that ran out.
One tenant a call; the worker calls them for tenants that have such work."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from merx.core.orders import steps
from merx.core.orders import store as orders
from merx.core.orders.model import Status
from merx.core.payments import store as payments
from merx.core.payments.model import OPEN, Payment
from merx.core.payments.model import Status as Attempt
from merx.core.tenants.accounts import account as provider_account
from merx.kernel.context import Ctx
from merx.kernel.errors import Upstream
from merx.ports import Outcome, Receipt
from merx.runtime import Runtime


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
        if payment is None or payment.provider != provider or notice.receipt is None:
            return False
        await steps.settle(tx, payment, notice.receipt)
        return True


async def resume_payments(rt: Runtime, ctx: Ctx) -> int:
    """Asks the provider about payments whose hour has come: begun but never answered, or open past their hold."""
    async with rt.db.begin(ctx) as tx:
        due = await payments.claim_due(tx, ctx.now, ctx.now + steps.RETRY)
    for payment in due:
        await _resume(rt, ctx, payment)
    return len(due)


async def _resume(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
    if payment.status not in OPEN:
        async with rt.db.begin(ctx) as tx:
            await payments.postpone(tx, payment.id, None)
        return
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, payment.order_id)
        charge = await payments.charge_of(tx, payment.id)
        account = await provider_account(rt, tx, payment.provider)
    if order is None:
        return
    provider = rt.payments[payment.provider]
    over = order.status is Status.CANCELLED or (order.hold_expires_at is not None and order.hold_expires_at <= ctx.now)
    try:
        receipt = await provider.find(account, payment.id, payment.reference)
        if receipt.outcome is Outcome.UNKNOWN and charge is not None and not over:
            receipt = await provider.charge(account, charge)
        elif over and receipt.outcome in (Outcome.PENDING, Outcome.AUTHORIZED):
            receipt = await provider.cancel(account, payment.id, payment.reference)
    except Upstream:
        return
    if over and receipt.outcome is Outcome.UNKNOWN:
        receipt = Receipt(Outcome.EXPIRED)
    async with rt.db.begin(ctx) as tx:
        moved = await steps.settle(tx, payment, receipt)
        if moved.status is Attempt.PENDING and moved.status is payment.status:
            await payments.postpone(tx, payment.id, order.hold_expires_at)


async def expire_holds(rt: Runtime, ctx: Ctx) -> int:
    """Lets go of unpaid orders whose hold on stock ran out. Their provider is asked first, so that an order that was
    paid a moment ago is not cancelled; where it can't be reached the order goes all the same, and money that turns up
    later is given back."""
    async with rt.db.begin(ctx) as tx:
        expired = await orders.expired(tx, ctx.now)
    for order_id in expired:
        async with rt.db.begin(ctx) as tx:
            attempts = await payments.of_order(tx, order_id)
        for attempt in attempts:
            if attempt.status in OPEN and attempt.provider != "manual":
                await _resume(rt, ctx, attempt)
        async with rt.db.begin(ctx) as tx:
            order = await orders.lock(tx, order_id)
            if order is None or order.hold_expires_at is None or order.status is not Status.PENDING:
                continue
            for attempt in await payments.of_order(tx, order_id):
                if attempt.status in OPEN:
                    await payments.postpone(tx, attempt.id, ctx.now + steps.RETRY)
            await steps.let_go(tx, msgspec.structs.replace(order), "It was not paid in time.")
    return len(expired)
