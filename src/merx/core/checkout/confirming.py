"""The browser's word that a payment was made in a provider's payment window. Its signature is checked against the
provider's order that we have stored, never against one that the browser names; then the provider itself is asked, and
its answer is what counts. The provider's callback says the same, before or after: whoever comes second changes
nothing."""

from __future__ import annotations

from collections.abc import Mapping

from merx.core.checkout.model import Placed
from merx.core.orders import steps
from merx.core.orders import store as orders
from merx.core.orders.model import Order
from merx.core.payments import store as payments
from merx.core.payments.model import Payment
from merx.core.payments.model import Status as Attempt
from merx.core.tenants.accounts import account as provider_account
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound, Refused, Upstream
from merx.kernel.ids import OrderId
from merx.ports import Account, Outcome
from merx.runtime import Runtime


async def confirm_payment(rt: Runtime, ctx: Ctx, order_id: OrderId, fields: Mapping[str, str]) -> Placed:
    """The order and its payment as they stand now. `fields` are the browser's, under the provider's own names
    (Razorpay: razorpay_order_id, razorpay_payment_id, razorpay_signature). May be repeated.

    Raises NotFound for an unknown order and for another shopper's, Refused where it has no payment of that kind,
    Invalid (`signature_wrong`) where the provider did not sign this. Where the provider can't be asked at the moment,
    the payment stays what it is and the worker asks."""
    ctx.require("checkout:write")
    ctx = ctx.repeatable()
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, order_id)
        if order is None or (ctx.actor is ActorKind.CUSTOMER and order.customer_id != ctx.actor_id):
            raise NotFound("order")
        attempts = [one for one in await payments.of_order(tx, order_id) if one.provider != "manual" and one.reference]
        if not attempts:
            raise Refused("This order has no payment that a browser could confirm.", code="nothing_to_confirm")
        accounts = {one.provider: await provider_account(rt, tx, one.provider) for one in attempts}
    payment = _signed_for(rt, attempts, accounts, fields)
    if payment.status is not Attempt.CAPTURED:
        payment = await _asked(rt, ctx, payment, accounts[payment.provider])
    async with rt.db.begin(ctx) as tx:
        after: Order | None = await orders.get(tx, order_id)
    assert after is not None
    return Placed(after, payment)


def _signed_for(
    rt: Runtime, attempts: list[Payment], accounts: Mapping[str, Account], fields: Mapping[str, str]
) -> Payment:
    """The attempt whose stored reference the provider's signature is about."""
    wrong: Invalid | Refused | None = None
    for attempt in attempts:
        assert attempt.reference is not None
        try:
            rt.payments[attempt.provider].confirm(accounts[attempt.provider], attempt.reference, fields)
        except (Invalid, Refused) as refused:
            if wrong is None or isinstance(refused, Invalid):
                wrong = refused
            continue
        return attempt
    assert wrong is not None
    raise wrong


async def _asked(rt: Runtime, ctx: Ctx, payment: Payment, account: Account) -> Payment:
    try:
        receipt = await rt.payments[payment.provider].find(account, payment.id, payment.reference)
    except Upstream:
        async with rt.db.begin(ctx) as tx:
            await payments.postpone(tx, payment.id, ctx.now)
        return payment
    if receipt.outcome is Outcome.PENDING:  # the provider has not made up its mind yet
        return payment
    async with rt.db.begin(ctx) as tx:
        return await steps.settle(tx, payment, receipt)
