"""What Stripe's stand-in must know of card payments that the demo says were made before it started, so that a merchant
can refund them like any other. Nobody is called back about them."""

from __future__ import annotations

from datetime import datetime

from merx.db.database import Tx
from merx.kernel.money import Money
from merx.ports import Charge, RefundRequest
from merx.providers.payments import stripe_wire as wire
from merx.simulator import store, stripe_flow
from merx.simulator import stripe_objects as objects
from merx.simulator.control import Control
from merx.simulator.stripe_flow import CHARGE, INTENT, Change

_CARD = objects.CARDS["pm_card_visa"]


async def paid(tx: Tx, charge: Charge) -> str:
    """The reference of a payment that was taken."""
    change = _change(tx)
    metadata = {"payment_id": str(charge.payment_id), "order_id": str(charge.order_id)}
    intent = objects.intent(
        _amount(charge.amount),
        charge.amount.currency.lower(),
        change.created,
        metadata=metadata,
        description=f"Order {charge.order_number}",
    )
    await stripe_flow.charge(change, intent, objects.new_id("pm"), _CARD)
    return str(intent["id"])


async def refunded(tx: Tx, request: RefundRequest) -> str:
    """The reference of a refund of a payment that `paid` has made."""
    change = _change(tx)
    intent = await store.get(change.tx, change.account, INTENT, request.reference)
    assert intent is not None
    of = await store.get(change.tx, change.account, CHARGE, intent["latest_charge"])
    assert of is not None
    metadata = wire.refund_metadata(request.refund_id, request.payment_id, request.reason)
    made = await stripe_flow.refund(change, of, _amount(request.amount), "requested_by_customer", dict(metadata))
    return str(made["id"])


def _change(tx: Tx) -> Change:
    """Never closed: its events are not sent."""
    now: datetime = tx.ctx.now
    return Change(tx.platform, str(tx.ctx.tenant), Control(), now)


def _amount(money: Money) -> int:
    amount = wire.to_stripe(money)
    assert amount is not None
    return amount
