"""Owns how this dialect says no: `{"error": {"code", "message", "details"}}` with codes in upper case, where the
details name the field that is wrong with the type it should have."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response

from merx.dialects.reference.wire import Error, Fault
from merx.edge.app import MerxRequest, MerxResponse, encode
from merx.edge.body import REQUIRED
from merx.edge.errors import status_of
from merx.kernel.errors import Kind, MerxError

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 409,
    Kind.DECLINED: 402,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 502,
    Kind.INTERNAL: 500,
}
INVALID = "INVALID_PARAMETER"
_PLAIN = {"validation_error": INVALID, "bad_request": INVALID, "internal": "INTERNAL_ERROR"}
_CALLED = {
    "customer_id": "userId",
    "person": "userId",
    "token": "paymentMethodId",
    "payment_method": "paymentMethodId",
    "line1": "street",
    "postal_code": "zipCode",
    "text": "message",
    "channel": "type",
    "start": "startDate",
    "end": "endDate",
}
_TYPES = {
    "limit": "integer",
    "offset": "integer",
    "quantity": "integer",
    "amount": "number",
    "items": "array",
    "shippingAddress": "object",
    "transactional": "boolean",
    "startDate": "datetime",
    "endDate": "datetime",
    "body": "object",
}
"""What is no string."""
_BODY, _KEY = "body (object)", "Idempotency-Key (header)"
_ABOUT = {
    "malformed_json": _BODY,
    "duplicate_key": _BODY,
    "too_deep": _BODY,
    "missing_body": _BODY,
    "incomplete_body": _BODY,
    "payload_too_large": _BODY,
    "unsupported_media_type": "Content-Type (header)",
    "method_not_allowed": "Allow (header)",
    "ambiguous_credentials": "Authorization (header)",
    "idempotency_key_malformed": _KEY,
    "idempotency_key_reused": _KEY,
    "idempotency_in_progress": _KEY,
}
"""What is about no one field."""
_NAMED = {
    Kind.UNAUTHENTICATED: "Authorization (header)",
    Kind.LIMITED: "Retry-After (header)",
    Kind.BUSY: "Retry-After (header)",
}
_DECLINES = {
    "card_declined": "The card was declined.",
    "insufficient_funds": "The card was declined: it has insufficient funds.",
    "expired_card": "The card was declined: it has expired.",
    "incorrect_cvc": "The card was declined: its security code is wrong.",
    "processing_error": "The card could not be charged: its bank had a processing error. Try again in a moment.",
    "authentication_required": "The card was declined: its bank asks for the holder's authentication, which a payment "
    "by its id can't give. Let them pay on the shop's payment page.",
    "resource_missing": "The payment provider knows no such payment method.",
}
_REASONS = {"resource_missing": "PAYMENT_METHOD_UNKNOWN"}
_SNAKE = re.compile(r"_([a-z0-9])")
_PLACE = re.compile(r"\.(\d+)(?=\.|$)")


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    body = Error(error=_declined(error) if error.kind is Kind.DECLINED else _fault(request, error))
    return MerxResponse(encode(body), status_code=status_of(error, STATUS), media_type="application/json")


def _fault(request: MerxRequest, error: MerxError) -> Fault:
    fields = {called(name): said for name, said in error.fields.items()}
    code = _PLAIN.get(error.code, error.code.upper())
    if not fields:
        return Fault(code=code, message=error.message, details=_about(request, error))
    details = ", ".join(f"{name} ({_type(name)})" for name in fields)
    first, said = next(iter(fields.items()))
    return Fault(code=code, message=_sentence(first, said[0]), details=details)


def _sentence(field: str, said: str) -> str:
    if said == REQUIRED:
        return f"The '{field}' parameter is required."
    return f"The '{field}' parameter is not accepted: {said}"


def _about(request: MerxRequest, error: MerxError) -> str:
    if "scope" in error.facts:
        return f"{error.facts['scope']} (scope)"
    return _ABOUT.get(error.code) or _NAMED.get(error.kind) or f"{request.visit.id} (X-Request-Id)"


def _declined(error: MerxError) -> Fault:
    reason = str(error.facts.get("reason", "card_declined"))
    said = _DECLINES.get(reason, f"The payment was declined: {reason.replace('_', ' ')}.")
    return Fault(
        code=_REASONS.get(reason, reason.upper()), message=said, details=f"paymentMethodId ({_type('paymentMethodId')})"
    )


def called(field: str) -> str:
    """`shipping_address.postal_code` is `shippingAddress.zipCode` here."""
    return ".".join(_word(part) for part in _PLACE.sub(r"[\1]", field).split("."))


def _word(part: str) -> str:
    name, bracket, place = part.partition("[")
    return _CALLED.get(name, _SNAKE.sub(lambda found: found[1].upper(), name)) + bracket + place


def _type(field: str) -> str:
    last = field.rpartition(".")[2]
    return "object" if last.endswith("]") else _TYPES.get(last, "string")
