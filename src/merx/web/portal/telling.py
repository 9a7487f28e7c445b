"""The webhooks page's content: the events with their bodies, and how a receiver checks them in three languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from merx.web.portal import highlight

_AT = "2026-01-15T10:00:00.000Z"
_ORDER = "01a10c4e-7b3a-7c21-9f5e-2d1b8f6a4c03"
_CUSTOMER = "01a10c47-5a0e-7d31-8f44-2b9c6d1e0a57"
_VARIANT = "01a10c4e-7b3b-7d10-8a4f-6f0e2c9b1d55"
_FACTS: Mapping[str, Any] = {
    "id": _ORDER,
    "order_id": _ORDER,
    "order_number": "ORD-040",
    "status": "pending",
    "payment_status": "unpaid",
    "currency": "USD",
    "subtotal": "89.50",
    "discount": "0.00",
    "shipping": "6.95",
    "tax": "7.16",
    "grand_total": "103.61",
    "email": "jane@example.com",
    "customer_name": "Jane Doe",
    "items": [
        {
            "product_id": "01a10c4e-7b3b-7a02-b1c3-94e5d7f80a21",
            "variant_id": _VARIANT,
            "sku": "SHOE-42",
            "name": "Trail Shoe",
            "quantity": 1,
            "unit_price": "89.50",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Told:
    kind: str
    when: str
    data: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        return {"type": self.kind, "timestamp": _AT, "data": dict(self.data)}


def _order(status: str, payment: str, **more: Any) -> Mapping[str, Any]:
    return {**_FACTS, "status": status, "payment_status": payment, **more}


EVENTS = (
    Told("order.created", "An order has been placed; its stock is held.", _order("pending", "unpaid")),
    Told("order.paid", "All of it has been paid, or the merchant has noted the cash.", _order("confirmed", "paid")),
    Told("order.shipped", "A parcel is on its way. Each shipment says so, the second one too.",
         _order("shipped", "paid", carrier="DHL", tracking_number="JD0146000",
                tracking_url="https://www.dhl.com/track?n=JD0146000")),
    Told("order.cancelled", "It was cancelled, or nobody paid in time; stock and coupon are back.",
         _order("cancelled", "failed", reason="It was not paid in time.")),
    Told("order.refunded", "Money went back, part or all of it. `refunded` is how much this time.",
         _order("refunded", "refunded", refunded="103.61", refund_id="01a10c50-11f2-7e60-9c0d-3b7a5e8f2d14")),
    Told("inventory.low", "A variant has fallen to the shop's threshold.",
         {"id": _VARIANT, "product_id": "01a10c4e-7b3b-7a02-b1c3-94e5d7f80a21", "variant_id": _VARIANT, "stock": 3}),
    Told("customer.erased", "Nothing personal is left of a customer; erase what you keep of them yourself.",
         {"id": _CUSTOMER, "customer_id": _CUSTOMER, "asked_at": "2026-03-01T09:30:00.000Z",
          "final_at": "2026-03-04T09:30:02.000Z"}),
)  # fmt: skip

_STANDARD = {
    "bash": """\
# The signed text: id, time and body, joined by dots. The key: what the secret's base64 stands for.
KEY=$(printf %s "${SECRET#whsec_}" | base64 -d | xxd -p -c 256)
printf '%s.%s.%s' "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$(cat body.json)" \\
  | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64
# equals the part after "v1," of webhook-signature""",
    "python": """\
import base64, hashlib, hmac, time

def genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    stamp = headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > 300:
        return False  # too old: perhaps somebody sends it again
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    made = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = [one.partition(",")[2] for one in headers["webhook-signature"].split()]
    return any(hmac.compare_digest(made, one) for one in given)""",
    "javascript": """\
import { createHmac, timingSafeEqual } from "node:crypto";

export function genuine(secret, headers, body) {
  const stamp = headers["webhook-timestamp"];
  if (Math.abs(Date.now() / 1000 - Number(stamp)) > 300) return false; // too old
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${stamp}.${body}`;
  const made = createHmac("sha256", key).update(signed).digest();
  return headers["webhook-signature"].split(" ").some((one) => {
    const given = Buffer.from(one.split(",")[1] ?? "", "base64");
    return given.length === made.length && timingSafeEqual(given, made);
  });
}""",
}
_PLAIN = {
    "bash": """\
# The key is the secret as it was shown, whsec_ included; the text is the raw body.
printf %s "$(cat body.json)" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d' ' -f1
# equals the part after "sha256=" of X-Webhook-Signature""",
    "python": """\
import hashlib, hmac

def genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    made = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, headers["x-webhook-signature"])""",
    "javascript": """\
import { createHmac, timingSafeEqual } from "node:crypto";

export function genuine(secret, headers, body) {
  const made = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(headers["x-webhook-signature"] ?? "");
  return given.length === made.length && timingSafeEqual(given, made);
}""",
}
_PATIENT = {
    "bash": """\
# -i shows the headers; --retry waits for as long as Retry-After says.
curl -i --retry 3 "{address}" -H "Authorization: Bearer $KEY\"""",
    "python": """\
import time, httpx

def patiently(request: httpx.Request, client: httpx.Client) -> httpx.Response:
    for _ in range(5):
        answer = client.send(request)
        if answer.status_code not in (429, 503):
            return answer
        time.sleep(int(answer.headers.get("Retry-After", "1")))
    return answer""",
    "javascript": """\
async function patiently(url, options) {
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(url, options);
    if (![429, 503].includes(answer.status) || tries === 4) return answer;
    const seconds = Number(answer.headers.get("Retry-After") ?? 1);
    await new Promise((wake) => setTimeout(wake, seconds * 1000));
  }
}""",
}


def standard() -> list[tuple[str, str, Markup]]:
    return _codes(_STANDARD)


def plain() -> list[tuple[str, str, Markup]]:
    return _codes(_PLAIN)


def patient(address: str) -> list[tuple[str, str, Markup]]:
    """How a client waits when it is told to."""
    return _codes({**_PATIENT, "bash": _PATIENT["bash"].replace("{address}", address)})


def _codes(given: Mapping[str, str]) -> list[tuple[str, str, Markup]]:
    named = (("curl", "Shell", "bash"), ("python", "Python", "python"), ("javascript", "JavaScript", "javascript"))
    return [(name, label, highlight.html(given[lexer], lexer)) for name, label, lexer in named]
