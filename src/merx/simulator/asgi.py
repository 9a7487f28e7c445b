"""The simulator as one ASGI application, mounted nowhere: it answers at absolute paths under /simulator.

/simulator/stripe/v1/…             Stripe's API (the account's secret key, Bearer or Basic)
/simulator/stripe/pay/{session}    the payment page
/simulator/razorpay/v1/…           Razorpay's API (key and secret, Basic)
/simulator/razorpay/checkout.js    its script for a shop's page, which opens
/simulator/razorpay/window/{order} the payment window
/simulator/{provider}/_control     GET: the account's ledger and control; POST: change its control (with the key)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from merx.runtime import Runtime
from merx.simulator import (
    accounts,
    control,
    http,
    razorpay_flow,
    razorpay_objects,
    razorpay_server,
    razorpay_window,
    store,
    stripe_flow,
    stripe_page,
    stripe_server,
)
from merx.simulator.accounts import PREFIX, RAZORPAY
from merx.simulator.stripe_objects import StripeError

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

Shown = Callable[[dict[str, Any]], dict[str, Any]]

_PAGE = re.compile(r"/pay/(cs_test_[A-Za-z0-9]{1,80})", re.ASCII)
_WINDOW = re.compile(r"/window/(order_[A-Za-z0-9]{1,40})", re.ASCII)
_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_STRIPES = (stripe_flow.SESSION, stripe_flow.INTENT, stripe_flow.CHARGE, stripe_flow.REFUND)
_RAZORPAYS = (razorpay_flow.ORDER, razorpay_flow.PAYMENT, razorpay_flow.REFUND)


def app(rt: Runtime) -> ASGIApp:
    secret = accounts.secret_of(rt.vault)

    async def simulator(scope: Scope, receive: Receive, out: Send) -> None:
        if str(scope["type"]) != "http":
            return
        request = await http.read(scope, receive)
        if request is None:
            refused = StripeError("The request is too large.", status=413)
            await http.send(stripe_server.reply(refused.status, refused.body), out)
            return
        known = request.headers.get("authorization", "")
        if request.path.startswith(RAZORPAY + "/"):
            reply = await _razorpay(rt, accounts.razorpay_account_of(known, secret), request)
        else:
            reply = await _stripe(rt, accounts.account_of(known, secret), request)
        await http.send(reply, out)

    return simulator


async def _stripe(rt: Runtime, account: UUID | None, request: http.Request) -> http.Reply:
    path = request.path.removeprefix(PREFIX)
    if (page := _PAGE.fullmatch(path)) is not None and request.method in ("GET", "POST"):
        return await stripe_page.show(rt, request, page[1])
    if path == "/_control" and account is not None:
        return await _control(rt, str(account), request, _STRIPES, stripe_flow.shown)
    return await stripe_server.answer(rt, account, request, path, f"{rt.settings.public_url}{PREFIX}/pay")


async def _razorpay(rt: Runtime, account: UUID | None, request: http.Request) -> http.Reply:
    path = request.path.removeprefix(RAZORPAY)
    if path == "/checkout.js" and request.method in ("GET", "HEAD"):
        return razorpay_window.script()
    if (window := _WINDOW.fullmatch(path)) is not None and request.method in ("GET", "POST"):
        return await razorpay_window.show(rt, request, window[1])
    if path == "/_control" and account is not None:
        return await _control(rt, str(account), request, _RAZORPAYS, razorpay_objects.shown)
    return await razorpay_server.answer(rt, account, request, path)


async def _control(rt: Runtime, account: str, request: http.Request, kinds: Sequence[str], shown: Shown) -> http.Reply:
    async with rt.db.platform() as tx:
        rules = await control.load(tx, account)
        if request.method == "POST":
            try:
                rules = control.change(rules, request.body)
            except ValueError as wrong:
                return stripe_server.reply(400, StripeError(str(wrong)).body)
            await control.save(tx, account, rules)
        ledger: dict[str, object] = {"control": rules, "callbacks": await store.callbacks(tx, account)}
        for kind in kinds:
            found = await store.listed(tx, account, kind, None, _ALWAYS, None, 1000)
            ledger[kind] = [shown(body) for body in found]
    return stripe_server.reply(200, ledger)
