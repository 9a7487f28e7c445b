"""Between our words and Stripe's: amounts, parameters, objects, signatures. Pure; needs neither network nor package."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from merx.kernel.errors import Invalid
from merx.kernel.ids import PaymentId, RefundId, made_at, parse_uuid
from merx.kernel.money import Currency, Money, exponent
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundNews, RefundReceipt

TOLERANCE = timedelta(seconds=300)
MAX_LINES = 99  # Stripe takes 100; one is kept for what the lines do not cover

# Stripe asks for a page to live 30 minutes to 24 hours from the moment its request arrives. Times are counted from the
# payment's own making, so that a repeated request is the same request; the margins are for requests that come late.
SHORTEST, LONGEST = timedelta(minutes=35), timedelta(hours=23, minutes=55)

# Where Stripe's minor unit is not the ISO 4217 one: ariary is charged whole; krónur and Uganda shillings, whole as they
# are, are written with two decimals that must be zero.
_STRIPE_EXPONENTS = {"MGA": 0, "ISK": 2, "UGX": 2}
NOT_AUTHENTICATED = "abandoned"
"""Why we cancel an intent that waits for a shopper who is not there: one of the four reasons Stripe takes."""

_EMAIL = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_BLAND = {
    "generic_decline",
    "do_not_honor",
    "fraudulent",
    "lost_card",
    "stolen_card",
    "pickup_card",
    "merchant_blacklist",
}
"""Declines whose cause is not the shopper's to know; they all read as a plain 'card_declined'."""


def to_stripe(money: Money) -> int | None:
    """Stripe's integer for this amount, or None where Stripe can't charge it to the last unit."""
    ours = exponent(money.currency)
    theirs = _STRIPE_EXPONENTS.get(money.currency, ours)
    amount, lost = money.minor, 0
    if theirs >= ours:
        amount *= int(10 ** (theirs - ours))
    else:
        amount, lost = divmod(amount, int(10 ** (ours - theirs)))
    if lost or (theirs == 3 and amount % 10):  # card networks take three-decimal amounts in steps of ten
        return None
    return amount


def from_stripe(amount: int, currency: str) -> Money:
    code = Currency(currency.upper())
    ours = exponent(code)
    theirs = _STRIPE_EXPONENTS.get(code, ours)
    minor = amount * 10 ** (ours - theirs) if ours >= theirs else amount // 10 ** (theirs - ours)
    return Money(minor, code)


