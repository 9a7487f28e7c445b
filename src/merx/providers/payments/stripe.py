"""Stripe through its official package: payment pages (Checkout Sessions), immediate charges (PaymentIntents), refunds.

A payment's reference is the id of its session (`cs_…`) or intent (`pi_…`); every call takes either. The package is
imported, in a thread, when the first call is made: it costs half a second and 33 MB that a start must not pay.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from merx.kernel.errors import Refused, Upstream
from merx.kernel.ids import PaymentId, made_at
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundReceipt, RefundRequest
from merx.providers.payments import stripe_wire as wire

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 10
RETRIES = 2
KEYS_LAST = timedelta(hours=20)
"""Stripe may forget an idempotency key after a day. What is older is looked for before it is asked for again."""

_CLOCK_SLACK = timedelta(minutes=5)
_UNKNOWN = Receipt(Outcome.UNKNOWN)


class Stripe:
    """Holds connections, and so belongs to one event loop; accounts come with each call."""

    name = "stripe"

    def __init__(self) -> None:
        self._package: Any = None
        self._transports: dict[bool, stripe.HTTPClient] = {}

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        """Repeatable: the payment's id is the idempotency key, and the parameters follow from the charge alone."""
        amount = wire.to_stripe(charge.amount)
        if amount is None:
            return Receipt(Outcome.DECLINED, reason="amount_not_chargeable")
        if _older_than_keys(charge.payment_id):
            found = await self.find(account, charge.payment_id, None)
            if found.outcome is not Outcome.UNKNOWN:
                return found
        async with self._open(account) as (stripe, client):
            try:
                if charge.token is None:
                    session = await client.v1.checkout.sessions.create_async(
                        cast(Any, wire.session_params(charge, amount)), _key(charge.payment_id)
                    )
                    if not _replayed(session):
                        return wire.session_receipt(session.to_dict())
                    return await self.find(account, charge.payment_id, session.id)
                intent = await client.v1.payment_intents.create_async(
                    cast(Any, wire.intent_params(charge, amount)), _key(charge.payment_id)
                )
                if _replayed(intent):
                    return await self.find(account, charge.payment_id, intent.id)
            except stripe.CardError as declined:
                return _declined(declined)
            except stripe.InvalidRequestError as refused:
                return _refused(refused)
            return await self._settled(stripe, client, intent.to_dict())

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        """With a reference one read. Without (we stopped between asking and hearing), the account's sessions and then
        intents made since the payment was are read through for our id: Stripe's search lags, its lists do not."""
        async with self._open(account) as (stripe, client):
            try:
                if reference is None:
                    return await self._look_for(stripe, client, payment_id)
                if reference.startswith("pi_"):
                    intent = await client.v1.payment_intents.retrieve_async(reference, {"expand": ["latest_charge"]})
                    return await self._settled(stripe, client, intent.to_dict())
                found = await client.v1.checkout.sessions.retrieve_async(
                    reference, {"expand": ["payment_intent", "payment_intent.latest_charge"]}
                )
                return await self._of_page(stripe, client, found.to_dict())
            except stripe.InvalidRequestError as refused:
                return _missing(refused)

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        if reference is None:
            found = await self.find(account, payment_id, None)
            if found.outcome not in (Outcome.PENDING, Outcome.AUTHORIZED) or found.reference is None:
                return found
            reference = found.reference
        async with self._open(account) as (stripe, client):
            try:
                if reference.startswith("pi_"):
                    intent = await client.v1.payment_intents.cancel_async(reference)
                    return wire.intent_receipt(intent.to_dict())
                session = await client.v1.checkout.sessions.expire_async(reference)
                return wire.session_receipt(session.to_dict())
            except stripe.InvalidRequestError:
                pass  # it is past being closed; where it stands now is the answer
        return await self.find(account, payment_id, reference)

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        amount = wire.to_stripe(request.amount)
        if amount is None:
            return RefundReceipt(succeeded=False, reason="amount_not_refundable")
        async with self._open(account) as (stripe, client):
            try:
                intent = await self._intent_of(client, request.reference)
                if intent is None:
                    return RefundReceipt(succeeded=False, reason="payment_not_captured")
                if _older_than_keys(request.refund_id):
                    listed = await client.v1.refunds.list_async({"payment_intent": intent, "limit": 100})
                    async for earlier in listed.auto_paging_iter():
                        if (earlier.to_dict().get("metadata") or {}).get("refund_id") == str(request.refund_id):
                            return wire.refund_receipt(earlier.to_dict())
                made = await client.v1.refunds.create_async(
                    {
                        "payment_intent": intent,
                        "amount": amount,
                        "reason": "requested_by_customer",
                        "metadata": wire.refund_metadata(request.refund_id, request.payment_id, request.reason),
                    },
                    _key(request.refund_id),
                )
                if made.status == "pending":  # perhaps only the kept answer of the first time it was asked
                    made = await client.v1.refunds.retrieve_async(made.id)
            except stripe.InvalidRequestError as refused:
                return RefundReceipt(succeeded=False, reason=refused.code or "refund_refused")
            except stripe.CardError as refused:
                return RefundReceipt(succeeded=False, reason=refused.code or "refund_refused")
            return wire.refund_receipt(made.to_dict())

    def confirm(self, account: Account, reference: str, fields: Mapping[str, str]) -> None:
        raise Refused(
            "Stripe reports its payments itself; there is nothing for the browser to confirm.", code="not_confirmable"
        )

    def verify(self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        wire.check_signature(account, headers.get("stripe-signature"), body, now)
        return wire.read_event(body)

    # ── Within an open account ───────────────────────────────────────────────────────────────────────────────────────

    async def _settled(self, stripe: Any, client: stripe.StripeClient, intent: dict[str, Any]) -> Receipt:
        """A token's charge is over at once or not at all: nobody is there to authenticate, so such an intent is
        closed before it is called declined. One that waits to be captured is captured."""
        if intent["status"] == "requires_capture":
            try:
                intent = (await client.v1.payment_intents.capture_async(intent["id"])).to_dict()
            except stripe.InvalidRequestError:  # somebody else was quicker
                intent = (await client.v1.payment_intents.retrieve_async(intent["id"])).to_dict()
        receipt = wire.intent_receipt(intent)
        if intent["status"] != "requires_action" or receipt.outcome is not Outcome.DECLINED:
            return receipt
        try:
            closed = await client.v1.payment_intents.cancel_async(
                intent["id"], {"cancellation_reason": wire.NOT_AUTHENTICATED}
            )
        except stripe.InvalidRequestError:  # somebody else was quicker
            closed = await client.v1.payment_intents.retrieve_async(intent["id"])
        return wire.intent_receipt(closed.to_dict())

    async def _of_page(self, stripe: Any, client: stripe.StripeClient, session: dict[str, Any]) -> Receipt:
        intent = session.get("payment_intent")
        if isinstance(intent, dict) and intent.get("status") == "requires_capture":
            taken = await self._settled(stripe, client, intent)
            return Receipt(taken.outcome, session["id"], captured=taken.captured)
        return wire.session_receipt(session)

    async def _look_for(self, stripe: Any, client: stripe.StripeClient, payment_id: PaymentId) -> Receipt:
        since = (made_at(payment_id) or datetime.now(UTC) - timedelta(days=1)) - _CLOCK_SLACK
        made: Any = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        async for session in (await client.v1.checkout.sessions.list_async(made)).auto_paging_iter():
            if _is_of(payment_id, body := session.to_dict()):
                return wire.session_receipt(body)
        async for intent in (await client.v1.payment_intents.list_async(made)).auto_paging_iter():
            if _is_of(payment_id, body := intent.to_dict()):
                return await self._settled(stripe, client, body)
        return _UNKNOWN

    async def _intent_of(self, client: stripe.StripeClient, reference: str) -> str | None:
        if reference.startswith("pi_"):
            return reference
        session = (await client.v1.checkout.sessions.retrieve_async(reference)).to_dict()
        intent: str | None = session.get("payment_intent")
        return intent

    # ── The package, its connections, its errors ─────────────────────────────────────────────────────────────────────

    @contextlib.asynccontextmanager
    async def _open(self, account: Account) -> AsyncIterator[tuple[Any, stripe.StripeClient]]:
        """The package and a client for this account. Whatever leaves the outcome open leaves as Upstream."""
        if self._package is None:
            self._package = await asyncio.to_thread(_load)
        package = self._package
        key = account.credentials.get("secret_key", "")
        if not key.isascii() or not key.isprintable() or not key.strip():
            raise _wrong_credentials()
        direct = account.endpoint is not None and account.endpoint.startswith("http://")
        if direct not in self._transports:
            self._transports[direct] = await asyncio.to_thread(_transport, package, direct)
        client = package.StripeClient(
            key,
            base_addresses={"api": account.endpoint} if account.endpoint else None,
            http_client=self._transports[direct],
            max_network_retries=RETRIES,
        )
        with _upstream(package):
            yield package, client


def _load() -> Any:
    package: Any = importlib.import_module("stripe")
    package.enable_telemetry = False
    return package


def _transport(package: Any, direct: bool) -> stripe.HTTPClient:
    """One pool of connections for all accounts. Plain HTTP is an address of our own: it goes past any proxy that the
    environment names, and needs no certificates."""
    transport = package.HTTPXClient(timeout=TIMEOUT_SECONDS, verify_ssl_certs=not direct)
    if direct:
        import httpx

        transport._client_async = httpx.AsyncClient(trust_env=False, verify=False)  # noqa: S501
    return cast("stripe.HTTPClient", transport)


@contextlib.contextmanager
def _upstream(package: Any) -> Iterator[None]:
    try:
        yield
    except (package.AuthenticationError, package.PermissionError):
        raise _wrong_credentials() from None
    except package.StripeError as wrong:
        raise Upstream(
            "Stripe gave no usable answer, so the outcome is open; ask again in a moment.",
            retry_after=5,
            error=type(wrong).__name__,
            status=wrong.http_status,
            request=wrong.request_id,
        ) from None


def _wrong_credentials() -> Upstream:
    return Upstream(
        "Stripe does not accept this shop's secret key; correct it in the payment settings.",
        code="provider_credentials",
    )


def _key(ident: Any) -> Any:
    return {"idempotency_key": str(ident)}


def _older_than_keys(ident: Any) -> bool:
    made = made_at(ident)
    return made is not None and datetime.now(UTC) - made > KEYS_LAST


def _replayed(made: Any) -> bool:
    """Whether this is the kept answer of an earlier call, and so perhaps no longer true."""
    response = made.last_response
    return response is not None and response.headers.get("idempotent-replayed") == "true"


def _is_of(payment_id: PaymentId, body: Mapping[str, Any]) -> bool:
    return bool((body.get("metadata") or {}).get("payment_id") == str(payment_id))


def _declined(declined: stripe.CardError) -> Receipt:
    error = declined.error.to_dict() if declined.error is not None else {}
    intent = error.get("payment_intent") or {}
    return Receipt(Outcome.DECLINED, intent.get("id"), reason=wire.decline_reason(error))


def _refused(refused: stripe.InvalidRequestError) -> Receipt:
    """Stripe understood and will not do it: nothing was taken, and asking again changes nothing."""
    if refused.param == "expires_at":  # asked so late that no page can be opened within the order's time
        return Receipt(Outcome.EXPIRED, reason="too_late")
    return Receipt(Outcome.DECLINED, reason=refused.code or "refused_by_provider")


def _missing(refused: stripe.InvalidRequestError) -> Receipt:
    if refused.http_status == 404:
        return _UNKNOWN
    raise refused
