"""The payment page: what a shopper sees in place of Stripe's own. Works without script; its style is its only asset."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qs, urlsplit

from merx.runtime import Runtime
from merx.simulator import control, http, store
from merx.simulator import stripe_flow as flow
from merx.simulator import stripe_objects as objects
from merx.simulator.look import STYLE, STYLE_HASH
from merx.simulator.stripe_objects import Body


async def show(rt: Runtime, request: http.Request, ident: str) -> http.Reply:
    """GET reads and writes nothing but an expiry; POST pays, is declined, or leaves."""
    now = datetime.now(UTC)
    async with rt.db.platform() as tx:
        account = await store.account_of(tx, flow.SESSION, ident)
        if account is None:
            return _page(
                404, "This payment page does not exist", "<p>Check the address, or go back to the shop.</p>", ()
            )
        shop = await store.shop_name(tx, account)
        change = flow.Change(tx, account, await control.load(tx, account), now)
        session = await flow.locked_session(change, ident)
        assert session is not None
        to = await _act(change, session, request) if request.method == "POST" else None
        await change.close()
    if to is not None:
        return http.Reply(303, b"", {"location": to, "cache-control": "no-store"})
    return render(session, shop or _host(session["success_url"]), declined="declined" in request.query)


async def _act(change: flow.Change, session: Body, request: http.Request) -> str | None:
    """Where the shopper goes next; None shows the page as it is now."""
    wish = (parse_qs(request.body.decode("ascii", "replace")).get("action") or [""])[0]
    if wish == "abandon":  # the page stays open, as at Stripe: the shopper may come back to it
        return session["cancel_url"] or None
    if session["status"] == "open" and wish in ("pay", "decline"):
        card = objects.CARDS["pm_card_visa"] if wish == "pay" else objects.GENERIC_DECLINE
        if await flow.submit(change, session, card) is not None:
            return f"{request.path}?declined"
    return success_url(session) if session["status"] == "complete" else None


def success_url(session: Body) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def render(session: Body, shop: str, *, declined: bool) -> http.Reply:
    goes_to = (session["success_url"], session["cancel_url"])
    back = ""
    if session["cancel_url"]:
        back = f'<a class="button" href="{escape(session["cancel_url"])}">Back to {escape(shop)}</a>'
    if session["status"] == "complete":
        link = f'<a class="button first" href="{escape(success_url(session))}">Back to {escape(shop)}</a>'
        return _page(200, "This order is paid", f"{_summary(session, shop)}{link}", goes_to)
    if session["status"] == "expired":
        text = "<p>Nothing was taken. Start again from your cart.</p>"
        return _page(410, "This payment page has expired", text + back, goes_to)
    alert = '<p class="alert" role="alert">The card was declined. Nothing was taken; you can try again.</p>'
    amount = objects.display(session["amount_total"], session["currency"])
    leave = f'<button name="action" value="abandon">Go back to {escape(shop)}</button>' if session["cancel_url"] else ""
    body = f"""{alert if declined else ""}{_summary(session, shop)}
<form method="post" action="?">
<button class="first" name="action" value="pay">Pay {escape(amount)}</button>
<button name="action" value="decline">Try a card that is declined</button>
{leave}
</form>
<p class="note">No money moves: this page stands in for the payment provider while the shop is in test mode.</p>"""
    return _page(200, f"Pay {shop}", body, goes_to)


def _summary(session: Body, shop: str) -> str:
    currency = session["currency"]
    amount = escape(objects.display(session["amount_total"], currency))
    rows = []
    for line in session["_lines"]:
        each = ""
        if line["quantity"] > 1:
            unit = objects.display(line["amount_total"] // line["quantity"], currency)
            each = f"<small>{line['quantity']} × {escape(unit)}</small>"
        total = escape(objects.display(line["amount_total"], currency))
        rows.append(f'<tr><th scope="row">{escape(line["description"])}{each}</th><td>{total}</td></tr>')
    return f"""<h1>Pay {escape(shop)}</h1>
<p class="amount">{amount}</p>
<table><tbody>{"".join(rows)}</tbody>
<tfoot><tr><th scope="row">Total</th><td>{amount}</td></tr></tfoot></table>"""


def _page(status: int, title: str, body: str, goes_to: tuple[str | None, ...]) -> http.Reply:
    heading = "" if "<h1>" in body else f"<h1>{escape(title)}</h1>"
    html = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body><main><p class="test">Test mode</p>{heading}{body}</main></body></html>"""
    # A form's target may redirect to the shop only where the policy names the shop's origin too.
    origins = " ".join(sorted({origin for url in goes_to if url and (origin := _origin(url))}))
    policy = (
        f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self' {origins}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy.replace(" ;", ";"),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return http.Reply(status, html.encode(), headers)


def _origin(url: str) -> str:
    """Scheme and host as a policy may name them; nothing where they hold characters that could add to the policy."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if host.isascii() and not set(host) & set(";, '\"") else ""


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the shop"