def line_items(charge: Charge, amount: int) -> list[dict[str, Any]]:
    """Lines that sum to exactly `amount`: the charge's own, then what they leave over; one line for the whole order
    where that can't be done (a discount outside the lines, too many lines, an amount Stripe can't split)."""
    currency = charge.amount.currency.lower()
    whole = [_item(f"Order {charge.order_number}", currency, amount, 1)]
    if not charge.lines or len(charge.lines) > MAX_LINES:
        return whole
    items, rest = [], amount
    for line in charge.lines:
        total = to_stripe(line.total)
        if total is None or total < 0 or line.quantity < 1 or line.total.currency != charge.amount.currency:
            return whole
        rest -= total
        if total % line.quantity == 0:
            items.append(_item(line.name, currency, total // line.quantity, line.quantity))
        else:
            items.append(_item(f"{line.quantity} x {line.name}", currency, total, 1))
    if rest < 0:
        return whole
    return [*items, _item("Shipping and tax", currency, rest, 1)] if rest else items


def _item(name: str, currency: str, unit: int, quantity: int) -> dict[str, Any]:
    product = {"name": name.strip()[:250] or "Item"}
    return {"quantity": quantity, "price_data": {"currency": currency, "unit_amount": unit, "product_data": product}}


def session_params(charge: Charge, amount: int) -> dict[str, Any]:
    """What opens a payment page. The same charge always gives the same parameters: Stripe refuses a repeated
    idempotency key with others."""
    metadata = {"payment_id": str(charge.payment_id), "order_id": str(charge.order_id)}
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": str(charge.order_id),
        "line_items": line_items(charge, amount),
        "metadata": metadata,
        "payment_intent_data": {
            "metadata": metadata | {"via": "page"},
            "description": f"Order {charge.order_number}",
        },
        "success_url": charge.success_url,
    }
    if charge.cancel_url:
        params["cancel_url"] = charge.cancel_url
    if charge.email and _EMAIL.fullmatch(charge.email):
        params["customer_email"] = charge.email
    if charge.expires_at is not None:
        params["expires_at"] = int(_page_end(charge.payment_id, charge.expires_at).timestamp())
    return params


def _page_end(payment_id: PaymentId, wanted: datetime) -> datetime:
    made = made_at(payment_id)
    return wanted if made is None else min(max(wanted, made + SHORTEST), made + LONGEST)


def intent_params(charge: Charge, amount: int) -> dict[str, Any]:
    """What charges a payment method at once, without sending the shopper anywhere."""
    return {
        "amount": amount,
        "currency": charge.amount.currency.lower(),
        "payment_method": charge.token,
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "description": f"Order {charge.order_number}",
        "metadata": {"payment_id": str(charge.payment_id), "order_id": str(charge.order_id), "via": "token"},
    }


def decline_reason(error: Mapping[str, Any] | None) -> str:
    """The most telling code of a card error that may be shown to a shopper."""
    error = error or {}
    code = error.get("decline_code") or error.get("code") or "card_declined"
    return "card_declined" if code in _BLAND else str(code)


def session_receipt(session: Mapping[str, Any]) -> Receipt:
    status, paid, reference = session.get("status"), session.get("payment_status"), str(session["id"])
    if paid in ("paid", "no_payment_required"):
        taken = _money(session, "amount_total")
        return Receipt(Outcome.CAPTURED, reference, captured=taken, refunded=_refunded(session.get("payment_intent")))
    if status == "expired":
        return Receipt(Outcome.EXPIRED, reference)
    intent = session.get("payment_intent")
    if (
        status == "complete"
        and isinstance(intent, Mapping)
        and intent["status"] in ("requires_payment_method", "canceled")
    ):
        return Receipt(Outcome.DECLINED, reference, reason=decline_reason(intent.get("last_payment_error")))
    return Receipt(Outcome.PENDING, reference, url=session.get("url"))


def intent_receipt(intent: Mapping[str, Any]) -> Receipt:
    """For an intent made from a token; one behind a payment page may still be retried there, so only its end counts."""
    status, reference = intent["status"], str(intent["id"])
    on_page = (intent.get("metadata") or {}).get("via") == "page"
    if status == "succeeded":
        return Receipt(
            Outcome.CAPTURED, reference, captured=_money(intent, "amount_received"), refunded=_refunded(intent)
        )
    if status == "requires_capture":
        return Receipt(Outcome.AUTHORIZED, reference, captured=None)
    if status == "canceled":
        if intent.get("cancellation_reason") == NOT_AUTHENTICATED and not on_page:
            return Receipt(Outcome.DECLINED, reference, reason="authentication_required")
        return Receipt(Outcome.EXPIRED, reference)
    if status == "processing" or on_page:
        return Receipt(Outcome.PENDING, reference)
    if status == "requires_action":
        return Receipt(Outcome.DECLINED, reference, reason="authentication_required")
    return Receipt(Outcome.DECLINED, reference, reason=decline_reason(intent.get("last_payment_error")))


def _refunded(intent: Any) -> Money | None:
    """What went back of it, where the intent and its charge came along."""
    charge = intent.get("latest_charge") if isinstance(intent, Mapping) else None
    return _money(charge, "amount_refunded") if isinstance(charge, Mapping) and charge["amount_refunded"] else None


def refund_receipt(refund: Mapping[str, Any]) -> RefundReceipt:
    status = refund.get("status")
    return RefundReceipt(
        succeeded=status == "succeeded",
        pending=status in ("pending", "requires_action"),
        reference=refund.get("id"),
        reason=refund.get("failure_reason") or (str(status) if status in ("failed", "canceled") else None),
    )


def _money(body: Mapping[str, Any], field: str) -> Money | None:
    amount, currency = body.get(field), body.get("currency")
    if amount is None or currency is None:
        return None
    if type(amount) is not int:
        raise TypeError(f"{field} is not an integer")
    return from_stripe(amount, currency)


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_signature(account: Account, header: str | None, body: bytes, now: datetime) -> None:
    """Raises Invalid unless one of the header's v1 signatures is ours for this very body, made within TOLERANCE."""
    secret = account.credentials.get("webhook_secret", "")
    times, signatures = [], []
    for part in (header or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1":
            signatures.append(value.encode())
    if not secret or len(times) != 1 or not re.fullmatch(r"\d{1,12}", times[0], re.ASCII) or not signatures:
        raise Invalid("The callback carries no usable Stripe-Signature.", code="signature_missing")
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise Invalid("The callback's signature does not match its body.", code="signature_wrong")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        raise Invalid("The callback was signed more than 300 seconds away from now.", code="signature_stale")


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


_EVENT = msgspec.json.Decoder(_Event)


def read_event(body: bytes) -> Notice:
    """What a verified callback says; raises Invalid where it is no event of Stripe's."""
    try:
        event = _EVENT.decode(body)
        return _notice(event, event.data.object)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as wrong:
        raise Invalid("The callback is not an event of Stripe's.", code="callback_malformed") from wrong


def _notice(event: _Event, body: dict[str, Any]) -> Notice:
    metadata = body.get("metadata") or {}
    payment = parse_uuid(str(metadata.get("payment_id", "")))
    payment_id = None if payment is None else PaymentId(payment)
    receipt, refunded, reference, refund = None, None, body.get("id"), None
    match event.type:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            receipt = session_receipt(body)
        case "checkout.session.async_payment_failed":
            receipt = Receipt(Outcome.DECLINED, body["id"], reason="card_declined")
        case "checkout.session.expired":
            receipt = Receipt(Outcome.EXPIRED, body["id"])
        case "payment_intent.succeeded" | "payment_intent.canceled" | "payment_intent.amount_capturable_updated":
            receipt = intent_receipt(body)
        case "payment_intent.payment_failed":
            seen = intent_receipt(body)  # on a payment page the shopper may try again: no news
            receipt = None if seen.outcome is Outcome.PENDING else seen
        case "charge.refunded":
            reference = body.get("payment_intent")
            receipt = Receipt(Outcome.CAPTURED, reference, captured=_money(body, "amount_captured"))
            refunded = _money(body, "amount_refunded")
        case "refund.created" | "refund.updated" | "refund.failed":
            reference = body.get("payment_intent")  # one refund of perhaps several: the charge's event has the total
            refund = _refund_news(body)
        case _:
            payment_id = reference = None
    return Notice(event.id, event.type, payment_id, reference, receipt, refunded, refund)


def _refund_news(body: Mapping[str, Any]) -> RefundNews | None:
    amount, ours = _money(body, "amount"), parse_uuid(str((body.get("metadata") or {}).get("refund_id", "")))
    return (
        None if amount is None else RefundNews(None if ours is None else RefundId(ours), amount, refund_receipt(body))
    )


def refund_metadata(refund_id: RefundId, payment_id: PaymentId, reason: str) -> dict[str, str]:
    told = {"reason": reason[:500]} if reason else {}
    return {"refund_id": str(refund_id), "payment_id": str(payment_id)} | told
