"""What Stripe's objects look like, which test cards do what, and what its errors say. Pure."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

API_VERSION = "2026-10-28.endive"
Body = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits
WHOLE_ONLY = set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
HUNDREDS_ONLY = {"isk", "ugx"}  # written with two decimals, which must be zero
TENS_ONLY = set("bhd jod kwd omr tnd".split())  # written with three decimals, the last of them zero
_DIGITS = {"idr": 12, "cop": 10, "huf": 10, "inr": 9}  # of the largest amount; eight elsewhere


class StripeError(Exception):
    """A refusal before anything was done: not kept under an idempotency key."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body: Body = {"error": {"type": "invalid_request_error", "message": message}}
        if code is not None:
            self.body["error"] |= {
                "code": code,
                "doc_url": f"https://docs.stripe.com/error-codes#{code.replace('_', '-')}",
            }
        if param is not None:
            self.body["error"]["param"] = param


class Card(msgspec.Struct, frozen=True):
    """What happens to a charge: `code` None is success, 'authentication_required' asks the shopper to step in."""

    code: str | None = None
    decline_code: str | None = None
    message: str = ""
    brand: str = "visa"
    last4: str = "4242"


AUTHENTICATE = "authentication_required"
_DECLINED = "Your card was declined."
NEEDS_SHOPPER = Card("card_declined", "authentication_required", "The card asks for the shopper's authentication.")
GENERIC_DECLINE = Card("card_declined", "generic_decline", _DECLINED, last4="0002")
_DECLINES = {
    "chargeDeclined": GENERIC_DECLINE,
    "chargeDeclinedInsufficientFunds": Card(
        "card_declined", "insufficient_funds", "Your card has insufficient funds.", last4="9995"
    ),
    "chargeDeclinedLostCard": Card("card_declined", "lost_card", _DECLINED, last4="9987"),
    "chargeDeclinedStolenCard": Card("card_declined", "stolen_card", _DECLINED, last4="9979"),
    "chargeDeclinedFraudulent": Card("card_declined", "fraudulent", _DECLINED, last4="0019"),
    "chargeDeclinedExpiredCard": Card("expired_card", None, "Your card has expired.", last4="0069"),
    "chargeDeclinedIncorrectCvc": Card("incorrect_cvc", None, "Your card's security code is incorrect.", last4="0127"),
    "chargeDeclinedProcessingError": Card(
        "processing_error",
        None,
        "An error occurred while processing your card. Try again in a little bit.",
        last4="0119",
    ),
    "chargeCustomerFail": Card("card_declined", "generic_decline", _DECLINED, last4="0341"),
}
CARDS: Mapping[str, Card] = {
    **{f"pm_card_{brand}": Card(brand=brand) for brand in ("visa", "mastercard", "amex", "discover", "diners", "jcb")},
    "pm_card_unionpay": Card(brand="unionpay"),
    "pm_card_visa_debit": Card(last4="5556"),
    "pm_card_mastercard_debit": Card(brand="mastercard", last4="8210"),
    **{f"pm_card_{name}": card for name, card in _DECLINES.items()},
    **{f"pm_card_visa_{name}": card for name, card in _DECLINES.items()},
    "pm_card_authenticationRequired": Card(AUTHENTICATE, last4="3155"),
    "pm_card_threeDSecure2Required": Card(AUTHENTICATE, last4="3220"),
    "pm_card_threeDSecureRequired": Card(AUTHENTICATE, last4="3063"),
}


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def check_amount(amount: int, currency: str, param: str) -> None:
    """Raises what Stripe raises for an amount that it can't charge."""
    if amount >= 10 ** _DIGITS.get(currency, 8):
        raise StripeError("Amount must be no more than 99999999", code="amount_too_large", param=param)
    step = 100 if currency in HUNDREDS_ONLY else 10 if currency in TENS_ONLY else 1
    if amount % step:
        code = "invalid_charge_amount_no_decimal_compatible"
        raise StripeError(
            f"Invalid amount. {currency.upper()} amounts must be divisible by {step}.", code=code, param=param
        )


def display(amount: int, currency: str) -> str:
    """'12.30 USD' of Stripe's 1230 and 'usd'."""
    digits = 0 if currency in WHOLE_ONLY else 3 if currency in TENS_ONLY else 2
    figures = str(amount).zfill(digits + 1)
    whole, part = (figures, "") if digits == 0 else (figures[:-digits], figures[-digits:])
    if currency in HUNDREDS_ONLY:
        part = ""
    return f"{int(whole):,}{'.' + part if part else ''} {currency.upper()}"


def session(params: Body, lines: Sequence[Body], pages: str, created: int, expires_at: int) -> Body:
    ident = new_id("cs_test", 58)
    total = sum(line["amount_total"] for line in lines)
    return {
        "id": ident,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": created,
        "currency": lines[0]["currency"],
        "customer": None,
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "mode": "payment",
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if total else "no_payment_required",
        "shipping_options": [],
        "status": "open",
        "success_url": params.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{pages}/{ident}",
    }


def line(item: Body, currency: str, unit_amount: int, quantity: int) -> Body:
    total = unit_amount * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_subtotal": total,
        "amount_total": total,
        "currency": currency,
        "description": item["price_data"]["product_data"]["name"],
        "quantity": quantity,
    }


def intent(amount: int, currency: str, created: int, *, metadata: Body, description: str | None) -> Body:
    ident = new_id("pi")
    return {
        "id": ident,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{ident}_secret_{new_id('x', 25)[2:]}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": None,
        "description": description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata,
        "next_action": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def charge(of: Body, method: str, card: Card, created: int) -> Body:
    failed = card.code is not None
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": of["amount"],
        "amount_captured": 0 if failed else of["amount"],
        "amount_refunded": 0,
        "captured": not failed,
        "created": created,
        "currency": of["currency"],
        "description": of["description"],
        "failure_code": card.code,
        "failure_message": card.message or None,
        "livemode": False,
        "metadata": of["metadata"],
        "paid": not failed,
        "payment_intent": of["id"],
        "payment_method": method,
        "payment_method_details": {"type": "card", "card": {"brand": card.brand, "last4": card.last4}},
        "refunded": False,
        "status": "failed" if failed else "succeeded",
    }


def refund(of: Body, amount: int, created: int, reason: str | None, metadata: Body) -> Body:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": of["id"],
        "created": created,
        "currency": of["currency"],
        "metadata": metadata,
        "payment_intent": of["payment_intent"],
        "reason": reason,
        "status": "succeeded",
    }


def card_error(card: Card, charge_id: str, of: Body) -> Body:
    """What an intent keeps as its last_payment_error; a 402 carries it with the intent inside."""
    code = card.code or "card_declined"
    error: Body = {
        "type": "card_error",
        "code": code,
        "message": card.message or _DECLINED,
        "charge": charge_id,
        "doc_url": f"https://docs.stripe.com/error-codes#{code.replace('_', '-')}",
    }
    if card.decline_code is not None:
        error |= {"decline_code": card.decline_code, "advice_code": "try_again_later"}
    if code in ("incorrect_cvc", "expired_card"):
        error["param"] = "cvc" if code == "incorrect_cvc" else "exp_month"
    return error | {"payment_method": {"id": of["payment_method"], "object": "payment_method", "type": "card"}}


def event(kind: str, body: Body, now: datetime, key: str | None) -> Body:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(now.timestamp()),
        "data": {"object": body},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req", 14), "idempotency_key": key},
        "type": kind,
    }
