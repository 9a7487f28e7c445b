"""Money: every test payment method, what must equal what, and that whatever is sent at once or twice is charged once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from tests.dialects.reference.desk import BASE, Desk, exact, refused
from tests.selling import books_are_right

from merx.core.checkout import healing
from merx.core.orders import service as orders
from merx.core.orders.model import PaymentStatus, Status
from merx.core.tenants import service as tenants
from merx.core.tenants.model import SettingsPatch
from merx.kernel import ids
from merx.kernel.ids import OrderId


def ident(order: dict[str, Any]) -> OrderId:
    found = ids.decode("ord", order["id"])
    assert found is not None
    return OrderId(found)


async def charged(desk: Desk) -> int:
    """What the simulator holds of this shop, in cents."""
    taken = await desk.shop.value(
        """select coalesce(sum((o.body->>'amount_captured')::bigint - (o.body->>'amount_refunded')::bigint), 0)::bigint
        from simulator_objects o
        where o.kind = 'charge' and o.body->'metadata'->>'order_id' = any(
          select id::text from orders where tenant_id = $1)"""
    )
    return int(taken)


DECLINES = {
    "pm_card_visa_chargeDeclined": "CARD_DECLINED",
    "pm_card_chargeDeclined": "CARD_DECLINED",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "INSUFFICIENT_FUNDS",
    "pm_card_visa_chargeDeclinedLostCard": "CARD_DECLINED",
    "pm_card_visa_chargeDeclinedStolenCard": "CARD_DECLINED",
    "pm_card_chargeDeclinedExpiredCard": "EXPIRED_CARD",
    "pm_card_chargeDeclinedIncorrectCvc": "INCORRECT_CVC",
    "pm_card_chargeDeclinedProcessingError": "PROCESSING_ERROR",
    "pm_card_chargeCustomerFail": "CARD_DECLINED",
    "pm_card_authenticationRequired": "AUTHENTICATION_REQUIRED",
    "pm_card_nobody_knows": "PAYMENT_METHOD_UNKNOWN",
}


async def test_every_decline_says_why_and_the_order_can_still_be_paid(desk: Desk) -> None:
    order = await desk.placed()
    for method, code in DECLINES.items():
        error = refused(await desk.post("/payments", desk.payment(order, method)), 402, code)
        assert error["details"] == "paymentMethodId (string)" and error["message"].endswith(".")
        assert (await orders.get(desk.shop.rt, desk.shop.ctx, ident(order))).order.status is Status.PENDING
    assert await charged(desk) == 0
    answer = await desk.post("/payments", desk.payment(order))
    assert answer.status_code == 200 and answer.json()["status"] == "succeeded"
    paid = (await orders.get(desk.shop.rt, desk.shop.ctx, ident(order))).order
    assert (paid.status, paid.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert await charged(desk) == 2000
    await books_are_right(desk.shop)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex"])
async def test_cards_that_work(desk: Desk, method: str) -> None:
    order = await desk.placed("0.50")
    assert (await desk.post("/payments", desk.payment(order, method))).status_code == 200


async def test_amount_and_currency_must_be_what_is_owed(desk: Desk) -> None:
    order = await desk.placed()
    body = desk.payment(order)
    for amount in (19.99, 20.01, 0, -20, 2000, 20.001, 1e-9, 1e20):
        refused(await desk.post("/payments", {**body, "amount": amount}), 400, details="amount (number)")
    for currency in ("EUR", "usx", "JPY"):
        answer = await desk.post("/payments", {**body, "currency": currency})
        refused(answer, 400, "AMOUNT_MISMATCH", "currency (string)")
    assert await charged(desk) == 0
    # 20, 20.0 and 20.00 are one amount, and currencies are spelled in either case.
    raw = f'{{"orderId":"{order["id"]}","paymentMethodId":"pm_card_visa","amount":20,"currency":"usd"}}'
    headers = {**desk.headers(), "Content-Type": "application/json"}
    answer = await desk.http.post(f"{BASE}/payments", content=raw, headers=headers)
    assert answer.status_code == 200 and str(exact(answer)["amount"]) == "20.00"


async def test_the_same_payment_at_once_is_charged_once(desk: Desk) -> None:
    for _ in range(5):
        order = await desk.placed()
        before = await charged(desk)
        answers = await asyncio.gather(*(desk.post("/payments", desk.payment(order)) for _ in range(6)))
        said = Counter(answer.status_code for answer in answers)
        assert said[200] >= 1 and set(said) <= {200, 409}, [answer.text for answer in answers]
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
        assert await charged(desk) == before + 2000
        refused(await desk.post("/payments", desk.payment(order)), 409, "ALREADY_PAID")
    await books_are_right(desk.shop)  # type: ignore[arg-type]


async def test_two_cards_at_once_are_charged_once(desk: Desk) -> None:
    for _ in range(5):
        order = await desk.placed()
        before = await charged(desk)
        methods = ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_visa_chargeDeclined"]
        answers = await asyncio.gather(*(desk.post("/payments", desk.payment(order, one)) for one in methods))
        said = Counter(answer.status_code for answer in answers)
        assert set(said) <= {200, 402, 409}, [answer.text for answer in answers]
        assert await charged(desk) - before == 2000 * said[200] and said[200] <= 1
    await books_are_right(desk.shop)  # type: ignore[arg-type]


async def test_an_order_that_is_over_is_refused(desk: Desk, other: Desk) -> None:
    cancelled, free, theirs = await desk.placed(), await desk.placed("0.00"), await other.placed()
    await orders.cancel(desk.shop.rt, desk.shop.ctx, ident(cancelled), "no")
    refused(await desk.post("/payments", desk.payment(cancelled)), 409, "ORDER_CLOSED")
    assert free["paymentStatus"] == "paid"
    refused(await desk.post("/payments", desk.payment(free)), 409, "ALREADY_PAID")
    foreign = refused(await desk.post("/payments", desk.payment(theirs)), 404)
    unknown = refused(await desk.post("/payments", {**desk.payment(theirs), "orderId": "ord_" + "0" * 26}), 404)
    assert foreign == unknown
    assert await charged(desk) == await charged(other) == 0


async def test_an_order_whose_time_ran_out(desk: Desk) -> None:
    """Its stock is let go, and it can't be paid any more; one moment before, it can."""
    order, soon = await desk.placed(), await desk.placed()
    assert "expiresAt" in order
    async with desk.shop.rt.db.begin(desk.shop.ctx) as tx:
        await tx.run(
            "update orders set hold_expires_at = now() - interval '1 second' where tenant_id = $1 and id = $2",
            ident(order),
        )
    await healing.expire_holds(desk.shop.rt, _now(desk))
    refused(await desk.post("/payments", desk.payment(order)), 409, "ORDER_CLOSED")
    assert (await desk.post("/payments", desk.payment(soon))).status_code == 200
    assert await charged(desk) == 2000
    await books_are_right(desk.shop)  # type: ignore[arg-type]


