"""The official package, unmodified, through our provider, against the simulator over real HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import stripe
from tests.http_server import Listener
from tests.simulator.shop import Shop

from merx.kernel import ids
from merx.kernel.errors import Upstream
from merx.kernel.ids import PaymentId, RefundId
from merx.kernel.money import Currency, Money
from merx.ports import Account, Outcome, PaymentLine, RefundRequest


def usd(minor: int) -> Money:
    return Money(minor, Currency("USD"))


async def test_a_good_card_is_charged_once_however_often_it_is_asked(shop: Shop) -> None:
    charge = shop.charge(1999, token="pm_card_visa")
    receipts = await asyncio.gather(*[shop.provider.charge(shop.account, charge) for _ in range(5)])
    assert {(r.outcome, r.captured) for r in receipts} == {(Outcome.CAPTURED, usd(1999))}
    assert len({r.reference for r in receipts}) == 1
    ledger = await shop.control()
    assert [one["amount"] for one in ledger["charge"]] == [1999]
    assert ledger["payment_intent"][0]["metadata"]["payment_id"] == str(charge.payment_id)


@pytest.mark.parametrize(
    ("token", "reason", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", None),
        ("pm_card_chargeCustomerFail", "card_declined", "card_declined", "generic_decline"),
    ],
)
async def test_each_declining_card(shop: Shop, token: str, reason: str, code: str, decline_code: str | None) -> None:
    charge = shop.charge(token=token)
    receipt = await shop.provider.charge(shop.account, charge)
    assert (receipt.outcome, receipt.reason, receipt.captured) == (Outcome.DECLINED, reason, None)
    again = await shop.provider.find(shop.account, charge.payment_id, receipt.reference)
    assert (again.outcome, again.reason) == (Outcome.DECLINED, reason)
    assert (await shop.provider.find(shop.account, charge.payment_id, None)).outcome is Outcome.DECLINED

    client = stripe.StripeClient(shop.key, base_addresses={"api": shop.endpoint}, http_client=stripe.HTTPXClient())
    with pytest.raises(stripe.CardError) as raised:
        await client.v1.payment_intents.create_async(
            {"amount": 500, "currency": "usd", "payment_method": token, "confirm": True, "return_url": "http://x.test/"}
        )
    error: Any = raised.value.error
    assert (raised.value.http_status, error.type, error.code) == (402, "card_error", code)
    assert error.to_dict().get("decline_code") == decline_code
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.last_payment_error.code == code
    assert error.charge.startswith("ch_")


async def test_a_card_that_wants_its_owner_is_declined_and_closed(shop: Shop) -> None:
    charge = shop.charge(token="pm_card_authenticationRequired")
    receipt = await shop.provider.charge(shop.account, charge)
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, "authentication_required")
    assert await shop.provider.charge(shop.account, charge) == receipt
    for reference in (None, receipt.reference):
        assert await shop.provider.find(shop.account, charge.payment_id, reference) == receipt
    ledger = await shop.control()
    assert [one["status"] for one in ledger["payment_intent"]] == ["canceled"]
    assert ledger["charge"] == []


async def test_an_unknown_payment_method_is_declined_without_a_trace(shop: Shop) -> None:
    receipt = await shop.provider.charge(shop.account, shop.charge(token="pm_nobody"))
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, "resource_missing")
    assert (await shop.control())["payment_intent"] == []


async def test_a_page_is_opened_paid_and_found(shop: Shop) -> None:
    charge = shop.charge(
        21598, lines=(PaymentLine("Mug", 2, usd(19998)),), expires_at=datetime.now(UTC) + timedelta(hours=2)
    )
    first = await shop.provider.charge(shop.account, charge)
    assert first.outcome is Outcome.PENDING and first.reference and first.url
    assert await shop.provider.charge(shop.account, charge) == first
    for reference in (first.reference, None):
        assert await shop.provider.find(shop.account, charge.payment_id, reference) == first
    answer = await shop.press(first.url, "pay")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://shop.localhost:8000/paid?session={first.reference}"
    for reference in (first.reference, None):
        found = await shop.provider.find(shop.account, charge.payment_id, reference)
        assert (found.outcome, found.captured) == (Outcome.CAPTURED, usd(21598))
    # Asked again, Stripe repeats its first answer, which said 'open'; the truth is what the caller gets.
    assert (await shop.provider.charge(shop.account, charge)).outcome is Outcome.CAPTURED
    session = (await shop.control())["checkout.session"][0]
    assert session["client_reference_id"] == str(charge.order_id)
    assert session["customer_email"] == "ann@example.com"
    assert session["expires_at"] == int(charge.expires_at.timestamp()) if charge.expires_at else False


async def test_a_payment_nobody_asked_for_is_unknown(shop: Shop) -> None:
    nobody = PaymentId(ids.new())
    for reference in (None, "cs_test_nothing", "pi_nothing"):
        assert (await shop.provider.find(shop.account, nobody, reference)).outcome is Outcome.UNKNOWN
        assert (await shop.provider.cancel(shop.account, nobody, reference)).outcome is Outcome.UNKNOWN


async def test_looking_without_a_reference_reads_past_one_page_of_a_list(shop: Shop) -> None:
    wanted = shop.charge(100, token="pm_card_visa")
    await shop.provider.charge(shop.account, wanted)
    for number in range(101):
        data = {"amount": str(number + 1), "currency": "usd"}
        assert (await shop.api("POST", "/payment_intents", data)).status_code == 200
    assert (await shop.provider.find(shop.account, wanted.payment_id, None)).outcome is Outcome.CAPTURED


async def test_cancelling_closes_an_open_page_and_leaves_a_paid_one(shop: Shop) -> None:
    for reference_known in (True, False):
        charge = shop.charge()
        opened = await shop.provider.charge(shop.account, charge)
        reference = opened.reference if reference_known else None
        assert (await shop.provider.cancel(shop.account, charge.payment_id, reference)).outcome is Outcome.EXPIRED
        assert opened.url
        page = await shop.press(opened.url, "pay")
        assert page.status_code == 410
        assert (await shop.provider.find(shop.account, charge.payment_id, opened.reference)).outcome is Outcome.EXPIRED
    charge = shop.charge()
    opened = await shop.provider.charge(shop.account, charge)
    assert opened.url
    await shop.press(opened.url, "pay")
    late = await shop.provider.cancel(shop.account, charge.payment_id, opened.reference)
    assert (late.outcome, late.captured) == (Outcome.CAPTURED, usd(21598))


async def test_cancelling_a_charged_card_says_it_was_charged(shop: Shop) -> None:
    charge = shop.charge(700, token="pm_card_visa")
    taken = await shop.provider.charge(shop.account, charge)
    late = await shop.provider.cancel(shop.account, charge.payment_id, taken.reference)
    assert (late.outcome, late.captured) == (Outcome.CAPTURED, usd(700))


async def test_refunds_by_page_and_by_card_in_parts_and_never_too_much(shop: Shop) -> None:
    by_card, by_page = shop.charge(1000, token="pm_card_visa"), shop.charge(1000)
    references = []
    for charge in (by_card, by_page):
        receipt = await shop.provider.charge(shop.account, charge)
        if receipt.url:
            await shop.press(receipt.url, "pay")
        assert receipt.reference
        references.append((charge.payment_id, receipt.reference))
    for payment, reference in references:
        part = RefundRequest(RefundId(ids.new()), payment, reference, usd(400), "broken on arrival")
        first, again = [await shop.provider.refund(shop.account, part) for _ in range(2)]
        assert first == again and first.succeeded and first.reference
        too_much = RefundRequest(RefundId(ids.new()), payment, reference, usd(601))
        assert not (await shop.provider.refund(shop.account, too_much)).succeeded
        rest = RefundRequest(RefundId(ids.new()), payment, reference, usd(600))
        assert (await shop.provider.refund(shop.account, rest)).succeeded
        more = await shop.provider.refund(shop.account, RefundRequest(RefundId(ids.new()), payment, reference, usd(1)))
        assert (more.succeeded, more.reason) == (False, "charge_already_refunded")
    ledger = await shop.control()
    assert sorted(one["amount"] for one in ledger["refund"]) == [400, 400, 600, 600]
    assert [one["amount_refunded"] for one in ledger["charge"]] == [1000, 1000]


async def test_an_unpaid_page_has_nothing_to_refund(shop: Shop) -> None:
    charge = shop.charge()
    opened = await shop.provider.charge(shop.account, charge)
    assert opened.reference
    asked = RefundRequest(RefundId(ids.new()), charge.payment_id, opened.reference, usd(1))
    assert (await shop.provider.refund(shop.account, asked)).reason == "payment_not_captured"


@pytest.mark.parametrize(
    ("currency", "minor", "wire"),
    [("JPY", 1230, 1230), ("KWD", 12340, 12340), ("ISK", 500, 50000), ("UGX", 7000, 700000), ("MGA", 1200, 12)],
)
async def test_currencies_with_other_decimals(shop: Shop, currency: str, minor: int, wire: int) -> None:
    charge = shop.charge(minor, currency, token="pm_card_visa")
    receipt = await shop.provider.charge(shop.account, charge)
    assert receipt.captured == charge.amount
    assert (await shop.control())["charge"][0]["amount"] == wire
    opened = await shop.provider.charge(shop.account, shop.charge(minor, currency))
    assert opened.outcome is Outcome.PENDING


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 12345), ("MGA", 1250)])
async def test_an_amount_stripe_cannot_take_is_refused_before_it_is_sent(shop: Shop, currency: str, minor: int) -> None:
    receipt = await shop.provider.charge(shop.account, shop.charge(minor, currency, token="pm_card_visa"))
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, "amount_not_chargeable")
    assert (await shop.control())["payment_intent"] == []


async def test_lines_always_sum_to_what_is_charged(shop: Shop) -> None:
    lines = (PaymentLine("Mug", 3, usd(1000)), PaymentLine("Lamp", 2, usd(5000)))
    for amount in (6000, 6789, 5500, 1):
        receipt = await shop.provider.charge(shop.account, shop.charge(amount, lines=lines))
        assert receipt.outcome is Outcome.PENDING
    many = tuple(PaymentLine(f"Item {number}", 1, usd(1)) for number in range(120))
    await shop.provider.charge(shop.account, shop.charge(120, lines=many))
    sessions = (await shop.control())["checkout.session"]
    assert sorted(one["amount_total"] for one in sessions) == [1, 120, 5500, 6000, 6789]


async def test_a_page_asked_for_too_late_is_expired(shop: Shop) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    payment = PaymentId(type(ids.new())(int=int(old.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | 5))
    charge = msgspec.structs.replace(shop.charge(), payment_id=payment, expires_at=old + timedelta(minutes=30))
    receipt = await shop.provider.charge(shop.account, charge)
    assert (receipt.outcome, receipt.reason) == (Outcome.EXPIRED, "too_late")


async def test_failures_of_the_provider_leave_the_outcome_open_and_one_charge(shop: Shop) -> None:
    for when in ("before", "lost", "kept"):
        charge = shop.charge(300, token="pm_card_visa")
        await shop.control(fault={"times": 3, "status": 500, "when": when})
        if when == "lost":
            # The package repeats the call with the same key and hears the first one's true answer.
            assert (await shop.provider.charge(shop.account, charge)).outcome is Outcome.CAPTURED
            await shop.control(fault=None)
        else:
            with pytest.raises(Upstream) as raised:
                await shop.provider.charge(shop.account, charge)
            assert raised.value.code == "upstream" and shop.key not in repr(raised.value.__dict__)
            await shop.control(fault=None)
        found = await shop.provider.find(shop.account, charge.payment_id, None)
        if when == "before":
            assert found.outcome is Outcome.UNKNOWN
            assert (await shop.provider.charge(shop.account, charge)).outcome is Outcome.CAPTURED
        else:
            assert found.outcome is Outcome.CAPTURED
    assert len((await shop.control())["charge"]) == 3


async def test_nobody_there_is_upstream(shop: Shop) -> None:
    away = Account(shop.tenant, shop.account.credentials, endpoint="http://127.0.0.1:9")
    with pytest.raises(Upstream) as raised:
        await shop.provider.charge(away, shop.charge(token="pm_card_visa"))
    assert raised.value.code == "upstream"


@pytest.mark.parametrize("key", ["", "sk_test_wrong", "sk_test\nx", "ключ"])
async def test_wrong_credentials_are_named(shop: Shop, key: str) -> None:
    wrong = Account(shop.tenant, {"secret_key": key}, endpoint=shop.endpoint)
    for call in (
        shop.provider.charge(wrong, shop.charge(token="pm_card_visa")),
        shop.provider.find(wrong, PaymentId(ids.new()), "pi_1"),
        shop.provider.cancel(wrong, PaymentId(ids.new()), "pi_1"),
    ):
        with pytest.raises(Upstream) as raised:
            await call
        assert raised.value.code == "provider_credentials"


async def test_a_key_cannot_be_made_up_from_the_tenant(shop: Shop) -> None:
    forged = shop.key[:-24] + "0" * 24
    with pytest.raises(Upstream) as raised:
        await shop.provider.find(
            Account(shop.tenant, {"secret_key": forged}, endpoint=shop.endpoint), PaymentId(ids.new()), "pi_1"
        )
    assert raised.value.code == "provider_credentials"


async def test_accounts_do_not_see_each_other(shop: Shop) -> None:
    charge = shop.charge(token="pm_card_visa")
    taken = await shop.provider.charge(shop.account, charge)
    other = shop.rt.test_account("stripe", type(shop.tenant)(int=shop.tenant.int ^ 1))
    assert (await shop.provider.find(other, charge.payment_id, taken.reference)).outcome is Outcome.UNKNOWN
    assert (await shop.provider.find(other, charge.payment_id, None)).outcome is Outcome.UNKNOWN
    # The same key of another account is another key.
    assert (await shop.provider.charge(other, charge)).reference != taken.reference


async def test_callbacks_say_what_happened_and_verify_with_both_readers(shop: Shop, receiver: Listener) -> None:
    charge = shop.charge(1500)
    opened = await shop.provider.charge(shop.account, charge)
    assert opened.url and opened.reference
    await shop.press(opened.url, "decline")
    await shop.press(opened.url, "pay")
    asked = RefundRequest(RefundId(ids.new()), charge.payment_id, opened.reference, usd(500))
    await shop.provider.refund(shop.account, asked)
    kinds = [event["type"] for event in await shop.events(receiver)]
    assert kinds == [
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "refund.created",
        "charge.refunded",
        "refund.updated",
    ]
    notices = []
    for heard in receiver.heard:
        assert heard.path == f"/webhooks/stripe/{shop.tenant}"
        stripe.Webhook.construct_event(
            heard.body, heard.headers["stripe-signature"], shop.account.credentials["webhook_secret"]
        )
        notices.append(shop.provider.verify(shop.account, heard.headers, heard.body, datetime.now(UTC)))
    assert {notice.payment_id for notice in notices} == {charge.payment_id}
    failed, succeeded, completed, made, refunded, done = notices
    assert failed.receipt is None  # the page is still open
    assert completed.reference == opened.reference
    for notice in (succeeded, completed, refunded):
        assert notice.receipt and notice.receipt.outcome is Outcome.CAPTURED and notice.receipt.captured == usd(1500)
    assert (refunded.refunded, completed.refunded) == (usd(500), None)
    for notice in (made, done):
        assert notice.refund and (notice.refund.refund_id, notice.refund.amount) == (asked.refund_id, usd(500))
        assert notice.refund.receipt.succeeded


async def test_a_refund_that_takes_its_time_and_one_that_fails(shop: Shop, receiver: Listener) -> None:
    charge = shop.charge(1500, token="pm_card_visa")
    taken = await shop.provider.charge(shop.account, charge)
    assert taken.reference
    await shop.control(refunds="later")
    later = RefundRequest(RefundId(ids.new()), charge.payment_id, taken.reference, usd(500))
    assert (await shop.provider.refund(shop.account, later)).succeeded  # told 'pending' and looked at again
    await shop.control(refunds="fail")
    bad = RefundRequest(RefundId(ids.new()), charge.payment_id, taken.reference, usd(500))
    for _ in range(2):
        failed = await shop.provider.refund(shop.account, bad)
        assert (failed.succeeded, failed.pending, failed.reason) == (False, False, "expired_or_canceled_card")
    assert (await shop.control())["charge"][0]["amount_refunded"] == 500
    await shop.events(receiver)
    notices = [shop.provider.verify(shop.account, one.headers, one.body, datetime.now(UTC)) for one in receiver.heard]
    news = [one.refund.receipt for one in notices if one.refund and one.refund.refund_id == bad.refund_id]
    assert [(one.succeeded, one.pending) for one in news] == [(False, True), (False, False)]


async def test_a_page_that_ran_out_sends_its_callback(shop: Shop, receiver: Listener, owner: Any) -> None:
    charge = shop.charge()
    opened = await shop.provider.charge(shop.account, charge)
    await owner.execute(
        """update simulator_objects set expires_at = now() - interval '1 second',
             body = jsonb_set(body, '{expires_at}', to_jsonb(extract(epoch from now())::bigint - 1)) where id = $1""",
        opened.reference,
    )
    events = await shop.events(receiver)
    assert [event["type"] for event in events] == ["checkout.session.expired"]
    notice = shop.provider.verify(shop.account, receiver.heard[0].headers, receiver.heard[0].body, datetime.now(UTC))
    assert notice.payment_id == charge.payment_id
    assert notice.receipt and notice.receipt.outcome is Outcome.EXPIRED
    assert opened.url and (await shop.press(opened.url, "pay")).status_code == 410


async def test_callbacks_late_doubled_and_reversed(shop: Shop, receiver: Listener, owner: Any) -> None:
    await shop.control(double=True, reverse=True)
    opened = await shop.provider.charge(shop.account, shop.charge())
    assert opened.url
    await shop.press(opened.url, "pay")
    events = await shop.events(receiver)
    assert [event["type"] for event in events] == ["checkout.session.completed"] * 2 + ["payment_intent.succeeded"] * 2
    assert len({event["id"] for event in events}) == 2
    await shop.control(double=False, reverse=False, delay_s=3600)
    before = datetime.now(UTC)
    await shop.provider.charge(shop.account, shop.charge(token="pm_card_visa"))
    assert len(await shop.events(receiver)) == 4
    late = await owner.fetchrow(
        """update simulator_callbacks c set next_at = now() from simulator_callbacks was
           where c.account = $1 and c.done_at is null and was.number = c.number returning was.next_at""",
        str(shop.tenant),
    )
    assert timedelta(0) <= late[0] - before - timedelta(hours=1) < timedelta(minutes=5)
    assert len(await shop.events(receiver)) == 5


async def test_callbacks_are_repeated_until_they_are_answered(shop: Shop, receiver: Listener) -> None:
    answers = iter([(500, b""), None, (302, b"")])
    receiver.answer = lambda _: next(answers, (204, b""))
    await shop.provider.charge(shop.account, shop.charge(token="pm_card_visa"))
    async with asyncio.timeout(30):
        while not (await shop.control())["callbacks"][0]["done"]:
            await shop.events(receiver)
            await asyncio.sleep(0.1)
    assert len(receiver.heard) == 4 and len({one.body for one in receiver.heard}) == 1
    assert (await shop.control())["callbacks"][0] | {"event_id": ""} == {
        "event_id": "",
        "kind": "payment_intent.succeeded",
        "attempts": 4,
        "status": 204,
        "done": True,
    }
