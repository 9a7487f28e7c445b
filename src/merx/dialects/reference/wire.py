"""Owns the shapes of this dialect's JSON: camelCase names, ids with a prefix, money as numbers in main units, times to
the second. The order of the fields is the document's; what we add stands behind what it names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.cart.model import MAX_LINES, MAX_QUANTITY
from merx.core.checkout.model import MAX_TOKEN
from merx.core.notifications.model import MAX_EMAIL_TEXT, MAX_SUBJECT
from merx.edge.body import SAID, WRITTEN

MAX_OFFSET = 1_000_000

UserStatus = Literal["active", "inactive"]
OrderStatus = Literal["pending", "confirmed", "processing", "shipped", "delivered", "cancelled", "refunded"]
PaymentStatus = Literal["unpaid", "authorized", "paid", "partially_refunded", "refunded", "failed"]
Level = Literal["info", "warn", "error"]
Channel = Literal["email", "sms"]
NotificationStatus = Literal["queued", "sending", "sent", "failed", "suppressed", "kept"]

Ident = Annotated[str, Meta(min_length=1, max_length=64)]


class Sent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What clients send: nothing that is not known, and amounts as numbers."""

    numbers_only: ClassVar[bool] = True


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What clients get."""


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Fault(Shown, frozen=True, kw_only=True):
    """`code` names the rule that said no, `details` what it is about: a field and its type, or what else is named."""

    code: str
    message: str
    details: str


class Error(Shown, frozen=True, kw_only=True):
    error: Fault


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Paging(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit: Annotated[int, Meta(ge=1, le=100, description="How many to return, at most 100")] = 20
    offset: Annotated[int, Meta(ge=0, le=MAX_OFFSET, description="How many to skip from the beginning")] = 0


class ListUsers(Paging, frozen=True, kw_only=True):
    status: Annotated[UserStatus | None, Meta(description="Only users of this status")] = None


class ListLogs(Paging, frozen=True, kw_only=True):
    start_date: Annotated[datetime | None, Meta(description="From this moment onwards")] = None
    end_date: Annotated[datetime | None, Meta(description="Up to this moment; a date alone means all of that day")] = (
        None
    )
    level: Annotated[Level | None, Meta(description="info below status 400, warn from 400, error from 500")] = None


# ── Users and products ───────────────────────────────────────────────────────────────────────────────────────────────
class User(Shown, frozen=True, kw_only=True):
    """A customer of the shop, with an account or known from an order."""

    id: str
    username: str
    email: str
    status: UserStatus
    created_at: datetime


class Product(Shown, frozen=True, kw_only=True):
    """`price` is the lowest of its variants and `stock` what can be bought now over all of them."""

    id: str
    name: str
    description: str
    price: Decimal
    currency: str
    stock: int


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class NewItem(Sent, frozen=True, kw_only=True):
    product_id: Ident
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]


class Address(Sent, frozen=True, kw_only=True):
    street: Annotated[str, Meta(min_length=1, max_length=255, **WRITTEN)]
    city: Annotated[str, Meta(min_length=1, max_length=100, **WRITTEN)]
    zip_code: Annotated[str, Meta(min_length=1, max_length=32, **WRITTEN)]
    country: Annotated[str, Meta(min_length=2, max_length=64, **WRITTEN, description="A name or an ISO 3166 code")]


class NewOrder(Sent, frozen=True, kw_only=True):
    user_id: Ident
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=MAX_LINES)]
    shipping_address: Address


class OrderAddress(Shown, frozen=True, kw_only=True):
    street: str
    city: str
    zip_code: str
    country: str


class OrderItem(Shown, frozen=True, kw_only=True):
    product_id: str
    name: str
    quantity: int
    price: Decimal
    total: Decimal


class Order(Shown, frozen=True, kw_only=True):
    """total = subtotal - discount + shipping + tax, where tax is added and not part of the prices already. Until
    `expiresAt` the goods are held for it to be paid."""

    id: str
    user_id: str | None
    order_number: str
    status: OrderStatus
    payment_status: PaymentStatus
    items: list[OrderItem]
    shipping_address: OrderAddress | None
    subtotal: Decimal
    discount: Decimal
    shipping: Decimal
    tax: Decimal
    total: Decimal
    currency: str
    created_at: datetime
    expires_at: datetime | UnsetType = UNSET


# ── Payments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class NewPayment(Sent, frozen=True, kw_only=True):
    order_id: Ident
    payment_method_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TOKEN,
            pattern="^[ -~]+$",
            extra={SAID: "Must be ASCII characters, on one line."},
        ),
    ]
    amount: Annotated[Decimal, Meta(description="What the order owes, in main units")]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="The order's, as ISO 4217 has it")]


class Payment(Shown, frozen=True, kw_only=True):
    """`pending` where the provider has taken it in but not said yet how it ends."""

    id: str
    order_id: str
    payment_method_id: str
    amount: Decimal
    currency: str
    status: Literal["succeeded", "authorized", "pending"]
    created_at: datetime


# ── Notifications ────────────────────────────────────────────────────────────────────────────────────────────────────
class NewNotification(Sent, frozen=True, kw_only=True):
    """`transactional` is for what concerns the user's own order or account: it also reaches those who opted out."""

    user_id: Ident
    type: Channel
    subject: Annotated[str, Meta(max_length=MAX_SUBJECT)] = ""
    message: Annotated[str, Meta(min_length=1, max_length=MAX_EMAIL_TEXT)]
    transactional: bool = False


class Notification(Shown, frozen=True, kw_only=True):
    id: str
    user_id: str | None
    type: Channel
    subject: str
    status: NotificationStatus
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    error: str | None


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
class LogEntry(Shown, frozen=True, kw_only=True):
    """One request in any of the shop's APIs. `userId` is who made it: a person's id, a key's or an OAuth client's."""

    timestamp: datetime
    level: Level
    message: str
    user_id: str | None
    ip_address: str
    method: str
    path: str
    status: int
    duration_ms: float
    api: str
    request_id: str