def _now(desk: Desk) -> Any:
    return replace(desk.shop.ctx, now=datetime.now(UTC))


async def test_paid_and_let_go_at_the_same_moment(desk: Desk) -> None:
    """Whoever wins, no money is kept for an order that is gone, and whoever was told 200 has an order."""
    for _ in range(6):
        order = await desk.placed()
        paying = desk.post("/payments", desk.payment(order))
        cancelling = orders.cancel(desk.shop.rt, _now(desk), ident(order), "no")
        answer, _ = await asyncio.gather(paying, cancelling, return_exceptions=True)
        assert not isinstance(answer, BaseException)
        assert answer.status_code in (200, 409), answer.text
    for _ in range(20):
        await healing.resume_payments(desk.shop.rt, _now(desk))
        await orders.resume_refunds(desk.shop.rt, _now(desk))
        if await desk.shop.value("select count(*) from refunds where tenant_id = $1 and status = 'pending'") == 0:
            break
        await asyncio.sleep(0.5)
    await books_are_right(desk.shop)  # type: ignore[arg-type]


async def test_a_shop_without_a_provider(desk: Desk) -> None:
    await tenants.patch_settings(desk.shop.rt, desk.shop.ctx, SettingsPatch(payment_provider="manual"))
    order = await desk.placed()
    refused(await desk.post("/payments", desk.payment(order)), 409, "PROVIDER_NOT_CONFIGURED")
    await tenants.patch_settings(desk.shop.rt, desk.shop.ctx, SettingsPatch(payment_provider="razorpay"))
    order = await desk.placed()
    refused(await desk.post("/payments", desk.payment(order)), 409, "TOKEN_NOT_SUPPORTED", "paymentMethodId (string)")
