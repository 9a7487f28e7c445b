"""The simulator as one ASGI application, mounted nowhere: it answers at absolute paths under /simulator/stripe.

/simulator/stripe/v1/…           Stripe's API (the account's secret key, Bearer or Basic)
/simulator/stripe/pay/{session}  the payment page
/simulator/stripe/_control       GET: the account's ledger and control; POST: change its control (secret key)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from merx.runtime import Runtime
from merx.simulator import accounts, control, http, store, stripe_page, stripe_server
from merx.simulator.accounts import PREFIX
from merx.simulator.stripe_flow import CHARGE, INTENT, REFUND, SESSION, shown
from merx.simulator.stripe_objects import StripeError

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

_PAGE = re.compile(r"/pay/(cs_test_[A-Za-z0-9]{1,80})", re.ASCII)
_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


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
        account = accounts.account_of(request.headers.get("authorization", ""), secret)
        await http.send(await _answer(rt, account, request), out)

    return simulator


async def _answer(rt: Runtime, account: UUID | None, request: http.Request) -> http.Reply:
    path = request.path.removeprefix(PREFIX)
    if (page := _PAGE.fullmatch(path)) is not None and request.method in ("GET", "POST"):
        return await stripe_page.show(rt, request, page[1])
    if path == "/_control" and account is not None:
        return await _control(rt, str(account), request)
    return await stripe_server.answer(rt, account, request, path, f"{rt.settings.public_url}{PREFIX}/pay")


async def _control(rt: Runtime, account: str, request: http.Request) -> http.Reply:
    async with rt.db.platform() as tx:
        rules = await control.load(tx, account)
        if request.method == "POST":
            try:
                rules = control.change(rules, request.body)
            except ValueError as wrong:
                return stripe_server.reply(400, StripeError(str(wrong)).body)
            await control.save(tx, account, rules)
        ledger: dict[str, object] = {"control": rules, "callbacks": await store.callbacks(tx, account)}
        for kind in (SESSION, INTENT, CHARGE, REFUND):
            found = await store.listed(tx, account, kind, None, _ALWAYS, None, 1000)
            ledger[kind] = [shown(body) for body in found]
    return stripe_server.reply(200, ledger)
