"""The registry, cash and transfers, and what Stripe's answers become when they are no answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http_server import ROOT, Answer, Heard, listener

from merx.kernel import ids
from merx.kernel.errors import Invalid, Upstream
from merx.kernel.ids import OrderId, PaymentId, RefundId, TenantId
from merx.kernel.money import EXPONENTS, Currency, Money
from merx.ports import Account, Charge, Outcome, PaymentLine, RefundRequest
from merx.providers.payments import PROVIDERS, build, stripe_wire
from merx.providers.payments.manual import Manual
from merx.providers.payments.stripe import Stripe

TENANT = TenantId(ids.new())


def charge(minor: int = 1000, currency: str = "USD", lines: tuple[PaymentLine, ...] = ()) -> Charge:
    amount = Money(minor, Currency(currency))
    return Charge(
        PaymentId(ids.new()), OrderId(ids.new()), "ORD-007", amount, "cod", lines, success_url="http://x.test/"
    )


def test_starting_does_not_import_the_packages() -> None:
    code = "import sys, merx.providers.payments as p; p.build(); sys.exit(bool({'stripe', 'razorpay', 'requests', 'httpx'} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


def test_the_registry_names_each_provider_as_it_names_itself() -> None:
    assert {name: provider.name for name, provider in build().items()} == {name: name for name in PROVIDERS}


async def test_manual_payments_wait_until_a_person_says_otherwise() -> None:
    manual, account, asked = Manual(), Account(TENANT, {}), charge()
    receipt = await manual.charge(account, asked)
    assert (receipt.outcome, receipt.client["note"]) == (Outcome.PENDING, "ORD-007")
    assert receipt.reference == (await manual.charge(account, asked)).reference
    assert (await manual.find(account, asked.payment_id, None)).reference == receipt.reference
    assert (await manual.cancel(account, asked.payment_id, receipt.reference)).outcome is Outcome.EXPIRED
    assert receipt.reference
    refund = RefundRequest(RefundId(ids.new()), asked.payment_id, receipt.reference, asked.amount)
    assert (await manual.refund(account, refund)).succeeded
    with pytest.raises(Invalid):
        manual.verify(account, {}, b"{}", datetime.now(UTC))


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_amounts_survive_the_way_there_and_back_or_are_refused(currency: str) -> None:
    for minor in (0, 1, 10, 100, 12345, 99900, 10**9):
        money = Money(minor, Currency(currency))
        wire = stripe_wire.to_stripe(money)
        assert wire is None or stripe_wire.from_stripe(wire, currency.lower()) == money
        assert wire is not None or minor % 100


@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(0, 10**6)), max_size=120),
    st.integers(0, 10**8),
    st.sampled_from(["USD", "JPY", "KWD", "ISK"]),
)
def test_lines_sum_to_the_amount(lines: list[tuple[int, int]], minor: int, currency: str) -> None:
    made = tuple(PaymentLine("x", quantity, Money(total, Currency(currency))) for quantity, total in lines)
    asked = charge(minor, currency, made)
    amount = stripe_wire.to_stripe(asked.amount)
    if amount is None:
        return
    items = stripe_wire.line_items(asked, amount)
    assert 1 <= len(items) <= 100 or (not items and amount == 0)
    assert sum(item["quantity"] * item["price_data"]["unit_amount"] for item in items) == amount
    assert all(item["price_data"]["unit_amount"] >= 0 for item in items)


def test_parameters_follow_from_the_charge_alone() -> None:
    asked = msgspec.structs.replace(charge(), expires_at=datetime.now(UTC) + timedelta(minutes=15))
    first = stripe_wire.session_params(asked, 1000)
    assert first == stripe_wire.session_params(asked, 1000)
    made = ids.made_at(asked.payment_id)
    assert made and 30 * 60 < first["expires_at"] - made.timestamp() <= 35 * 60
    long = msgspec.structs.replace(asked, expires_at=datetime.now(UTC) + timedelta(days=3))
    assert stripe_wire.session_params(long, 1000)["expires_at"] - made.timestamp() < 24 * 3600


def test_an_address_stripe_would_refuse_is_left_out() -> None:
    for email in ("ann@localhost", "änne@example.com", "ann", "a b@example.com"):
        params = stripe_wire.session_params(msgspec.structs.replace(charge(), email=email), 1000)
        assert "customer_email" not in params


def error(kind: str, message: str = "", code: str = "") -> bytes:
    return msgspec.json.encode({"error": {"type": kind, "message": message, "code": code}})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda _: (500, error("api_error")), "upstream"),
        (lambda _: (503, b"<html>away</html>"), "upstream"),
        (lambda _: (200, b"not json"), "upstream"),
        (lambda _: None, "upstream"),
        (lambda _: (429, error("rate_limit_error")), "upstream"),
        (lambda _: (409, error("invalid_request_error", code="idempotency_key_in_use")), "upstream"),
        (lambda _: (400, error("idempotency_error")), "upstream"),
        (
            lambda _: (401, error("invalid_request_error", "Invalid API Key provided")),
            "provider_credentials",
        ),
        (lambda _: (403, error("invalid_request_error")), "provider_credentials"),
    ],
)
async def test_answers_that_leave_the_outcome_open(answer: Callable[[Heard], Answer | None], code: str) -> None:
    async with listener(answer) as stripe:
        account = Account(TENANT, {"secret_key": "sk_test_of_mine"}, endpoint=stripe.url)
        asked = msgspec.structs.replace(charge(), token="pm_card_visa")
        with pytest.raises(Upstream) as raised:
            await Stripe().charge(account, asked)
    assert raised.value.code == code
    assert "sk_test_of_mine" not in repr((raised.value.args, raised.value.facts))
    keys = {heard.headers["idempotency-key"] for heard in stripe.heard}
    assert keys == {str(asked.payment_id)}


async def test_a_refusal_stripe_is_sure_of_is_a_decline() -> None:
    body = error("invalid_request_error", "Amount must be at least $0.50 usd", "amount_too_small")
    async with listener(lambda _: (400, body)) as stripe:
        account = Account(TENANT, {"secret_key": "sk_test_1"}, endpoint=stripe.url)
        receipt = await Stripe().charge(account, charge())
    assert (receipt.outcome, receipt.reason) == (Outcome.DECLINED, "amount_too_small")


async def test_an_old_payment_is_looked_for_before_it_is_asked_for_again() -> None:
    """Past a day Stripe may have forgotten the key, and would take the money twice."""
    old = int((datetime.now(UTC) - timedelta(days=2)).timestamp() * 1000)
    payment = PaymentId(type(ids.new())(int=old << 80 | 7 << 76 | 2 << 62 | 1))
    found = {
        "id": "pi_old",
        "object": "payment_intent",
        "status": "succeeded",
        "amount_received": 1000,
        "currency": "usd",
        "metadata": {"payment_id": str(payment)},
    }

    def answer(heard: Heard) -> Answer:
        data = [found] if heard.path.startswith("/v1/payment_intents?") else []
        return 200, msgspec.json.encode({"object": "list", "data": data, "has_more": False, "url": "/v1/x"})

    async with listener(answer) as stripe:
        account = Account(TENANT, {"secret_key": "sk_test_1"}, endpoint=stripe.url)
        asked = msgspec.structs.replace(charge(), payment_id=payment, token="pm_card_visa")
        receipt = await Stripe().charge(account, asked)
    assert (receipt.outcome, receipt.reference) == (Outcome.CAPTURED, "pi_old")
    assert {heard.method for heard in stripe.heard} == {"GET"}
