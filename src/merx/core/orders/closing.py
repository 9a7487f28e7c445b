"""Making an open payment impossible to pay: with no transaction open the provider is asked to close it, then what it
said is settled in one. If it was paid meanwhile, that is settled, and for an order that was let go the money goes back.
"""

from __future__ import annotations

from merx.core.orders import steps
from merx.core.payments.model import OPEN, Payment
from merx.core.payments.model import Status as Attempt
from merx.core.tenants.accounts import account as provider_account
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, Refused
from merx.ports import Outcome, Receipt
from merx.runtime import Runtime


async def close(rt: Runtime, ctx: Ctx, payment: Payment) -> Payment:
    """The payment as it stands afterwards. Raises Upstream where that is not known."""
    async with rt.db.begin(ctx) as tx:
        account = await provider_account(rt, tx, payment.provider)
    receipt = await rt.payments[payment.provider].cancel(account, payment.id, payment.reference)
    if receipt.outcome is Outcome.UNKNOWN:
        if payment.created_at is None or ctx.now - payment.created_at < steps.IN_FLIGHT:
            return payment  # perhaps the charge is only on its way
        receipt = Receipt(Outcome.EXPIRED)
    async with rt.db.begin(ctx) as tx:
        return await steps.settle(tx, payment, receipt)


async def make_way(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
    """Closes it so that its order can be paid another way. Raises Refused where it has been paid meanwhile, Conflict
    where it can't be closed at the moment, Upstream where the provider does not say."""
    closed = await close(rt, ctx, payment)
    if closed.status is Attempt.CAPTURED:
        raise Refused("This order has been paid just now, the first way.", code="already_paid")
    if closed.status in OPEN:
        raise Conflict(
            "Another payment of this order is under way; wait for its end.", code="payment_in_progress", retry_after=5
        )
