"""What we ask of the outside world. Providers implement these; they never see a transaction or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from merx.kernel.ids import OrderId, PaymentId, RefundId, TenantId
from merx.kernel.money import Money


class Outcome(StrEnum):
    """Where a payment stands at its provider."""

    PENDING = "pending"  # waits for the shopper (a payment page) or for money on delivery
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"  # this attempt is over; nothing was taken
    EXPIRED = "expired"  # the payment page was abandoned or ran out; nothing was taken
    UNKNOWN = "unknown"  # the provider has never heard of this payment: nothing was started


class Account(msgspec.Struct, frozen=True):
    """A tenant's account at one provider. In test mode without credentials, `credentials` are the simulator's own and
    `endpoint` is the simulator's address; the provider's code is the same."""

    tenant: TenantId
    credentials: Mapping[str, str]  # stripe: secret_key, webhook_secret; razorpay: key_id, key_secret, webhook_secret
    test_mode: bool = True
    endpoint: str | None = None  # overrides the provider's API address
    script: str | None = None  # overrides the address of the provider's payment window, where it has one


class PaymentLine(msgspec.Struct, frozen=True):
    name: str
    quantity: int
    total: Money  # of the whole line, after discount


class Charge(msgspec.Struct, frozen=True):
    """Everything a provider needs to take one payment. `payment_id` doubles as the idempotency key, so the same charge
    may be sent again at any time and is taken once."""

    payment_id: PaymentId
    order_id: OrderId
    order_number: str
    amount: Money
    method: str  # the payment's way: 'card', 'cod', 'bank_transfer', …
    lines: tuple[PaymentLine, ...] = ()
    token: str | None = None  # a payment-method id (pm_…): charge it now instead of opening a page
    email: str | None = None
    success_url: str = ""
    cancel_url: str = ""
    expires_at: datetime | None = None

    def numbered(self, label: str) -> Charge:
        """With the number that people know the order by. A charge is written before that is drawn, and is the same each
        time it is sent."""
        return self if self.order_number else msgspec.structs.replace(self, order_number=label)


class Receipt(msgspec.Struct, frozen=True):
    """What a provider answers. `reference` finds the payment again; `url` is the page to send the shopper to; `client`
    is what a browser needs to open the provider's payment window instead (for Razorpay: token, providerOrderId, amount
    in minor units, currency, and script, the window's own address)."""

    outcome: Outcome
    reference: str | None = None
    url: str | None = None
    captured: Money | None = None  # what was really taken, to compare with what was asked
    reason: str | None = None  # a decline's code: 'card_declined', 'insufficient_funds', 'authentication_required'
    client: dict[str, Any] = {}
    refunded: Money | None = None  # of what was captured, where the provider was asked
    lingers: bool = False  # with EXPIRED: the provider can't close it, so money may still come for it


class RefundRequest(msgspec.Struct, frozen=True):
    refund_id: RefundId  # the idempotency key
    payment_id: PaymentId
    reference: str  # the payment's, as the provider knows it
    amount: Money
    reason: str = ""


class RefundReceipt(msgspec.Struct, frozen=True):
    succeeded: bool
    pending: bool = False
    reference: str | None = None
    reason: str | None = None


class RefundNews(msgspec.Struct, frozen=True):
    """Where one refund stands. `refund_id` is ours, where we asked for it; one made on the provider's own pages has
    only the provider's `receipt.reference`."""

    refund_id: RefundId | None
    amount: Money
    receipt: RefundReceipt


class Notice(msgspec.Struct, frozen=True):
    """One verified callback. `receipt` says where the payment stands according to this event; the payment is found by
    `payment_id` (our own id, carried in the provider's metadata) or else by `reference`."""

    event_id: str
    kind: str
    payment_id: PaymentId | None
    reference: str | None
    receipt: Receipt | None  # None: an event that is none of our business
    refunded: Money | None = None  # the total refunded of the payment at that moment, where the event tells
    refund: RefundNews | None = None  # the one refund that the event is about


