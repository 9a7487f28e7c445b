"""Paying for an order that stands already, with a payment method that the provider knows by its id: charged at once,
for exactly what is owed, once."""

from __future__ import annotations

from decimal import Decimal

from merx.core.checkout import service
from merx.core.checkout.model import Placed
from merx.core.orders import rules as order_rules
from merx.core.orders import store as orders
from merx.core.orders.model import Order, PaymentStatus
from merx.core.payments.model import Status as Attempt
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, MerxError, NotFound, Refused, Upstream
from merx.kernel.ids import OrderId
from merx.kernel.money import Currency, Money, parse_minor
from merx.runtime import Runtime


async def pay_order(
    rt: Runtime, ctx: Ctx, order_id: OrderId, payment_method: str, amount: Decimal, currency: str
) -> Placed:
    """Takes the payment, or nothing. A shopper pays their own orders; payments:write pays any.

    Raises Invalid where amount or currency is not what the order owes; Declined with the provider's reason; Refused for
    an order that is paid or closed, or that was let go while the provider was asked (what was taken then is given
    back); Conflict while another payment of it is under way; Upstream where the outcome is not known yet: the same
    payment sent again is the same attempt, and the worker finds out by itself."""
    ctx = ctx.repeatable()
    order = await _payable(rt, ctx, order_id)
    placed = await service.charge_owed(rt, ctx, order_id, payment_method, _owed(order, amount, currency))
    if placed.payment.status is Attempt.CREATED:
        raise Upstream(
            "The payment provider has not answered; send the same payment again to learn of its outcome.",
            code="payment_outcome_unknown",
            retry_after=5,
        )
    if placed.payment.status is Attempt.CANCELLED or _came_to_nothing(placed):
        raise _closed(placed.order)
    return placed


async def _payable(rt: Runtime, ctx: Ctx, order_id: OrderId) -> Order:
    shopper = ctx.actor is ActorKind.CUSTOMER and not ctx.may("payments:write")
    ctx.require("orders:own" if shopper else "payments:write")
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, order_id)
    if order is None or (shopper and order.customer_id != ctx.actor_id):
        raise NotFound("order", field="order_id")
    return order


def _owed(order: Order, amount: Decimal, currency: str) -> Money:
    """What the client says it pays, as money; whether it is what is owed is looked at with the order locked."""
    code = Currency(currency.upper())
    if code != order.currency:
        raise Invalid(f"This order is in {order.currency}.", field="currency", code="amount_mismatch")
    minor = parse_minor(amount, code)
    if minor is None:
        raise Invalid(f"This is not an amount in {code}.", field="amount", code="amount_mismatch")
    return Money(minor, code)


def _came_to_nothing(placed: Placed) -> bool:
    """The money came when the order had been let go or was paid otherwise: it is on its way back."""
    taken = placed.payment.status is Attempt.CAPTURED
    return taken and (order_rules.closed(placed.order) or placed.order.payment_status is not PaymentStatus.PAID)


def _closed(order: Order) -> MerxError:
    return Refused(
        f"This order is {order.status}; it can't be paid. Whatever was taken is given back.", code="order_closed"
    )
