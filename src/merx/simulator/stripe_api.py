"""Stripe's `/v1`: what it takes, checks and answers. One function an endpoint; a route table at the end."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from merx.simulator import store
from merx.simulator import stripe_flow as flow
from merx.simulator import stripe_objects as objects
from merx.simulator.stripe_flow import CHARGE, INTENT, REFUND, SESSION, Change
from merx.simulator.stripe_objects import Body, StripeError

Params = dict[str, Any]
Endpoint = Callable[[Change, Params, str, str], Awaitable[tuple[int, Body]]]
"""(change, parameters, id in the path or '', address of payment pages) -> status and body"""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NAMES = {SESSION: "checkout session", INTENT: "payment_intent", CHARGE: "charge", REFUND: "refund"}


# ── Checkout Sessions ────────────────────────────────────────────────────────────────────────────────────────────────


async def create_session(change: Change, params: Params, _: str, pages: str) -> tuple[int, Body]:
    _only(
        params,
        "mode success_url cancel_url client_reference_id customer_email line_items metadata payment_intent_data "
        "expires_at expand",
    )
    if params.get("mode") != "payment":
        raise StripeError("The simulator opens pages in `payment` mode only.", code="parameter_missing", param="mode")
    _url(params, "success_url", required=True)
    _url(params, "cancel_url", required=False)
    _metadata(params.get("metadata"), "metadata")
    asked = params.get("payment_intent_data") or {}
    if not isinstance(asked, dict):
        raise StripeError("Invalid object", param="payment_intent_data")
    _only(asked, "metadata description", "payment_intent_data")
    _metadata(asked.get("metadata"), "payment_intent_data[metadata]")
    if len(_text(params, "client_reference_id") or "") > 200:
        raise StripeError("Invalid string: must be at most 200 characters", param="client_reference_id")
    email = _text(params, "customer_email")
    if email and not _EMAIL.fullmatch(email):
        raise StripeError(f"Invalid email address: {email}", code="email_invalid", param="customer_email")
    ends = _page_end(change.now, params)
    lines = _lines(params.get("line_items"))
    session = objects.session(params, lines, pages, change.created, int(ends.timestamp()))
    session |= {"_lines": lines, "_intent": asked}
    await store.put(change.tx, change.account, SESSION, session, expires_at=ends)
    return 200, flow.shown(session)


def _page_end(now: datetime, params: Params) -> datetime:
    moment = _integer(params, "expires_at")
    if moment is None:
        return now + timedelta(hours=24)
    ahead = moment - now.timestamp()
    if not 30 * 60 - 1 <= ahead <= 24 * 3600 + 1:
        raise StripeError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return datetime.fromtimestamp(moment, UTC)


def _lines(items: Any) -> list[Body]:
    if not isinstance(items, list) or not 1 <= len(items) <= 100:
        raise StripeError("line_items must hold between 1 and 100 items.", code="parameter_missing", param="line_items")
    lines = []
    for place, item in enumerate(items):
        where = f"line_items[{place}]"
        price = item.get("price_data") if isinstance(item, dict) else None
        product = price.get("product_data") if isinstance(price, dict) else None
        if not isinstance(price, dict) or not isinstance(product, dict) or not _text(product, "name"):
            raise StripeError(
                "Each line needs price_data with product_data and its name.", code="parameter_missing", param=where
            )
        _only(item, "quantity price_data", where)
        _only(price, "currency unit_amount product_data", f"{where}[price_data]")
        quantity, unit = _integer(item, "quantity", where), _integer(price, "unit_amount", f"{where}[price_data]")
        if quantity is None or quantity < 1 or unit is None:
            raise StripeError("A line needs a quantity and a unit_amount.", code="parameter_missing", param=where)
        currency = _currency(price)
        objects.check_amount(unit * quantity, currency, f"{where}[price_data][unit_amount]")
        objects.check_amount(unit, currency, f"{where}[price_data][unit_amount]")
        lines.append(objects.line(item, currency, unit, quantity))
    if len({line["currency"] for line in lines}) > 1:
        raise StripeError("All lines of a page must have one currency.", param="line_items")
    objects.check_amount(sum(line["amount_total"] for line in lines), lines[0]["currency"], "line_items")
    return lines


async def get_session(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "expand")
    session = await _find(change, SESSION, ident)
    if flow.is_overdue(session, change.now):
        session = await flow.locked_session(change, ident) or session
    return 200, await _expanded(change, flow.shown(session), params)


async def expire_session(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "expand")
    session = await flow.locked_session(change, ident)
    if session is None:
        raise _no_such(SESSION, ident)
    if session["status"] != "open":
        raise StripeError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
    await flow.expire(change, session)
    return 200, await _expanded(change, flow.shown(session), params)


# ── PaymentIntents ───────────────────────────────────────────────────────────────────────────────────────────────────


async def create_intent(change: Change, params: Params, _: str, pages: str) -> tuple[int, Body]:
    _only(
        params,
        "amount currency payment_method confirm automatic_payment_methods return_url description metadata "
        "error_on_requires_action off_session expand",
    )
    amount = _integer(params, "amount")
    if amount is None or amount < 1:
        code = "parameter_missing" if amount is None else "parameter_invalid_integer"
        raise StripeError("This value must be greater than or equal to 1.", code=code, param="amount")
    currency = _currency(params)
    objects.check_amount(amount, currency, "amount")
    _metadata(params.get("metadata"), "metadata")
    description, method = _text(params, "description"), _text(params, "payment_method")
    card = objects.CARDS.get(method or "")
    if method and card is None:
        raise StripeError(f"No such PaymentMethod: '{method}'", code="resource_missing", param="payment_method")
    made = objects.intent(
        amount, currency, change.created, metadata=params.get("metadata") or {}, description=description
    )
    if params.get("confirm") != "true":
        made |= {"payment_method": method, "status": "requires_confirmation" if method else "requires_payment_method"}
        await store.put(change.tx, change.account, INTENT, made)
        return 200, made
    if method is None or card is None:
        raise StripeError(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    automatic = params.get("automatic_payment_methods")
    redirects = automatic.get("allow_redirects") if isinstance(automatic, dict) else None
    if redirects != "never" and not _text(params, "return_url"):
        raise StripeError("Confirming needs a `return_url` unless `allow_redirects` is `never`.", param="return_url")
    if card.code == objects.AUTHENTICATE and params.get("error_on_requires_action") == "true":
        card = objects.NEEDS_SHOPPER
    error = await flow.charge(change, made, method, card)
    return (200, made) if error is None else (402, {"error": error | {"payment_intent": made}})


async def get_intent(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "expand client_secret")
    return 200, await _expanded(change, await _find(change, INTENT, ident), params)


async def cancel_intent(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "cancellation_reason expand")
    intent = await store.lock(change.tx, change.account, INTENT, ident)
    if intent is None:
        raise _no_such(INTENT, ident)
    sessions = await store.children(change.tx, change.account, SESSION, ident)
    if any(session["status"] == "open" for session in sessions):
        raise StripeError(
            "This PaymentIntent belongs to an open Checkout Session. Expire the session instead.",
            code="payment_intent_unexpected_state",
        )
    if intent["status"] in ("succeeded", "canceled"):
        raise StripeError(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    await flow.cancel(change, intent, _text(params, "cancellation_reason"))
    return 200, intent


# ── Refunds ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def create_refund(change: Change, params: Params, _: str, pages: str) -> tuple[int, Body]:
    _only(params, "payment_intent charge amount reason metadata expand")
    reason, amount = _text(params, "reason"), _integer(params, "amount")
    if reason and reason not in ("duplicate", "fraudulent", "requested_by_customer"):
        raise StripeError(f"Invalid reason: {reason}", param="reason")
    if amount is not None and amount < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    _metadata(params.get("metadata"), "metadata")
    ident = _text(params, "charge")
    if ident is None:
        intent = await _find(change, INTENT, _text(params, "payment_intent") or "", status=400)
        ident = intent["latest_charge"] or ""
        if intent["status"] != "succeeded":
            raise StripeError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    charge = await store.lock(change.tx, change.account, CHARGE, ident)
    if charge is None:
        raise _no_such(CHARGE, ident, status=400)
    if amount is not None:
        objects.check_amount(amount, charge["currency"], "amount")
    return 200, await flow.refund(change, charge, amount, reason, params.get("metadata") or {})


async def get_refund(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "expand")
    return 200, await _find(change, REFUND, ident)


async def get_charge(change: Change, params: Params, ident: str, _: str) -> tuple[int, Body]:
    _only(params, "expand")
    return 200, await _find(change, CHARGE, ident)


def lists(kind: str, path: str) -> Endpoint:
    async def list_objects(change: Change, params: Params, _: str, pages: str) -> tuple[int, Body]:
        _only(params, "created limit starting_after payment_intent expand")
        limit = _integer(params, "limit")
        limit = 10 if limit is None else limit
        if not 1 <= limit <= 100:
            raise StripeError("limit must be between 1 and 100.", code="parameter_invalid_integer", param="limit")
        found = await store.listed(
            change.tx,
            change.account,
            kind,
            _text(params, "payment_intent"),
            _span(params.get("created")),
            _text(params, "starting_after"),
            limit + 1,
        )
        shown = [flow.shown(body) for body in found[:limit]]
        return 200, {"object": "list", "url": path, "has_more": len(found) > limit, "data": shown}

    return list_objects


def _span(created: Any) -> tuple[datetime, datetime]:
    bounds = {"gte": 0, "lt": 4102444800}
    if isinstance(created, str):
        created = {"gte": created, "lte": created}
    for name in created or {}:
        moment = _integer(created, name, "created")
        if name not in ("gte", "gt", "lt", "lte") or moment is None or not 0 <= moment < 4102444800:
            raise StripeError("Invalid created filter.", param="created")
        bounds[{"gt": "gte", "lte": "lt"}.get(name, name)] = moment + (name in ("gt", "lte"))
    return datetime.fromtimestamp(bounds["gte"], UTC), datetime.fromtimestamp(bounds["lt"], UTC)


# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _only(params: Params, known: str, where: str = "") -> None:
    for name in params:
        if name == "payment_method_types":
            raise StripeError(
                "payment_method_types is no longer taken; leave it out.",
                code="payment_method_types_no_longer_supported",
                param=name,
            )
        if name not in known.split():
            full = f"{where}[{name}]" if where else name
            raise StripeError(f"Received unknown parameter: {full}", code="parameter_unknown", param=full)


def _text(params: Params, name: str) -> str | None:
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise StripeError("Invalid string", param=name)
    return value or None


def _integer(params: Params, name: str, where: str = "") -> int | None:
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}", value, re.ASCII):
        full = f"{where}[{name}]" if where else name
        raise StripeError(f"Invalid integer: {str(value)[:40]}", code="parameter_invalid_integer", param=full)
    if int(value) < 0:
        raise StripeError("Invalid integer: must not be negative", code="parameter_invalid_integer", param=name)
    return int(value)


def _currency(params: Params) -> str:
    currency = (_text(params, "currency") or "").lower()
    if not re.fullmatch(r"[a-z]{3}", currency):
        raise StripeError(f"Invalid currency: {currency[:20]}", code="parameter_missing", param="currency")
    return currency


def _url(params: Params, name: str, *, required: bool) -> None:
    url = _text(params, name)
    if url is None and not required:
        return
    if url is None or len(url) > 5000 or not re.match(r"https?://[^/\s]+", url) or re.search(r"[\x00-\x20]", url):
        raise StripeError("Not a valid URL", code="url_invalid", param=name)


def _metadata(value: Any, where: str) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, dict) or len(value) > 50:
        raise StripeError("metadata takes up to 50 pairs.", param=where)
    for name, text in value.items():
        if len(name) > 40 or not isinstance(text, str) or len(text) > 500:
            raise StripeError(
                "A metadata key has up to 40 characters and its value up to 500.", param=f"{where}[{name}]"
            )


async def _find(change: Change, kind: str, ident: str, status: int = 404) -> Body:
    body = await store.get(change.tx, change.account, kind, ident)
    if body is None:
        raise _no_such(kind, ident, status)
    return body


def _no_such(kind: str, ident: str, status: int = 404) -> StripeError:
    param = kind if status == 400 else ("session" if kind == SESSION else "intent" if kind == INTENT else kind)
    return StripeError(f"No such {_NAMES[kind]}: '{ident}'", code="resource_missing", param=param, status=status)


async def _expanded(change: Change, body: Body, params: Params) -> Body:
    """`expand` names fields, or fields of fields that were expanded before them."""
    for way in params.get("expand") or []:
        *above, name = str(way).split(".")
        node: Any = body
        for step in above:
            node = node.get(step) if isinstance(node, dict) else None
        kind = {"payment_intent": INTENT, "latest_charge": CHARGE}.get(name)
        if node is None and above and body.get(above[0], "") is None:
            continue
        if kind is None or not isinstance(node, dict) or name not in node:
            raise StripeError(f"This property cannot be expanded ({name}).", param="expand")
        if isinstance(node[name], str):
            node[name] = await store.get(change.tx, change.account, kind, node[name])
    return body


_ID = r"([A-Za-z0-9_]{1,100})"
ROUTES: list[tuple[str, re.Pattern[str], Endpoint]] = [
    (method, re.compile("/v1" + path, re.ASCII), endpoint)
    for method, path, endpoint in (
        ("POST", "/checkout/sessions", create_session),
        ("GET", "/checkout/sessions", lists(SESSION, "/v1/checkout/sessions")),
        ("GET", f"/checkout/sessions/{_ID}", get_session),
        ("POST", f"/checkout/sessions/{_ID}/expire", expire_session),
        ("POST", "/payment_intents", create_intent),
        ("GET", "/payment_intents", lists(INTENT, "/v1/payment_intents")),
        ("GET", f"/payment_intents/{_ID}", get_intent),
        ("POST", f"/payment_intents/{_ID}/cancel", cancel_intent),
        ("POST", "/refunds", create_refund),
        ("GET", "/refunds", lists(REFUND, "/v1/refunds")),
        ("GET", f"/refunds/{_ID}", get_refund),
        ("GET", "/charges", lists(CHARGE, "/v1/charges")),
        ("GET", f"/charges/{_ID}", get_charge),
    )
]


def route(method: str, path: str) -> tuple[Endpoint, str]:
    for verb, shape, endpoint in ROUTES:
        if verb == method and (found := shape.fullmatch(path)) is not None:
            return endpoint, found[1] if shape.groups else ""
    raise StripeError(f"Unrecognized request URL ({method}: {path}).", status=404)