class PaymentProvider(Protocol):
    """Raises `Upstream` where the outcome is unknown (timeouts, 5xx): the caller asks again later with the same ids."""

    name: str

    async def charge(self, account: Account, charge: Charge) -> Receipt: ...

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        """Where this payment stands, asked of the provider itself; heals a crash between PREPARE and SETTLE. What is
        authorised and not yet captured is captured now: nobody else would."""
        ...

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        """Close an open payment so that it can no longer be paid; answers where it stands afterwards. A provider that
        can't close one answers EXPIRED and `lingers`; money that comes all the same goes back."""
        ...

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt: ...

    def confirm(self, account: Account, reference: str, fields: Mapping[str, str]) -> None:
        """What a browser brings back from the provider's payment window, for the payment we know by `reference`.
        Raises Invalid unless the provider signed it, Refused where this provider has no such thing. Proves that
        somebody was there; what was paid is asked with `find`."""
        ...

    def verify(self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """A callback's raw body and lower-cased headers; raises Invalid where the signature is wrong or too old."""
        ...


class Posting(msgspec.Struct, frozen=True):
    """One HTTP POST to an address that a merchant gave."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Answered(msgspec.Struct, frozen=True):
    """How it went: a status, or else an `error` that a merchant can read."""

    status: int | None
    error: str | None
    text: str  # the first 2 KiB of the answer
    milliseconds: int
    retry_after: int | None = None  # seconds, where the receiver asked for patience


class WebhookSender(Protocol):
    """Reaches public addresses only. Whatever the other side does is an answer, never an exception."""

    async def send(self, posting: Posting) -> Answered: ...

    async def close(self) -> None: ...


class Delivery(StrEnum):
    """What came of handing a mail or a text message over."""

    ACCEPTED = "accepted"
    LATER = "later"  # it may go well another time; perhaps it has, and nobody heard the answer
    REFUSED = "refused"  # it never will


class Sent(msgspec.Struct, frozen=True):
    """`detail` is a sentence for the merchant; it names no account and no password."""

    outcome: Delivery
    reference: str | None = None
    detail: str | None = None


class Mail(msgspec.Struct, frozen=True):
    """`message_id` is the same at every try, so that a receiver who gets two can tell that they are one."""

    message_id: str
    recipient: str
    recipient_name: str
    sender_name: str  # the address is the installation's
    subject: str
    text: str
    html: str
    reply_to: str | None = None
    headers: Mapping[str, str] = {}


class Mailer(Protocol):
    """Whatever the other side does is an answer, never an exception."""

    ready: bool  # False: there is nobody to hand a mail to
    domain: str  # the sender's, which message ids end with

    async def send(self, mail: Mail) -> Sent: ...

    async def close(self) -> None: ...


class TextMessage(msgspec.Struct, frozen=True):
    recipient: str  # E.164: +15551234567
    text: str
    written_at: datetime


class SmsSender(Protocol):
    """Whatever the other side does is an answer, never an exception. `account.credentials` hold `account_sid`,
    `auth_token` and `from`."""

    async def send(self, account: Account, message: TextMessage) -> Sent: ...

    async def find(self, account: Account, message: TextMessage) -> list[str] | None:
        """References of messages the other side has taken that say this to this number since it was written; None
        where it can't be asked. What makes it safe to try again where the answer to the last try was lost."""
        ...

    async def close(self) -> None: ...


class MediaStore(Protocol):
    """Files by name, `{tenant}/{file}`, each of which is written once and never changed. Raises `Busy` or `Upstream`
    where it can't be reached."""

    async def put(self, name: str, content: bytes) -> None:
        """Whole or not at all; the same name again with the same content changes nothing."""
        ...

    async def get(self, name: str) -> bytes | None: ...

    async def delete(self, names: Sequence[str]) -> None:
        """Those that are not there are passed over."""
        ...

    async def close(self) -> None: ...
