"""What Razorpay's objects look like and what its errors say. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from typing import Any

Body = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits
WHOLE_ONLY = set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
TENS_ONLY = set("BHD JOD KWD OMR TND".split())  # written with three decimals, the last of them zero
LEAST = {"INR": 100}


class RazorpayError(Exception):
    """A refusal before anything was done."""

    def __init__(
        self, description: str, *, field: str | None = None, reason: str = "input_validation_failed", status: int = 400
    ) -> None:
        super().__init__(description)
        self.status = status
        self.body: Body = error("BAD_REQUEST_ERROR", description, reason=reason)
        if field is not None:
            self.body["error"]["field"] = field


def error(code: str, description: str, *, reason: str, **metadata: str) -> Body:
    said = {
        "code": code,
        "description": description,
        "source": "business",
        "step": "payment_initiation",
        "reason": reason,
        "metadata": metadata,
    }
    return {"error": said}


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(14))


def display(amount: int, currency: str) -> str:
    """'12.30 INR' of 1230 and 'INR'."""
    digits = 0 if currency in WHOLE_ONLY else 3 if currency in TENS_ONLY else 2
    figures = str(amount).zfill(digits + 1)
    whole, part = (figures, "") if digits == 0 else (figures[:-digits], figures[-digits:])
    return f"{int(whole):,}{'.' + part if part else ''} {currency}"


def order(amount: int, currency: str, receipt: str | None, notes: Body, created: int) -> Body:
    return {
        "id": new_id("order"),
        "entity": "order",
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": currency,
        "receipt": receipt,
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": notes or [],
        "created_at": created,
    }


def payment(of: Body, created: int, failure: str | None, captured: bool) -> Body:
    """`failure` is what went wrong, in a sentence."""
    failed = failure is not None
    return {
        "id": new_id("pay"),
        "entity": "payment",
        "amount": of["amount"],
        "currency": of["currency"],
        "status": "failed" if failed else "captured" if captured else "authorized",
        "order_id": of["id"],
        "invoice_id": None,
        "international": False,
        "method": "card",
        "amount_refunded": 0,
        "refund_status": None,
        "captured": captured and not failed,
        "description": None,
        "card_id": new_id("card"),
        "bank": None,
        "wallet": None,
        "vpa": None,
        "email": "shopper@example.com",
        "contact": "+910000000000",
        "notes": [],
        "fee": None,
        "tax": None,
        "error_code": "BAD_REQUEST_ERROR" if failed else None,
        "error_description": failure,
        "error_source": "customer" if failed else None,
        "error_step": "payment_authorization" if failed else None,
        "error_reason": "payment_failed" if failed else None,
        "acquirer_data": {"auth_code": None if failed else "000000"},
        "created_at": created,
    }


def refund(of: Body, amount: int, receipt: str | None, notes: Body, created: int) -> Body:
    return {
        "id": new_id("rfnd"),
        "entity": "refund",
        "amount": amount,
        "currency": of["currency"],
        "payment_id": of["id"],
        "notes": notes or [],
        "receipt": receipt,
        "acquirer_data": {"arn": None},
        "created_at": created,
        "batch_id": None,
        "status": "processed",
        "speed_processed": "normal",
        "speed_requested": "normal",
    }


def event(kind: str, account: str, payload: dict[str, Body], created: int) -> Body:
    return {
        "entity": "event",
        "account_id": f"acc_{account.replace('-', '')[-14:]}",
        "event": kind,
        "contains": list(payload),
        "payload": {name: {"entity": body} for name, body in payload.items()},
        "created_at": created,
    }


def browser_fields(of: Body, paid: Body, key_secret: str) -> Body:
    """What the payment window hands to the page that opened it."""
    signed = hmac.new(key_secret.encode(), f"{of['id']}|{paid['id']}".encode(), hashlib.sha256)
    return {
        "razorpay_payment_id": paid["id"],
        "razorpay_order_id": of["id"],
        "razorpay_signature": signed.hexdigest(),
    }


def shown(body: Body) -> Body:
    """Without what only the simulator keeps with it."""
    return {name: value for name, value in body.items() if name != "created" and not name.startswith("_")}
