"""Razorpay's `/v1`: what it takes, checks and answers. One function an endpoint; a route table at the end."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from merx.simulator import razorpay_flow as flow
from merx.simulator import razorpay_objects as objects
from merx.simulator import store
from merx.simulator.razorpay_flow import ORDER, PAYMENT, REFUND, Change
from merx.simulator.razorpay_objects import Body, RazorpayError, shown

Params = dict[str, Any]
Endpoint = Callable[[Change, Params, tuple[str, ...]], Awaitable[Body]]
"""(change, parameters, ids in the path) -> body"""

_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_MOST = 10**12


async def create_order(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "amount currency receipt notes payment_capture partial_payment")
    currency = _currency(params)
    amount = _amount(params, currency)
    assert amount is not None
    made = objects.order(amount, currency, _receipt(params), _notes(params), change.created)
    captures = params.get("payment_capture", False)
    if captures not in (True, False, 0, 1):
        raise RazorpayError("The payment capture field must be true or false.", field="payment_capture")
    await flow.make_order(change, made, bool(captures))
    return shown(made)


async def get_order(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "")
    return shown(await _find(change, ORDER, ids[0]))


async def list_orders(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "receipt count skip")
    return await _listed(change, ORDER, params.get("receipt"), params)


async def payments_of_order(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "")
    await _find(change, ORDER, ids[0])
    return await _listed(change, PAYMENT, ids[0], {"count": "100"})


async def get_payment(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "")
    return shown(await _find(change, PAYMENT, ids[0]))


async def list_payments(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "count skip")
    return await _listed(change, PAYMENT, None, params)


async def capture_payment(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "amount currency")
    payment = await _lock_payment(change, ids[0])
    currency = _currency(params)
    amount = _amount(params, currency)
    assert amount is not None
    await flow.capture(change, payment, amount, currency)
    return shown(payment)


async def refund_payment(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "amount speed notes receipt")
    if params.get("speed", "normal") not in ("normal", "optimum"):
        raise RazorpayError("The selected speed is invalid.", field="speed")
    payment = await _lock_payment(change, ids[0])
    receipt = _receipt(params)
    amount = _amount(params, payment["currency"], required=False)
    if receipt is not None:
        for earlier in await store.children(change.tx, change.account, REFUND, payment["id"]):
            if earlier["receipt"] == receipt:
                raise RazorpayError("A refund with this receipt exists already.", field="receipt")
    return shown(await flow.refund(change, payment, amount, receipt, _notes(params)))


async def refunds_of_payment(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "count skip")
    await _find(change, PAYMENT, ids[0])
    return await _listed(change, REFUND, ids[0], params)


async def refund_of_payment(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "")
    found = await _find(change, REFUND, ids[1])
    if found["payment_id"] != ids[0]:
        raise _no_such()
    return shown(found)


async def get_refund(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "")
    return shown(await _find(change, REFUND, ids[0]))


async def list_refunds(change: Change, params: Params, ids: tuple[str, ...]) -> Body:
    _only(params, "count skip")
    return await _listed(change, REFUND, None, params)


# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _only(params: Params, known: str) -> None:
    extra = [name for name in params if name not in known.split()]
    if extra:
        raise RazorpayError(f"{extra[0][:100]} is/are not required and should not be sent", field=extra[0][:100])


def _amount(params: Params, currency: str, *, required: bool = True) -> int | None:
    amount = params.get("amount")
    if amount is None and not required:
        return None
    if amount is None:
        raise RazorpayError("The amount field is required.", field="amount")
    if type(amount) is not int or not 0 <= amount < _MOST:
        raise RazorpayError("The amount must be an integer.", field="amount")
    if amount < objects.LEAST.get(currency, 1):
        raise RazorpayError("Order amount less than minimum amount allowed", field="amount")
    if currency in objects.TENS_ONLY and amount % 10:
        raise RazorpayError("The last decimal of a three-decimal amount must be 0.", field="amount")
    return amount


def _currency(params: Params) -> str:
    currency = params.get("currency")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise RazorpayError("The currency field is required.", field="currency")
    return currency


def _receipt(params: Params) -> str | None:
    receipt = params.get("receipt")
    if receipt is not None and (not isinstance(receipt, str) or len(receipt) > 40 or "\x00" in receipt):
        raise RazorpayError("The receipt may not be greater than 40 characters.", field="receipt")
    return receipt


def _notes(params: Params) -> Body:
    notes = params.get("notes") or {}
    if not isinstance(notes, dict) or len(notes) > 15:
        raise RazorpayError("Number of fields in notes should be less than or equal to 15", field="notes")
    for name, text in notes.items():
        if not isinstance(text, str) or len(text) > 256 or len(name) > 256 or "\x00" in name + text:
            raise RazorpayError("A note is up to 256 characters.", field="notes")
    return notes


def _number(params: Params, name: str, default: int, most: int) -> int:
    value = str(params.get(name, default))
    if not re.fullmatch(r"\d{1,6}", value, re.ASCII) or int(value) > most:
        raise RazorpayError(f"The {name} must be an integer up to {most}.", field=name)
    return int(value)


async def _listed(change: Change, kind: str, parent: Any, params: Params) -> Body:
    if "\x00" in str(parent):
        raise RazorpayError("Not a receipt.", field="receipt")
    count, skip = _number(params, "count", 10, 100), _number(params, "skip", 0, 100_000)
    found = await store.listed(change.tx, change.account, kind, parent, _ALWAYS, None, skip + count)
    items = [shown(body) for body in found[skip:]]
    return {"entity": "collection", "count": len(items), "items": items}


async def _find(change: Change, kind: str, ident: str) -> Body:
    body = await store.get(change.tx, change.account, kind, ident)
    if body is None:
        raise _no_such()
    return body


async def _lock_payment(change: Change, ident: str) -> Body:
    """The order is locked first, as the payment window does it."""
    found = await _find(change, PAYMENT, ident)
    await store.lock(change.tx, change.account, ORDER, found["order_id"])
    body = await store.lock(change.tx, change.account, PAYMENT, ident)
    assert body is not None
    return body


def _no_such() -> RazorpayError:
    return RazorpayError("The id provided does not exist")


_ID = r"([A-Za-z0-9_]{1,100})"
ROUTES: list[tuple[str, re.Pattern[str], Endpoint]] = [
    (method, re.compile("/v1" + path, re.ASCII), endpoint)
    for method, path, endpoint in (
        ("POST", "/orders", create_order),
        ("GET", "/orders", list_orders),
        ("GET", f"/orders/{_ID}", get_order),
        ("GET", f"/orders/{_ID}/payments", payments_of_order),
        ("GET", "/payments", list_payments),
        ("GET", f"/payments/{_ID}", get_payment),
        ("POST", f"/payments/{_ID}/capture", capture_payment),
        ("POST", f"/payments/{_ID}/refund", refund_payment),
        ("GET", f"/payments/{_ID}/refunds", refunds_of_payment),
        ("GET", f"/payments/{_ID}/refunds/{_ID}", refund_of_payment),
        ("GET", "/refunds", list_refunds),
        ("GET", f"/refunds/{_ID}", get_refund),
    )
]


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    for verb, shape, endpoint in ROUTES:
        if verb == method and (found := shape.fullmatch(path)) is not None:
            return endpoint, found.groups()
    raise RazorpayError("The requested URL was not found on the server.", status=404)
