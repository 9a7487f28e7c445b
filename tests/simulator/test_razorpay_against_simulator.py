"""Razorpay's official package, unmodified, through our provider, against the simulator over real HTTP."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import razorpay as package
from tests.http_server import Answer, Heard, Listener, listener
from tests.simulator.shop import RazorpayShop

from merx.kernel import ids
from merx.kernel.errors import Invalid, Upstream
from merx.kernel.ids import PaymentId, RefundId
from merx.kernel.money import Currency, Money
from merx.ports import Account, Outcome, RefundRequest
from merx.providers.payments.razorpay import Razorpay

INR = Currency("INR")
REFUSED = b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "no"}}'


def inr(minor: int) -> Money:
    return Money(minor, INR)


def client(shop: RazorpayShop) -> Any:
    """The package as anybody would use it."""
    return package.Client(auth=(shop.key, shop.secret), base_url=shop.endpoint)


async def opened(shop: RazorpayShop, minor: int = 50000, currency: str = "INR") -> tuple[Any, str]:
    charge = shop.charge(minor, currency)
    receipt = await shop.provider.charge(shop.account, charge)
    assert receipt.outcome is Outcome.PENDING and receipt.reference, receipt
    return charge, receipt.reference


async def paid(shop: RazorpayShop, minor: int = 50000) -> tuple[Any, str]:
    charge, order = await opened(shop, minor)
    assert (await shop.pressed(order, "pay"))["event"] == "paid"
    return charge, order


def request(charge: Any, order: str, minor: int, refund_id: RefundId | None = None) -> RefundRequest:
    return RefundRequest(refund_id or RefundId(ids.new()), charge.payment_id, order, inr(minor), "too small")


async def test_an_order_is_made_once_however_often_it_is_asked_for(razorpay: RazorpayShop) -> None:
    charge, order = await opened(razorpay)
    again = [await razorpay.provider.charge(razorpay.account, charge) for _ in range(3)]
    assert {one.reference for one in again} == {order}
    made = (await razorpay.control())["razorpay.order"]
    assert len(made) == 1
    assert (made[0]["receipt"], made[0]["amount"], made[0]["currency"]) == (charge.payment_id.hex, 50000, "INR")
    assert made[0]["notes"]["payment_id"] == str(charge.payment_id)
    client_part = again[0].client
    assert {name: client_part[name] for name in ("token", "providerOrderId", "amount", "currency")} == {
        "token": razorpay.key, "providerOrderId": order, "amount": 50000, "currency": "INR",
    }  # fmt: skip
    assert client_part["script"].endswith("/simulator/razorpay/checkout.js")


async def test_paid_found_with_and_without_its_reference(razorpay: RazorpayShop) -> None:
    charge, order = await opened(razorpay)
    for reference in (order, None):
        found = await razorpay.provider.find(razorpay.account, charge.payment_id, reference)
        assert (found.outcome, found.reference) == (Outcome.PENDING, order)
    said = await razorpay.pressed(order, "pay")
    fields = said["fields"]
    assert fields["razorpay_order_id"] == order
    assert client(razorpay).utility.verify_payment_signature(fields)
    razorpay.provider.confirm(razorpay.account, order, fields)
    for reference in (order, None):
        found = await razorpay.provider.find(razorpay.account, charge.payment_id, reference)
        assert (found.outcome, found.captured, found.reference) == (Outcome.CAPTURED, inr(50000), order)
    assert (await razorpay.provider.charge(razorpay.account, charge)).outcome is Outcome.CAPTURED
    assert await razorpay.pressed(order, "pay") == {}
    assert len((await razorpay.control())["razorpay.payment"]) == 1


async def test_the_browsers_word_counts_for_the_stored_order_only(razorpay: RazorpayShop) -> None:
    (_, order), (_, other) = await opened(razorpay), await opened(razorpay, 99900)
    fields = (await razorpay.pressed(order, "pay"))["fields"]
    wrong: list[dict[str, str]] = [
        fields | {"razorpay_payment_id": "pay_other"},
        fields | {"razorpay_signature": "0" * 64},
        fields | {"razorpay_signature": ""},
        fields | {"razorpay_signature": "é" * 64},
        {},
    ]
    for given in wrong:
        with pytest.raises(Invalid):
            razorpay.provider.confirm(razorpay.account, order, given)
    with pytest.raises(Invalid):  # a true signature, of a cheaper order
        razorpay.provider.confirm(razorpay.account, other, fields)
    nobody = Account(razorpay.tenant, {"key_id": "x", "key_secret": ""})
    with pytest.raises(Invalid):
        razorpay.provider.confirm(nobody, order, fields)


async def test_a_declined_card_may_be_tried_again_in_the_same_window(razorpay: RazorpayShop) -> None:
    charge, order = await opened(razorpay)
    said = await razorpay.pressed(order, "decline")
    assert (said["event"], said["error"]["metadata"]["order_id"]) == ("failed", order)
    found = await razorpay.provider.find(razorpay.account, charge.payment_id, order)
    assert found.outcome is Outcome.PENDING
    assert (await razorpay.pressed(order, "abandon")) == {"event": "dismissed"}
    assert (await razorpay.pressed(order, "pay"))["event"] == "paid"
    found = await razorpay.provider.find(razorpay.account, charge.payment_id, order)
    assert found.outcome is Outcome.CAPTURED
    assert sorted(one["status"] for one in (await razorpay.control())["razorpay.payment"]) == ["captured", "failed"]


async def test_what_was_authorised_is_captured_by_whoever_looks(razorpay: RazorpayShop) -> None:
    await razorpay.control(authorize_only=True)
    charge, order = await paid(razorpay)
    assert (await razorpay.control())["razorpay.payment"][0]["status"] == "authorized"
    looks = [razorpay.provider.find(razorpay.account, charge.payment_id, order) for _ in range(3)]
    found = await asyncio.gather(*looks)
    assert {(one.outcome, one.captured) for one in found} == {(Outcome.CAPTURED, inr(50000))}
    ledger = await razorpay.control()
    assert (ledger["razorpay.payment"][0]["status"], ledger["razorpay.order"][0]["status"]) == ("captured", "paid")


async def test_what_can_not_be_captured_stays_authorised(razorpay: RazorpayShop) -> None:
    order = {"id": "order_1", "status": "attempted", "attempts": 1, "amount": 500, "currency": "INR"}
    payment = {"id": "pay_1", "status": "authorized", "captured": False, "amount": 500, "currency": "INR"}

    def reply(asked: Heard) -> Answer:
        if asked.path.endswith("/capture"):
            return 400, REFUSED
        answer = {"items": [payment]} if asked.path.endswith("/payments") else order
        return 200, msgspec.json.encode(payment if "/payments/" in asked.path else answer)

    async with listener(reply) as heard:
        account = Account(razorpay.tenant, razorpay.account.credentials, endpoint=heard.url)
        ident = PaymentId(ids.new())
        for ask in (razorpay.provider.find, razorpay.provider.cancel):
            assert (await ask(account, ident, "order_1")).outcome is Outcome.AUTHORIZED
        payment["status"] = "refunded"  # given up, and never captured
        assert (await razorpay.provider.find(account, ident, "order_1")).outcome is Outcome.PENDING


async def test_cancelling_can_not_close_and_says_so(razorpay: RazorpayShop) -> None:
    charge, order = await opened(razorpay)
    for reference in (order, None):
        left = await razorpay.provider.cancel(razorpay.account, charge.payment_id, reference)
        assert (left.outcome, left.lingers, left.reference) == (Outcome.EXPIRED, True, order)
    await razorpay.pressed(order, "pay")
    late = await razorpay.provider.cancel(razorpay.account, charge.payment_id, order)
    assert (late.outcome, late.captured) == (Outcome.CAPTURED, inr(50000))


async def test_a_payment_nobody_asked_for_is_unknown(razorpay: RazorpayShop) -> None:
    nobody = PaymentId(ids.new())
    for reference in (None, "order_nothing"):
        assert (await razorpay.provider.find(razorpay.account, nobody, reference)).outcome is Outcome.UNKNOWN
        assert (await razorpay.provider.cancel(razorpay.account, nobody, reference)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("minor", "currency", "reason"),
    [(99, "INR", "amount_too_small"), (1001, "KWD", "amount_not_chargeable"), (10**14, "INR", "refused_by_provider")],
)
async def test_amounts_it_does_not_take(razorpay: RazorpayShop, minor: int, currency: str, reason: str) -> None:
    receipt = await razorpay.provider.charge(razorpay.account, razorpay.charge(minor, currency))
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, reason)
    assert (await razorpay.control())["razorpay.order"] == []


async def test_other_amounts_and_currencies(razorpay: RazorpayShop) -> None:
    for minor, currency in ((100, "INR"), (1230, "KWD"), (500, "JPY"), (1, "USD")):
        charge, order = await opened(razorpay, minor, currency)
        await razorpay.pressed(order, "pay")
        found = await razorpay.provider.find(razorpay.account, charge.payment_id, order)
        assert found.captured == Money(minor, Currency(currency))


async def test_a_card_token_is_not_for_razorpay(razorpay: RazorpayShop) -> None:
    receipt = await razorpay.provider.charge(razorpay.account, razorpay.charge(500, "INR", token="pm_card_visa"))
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, "token_not_supported")


# ── Refunds ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_refunds_are_made_once_by_their_key(razorpay: RazorpayShop) -> None:
    charge, order = await paid(razorpay)
    asked = request(charge, order, 20000)
    first = await razorpay.provider.refund(razorpay.account, asked)
    assert first.succeeded and first.reference and not first.pending
    for _ in range(3):
        assert await razorpay.provider.refund(razorpay.account, asked) == first
    assert (await razorpay.provider.refund(razorpay.account, request(charge, order, 30000))).succeeded
    more = await razorpay.provider.refund(razorpay.account, request(charge, order, 1))
    assert (more.succeeded, more.pending, more.reason) == (False, False, "refund_refused")
    ledger = await razorpay.control()
    assert sorted(one["amount"] for one in ledger["razorpay.refund"]) == [20000, 30000]
    payment = ledger["razorpay.payment"][0]
    assert (payment["amount_refunded"], payment["refund_status"], payment["status"]) == (50000, "full", "refunded")
    found = await razorpay.provider.find(razorpay.account, charge.payment_id, order)
    assert (found.outcome, found.captured) == (Outcome.CAPTURED, inr(50000))


async def test_an_old_refund_is_looked_for_before_it_is_asked_again(razorpay: RazorpayShop, owner: Any) -> None:
    """Its key may be forgotten by then."""
    charge, order = await paid(razorpay)
    old = datetime.now(UTC) - timedelta(days=3)
    milliseconds = int(old.timestamp() * 1000)
    noise = int.from_bytes(os.urandom(8), "big") >> 2
    ident = RefundId(type(ids.new())(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | noise))
    asked = request(charge, order, 100, ident)
    first = await razorpay.provider.refund(razorpay.account, asked)
    await owner.execute("delete from simulator_idempotency where account = $1", str(razorpay.tenant))
    assert await razorpay.provider.refund(razorpay.account, asked) == first
    assert len((await razorpay.control())["razorpay.refund"]) == 1


async def test_a_refund_that_takes_its_time_and_one_that_fails(razorpay: RazorpayShop) -> None:
    charge, order = await paid(razorpay)
    await razorpay.control(refunds="later")
    later = await razorpay.provider.refund(razorpay.account, request(charge, order, 100))
    assert later.succeeded  # told 'pending' and looked at again
    await razorpay.control(refunds="fail")
    failed = await razorpay.provider.refund(razorpay.account, request(charge, order, 100))
    assert (failed.succeeded, failed.pending) == (False, False) and failed.reference
    assert (await razorpay.control())["razorpay.payment"][0]["amount_refunded"] == 100


async def test_what_was_not_paid_can_not_be_refunded(razorpay: RazorpayShop) -> None:
    charge, order = await opened(razorpay)
    refused = await razorpay.provider.refund(razorpay.account, request(charge, order, 100))
    assert (refused.succeeded, refused.reason) == (False, "payment_not_captured")


# ── Lost answers ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["before", "lost"])
async def test_an_order_whose_answer_is_lost_is_asked_for_again(razorpay: RazorpayShop, when: str) -> None:
    await razorpay.control(fault={"when": when, "status": 500})
    charge = razorpay.charge(50000, "INR")
    with pytest.raises(Upstream):
        await razorpay.provider.charge(razorpay.account, charge)
    found = await razorpay.provider.find(razorpay.account, charge.payment_id, None)
    assert found.outcome is (Outcome.PENDING if when == "lost" else Outcome.UNKNOWN)
    assert (await razorpay.provider.charge(razorpay.account, charge)).outcome is Outcome.PENDING
    assert len((await razorpay.control())["razorpay.order"]) == 1


@pytest.mark.parametrize("when", ["before", "lost"])
async def test_a_refund_whose_answer_is_lost_is_made_once(razorpay: RazorpayShop, when: str) -> None:
    charge, order = await paid(razorpay)
    asked = request(charge, order, 700)
    await razorpay.control(fault={"when": when, "status": 502})
    with pytest.raises(Upstream):
        await razorpay.provider.refund(razorpay.account, asked)
    assert (await razorpay.provider.refund(razorpay.account, asked)).succeeded
    assert [one["amount"] for one in (await razorpay.control())["razorpay.refund"]] == [700]


async def test_answers_that_are_none_leave_the_outcome_open(razorpay: RazorpayShop, capfd: Any) -> None:
    answers: list[Answer | None] = [(200, b"[]"), (200, b"no"), (502, b"<html>"), (429, b"{}"), None, (409, REFUSED)]

    def reply(_: Heard) -> Answer | None:
        return answers[0]

    async with listener(reply) as heard:
        account = Account(razorpay.tenant, razorpay.account.credentials, endpoint=heard.url)
        while answers:
            with pytest.raises(Upstream):
                await razorpay.provider.charge(account, razorpay.charge(500, "INR"))
            answers.pop(0)
    with pytest.raises(Upstream):
        await razorpay.provider.find(account, PaymentId(ids.new()), "order_x")
    assert capfd.readouterr().out == ""  # the package would print


async def test_wrong_keys_are_said_to_be_wrong(razorpay: RazorpayShop) -> None:
    for given in ({"key_id": razorpay.key, "key_secret": "wrong"}, {"key_id": "x", "key_secret": "y"}, {}):
        account = Account(razorpay.tenant, given, endpoint=razorpay.endpoint)
        with pytest.raises(Upstream) as raised:
            await Razorpay().charge(account, razorpay.charge(500, "INR"))
        assert raised.value.code == "provider_credentials"


async def test_many_at_once_do_not_mix(razorpay: RazorpayShop) -> None:
    charges = [razorpay.charge(1000 + number, "INR") for number in range(20)]
    made = await asyncio.gather(*[razorpay.provider.charge(razorpay.account, one) for one in charges])
    assert [one.client["amount"] for one in made] == [one.amount.minor for one in charges]
    assert len({one.reference for one in made}) == 20


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def kinds(heard: Listener) -> list[str]:
    return [msgspec.json.decode(one.body)["event"] for one in heard.heard]


async def test_callbacks_are_signed_for_the_package_and_read_by_the_provider(
    razorpay: RazorpayShop, razorpay_receiver: Listener
) -> None:
    charge, order = await opened(razorpay)
    await razorpay.pressed(order, "decline")
    await razorpay.pressed(order, "pay")
    asked = request(charge, order, 20000)
    await razorpay.provider.refund(razorpay.account, asked)
    await razorpay.events(razorpay_receiver)
    assert kinds(razorpay_receiver) == [
        "payment.failed", "payment.authorized", "payment.captured", "order.paid", "refund.created", "refund.processed",
    ]  # fmt: skip
    secret, notices = razorpay.account.credentials["webhook_secret"], []
    for one in razorpay_receiver.heard:
        assert client(razorpay).utility.verify_webhook_signature(
            one.body.decode(), one.headers["x-razorpay-signature"], secret
        )
        notices.append(razorpay.provider.verify(razorpay.account, one.headers, one.body, datetime.now(UTC)))
    assert len({one.event_id for one in notices}) == 6
    failed, authorised, captured, settled, asked_for, refunded = notices
    assert failed.receipt is None and failed.reference is None
    assert authorised.receipt and authorised.receipt.outcome is Outcome.AUTHORIZED
    for notice in (captured, settled):
        assert notice.receipt and notice.receipt.captured == inr(50000) and notice.reference == order
    assert settled.payment_id == charge.payment_id
    for notice in (asked_for, refunded):
        assert notice.refund and notice.refund.refund_id == asked.refund_id
        assert notice.refund.receipt.succeeded and notice.refunded == inr(20000)


async def test_callbacks_can_be_doubled_and_reversed(razorpay: RazorpayShop, razorpay_receiver: Listener) -> None:
    await razorpay.control(double=True, reverse=True)
    _, order = await opened(razorpay)
    await razorpay.pressed(order, "pay")
    await razorpay.events(razorpay_receiver)
    assert kinds(razorpay_receiver) == [
        name for name in ("order.paid", "payment.captured", "payment.authorized") for _ in range(2)
    ]
    marks = [one.headers["x-razorpay-event-id"] for one in razorpay_receiver.heard]
    assert len(set(marks)) == 3


async def test_a_callback_not_signed_by_us_is_refused(razorpay: RazorpayShop, razorpay_receiver: Listener) -> None:
    _, order = await opened(razorpay)
    await razorpay.pressed(order, "pay")
    await razorpay.events(razorpay_receiver)
    one = razorpay_receiver.heard[0]
    for headers, body in (
        ({}, one.body),
        ({"x-razorpay-signature": "0" * 64}, one.body),
        ({"x-razorpay-signature": "é"}, one.body),
        (one.headers, one.body + b" "),
    ):
        with pytest.raises(Invalid):
            razorpay.provider.verify(razorpay.account, headers, body, datetime.now(UTC))
    keyless = Account(razorpay.tenant, {"key_id": razorpay.key, "key_secret": razorpay.secret})
    with pytest.raises(Invalid):
        razorpay.provider.verify(keyless, one.headers, one.body, datetime.now(UTC))


# ── The API's own manners ────────────────────────────────────────────────────────────────────────────────────────────


async def test_errors_have_razorpays_shape(razorpay: RazorpayShop) -> None:
    cases: list[tuple[str, str, Any, int]] = [
        ("POST", "/orders", {"amount": 99, "currency": "INR"}, 400),
        ("POST", "/orders", {"amount": "500", "currency": "INR"}, 400),
        ("POST", "/orders", {"amount": 1001, "currency": "KWD"}, 400),
        ("POST", "/orders", {"amount": 500}, 400),
        ("POST", "/orders", {"amount": 500, "currency": "INR", "receipt": "x" * 41}, 400),
        ("POST", "/orders", {"amount": 500, "currency": "INR", "nonsense": 1}, 400),
        ("POST", "/orders", [], 400),
        ("GET", "/orders/order_x", None, 400),
        ("GET", "/orders?count=1000", None, 400),
        ("GET", "/nothing", None, 404),
        ("POST", "/payments/pay_x/capture", {"amount": 500, "currency": "INR"}, 400),
    ]
    for method, path, data, status in cases:
        refused = await razorpay.api(method, path, data)
        assert refused.status_code == status, (path, refused.text)
        error = refused.json()["error"]
        assert error["code"] == "BAD_REQUEST_ERROR" and error["description"] and "reason" in error
    stranger = await razorpay.http.get(f"{razorpay.endpoint}/v1/orders", auth=(razorpay.key, "no"))
    assert (stranger.status_code, stranger.json()["error"]["description"]) == (401, "Authentication failed")


async def test_the_package_used_directly(razorpay: RazorpayShop) -> None:
    def walk() -> None:
        api = client(razorpay)
        order = api.order.create({"amount": 700, "currency": "INR", "receipt": "r-1", "notes": {"a": "b"}})
        assert (order["status"], order["amount_due"], order["notes"]) == ("created", 700, {"a": "b"})
        assert api.order.fetch(order["id"]) == order
        assert api.order.all({"receipt": "r-1"})["items"] == [order]
        with pytest.raises(package.errors.BadRequestError, match="minimum amount"):
            api.order.create({"amount": 7, "currency": "INR"})
        with pytest.raises(package.errors.BadRequestError):
            api.payment.fetch("pay_nothing")
        return order["id"]

    order: Any = await asyncio.to_thread(walk)
    await razorpay.pressed(order, "pay")  # an order that does not capture by itself

    def after() -> None:
        api = client(razorpay)
        paid = api.order.payments(order)["items"][0]
        assert paid["status"] == "authorized"
        with pytest.raises(package.errors.BadRequestError, match="equal"):
            api.payment.capture(paid["id"], 600, {"currency": "INR"})
        assert api.payment.capture(paid["id"], 700, {"currency": "INR"})["captured"] is True
        key = {"headers": {"X-Refund-Idempotency": "a-refund-key-1"}}
        first = api.payment.refund(paid["id"], {"amount": 300}, **key)
        assert api.payment.refund(paid["id"], {"amount": 300}, **key) == first
        with pytest.raises(package.errors.BadRequestError, match="different"):
            api.payment.refund(paid["id"], {"amount": 200}, **key)
        assert api.refund.fetch(first["id"]) == first == api.payment.fetch_refund_id(paid["id"], first["id"])
        assert api.payment.fetch_multiple_refund(paid["id"])["count"] == 1
        assert api.order.fetch(order)["status"] == "paid"

    await asyncio.to_thread(after)


async def test_the_window_is_for_the_page_that_opened_it(razorpay: RazorpayShop) -> None:
    _, order = await opened(razorpay)
    page = await razorpay.http.get(razorpay.window(order))
    assert "500.00 INR" in page.text and 'data-origin="http://shop.localhost:8000"' in page.text
    assert "frame-ancestors http://shop.localhost:8000" in page.headers["content-security-policy"]
    for origin in ("javascript:alert(1)", "http://a.test/;script-src *", "*", "http://x.test/path"):
        hostile = await razorpay.http.get(razorpay.window(order, origin))
        assert "frame-ancestors 'none'" in hostile.headers["content-security-policy"], origin
        assert 'data-origin=""' in hostile.text
    other = razorpay.window(order).replace(razorpay.key, f"rzp_test_sim_{ids.new().hex}")
    assert (await razorpay.http.post(other, data={"action": "pay"})).status_code == 404
    script = await razorpay.http.get(f"{razorpay.endpoint}/checkout.js")
    assert script.headers["content-type"].startswith("text/javascript") and "window.Razorpay" in script.text
