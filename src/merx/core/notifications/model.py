"""Notifications and their states, what a letter is about, who is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.core.tenants.model import Plan
from merx.kernel.errors import Conflict, Limited, Refused
from merx.kernel.ids import CustomerId, NotificationId, StaffId, TenantId
from merx.kernel.states import Table

MAX_SUBJECT = 200
MAX_EMAIL_TEXT = 100_000
MAX_SMS_TEXT = 1600  # ten parts: what carriers put together again
MAX_CALLERS_KEY = 255
KEPT = timedelta(days=90)
TOLD_WITHIN = timedelta(days=3)
"""An event older than this is told to nobody: a worker that was away for long surprises nobody with old news."""

HOUR = 3600
RECIPIENT_PER_HOUR = 10
TENANT_PER_HOUR: Mapping[Plan, int] = {
    Plan.FREE: 100,
    Plan.STARTER: 1_000,
    Plan.PRO: 10_000,
    Plan.ENTERPRISE: 100_000,
}
"""Messages a merchant sends through the API; letters about orders and accounts are not counted."""


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


class Kind(StrEnum):
    ORDER_PLACED = "order_placed"  # to be paid on delivery or by transfer
    ORDER_PAID = "order_paid"
    ORDER_SHIPPED = "order_shipped"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REFUNDED = "order_refunded"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    WEBHOOK_SWITCHED_OFF = "webhook_switched_off"
    MESSAGE = "message"  # the merchant's own words


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # refused for good, or given up after the last try
    SUPPRESSED = "suppressed"  # the person wants none of it
    KEPT = "kept"  # there is nobody to send it by: to be read in the outbox


TRANSITIONS: Table[State] = {
    State.QUEUED: frozenset({State.SENDING, State.SUPPRESSED}),
    State.SENDING: frozenset({State.QUEUED, State.SENT, State.FAILED, State.KEPT, State.SUPPRESSED}),
    State.SENT: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.SUPPRESSED: frozenset(),
    State.KEPT: frozenset({State.QUEUED}),
}


class Policy(msgspec.Struct, frozen=True):
    """When to try again. `pauses[n]` follows the try n + 1."""

    pauses: tuple[float, ...] = (10, 60, 300, 1800, 7200, 21_600, 43_200)
    jitter: float = 0.2
    lease: timedelta = timedelta(seconds=120)  # longer than a try may take: who holds it after this is gone
    at_once: int = 8

    @property
    def most_tries(self) -> int:
        return len(self.pauses) + 1


POLICY = Policy()


class Holder(msgspec.Struct, frozen=True):
    """Which worker claims, and how long its claims hold."""

    id: UUID
    policy: Policy = POLICY


class PersonKind(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"


class Person(msgspec.Struct, frozen=True):
    """Somebody of this tenant."""

    kind: PersonKind
    id: UUID

    @staticmethod
    def customer(customer: CustomerId) -> Person:
        return Person(PersonKind.CUSTOMER, customer)

    @staticmethod
    def member(staff: StaffId) -> Person:
        return Person(PersonKind.STAFF, staff)


class Recipient(msgspec.Struct, frozen=True):
    """Where it goes. `person` None: a bare address."""

    address: str
    name: str = ""
    person: Person | None = None


class Notification(msgspec.Struct, frozen=True):
    """`text` None: it is a secret, which is nobody's to read but the recipient's."""

    id: NotificationId
    channel: Channel
    kind: str
    transactional: bool
    person: Person | None
    recipient: str
    recipient_name: str
    subject: str
    text: str | None
    html: str | None
    state: State
    attempts: int
    next_at: datetime
    error: str | None
    reference: str | None
    created_at: datetime
    finished_at: datetime | None


class Query(msgspec.Struct, frozen=True):
    channel: Channel | None = None
    state: State | None = None
    limit: int = 20
    offset: int = 0


class Draft(msgspec.Struct, frozen=True):
    """A notification to be written. Of two with the same key there is one. `text` None: it is rendered from `content`
    (a Content as JSON) when it is sent."""

    channel: Channel
    kind: str
    to: Recipient
    subject: str
    key: str
    transactional: bool = True
    content: str = "{}"
    text: str | None = None
    html: str | None = None


# ── Letters ──────────────────────────────────────────────────────────────────────────────────────────────────────────
class Line(msgspec.Struct, frozen=True):
    name: str
    detail: str
    quantity: int
    total_minor: int


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a letter says, as it was when it happened. Amounts are in the minor units of `currency`."""

    number: str = ""
    currency: str = "USD"
    name: str = ""
    placed_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    subtotal_minor: int = 0
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int = 0
    tax_included: bool = False
    address: tuple[str, ...] = ()
    payment_method: str = ""
    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    refunded_minor: int = 0
    paid: bool = False
    url: str = ""  # the webhook endpoint that was switched off
    reason: str = ""
    audience: str = ""  # of a password reset: staff or customer


class Shop(msgspec.Struct, frozen=True):
    """In whose name a letter is written."""

    name: str
    url: str
    locale: str
    contact: str | None = None


class Letter(msgspec.Struct, frozen=True):
    text: str
    html: str


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────
class Due(msgspec.Struct, frozen=True):
    """A try that one worker has claimed."""

    id: NotificationId
    tenant: TenantId
    channel: Channel
    kind: str
    transactional: bool
    person: Person | None
    recipient: str
    recipient_name: str
    subject: str
    content: Content
    text: str | None
    html: str | None
    attempt: int
    tried: int  # how many tries of this series there were, this one included
    series: int
    created_at: datetime


class Ended(msgspec.Struct, frozen=True):
    """How a claimed try ended. `letter` is what was sent, to be read back; None leaves what is there."""

    due: Due
    state: State
    next_at: datetime
    error: str | None = None
    reference: str | None = None
    letter: Letter | None = None


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class NoAddress(Refused):
    code = "no_address"


class NotificationLimit(Limited):
    code = "notification_limit"


class OnItsWay(Conflict):
    code = "notification_on_its_way"

    def __init__(self) -> None:
        super().__init__("This notification is on its way; try again when it has ended.", retry_after=30)


class OtherMessage(Refused):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("Another message was sent under this key before; use a new key for a new message.")
