"""Money that changes hands elsewhere: cash on delivery, bank transfer. A charge waits until a person says it came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from merx.kernel.errors import Invalid, Refused
from merx.kernel.ids import PaymentId
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundReceipt, RefundRequest


class Manual:
    """Keeps nothing itself: the payment's own row says where it stands, and this provider never contradicts it."""

    name = "manual"

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        """The order's number is what a shopper writes on a transfer, so it goes back as the browser's part."""
        return Receipt(
            Outcome.PENDING,
            reference=_reference(charge.payment_id),
            client={"method": charge.method, "note": charge.order_number},
        )

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        return Receipt(Outcome.PENDING, reference=reference or _reference(payment_id))

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        return Receipt(Outcome.EXPIRED, reference=reference or _reference(payment_id))

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        return RefundReceipt(succeeded=True, reference=f"manual_{request.refund_id.hex}")

    def confirm(self, account: Account, reference: str, fields: Mapping[str, str]) -> None:
        raise Refused(
            "Nothing is paid in a browser here; a person says when the money has come.", code="not_confirmable"
        )

    def verify(self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        raise Invalid("Manual payments send no callbacks.", code="callback_unexpected")


def _reference(payment_id: PaymentId) -> str:
    return f"manual_{payment_id.hex}"
