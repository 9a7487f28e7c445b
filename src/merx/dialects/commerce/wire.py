"""Owns the shapes of this dialect's JSON: camelCase names, UUIDs, money as numbers, RFC 3339 times."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.cart.model import MAX_LINES, MAX_QUANTITY
from merx.core.catalog.model import MAX_DESCRIPTION, MAX_IMAGES, MAX_NAME, MAX_SKU, MAX_VARIANTS
from merx.core.inventory.model import MAX_ON_HAND
from merx.edge.body import BLANK, SAID

CATEGORIES = ("footwear", "apparel", "accessories", "electronics", "home")
SORTS = ("name", "price", "stock", "createdAt")
STATUSES = ("pending", "confirmed", "shipped", "delivered", "cancelled", "refunded")


def _in_order(*values: str) -> Meta:
    """So that the document lists them as they are meant, not by the alphabet."""
    return Meta(extra_json_schema={"x-order": list(values)})


Category = Annotated[Literal["footwear", "apparel", "accessories", "electronics", "home"], _in_order(*CATEGORIES)]
SortField = Annotated[Literal["name", "price", "stock", "createdAt"], _in_order(*SORTS)]
Direction = Literal["asc", "desc"]
Status = Annotated[
    Literal["pending", "confirmed", "shipped", "delivered", "cancelled", "refunded"], _in_order(*STATUSES)
]
PaymentStatus = Literal["unpaid", "authorized", "paid", "partially_refunded", "refunded", "failed"]
Attempt = Literal["pending", "authorized", "paid", "failed", "cancelled"]
Method = Literal["card", "cod", "bank_transfer", "manual"]
RefundStatus = Literal["pending", "succeeded", "failed"]

_PATH = rf"[^{BLANK}\\]*"
_LABEL = rf"[^@.{BLANK}]{{1,63}}"


def _as(pattern: str, said: str) -> dict[str, Any]:
    """What Meta takes: the pattern, and what people are told where a text is not like that."""
    return {"pattern": pattern, "extra": {SAID: said}}


_LINE = _as(r"^[^\u0000-\u001f]*$", "Must be one line, without control characters.")
_WORD = _as(
    rf"^[^\u0000-\u001f]*[^{BLANK}][^\u0000-\u001f]*$",
    "Must be one line that is not blank, without control characters.",
)
_TEXT = _as(r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f]*$", "Must be text, without control characters.")
_ANY = _as(r"^[^\u0000]*$", "The character U+0000 is not allowed.")
_URL = _as(
    rf"^(https?://[^/\\@?#{BLANK}]+([/?#]{_PATH})?|/([^/\\{BLANK}]{_PATH})?)$",
    "Must be an address that begins with https://, http:// or a single /, without blanks.",
)
_EMAIL = _as(rf"^[^@{BLANK}]{{1,64}}@{_LABEL}(\.{_LABEL}){{1,8}}$", "Enter a valid email address.")
_NUMBER = {"minimum": 0, "maximum": 10_000_000_000_000}

Price = Annotated[Decimal, Meta(extra_json_schema=_NUMBER, description="In main units, with the currency's decimals")]
Stock = Annotated[int, Meta(ge=0, le=MAX_ON_HAND, description="Pieces that can be sold now")]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, **_WORD)]
Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION, **_TEXT)]
Sku = Annotated[str, Meta(max_length=MAX_SKU, **_LINE)]
Money = Annotated[Decimal, Meta(description="In main units of the currency beside it")]


class Sent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What clients send: nothing that is not known, and amounts as numbers."""

    numbers_only: ClassVar[bool] = True


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What clients get."""


class Problem(Shown, frozen=True, kw_only=True):
    """An error as RFC 9457 has it. `code` names the rule that said no, `errors` the fields it is about, and `legal`
    which statuses may follow, where an order was to get another one."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: dict[str, list[str]]
    legal: list[Status] | UnsetType = UNSET


# ── Signing in ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Credentials(Sent, frozen=True, kw_only=True):
    email: Annotated[str, Meta(min_length=1, max_length=254, **_ANY, examples=["owner@example.com"])]
    password: Annotated[str, Meta(min_length=1, max_length=128, **_ANY)]


class RefreshRequest(Sent, frozen=True, kw_only=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=1024, **_ANY)]


