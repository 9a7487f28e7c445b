"""What happens to Stripe's objects: charging, declining, completing, expiring, refunding, and the events of each.

The API and the payment page both act through here, inside a transaction of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime

from merx.simulator import change as change_of
from merx.simulator import store
from merx.simulator import stripe_objects as objects
from merx.simulator.stripe_objects import Body, Card, StripeError

SESSION, INTENT, CHARGE, REFUND = "checkout.session", "payment_intent", "charge", "refund"


class Change(change_of.Change):
    provider = "stripe"

    def emit(self, kind: str, body: Body) -> None:
        event = objects.event(kind, body, self.now, self.key)
        self.gather(event["id"], kind, event)


async def charge(change: Change, intent: Body, method: str, card: Card) -> Body | None:
    """One attempt on an intent; answers the card error where there was one. The intent is changed and stored."""
    intent |= {"payment_method": method, "next_action": None, "last_payment_error": None}
    if card.code == objects.AUTHENTICATE:
        intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}}
        await store.put(change.tx, change.account, INTENT, intent)
        return None
    made = objects.charge(intent, method, card, change.created)
    intent["latest_charge"] = made["id"]
    error = None
    if card.code is None:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        change.emit("payment_intent.succeeded", intent)
    else:
        error = objects.card_error(card, made["id"], intent)
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
        change.emit("payment_intent.payment_failed", intent)
    await store.put(change.tx, change.account, INTENT, intent)
    await store.put(change.tx, change.account, CHARGE, made, parent=intent["id"])
    return error


async def submit(change: Change, session: Body, card: Card) -> Body | None:
    """The shopper presses Pay on an open page; answers the card error where there was one."""
    error = None
    if session["amount_total"]:
        intent = None
        if session["payment_intent"] is not None:
            intent = await store.lock(change.tx, change.account, INTENT, session["payment_intent"])
        if intent is None:
            asked = session.get("_intent") or {}
            intent = objects.intent(
                session["amount_total"],
                session["currency"],
                change.created,
                metadata=asked.get("metadata") or {},
                description=asked.get("description"),
            )
            session["payment_intent"] = intent["id"]
        error = await charge(change, intent, objects.new_id("pm"), card)
    ends: datetime | None = None
    if error is None:
        session |= {"status": "complete", "url": None}
        session["payment_status"] = "paid" if session["amount_total"] else "no_payment_required"
        session["customer_details"] = {"email": session["customer_email"]}
        change.emit("checkout.session.completed", shown(session))
    else:
        ends = datetime.fromtimestamp(session["expires_at"], UTC)
    await store.put(change.tx, change.account, SESSION, session, parent=session["payment_intent"], expires_at=ends)
    return error


async def expire(change: Change, session: Body) -> None:
    session |= {"status": "expired", "url": None}
    if session["payment_intent"] is not None:
        intent = await store.lock(change.tx, change.account, INTENT, session["payment_intent"])
        if intent is not None and intent["status"] not in ("succeeded", "canceled"):
            await cancel(change, intent, "expired")
    change.emit("checkout.session.expired", shown(session))
    await store.put(change.tx, change.account, SESSION, session, parent=session["payment_intent"])


async def locked_session(change: Change, ident: str) -> Body | None:
    """The session as it stands at this moment: one past its time has expired, whether a sweep saw it or not."""
    session = await store.lock(change.tx, change.account, SESSION, ident)
    if session is not None and is_overdue(session, change.now):
        await expire(change, session)
    return session


def is_overdue(session: Body, now: datetime) -> bool:
    return bool(session["status"] == "open" and session["expires_at"] <= now.timestamp())


async def cancel(change: Change, intent: Body, reason: str | None) -> None:
    intent |= {"status": "canceled", "canceled_at": change.created, "cancellation_reason": reason, "next_action": None}
    await store.put(change.tx, change.account, INTENT, intent)
    change.emit("payment_intent.canceled", intent)


async def refund(change: Change, of: Body, amount: int | None, reason: str | None, metadata: Body) -> Body:
    """`of` is a charge, locked. Raises where the charge does not hold that much any more."""
    left = of["amount_captured"] - of["amount_refunded"]
    if left <= 0:
        raise StripeError(f"Charge {of['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount > left:
        asked, there = (objects.display(number, of["currency"]) for number in (amount, left))
        raise StripeError(
            f"Refund amount ({asked}) is greater than unrefunded amount on charge ({there})", param="amount"
        )
    made = objects.refund(of, amount, change.created, reason, metadata)
    told = made if change.control.refunds == "done" else made | {"status": "pending"}
    of["amount_refunded"] += amount
    of["refunded"] = of["amount_refunded"] == of["amount_captured"]
    change.emit("refund.created", told)
    change.emit("charge.refunded", of)
    if change.control.refunds == "fail":
        made |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        of |= {"amount_refunded": of["amount_refunded"] - amount, "refunded": False}
    change.emit("refund.failed" if change.control.refunds == "fail" else "refund.updated", made)
    await store.put(change.tx, change.account, CHARGE, of, parent=of["payment_intent"])
    await store.put(change.tx, change.account, REFUND, made, parent=of["payment_intent"])
    return told


def shown(body: Body) -> Body:
    """Without what only the simulator keeps with it."""
    return {name: value for name, value in body.items() if not name.startswith("_")}
