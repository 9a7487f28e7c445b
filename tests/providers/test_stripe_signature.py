"""Stripe's callbacks: signatures checked on the raw body, with the official package as the oracle; what events mean."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import stripe

from merx.kernel import ids
from merx.kernel.errors import Invalid
from merx.kernel.ids import TenantId
from merx.kernel.money import Currency, Money
from merx.ports import Account, Notice, Outcome
from merx.providers.payments.stripe import Stripe

SECRET = "whsec_test_of_the_signature"
ACCOUNT = Account(TenantId(ids.new()), {"secret_key": "sk_test_1", "webhook_secret": SECRET})
NOW = datetime.now(UTC)
PAYMENT = ids.new()


def signed(body: bytes, moment: datetime = NOW, secret: str = SECRET) -> str:
    t = int(moment.timestamp())
    return f"t={t},v1={hmac.new(secret.encode(), f'{t}.'.encode() + body, hashlib.sha256).hexdigest()}"


def event(kind: str, body: dict[str, Any]) -> bytes:
    metadata = {"metadata": {"payment_id": str(PAYMENT)}}
    return msgspec.json.encode({"id": "evt_1", "object": "event", "type": kind, "data": {"object": metadata | body}})


def verify(body: bytes, header: str | None, now: datetime = NOW) -> Notice:
    return Stripe().verify(ACCOUNT, {} if header is None else {"stripe-signature": header}, body, now)


BODY = event("payment_intent.succeeded", {"id": "pi_1", "status": "succeeded", "amount_received": 5, "currency": "usd"})


def test_a_good_signature_also_by_the_official_package() -> None:
    assert verify(BODY, signed(BODY)).event_id == "evt_1"
    now = datetime.now(UTC)  # the package knows no other; NOW may be minutes ago
    theirs = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET)
    assert verify(BODY, theirs, now).event_id == "evt_1"
    stripe.Webhook.construct_event(BODY, signed(BODY, now), SECRET)


def test_any_of_several_signatures_may_match() -> None:
    good = signed(BODY)
    t, v1 = good.split(",")
    assert verify(BODY, f"{t},v1={'0' * 64},{v1},v0=abc").event_id == "evt_1"


WRONG: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "nonsense": "nonsense",
    "no signature": f"t={int(NOW.timestamp())}",
    "another scheme": signed(BODY).replace("v1=", "v0="),
    "another secret": signed(BODY, secret="whsec_other"),
    "another body": signed(BODY + b" "),
    "another time": signed(BODY).replace("t=", "t=0"),
    "no time": signed(BODY).partition(",")[2],
    "two times": f"t=1,{signed(BODY)}",
    "not ASCII": signed(BODY) + "é",
    "no number": "t=soon,v1=é",
    "far too large": f"t={'9' * 40},v1=00",
    "other digits": f"t=٣,v1={'0' * 64}",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_signatures(case: str) -> None:
    with pytest.raises(Invalid) as raised:
        verify(BODY, WRONG[case])
    assert raised.value.code.startswith("signature_")


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(Invalid):
        verify(BODY.replace(b"usd", b"eur"), signed(BODY))


@pytest.mark.parametrize(("seconds", "fine"), [(-301, False), (-299, True), (299, True), (302, False)])
def test_old_and_future_signatures(seconds: int, fine: bool) -> None:
    header = signed(BODY, NOW + timedelta(seconds=seconds))
    if fine:
        assert verify(BODY, header).event_id == "evt_1"
    else:
        with pytest.raises(Invalid) as raised:
            verify(BODY, header)
        assert raised.value.code == "signature_stale"


def test_an_account_without_a_secret_trusts_nobody() -> None:
    header = signed(BODY, secret="")
    with pytest.raises(Invalid):
        Stripe().verify(Account(ACCOUNT.tenant, {}), {"stripe-signature": header}, BODY, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff",
        b"[" * 5000,
        b'{"id":"e","type":"charge.refunded","data":{"object":[]}}',
        b'{"id":"e","type":"payment_intent.succeeded","data":{"object":{}}}',
        b'{"id":"e","type":"payment_intent.succeeded","data":{"object":{"metadata":[1]}}}',
        b'{"id":"e","type":"checkout.session.completed","data":{"object":{"id":"c","payment_status":"paid",'
        b'"amount_total":"x","currency":"usd"}}}',
        b'{"id":"e","type":"checkout.session.completed","data":{"object":{"id":"c","payment_status":"paid",'
        b'"amount_total":1,"currency":"???"}}}',
    ],
)
def test_signed_nonsense_is_invalid_and_no_crash(body: bytes) -> None:
    with pytest.raises(Invalid) as raised:
        verify(body, signed(body))
    assert raised.value.code == "callback_malformed"


PAID = {"id": "cs_1", "status": "complete", "payment_status": "paid", "amount_total": 1230, "currency": "jpy"}
LOST = {"code": "card_declined", "decline_code": "lost_card"}
FAILED = {"status": "requires_payment_method", "last_payment_error": LOST}
UNPAID = PAID | {"payment_status": "unpaid"}


@pytest.mark.parametrize(
    ("kind", "body", "outcome", "reason"),
    [
        ("checkout.session.completed", PAID, Outcome.CAPTURED, None),
        ("checkout.session.completed", UNPAID, Outcome.PENDING, None),
        ("checkout.session.async_payment_succeeded", PAID, Outcome.CAPTURED, None),
        (
            "checkout.session.async_payment_failed",
            UNPAID,
            Outcome.DECLINED,
            "card_declined",
        ),
        ("checkout.session.expired", UNPAID, Outcome.EXPIRED, None),
        ("payment_intent.canceled", {"id": "pi_1", "status": "canceled"}, Outcome.EXPIRED, None),
        ("payment_intent.payment_failed", {"id": "pi_1"} | FAILED, Outcome.DECLINED, "card_declined"),
    ],
)
def test_what_events_mean(kind: str, body: dict[str, Any], outcome: Outcome, reason: str | None) -> None:
    raw = event(kind, body)
    notice = verify(raw, signed(raw))
    assert (notice.kind, notice.payment_id, notice.reference) == (kind, PAYMENT, body["id"])
    assert notice.receipt and (notice.receipt.outcome, notice.receipt.reason) == (outcome, reason)
    if outcome is Outcome.CAPTURED:
        assert notice.receipt.captured == Money(1230, Currency("JPY"))


def test_a_decline_on_a_page_is_no_news() -> None:
    raw = event(
        "payment_intent.payment_failed",
        {"id": "pi_1", "metadata": {"payment_id": str(PAYMENT), "via": "page"}} | FAILED,
    )
    assert verify(raw, signed(raw)).receipt is None


def test_a_refund_tells_the_total_so_far_and_the_payment_it_is_of() -> None:
    charge = {"id": "ch_1", "payment_intent": "pi_1", "amount_captured": 500, "amount_refunded": 200, "currency": "usd"}
    raw = event("charge.refunded", charge)
    notice = verify(raw, signed(raw))
    assert (notice.reference, notice.refunded) == ("pi_1", Money(200, Currency("USD")))
    assert notice.receipt and notice.receipt.outcome is Outcome.CAPTURED


def test_events_that_are_none_of_our_business() -> None:
    for raw in (event("customer.created", {"id": "cus_1"}), event("charge.dispute.created", {"id": "dp_1"})):
        notice = verify(raw, signed(raw))
        assert (notice.payment_id, notice.reference, notice.receipt) == (None, None, None)
