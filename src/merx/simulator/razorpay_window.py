"""Razorpay's payment window: the script that a shop's page loads, and the page that the script opens over it.

The script offers what Razorpay's own does: `new Razorpay(options)`, `.open()`, `.on('payment.failed', …)`, `.close()`,
the options `key`, `order_id`, `handler`, `callback_url` and `modal.ondismiss`. The page says to the script, and to no
other origin than the one that opened it, what the shopper did."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qs, urlsplit

import msgspec

from merx.runtime import Runtime
from merx.simulator import accounts, control, http, store
from merx.simulator import razorpay_flow as flow
from merx.simulator import razorpay_objects as objects
from merx.simulator.look import STYLE, STYLE_HASH, policy_hash
from merx.simulator.razorpay_objects import Body

SCRIPT = """
(function () {
  "use strict";
  var base = new URL(".", document.currentScript.src);

  function Razorpay(options) {
    if (!options || !options.key || !options.order_id) throw new Error("Razorpay needs a key and an order_id.");
    this.options = options;
    this.heard = {};
  }
  Razorpay.prototype.on = function (name, listener) {
    (this.heard[name] = this.heard[name] || []).push(listener);
    return this;
  };
  Razorpay.prototype.open = function () {
    if (this.frame) return;
    var self = this, frame = document.createElement("iframe");
    var query = new URLSearchParams({ key: this.options.key, origin: location.origin });
    frame.src = new URL("window/" + encodeURIComponent(this.options.order_id) + "?" + query, base).href;
    frame.title = "Payment";
    frame.className = "razorpay-checkout-frame";
    Object.assign(frame.style, { position: "fixed", inset: "0", width: "100%", height: "100%", border: "0",
      zIndex: "2147483647", background: "rgba(0, 0, 0, 0.6)", colorScheme: "normal" });
    this.before = document.activeElement;
    this.frame = frame;
    this.listener = function (event) {
      if (event.origin === base.origin && event.source === frame.contentWindow) self.hear(event.data || {});
    };
    addEventListener("message", this.listener);
    frame.addEventListener("load", function () { frame.focus(); });
    document.body.appendChild(frame);
  };
  Razorpay.prototype.close = function () {
    if (!this.frame) return;
    removeEventListener("message", this.listener);
    this.frame.remove();
    this.frame = null;
    if (this.before && this.before.focus) this.before.focus();
  };
  Razorpay.prototype.hear = function (said) {
    if (said.event === "failed") {
      (this.heard["payment.failed"] || []).forEach(function (listener) { listener({ error: said.error }); });
    } else if (said.event === "dismissed") {
      this.close();
      if (this.options.modal && this.options.modal.ondismiss) this.options.modal.ondismiss();
    } else if (said.event === "paid") {
      this.close();
      if (this.options.handler) this.options.handler(said.fields);
      else if (this.options.callback_url) this.send(said.fields);
    }
  };
  Razorpay.prototype.send = function (fields) {
    var form = document.createElement("form");
    form.method = "post";
    form.action = this.options.callback_url;
    Object.keys(fields).forEach(function (name) {
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = fields[name];
      form.appendChild(field);
    });
    document.body.appendChild(form);
    form.submit();
  };
  window.Razorpay = Razorpay;
})();
"""
_SAYS = """
(function () {
  "use strict";
  var page = document.body.dataset;
  function say(what) { if (page.origin) parent.postMessage(what, page.origin); }
  if (page.said) say(JSON.parse(page.said));
  addEventListener("keydown", function (event) { if (event.key === "Escape") say({ event: "dismissed" }); });
})();
"""
_SAYS_HASH = policy_hash(_SAYS)


def script() -> http.Reply:
    headers = {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "no-cache",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    return http.Reply(200, SCRIPT.encode(), headers)


async def show(rt: Runtime, request: http.Request, ident: str) -> http.Reply:
    """GET changes nothing; POST pays, is declined, or leaves."""
    query = parse_qs(request.query)
    key, origin = (query.get("key") or [""])[0], _origin((query.get("origin") or [""])[0])
    async with rt.db.platform() as tx:
        account = await store.account_of(tx, flow.ORDER, ident)
        tenant = accounts.tenant_of_key_id(key)
        if account is None or tenant is None or str(tenant) != account:
            text = "<p>The shop's page names an order or a key that does not exist.</p>"
            return _page(404, "There is nothing to pay here", text, origin, None)
        shop = await store.shop_name(tx, account) or "the shop"
        change = flow.Change(tx, account, await control.load(tx, account), datetime.now(UTC))
        order = await store.lock(tx, account, flow.ORDER, ident)
        assert order is not None
        said = None
        if request.method == "POST":
            secret = accounts.key_secret(tenant, accounts.secret_of(rt.vault))
            said = await _act(change, order, request, secret)
        await change.close()
    return _render(order, shop, origin, said)


async def _act(change: flow.Change, order: Body, request: http.Request, secret: str) -> Body | None:
    """What the window says to the page that opened it."""
    wish = (parse_qs(request.body.decode("ascii", "replace")).get("action") or [""])[0]
    if wish == "abandon":
        return {"event": "dismissed"}
    if wish not in ("pay", "decline") or order["status"] == "paid":
        return None
    made = await flow.submit(change, order, declined=wish == "decline")
    if wish == "pay":
        return {"event": "paid", "fields": objects.browser_fields(order, made, secret)}
    told = objects.error(
        "BAD_REQUEST_ERROR", flow.DECLINED, reason="payment_failed", order_id=order["id"], payment_id=made["id"]
    )
    return {"event": "failed", **told}


def _render(order: Body, shop: str, origin: str, said: Body | None) -> http.Reply:
    amount = escape(objects.display(order["amount"], order["currency"]))
    leave = '<button name="action" value="abandon">Close</button>'
    if order["status"] == "paid" or (said is not None and said["event"] == "paid"):
        text = f'<p class="amount">{amount}</p><form method="post">{leave}</form>'
        return _page(200, "This order is paid", text, origin, said)
    failed = said is not None and said["event"] == "failed"
    alert = f'<p class="alert" role="alert">{escape(flow.DECLINED)}</p>' if failed else ""
    text = f"""{alert}<p class="amount">{amount}</p>
<form method="post">
<button class="first" name="action" value="pay">Pay {amount}</button>
<button name="action" value="decline">Try a card that is declined</button>
{leave}
</form>
<p class="note">No money moves: this window stands in for the payment provider while the shop is in test mode.</p>"""
    return _page(200, f"Pay {shop}", text, origin, said)


def _page(status: int, title: str, body: str, origin: str, said: Body | None) -> http.Reply:
    told = "" if said is None else f' data-said="{escape(msgspec.json.encode(said).decode())}"'
    html = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body data-origin="{escape(origin)}"{told}><main><p class="test">Test mode</p><h1>{escape(title)}</h1>{body}</main>
<script>{_SAYS}</script></body></html>"""
    framed = origin or "'none'"
    policy = (
        f"default-src 'none'; style-src '{STYLE_HASH}'; script-src '{_SAYS_HASH}'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {framed}"
    )
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return http.Reply(status, html.encode(), headers)


def _origin(text: str) -> str:
    """An origin as a policy and a message may name it; nothing for anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    bare = f"{parts.scheme}://{parts.netloc}"
    plain = text.isascii() and text.isprintable() and not set(text) & set(";, '\"@*")
    return bare if plain and bare == text and parts.scheme in ("http", "https") and parts.netloc else ""
