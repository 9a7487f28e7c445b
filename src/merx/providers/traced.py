"""Owns the spans of what is asked of others: payment providers, receivers of webhooks, mail servers, text messages.
Each wraps what it is given and changes nothing of it. What is sent says nothing of the trace: it goes to somebody
else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from urllib.parse import urlsplit

from merx.kernel.ids import PaymentId
from merx.kernel.spans import Span, below
from merx.ports import (
    Account,
    Answered,
    Charge,
    Mail,
    Mailer,
    Notice,
    PaymentProvider,
    Posting,
    Receipt,
    RefundReceipt,
    RefundRequest,
    Sent,
    SmsSender,
    TextMessage,
    WebhookSender,
)


def _asking(provider: str, what: str, account: Account | None = None) -> AbstractContextManager[Span]:
    told = {"merx.provider": provider, "merx.operation": what}
    if account is not None:
        told |= {"merx.tenant": str(account.tenant)}
    return below(f"{provider} {what}", "client", told)


class TracedPayments:
    def __init__(self, inner: PaymentProvider) -> None:
        self._inner = inner
        self.name = inner.name

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        with _asking(self.name, "charge", account) as span:
            return _outcome(span, await self._inner.charge(account, charge))

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        with _asking(self.name, "find", account) as span:
            return _outcome(span, await self._inner.find(account, payment_id, reference))

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        with _asking(self.name, "cancel", account) as span:
            return _outcome(span, await self._inner.cancel(account, payment_id, reference))

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        with _asking(self.name, "refund", account) as span:
            receipt = await self._inner.refund(account, request)
            span.note({"merx.outcome": _refunded(receipt)})
            return receipt

    def confirm(self, account: Account, reference: str, fields: Mapping[str, str]) -> None:
        self._inner.confirm(account, reference, fields)

    def verify(self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        return self._inner.verify(account, headers, body, now)


def _outcome(span: Span, receipt: Receipt) -> Receipt:
    span.note({"merx.outcome": receipt.outcome.value})
    return receipt


def _refunded(receipt: RefundReceipt) -> str:
    return "succeeded" if receipt.succeeded else "pending" if receipt.pending else "failed"


class TracedSender:
    """A receiver's path and query may hold a secret of its own: only its host is told."""

    def __init__(self, inner: WebhookSender) -> None:
        self._inner = inner

    async def send(self, posting: Posting) -> Answered:
        parts = urlsplit(posting.url)
        told: dict[str, str | int] = {
            "http.request.method": "POST",
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            "url.scheme": parts.scheme,
        }
        with below("POST", "client", told) as span:
            answered = await self._inner.send(posting)
            if answered.status is not None:
                span.note({"http.response.status_code": answered.status})
            if answered.status is None or answered.status >= 400:
                span.fail(str(answered.status or "no_answer"))
            return answered

    async def close(self) -> None:
        await self._inner.close()


class TracedMailer:
    def __init__(self, inner: Mailer) -> None:
        self._inner = inner
        self.ready, self.domain = inner.ready, inner.domain

    async def send(self, mail: Mail) -> Sent:
        with _asking("smtp", "send") as span:
            sent = await self._inner.send(mail)
            span.note({"merx.outcome": sent.outcome.value})
            return sent

    async def close(self) -> None:
        await self._inner.close()


class TracedSms:
    def __init__(self, inner: SmsSender) -> None:
        self._inner = inner

    async def send(self, account: Account, message: TextMessage) -> Sent:
        with _asking("twilio", "send", account) as span:
            sent = await self._inner.send(account, message)
            span.note({"merx.outcome": sent.outcome.value})
            return sent

    async def find(self, account: Account, message: TextMessage) -> list[str] | None:
        with _asking("twilio", "find", account):
            return await self._inner.find(account, message)

    async def close(self) -> None:
        await self._inner.close()
