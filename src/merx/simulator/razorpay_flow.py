"""What happens to Razorpay's objects: paying, failing, capturing, refunding, and the events of each.

The API and the payment window both act through here, inside a transaction of their own.
"""

from __future__ import annotations

from merx.simulator import change as change_of
from merx.simulator import razorpay_objects as objects
from merx.simulator import store
from merx.simulator.razorpay_objects import Body, RazorpayError, shown

ORDER, PAYMENT, REFUND = "razorpay.order", "razorpay.payment", "razorpay.refund"
DECLINED = "Your payment could not be completed, because the bank declined it. Try another card."


class Change(change_of.Change):
    provider = "razorpay"

    def emit(self, kind: str, **payload: Body) -> None:
        named = {name: shown(body) for name, body in payload.items()}
        self.gather(objects.new_id("evt")[4:], kind, objects.event(kind, self.account, named, self.created))


async def make_order(change: Change, made: Body, captures: bool) -> None:
    made |= {"_captures": captures}
    await _put_order(change, made)


async def submit(change: Change, order: Body, *, declined: bool) -> Body:
    """The shopper presses Pay; `order` is locked and not paid."""
    captured = order["_captures"] and not change.control.authorize_only and not declined
    made = objects.payment(order, change.created, DECLINED if declined else None, captured)
    order |= {"status": "attempted", "attempts": order["attempts"] + 1}
    if declined:
        change.emit("payment.failed", payment=made)
        await _put_payment(change, made)
        await _put_order(change, order)
        return made
    change.emit("payment.authorized", payment=made | {"status": "authorized", "captured": False})
    if captured:
        await _paid(change, order, made)
    else:
        await _put_payment(change, made)
        await _put_order(change, order)
    return made


async def capture(change: Change, payment: Body, amount: int, currency: str) -> None:
    """`payment` is locked. Raises where it is not authorised, and for another amount."""
    if payment["status"] == "captured":
        raise RazorpayError("This payment has already been captured", reason="payment_already_captured")
    if payment["status"] != "authorized":
        raise RazorpayError("Only payments which have been authorized and not yet captured can be captured")
    if amount != payment["amount"] or currency != payment["currency"]:
        raise RazorpayError("Capture amount must be equal to the amount authorized", field="amount")
    order = await store.lock(change.tx, change.account, ORDER, payment["order_id"])
    assert order is not None
    if order["status"] == "paid":
        raise RazorpayError("Order is already paid", reason="order_already_paid")
    payment |= {"status": "captured", "captured": True}
    await _paid(change, order, payment)


async def _paid(change: Change, order: Body, payment: Body) -> None:
    payment |= {"fee": payment["amount"] * 2 // 100, "tax": 0}
    order |= {"status": "paid", "amount_paid": payment["amount"], "amount_due": 0}
    change.emit("payment.captured", payment=payment)
    change.emit("order.paid", payment=payment, order=order)
    await _put_payment(change, payment)
    await _put_order(change, order)


async def refund(change: Change, payment: Body, amount: int | None, receipt: str | None, notes: Body) -> Body:
    """`payment` is locked. Answers the refund as it is told; raises where the payment does not hold that much."""
    left = payment["amount"] - payment["amount_refunded"]
    if not payment["captured"]:
        raise RazorpayError("The payment status should be captured for action to be taken")
    if left <= 0:
        raise RazorpayError("The payment has been fully refunded already")
    amount = left if amount is None else amount
    if amount > left:
        raise RazorpayError(
            "The refund amount provided is greater than the amount captured or not yet refunded", field="amount"
        )
    made = objects.refund(payment, amount, receipt, notes, change.created)
    told = made if change.control.refunds == "done" else made | {"status": "pending", "speed_processed": None}
    _count(payment, amount)
    change.emit("refund.created", refund=told, payment=payment)
    if change.control.refunds == "fail":
        made |= {"status": "failed"}
        _count(payment, -amount)
    change.emit(
        "refund.failed" if change.control.refunds == "fail" else "refund.processed", refund=made, payment=payment
    )
    await _put_payment(change, payment)
    await store.put(change.tx, change.account, REFUND, _kept(made), parent=payment["id"])
    return told


def _count(payment: Body, amount: int) -> None:
    refunded = payment["amount_refunded"] + amount
    whole = refunded == payment["amount"]
    payment |= {
        "amount_refunded": refunded,
        "refund_status": "full" if whole else "partial" if refunded else None,
        "status": "refunded" if whole else "captured",
    }


async def _put_order(change: Change, order: Body) -> None:
    await store.put(change.tx, change.account, ORDER, _kept(order), parent=order["receipt"])


async def _put_payment(change: Change, payment: Body) -> None:
    await store.put(change.tx, change.account, PAYMENT, _kept(payment), parent=payment["order_id"])


def _kept(body: Body) -> Body:
    return body | {"created": body["created_at"]}