class Tokens(Shown, frozen=True, kw_only=True):
    """`expiresIn` is the seconds that the access token lives."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Paging(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    page: Annotated[int, Meta(ge=1, le=10_000, description="Which page; 1 is the first", examples=[1])] = 1
    page_size: Annotated[int, Meta(ge=1, le=100, description="Items on a page, at most 100", examples=[20])] = 20


class Pagination(Shown, frozen=True, kw_only=True):
    page: int
    page_size: int
    total_items: int
    total_pages: int


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class ListProducts(Paging, frozen=True, kw_only=True):
    search: Annotated[
        Annotated[str, Meta(max_length=255, **_LINE)] | None,
        Meta(description="Words of name and description: whole, begun, or nearly so"),
    ] = None
    category: Annotated[Category | None, Meta(description="Products that are shown with this category")] = None
    active: Annotated[bool | None, Meta(description="Whether it is for sale; what is not takes products:read")] = None
    sort: Annotated[
        SortField | None, Meta(description="By what; without it the newest first, or with a search the best match")
    ] = None
    order: Annotated[
        Direction | None, Meta(description="asc where only sort is given; alone, it orders by createdAt")
    ] = None


class Image(Shown, frozen=True, kw_only=True):
    url: str
    alt: str


class Variant(Shown, frozen=True, kw_only=True):
    id: UUID
    sku: str | None
    title: str
    options: dict[str, str]
    price: Money
    compare_at_price: Money | None
    stock: int
    active: bool


class Product(Shown, frozen=True, kw_only=True):
    """`price` is its cheapest variant's, `stock` that of all variants for sale. A product without options has one
    variant. `category` is null outside of the five."""

    id: UUID
    name: str
    slug: str
    description: str
    price: Money
    compare_at_price: Money | None
    currency: str
    stock: int
    category: Category | None
    active: bool
    sku: str | None
    images: list[Image]
    variants: list[Variant]
    created_at: datetime
    updated_at: datetime


class ProductList(Shown, frozen=True, kw_only=True):
    data: list[Product]
    pagination: Pagination


class ImageBody(Sent, frozen=True, kw_only=True):
    url: Annotated[str, Meta(max_length=2048, **_URL, description="http://, https:// or a path of this host")]
    alt: Annotated[str, Meta(max_length=500, **_LINE)] = ""


OptionName = Annotated[str, Meta(min_length=1, max_length=50, **_WORD)]
OptionValue = Annotated[str, Meta(min_length=1, max_length=100, **_WORD)]


class VariantBody(Sent, frozen=True, kw_only=True):
    """A new variant or, with the `id` or `sku` of one that the product has, that one changed; what is left out of it
    stays."""

    id: UUID | UnsetType = UNSET
    sku: Sku | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=MAX_NAME, **_LINE)] | UnsetType = UNSET
    options: Annotated[dict[OptionName, OptionValue], Meta(max_length=5)] | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    compare_at_price: Price | UnsetType = UNSET
    stock: Stock | UnsetType = UNSET
    active: bool | UnsetType = UNSET


Images = Annotated[list[ImageBody], Meta(max_length=MAX_IMAGES)]


class ProductCreate(Sent, frozen=True, kw_only=True):
    name: Name
    price: Price
    description: Description | None = None
    compare_at_price: Price | None = None
    stock: Stock = 0
    category: Category | None = None
    active: bool = True
    sku: Sku | None = None
    images: Images = []
    variants: Annotated[list[VariantBody], Meta(max_length=MAX_VARIANTS)] = []


class ProductUpdate(Sent, frozen=True, kw_only=True):
    """Only what is sent changes; null empties. `images` and `variants` are the whole new lists. Where a product has
    several variants, `sku` and `stock` are theirs."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    description: Description | None | UnsetType = UNSET
    compare_at_price: Price | None | UnsetType = UNSET
    stock: Stock | UnsetType = UNSET
    category: Category | None | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    sku: Sku | None | UnsetType = UNSET
    images: Images | None | UnsetType = UNSET
    variants: Annotated[list[VariantBody], Meta(min_length=1, max_length=MAX_VARIANTS)] | UnsetType = UNSET


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class ListOrders(Paging, frozen=True, kw_only=True):
    status: Annotated[Status | None, Meta(description="Orders in this status")] = None
    from_: Annotated[
        datetime | None, Meta(description="Created then or later (ISO 8601)", extra_json_schema={"format": "date-time"})
    ] = msgspec.field(default=None, name="from")
    to: Annotated[
        datetime | None, Meta(description="Created before then (ISO 8601)", extra_json_schema={"format": "date-time"})
    ] = None


