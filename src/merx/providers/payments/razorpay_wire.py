"""Between our words and Razorpay's: amounts, orders, payments, refunds, signatures. Pure; needs neither network nor
package."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from merx.kernel.errors import Invalid
from merx.kernel.ids import PaymentId, RefundId, parse_uuid
from merx.kernel.money import Currency, Money, exponent
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundNews, RefundReceipt, RefundRequest

SCRIPT = "https://checkout.razorpay.com/v1/checkout.js"
LEAST = {"INR": 100}
"""The smallest amounts that Razorpay takes; one minor unit elsewhere."""

_MAX_NOTE = 256


def refusal(money: Money) -> str | None:
    """Why Razorpay can't take this amount, or None where it can."""
    if exponent(money.currency) == 3 and money.minor % 10:  # card networks take three-decimal amounts in steps of ten
        return "amount_not_chargeable"
    return "amount_too_small" if money.minor < LEAST.get(money.currency, 1) else None


def receipt_of(payment_id: PaymentId) -> str:
    """By what an order is found again: Razorpay keeps up to 40 characters of ours with it."""
    return payment_id.hex


def order_params(charge: Charge) -> dict[str, Any]:
    """What makes an order whose payments are captured as they are authorised."""
    return {
        "amount": charge.amount.minor,
        "currency": charge.amount.currency,
        "receipt": receipt_of(charge.payment_id),
        "payment_capture": True,
        "notes": {
            "payment_id": str(charge.payment_id),
            "order_id": str(charge.order_id),
            "order_number": charge.order_number[:_MAX_NOTE],
        },
    }


def refund_params(request: RefundRequest) -> dict[str, Any]:
    notes = {"refund_id": str(request.refund_id), "payment_id": str(request.payment_id)}
    if request.reason:
        notes["reason"] = request.reason[:_MAX_NOTE]
    return {"amount": request.amount.minor, "receipt": request.refund_id.hex, "notes": notes}


def open_receipt(account: Account, order: Mapping[str, Any]) -> Receipt:
    """Waits for the shopper, with what a browser needs to open the payment window."""
    client = {
        "token": account.credentials.get("key_id", ""),
        "providerOrderId": str(order["id"]),
        "amount": order["amount"],
        "currency": order["currency"],
        "script": account.script or SCRIPT,
    }
    return Receipt(Outcome.PENDING, str(order["id"]), client=client)


def is_captured(payment: Mapping[str, Any]) -> bool:
    """One that was given back since was captured all the same; one that was never captured goes back by itself."""
    return bool(payment.get("captured")) and payment.get("status") in ("captured", "refunded")


def captured_of(payments: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((payment for payment in payments if is_captured(payment)), None)


def authorised_of(payments: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((payment for payment in payments if payment.get("status") == "authorized"), None)


def captured_receipt(reference: str, payment: Mapping[str, Any]) -> Receipt:
    refunded = _money(payment, "amount_refunded") if payment.get("amount_refunded") else None
    return Receipt(Outcome.CAPTURED, reference, captured=_money(payment, "amount"), refunded=refunded)


def refund_receipt(refund: Mapping[str, Any]) -> RefundReceipt:
    status = refund.get("status")
    reason = "refund_failed" if status == "failed" else None
    return RefundReceipt(status == "processed", status not in ("processed", "failed"), refund.get("id"), reason)


def _money(body: Mapping[str, Any], field: str) -> Money:
    amount, currency = body[field], body["currency"]
    if type(amount) is not int or not isinstance(currency, str):
        raise TypeError(f"{field} is not an amount")
    return Money(amount, Currency(currency.upper()))


# ── Signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def check_browser(account: Account, reference: str, fields: Mapping[str, str]) -> None:
    """Raises Invalid unless the fields say that a payment of the order `reference` was made, signed with our secret.
    What the browser calls the order decides nothing."""
    secret, payment = account.credentials.get("key_secret", ""), fields.get("razorpay_payment_id", "")
    if not _is_signed(secret, f"{reference}|{payment}".encode(), fields.get("razorpay_signature", "")):
        raise Invalid(
            "The payment's signature does not fit this order.", code="signature_wrong", field="razorpay_signature"
        )


def check_callback(account: Account, signature: str | None, body: bytes) -> None:
    """Raises Invalid unless the callback's body was signed with the account's webhook secret."""
    if not account.credentials.get("webhook_secret") or not signature:
        raise Invalid("The callback carries no usable X-Razorpay-Signature.", code="signature_missing")
    if not _is_signed(account.credentials["webhook_secret"], body, signature):
        raise Invalid("The callback's signature does not match its body.", code="signature_wrong")


def _is_signed(secret: str, body: bytes, signature: str) -> bool:
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
    return bool(secret) and hmac.compare_digest(expected, signature.encode())


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Holder(msgspec.Struct):
    entity: dict[str, Any]


class _Payload(msgspec.Struct):
    order: _Holder | None = None
    payment: _Holder | None = None
    refund: _Holder | None = None


class _Event(msgspec.Struct):
    event: str
    payload: _Payload


_EVENT = msgspec.json.Decoder(_Event)


def read_event(event_id: str | None, body: bytes) -> Notice:
    """What a verified callback says; raises Invalid where it is no event of Razorpay's. One without an id is known by
    its body."""
    ident = event_id or f"body:{hashlib.sha256(body).hexdigest()}"
    try:
        return _notice(ident[:255], _EVENT.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as wrong:
        raise Invalid("The callback is not an event of Razorpay's.", code="callback_malformed") from wrong


def _notice(ident: str, event: _Event) -> Notice:
    """A payment's own notes come from the browser, so they name nothing here; an order's and a refund's are ours."""
    order, payment, refund = (
        None if holder is None else holder.entity
        for holder in (event.payload.order, event.payload.payment, event.payload.refund)
    )
    if payment is None:
        return Notice(ident, event.event, None, None, None)
    reference, payment_id = str(payment["order_id"]), _ours(order, "payment_id")
    receipt: Receipt | None = None
    match event.event:
        case "order.paid" | "payment.captured":
            receipt = captured_receipt(reference, payment)
        case "payment.authorized":
            receipt = Receipt(Outcome.AUTHORIZED, reference)
        case "refund.created" | "refund.processed" | "refund.failed" if refund is not None:
            ours = _ours(refund, "refund_id")
            news = RefundNews(
                None if ours is None else RefundId(ours), _money(refund, "amount"), refund_receipt(refund)
            )
            # A failed one may still be in the total that the payment shows.
            told = event.event != "refund.failed" and isinstance(payment.get("amount_refunded"), int)
            total = _money(payment, "amount_refunded") if told else None
            seen = captured_receipt(reference, payment) if is_captured(payment) else None
            return Notice(ident, event.event, None, reference, seen, total, news)
        case _:  # payment.failed among them: the shopper may try again in the same window
            reference, payment_id = "", None
    return Notice(ident, event.event, payment_id and PaymentId(payment_id), reference or None, receipt)


def _ours(body: Mapping[str, Any] | None, name: str) -> Any:
    notes = (body or {}).get("notes") or {}
    return parse_uuid(str(notes.get(name, ""))) if isinstance(notes, Mapping) else None
