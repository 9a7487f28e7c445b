"""Refunds of an order that was paid more than once: which payment is meant must not change from try to try."""

from __future__ import annotations

from typing import Any

import pytest

from merx.kernel import ids
from merx.kernel.ids import PaymentId, RefundId, TenantId
from merx.kernel.money import Currency, Money
from merx.ports import Account, RefundRequest
from merx.providers.payments import razorpay


class Books:
    """Two payments of one order, and Razorpay's answers to refunds: a key is known to its payment alone."""

    def __init__(self) -> None:
        self.payments = [
            {"id": one, "amount": 1000, "amount_refunded": 0, "currency": "INR", "status": "captured", "captured": True}
            for one in ("pay_a", "pay_b")
        ]
        self.refunds: dict[tuple[str, str], dict[str, Any]] = {}
        self.payment = self

    def refund(self, payment: str, params: dict[str, Any], headers: dict[str, str], **_: Any) -> dict[str, Any]:
        key = payment, headers["X-Refund-Idempotency"]
        if key not in self.refunds:
            of = next(one for one in self.payments if one["id"] == payment)
            of["amount_refunded"] += params["amount"]
            made = {"id": f"rfnd_{len(self.refunds)}", "status": "processed", "receipt": params["receipt"]}
            self.refunds[key] = made
        return self.refunds[key]

    def fetch_multiple_refund(self, payment: str, options: Any, **_: Any) -> dict[str, Any]:
        return {"items": [one for (of, _), one in self.refunds.items() if of == payment]}


async def test_the_same_refund_is_not_made_of_the_other_payment(monkeypatch: pytest.MonkeyPatch) -> None:
    books, provider = Books(), razorpay.Razorpay()

    class Api(razorpay._Api):
        def __init__(self, account: Account, line: Any) -> None:
            self._client, self._account = books, account

        def _payments(self, order_id: str) -> list[dict[str, Any]]:
            return books.payments

        def _do(self, method: Any, *given: Any, **more: Any) -> Any:
            return method(*given, **more)

    monkeypatch.setattr(razorpay, "_Api", Api)
    monkeypatch.setattr(provider, "_line", lambda account: None)
    account = Account(TenantId(ids.new()), {"key_id": "rzp_test_x", "key_secret": "x"})
    amount = Money(600, Currency("INR"))
    asked = RefundRequest(RefundId(ids.new()), PaymentId(ids.new()), "order_x", amount, "")
    first = await provider.refund(account, asked)
    assert await provider.refund(account, asked) == first
    assert [one["amount_refunded"] for one in books.payments] == [600, 0]