class OrderItemBody(Sent, frozen=True, kw_only=True):
    """Without `variantId` the product's first variant that is for sale."""

    product_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    variant_id: UUID | None = None


class AddressBody(Sent, frozen=True, kw_only=True):
    line1: Annotated[str, Meta(min_length=1, max_length=255, **_WORD)]
    city: Annotated[str, Meta(min_length=1, max_length=100, **_WORD)]
    country: Annotated[str, Meta(min_length=2, max_length=64, **_WORD, description="A name or an ISO 3166 code")]
    line2: Annotated[str, Meta(max_length=255, **_LINE)] = ""
    state: Annotated[str, Meta(max_length=100, **_LINE)] = ""
    postal_code: Annotated[str, Meta(max_length=32, **_LINE)] = ""
    name: Annotated[str, Meta(max_length=255, **_LINE)] = ""
    phone: Annotated[str, Meta(max_length=32, **_LINE)] = ""


class CustomerBody(Sent, frozen=True, kw_only=True):
    email: Annotated[str, Meta(max_length=254, **_EMAIL)]
    name: Annotated[str, Meta(max_length=255, **_LINE)] = ""
    phone: Annotated[str, Meta(max_length=32, **_LINE)] | None = None


class OrderCreate(Sent, frozen=True, kw_only=True):
    """`items` alone suffice. A shopper's order is the shopper's own; a program or a member of the team names in
    `customer` whom it is for."""

    items: Annotated[list[OrderItemBody], Meta(min_length=1, max_length=MAX_LINES)]
    shipping_address: AddressBody | None = None
    billing_address: AddressBody | None = None
    shipping_method: Annotated[str, Meta(min_length=1, max_length=64, **_ANY)] | None = None
    payment_method: Method = "card"
    coupon_code: Annotated[str, Meta(min_length=1, max_length=64, **_ANY)] | None = None
    notes: Annotated[str, Meta(max_length=2000, **_ANY)] = ""
    customer: CustomerBody | None = None


class StatusUpdate(Sent, frozen=True, kw_only=True):
    status: Status


class OrderItem(Shown, frozen=True, kw_only=True):
    """What was bought, as it was called and cost then."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    sku: str | None
    name: str
    variant: str | None
    image: str | None
    quantity: int
    unit_price: Money
    total_price: Money


class Address(Shown, frozen=True, kw_only=True):
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str
    name: str
    phone: str


class Customer(Shown, frozen=True, kw_only=True):
    id: UUID | None
    email: str | None
    name: str
    phone: str | None


class Window(msgspec.Struct, frozen=True):
    """In the words of Razorpay's script; `amount` in the currency's smallest unit."""

    key: str
    order_id: str
    amount: int
    currency: str


class Payment(Shown, frozen=True, kw_only=True):
    """The latest attempt to pay. `url`: the payment page to send the shopper to, where there is one. `window`: what
    Razorpay's script is opened with, where the shop is paid by it."""

    id: UUID
    status: Attempt
    method: str
    amount: Money
    url: str | None
    window: Window | None


class Shipment(Shown, frozen=True, kw_only=True):
    id: UUID
    carrier: str
    tracking_number: str
    tracking_url: str | None
    created_at: datetime


class Refund(Shown, frozen=True, kw_only=True):
    id: UUID
    amount: Money
    reason: str
    status: RefundStatus
    created_at: datetime


class Order(Shown, frozen=True, kw_only=True):
    """subtotal - discount + shipping + tax = total; where prices hold the tax already (`taxIncluded`), tax is not
    added again."""

    id: UUID
    order_number: str
    status: Status
    payment_status: PaymentStatus
    items: list[OrderItem]
    customer: Customer
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    tax_included: bool
    currency: str
    coupon_code: str | None
    shipping_method: str
    payment_method: str
    shipping_address: Address | None
    billing_address: Address | None
    notes: str
    created_at: datetime
    updated_at: datetime


class OrderDetail(Order, frozen=True, kw_only=True):
    payment: Payment | None
    shipments: list[Shipment]
    refunds: list[Refund]


class OrderList(Shown, frozen=True, kw_only=True):
    data: list[Order]
    pagination: Pagination
