"""Razorpay through its official package: orders that a shopper pays in Razorpay's window, and refunds.

A payment's reference is the id of its order (`order_…`). Orders take no idempotency key, so each is looked for by its
receipt, our payment's id, before it is made. Nor can they be closed: `cancel` only says that nobody has paid yet, and
money that comes all the same goes back. What Razorpay authorised and did not capture is captured by whoever looks.

The package blocks, so its calls run in a few threads of our own, each with a time limit; it is imported in one of them
when the first call is made. It prints what goes wrong on the line, so the line raises errors that it does not know.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from merx.kernel.errors import Upstream
from merx.kernel.ids import PaymentId, RefundId, made_at
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundReceipt, RefundRequest
from merx.providers.payments import razorpay_wire as wire

T = TypeVar("T")
log = logging.getLogger("merx.providers.razorpay")

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 4, 8, 20
THREADS = 8
KEYS_LAST = timedelta(hours=20)
"""How long a refund's key is trusted; an older one is looked for before it is asked for again."""

_UNKNOWN = Receipt(Outcome.UNKNOWN)
_PAGE = 100


class Razorpay:
    """Holds connections and threads; accounts come with each call."""

    name = "razorpay"

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "razorpay")
        self._lines: dict[bool, Any] = {}

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        """Repeatable: an order with this payment's receipt is never made twice."""
        if charge.token is not None:
            return Receipt(Outcome.DECLINED, reason="token_not_supported")
        refused = wire.refusal(charge.amount)
        if refused is not None:
            return Receipt(Outcome.DECLINED, reason=refused)
        return await self._call(account, lambda api: api.charge(charge))

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        return await self._call(account, lambda api: api.find(payment_id, reference))

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        found = await self.find(account, payment_id, reference)
        if found.outcome is not Outcome.PENDING:
            return found
        return Receipt(Outcome.EXPIRED, found.reference, lingers=True)

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        return await self._call(account, lambda api: api.refund(request))

    def confirm(self, account: Account, reference: str, fields: Mapping[str, str]) -> None:
        wire.check_browser(account, reference, fields)

    def verify(self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        wire.check_callback(account, headers.get("x-razorpay-signature"), body)
        return wire.read_event(headers.get("x-razorpay-event-id"), body)

    async def _call(self, account: Account, work: Callable[[_Api], T]) -> T:
        """`work` in a thread. One that takes too long is left to its own limits; its outcome is open."""
        key, secret = account.credentials.get("key_id", ""), account.credentials.get("key_secret", "")
        if not (key.strip() and secret.strip()) or not f"{key}{secret}".isascii():
            raise _wrong_credentials()

        def run() -> T:
            return work(_Api(account, self._line(account)))

        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except TimeoutError:
            raise _no_answer("timeout") from None

    def _line(self, account: Account) -> Any:
        """One set of connections for the world, past proxies where the endpoint is on this machine."""
        direct = account.endpoint is not None and account.endpoint.startswith("http://")
        if direct not in self._lines:
            self._lines[direct] = _line(direct)
        return self._lines[direct]


class _Api:
    """One account at Razorpay, from within a thread."""

    def __init__(self, account: Account, line: Any) -> None:
        package: Any = importlib.import_module("razorpay")
        where = {"base_url": account.endpoint} if account.endpoint else {}
        auth = (account.credentials["key_id"], account.credentials["key_secret"])
        self._account, self._client = account, package.Client(session=line, auth=auth, **where)
        self._errors = package.errors

    def _do(self, method: Callable[..., Any], *given: Any, **more: Any) -> Any:
        """None where Razorpay understood and says no; `refused` says why."""
        self.refused = ""
        try:
            return method(*given, timeout=(CONNECT_SECONDS, READ_SECONDS), **more)
        except self._errors.BadRequestError as refused:
            self.refused = str(refused)
            return None
        except (self._errors.GatewayError, self._errors.ServerError) as wrong:
            raise _no_answer(type(wrong).__name__) from None

    def charge(self, charge: Charge) -> Receipt:
        known = self._orders(charge.payment_id)
        if known:
            return self._standing(known)
        made = self._do(self._client.order.create, wire.order_params(charge))
        if made is None:
            log.warning("Razorpay takes no such order", extra={"why": self.refused[:200]})
            return Receipt(Outcome.DECLINED, reason="refused_by_provider")
        return wire.open_receipt(self._account, made)

    def find(self, payment_id: PaymentId, reference: str | None) -> Receipt:
        if reference is None:
            known = self._orders(payment_id)
        else:
            found = self._do(self._client.order.fetch, reference)
            known = [] if found is None else [found]
        return self._standing(known) if known else _UNKNOWN

    def _orders(self, payment_id: PaymentId) -> list[dict[str, Any]]:
        """Oldest first. More than one only where two asked in the same instant; a shopper sees the one we kept."""
        asked = {"receipt": wire.receipt_of(payment_id), "count": _PAGE}
        listed = self._do(self._client.order.all, asked)
        if listed is None:
            raise _no_answer("order_list")
        ours = [one for one in listed["items"] if one.get("receipt") == asked["receipt"]]
        return sorted(ours, key=lambda one: (one["created_at"], one["id"]))

    def _standing(self, known: list[dict[str, Any]]) -> Receipt:
        for order in known:
            if order["status"] == "created" and not order.get("attempts"):
                continue
            payments = self._payments(order["id"])
            taken = wire.captured_of(payments) or self._captured(wire.authorised_of(payments))
            if taken is not None and wire.is_captured(taken):
                return wire.captured_receipt(order["id"], taken)
            if taken is not None:
                return Receipt(Outcome.AUTHORIZED, order["id"])
        return wire.open_receipt(self._account, known[0])

    def _captured(self, payment: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """An authorised payment after it was captured, or as it is where Razorpay won't; None where it is past that."""
        if payment is None:
            return None
        amount = {"currency": payment["currency"]}
        done = self._do(self._client.payment.capture, payment["id"], payment["amount"], amount)
        if done is None:  # somebody else was quicker, Razorpay itself perhaps
            done = self._do(self._client.payment.fetch, payment["id"])
        return done if done is not None and (wire.is_captured(done) or done.get("status") == "authorized") else None

    def _payments(self, order_id: str) -> list[dict[str, Any]]:
        listed = self._do(self._client.order.payments, order_id)
        return [] if listed is None else list(listed["items"])

    def refund(self, request: RefundRequest) -> RefundReceipt:
        payments = [one for one in self._payments(request.reference) if wire.is_captured(one)]
        if not payments:
            return RefundReceipt(succeeded=False, reason="payment_not_captured")
        of = max(payments, key=lambda one: one["amount"] - (one.get("amount_refunded") or 0))
        if len(payments) > 1 or _older_than_keys(request.refund_id):  # a key is good for one payment's refunds
            for payment in payments:
                earlier = self._refund_of(payment["id"], request.refund_id)
                if earlier is not None:
                    return wire.refund_receipt(earlier)
        key = {"X-Refund-Idempotency": request.refund_id.hex}
        made = self._do(self._client.payment.refund, of["id"], wire.refund_params(request), headers=key)
        if made is None:
            return RefundReceipt(succeeded=False, reason="refund_refused")
        if made.get("status") == "pending":  # perhaps only the kept answer of the first time it was asked
            made = self._do(self._client.refund.fetch, made["id"]) or made
        return wire.refund_receipt(made)

    def _refund_of(self, payment: str, refund_id: RefundId) -> dict[str, Any] | None:
        skip = 0
        while True:
            listed = self._do(self._client.payment.fetch_multiple_refund, payment, {"count": _PAGE, "skip": skip})
            if listed is None:
                raise _no_answer("refund_list")
            for one in listed["items"]:
                if one.get("receipt") == refund_id.hex:
                    return dict(one)
            if len(listed["items"]) < _PAGE:
                return None
            skip += _PAGE


def _line(direct: bool) -> Any:
    """A session that keeps no cookies, and turns whatever leaves the outcome open into Upstream."""
    requests: Any = importlib.import_module("requests")
    cookiejar: Any = importlib.import_module("http.cookiejar")

    class Line(requests.Session):  # type: ignore[misc]
        def request(self, method: str, url: str, **options: Any) -> Any:
            try:
                answer = super().request(method, url, **(options | {"allow_redirects": False}))
                if answer.status_code == 401:
                    raise _wrong_credentials()
                if answer.status_code in (409, 429) or answer.status_code >= 500 or not isinstance(answer.json(), dict):
                    raise _no_answer(str(answer.status_code))
            except requests.RequestException as lost:
                raise _no_answer(type(lost).__name__) from None
            return answer

    line = Line()
    line.trust_env = not direct
    line.cookies.set_policy(cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    return line


def _older_than_keys(ident: RefundId) -> bool:
    made = made_at(ident)
    return made is not None and datetime.now(UTC) - made > KEYS_LAST


def _no_answer(error: str) -> Upstream:
    return Upstream(
        "Razorpay gave no usable answer, so the outcome is open; ask again in a moment.", retry_after=5, error=error
    )


def _wrong_credentials() -> Upstream:
    return Upstream(
        "Razorpay does not accept this shop's key and secret; correct them in the payment settings.",
        code="provider_credentials",
    )
