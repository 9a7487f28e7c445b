"""Owns the shapes of this dialect's JSON: what clients send is camelCase, what they get is snake_case but for the
payment's fields, as the document has it. Money is numbers in main units, times are milliseconds since 1970."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.cart.model import MAX_QUANTITY
from merx.edge.body import SAID

Status = Literal["pending", "confirmed", "processing", "shipped", "delivered", "cancelled", "refunded"]
PaymentStatus = Literal["unpaid", "authorized", "paid", "partially_refunded", "refunded", "failed"]
Attempt = Literal["pending", "authorized", "paid", "failed", "cancelled"]
Sorting = Literal["newest", "oldest", "price_asc", "price_desc", "name_asc", "name_desc"]

_LINE: dict[str, Any] = {
    "pattern": r"^[^\u0000-\u001f]*$",
    "extra": {SAID: "Must be one line, without control characters."},
}
Money = Annotated[Decimal, Meta(description="In main units of the currency")]
Time = Annotated[int, Meta(description="Milliseconds since 1970")]
Email = Annotated[str, Meta(max_length=254, **_LINE)]
CartId = Annotated[str, Meta(min_length=1, max_length=128, description="The client's own, such as a UUID")]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Url = Annotated[str, Meta(min_length=1, max_length=2000)]


class Sent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What clients send: nothing that is not known, and amounts as numbers."""

    numbers_only: ClassVar[bool] = True


# ── The shop ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Config(msgspec.Struct, frozen=True):
    default_currency: str
    currency_symbol: str
    tax_percentage: Decimal
    flat_shipping_rate: Money
    free_shipping_threshold: Money | None
    shipping_enabled: bool
    payment_provider: str


# ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Paging(msgspec.Struct, frozen=True, kw_only=True):
    page: Annotated[int, Meta(ge=1, le=10_000, description="1 is the first")] = 1
    limit: Annotated[int, Meta(ge=1, le=100, description="Entries on a page")] = 20


class ListProducts(Paging, frozen=True, kw_only=True, rename="camel"):
    search: Annotated[
        Annotated[str, Meta(max_length=255)] | None,
        Meta(description="Words, their beginnings, or nearly these words"),
    ] = None
    category: Annotated[str | None, Meta(description="A slug or a name; with its subcategories")] = None
    min_price: Annotated[Decimal | None, Meta(description="Included")] = None
    max_price: Annotated[Decimal | None, Meta(description="Included")] = None
    in_stock: Annotated[bool | None, Meta(description="Whether some of it can be bought now")] = None
    sort: Annotated[Sorting | None, Meta(description="newest; with a search, the best match first")] = None


class Image(msgspec.Struct, frozen=True, gc=False):
    url: str
    alt: str


class CategoryRef(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    name: str
    slug: str


class Option(msgspec.Struct, frozen=True):
    name: str
    values: tuple[str, ...]


class Variant(msgspec.Struct, frozen=True):
    id: UUID
    sku: str | None
    title: str
    options: dict[str, str]
    price: Money
    compare_at_price: Money | None
    stock: int
    in_stock: bool


class Product(msgspec.Struct, frozen=True):
    """`price` is the lowest of its variants, `stock` what can be bought of all of them. A product without options has
    one variant, with an empty title."""

    id: UUID
    name: str
    slug: str
    description: str
    price: Money
    compare_at_price: Money | None
    currency: str
    sku: str | None
    stock: int
    in_stock: bool
    images: list[Image]
    categories: list[CategoryRef]
    options: tuple[Option, ...]
    variants: list[Variant]
    created_at: Time
    updated_at: Time


class ProductList(msgspec.Struct, frozen=True):
    products: list[Product]
    total: int
    page: int
    limit: int


class Category(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    slug: str
    description: str
    children: list[Category]


class CategoryTree(msgspec.Struct, frozen=True):
    categories: list[Category]


# ── Carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class ItemBody(Sent, frozen=True, kw_only=True):
    """Without `variantId`, the product's first variant that is for sale."""

    product_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)] = 1
    variant_id: UUID | None = None


class QuantityBody(Sent, frozen=True, kw_only=True):
    quantity: Annotated[int, Meta(ge=0, le=MAX_QUANTITY, description="0 takes the item out")]


class CartItem(msgspec.Struct, frozen=True):
    """`available`: whether it can be bought in this quantity at the moment."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    name: str
    variant_title: str | None
    slug: str
    sku: str | None
    image: str | None
    quantity: int
    unit_price: Money
    total_price: Money
    available: bool


class CartCoupon(msgspec.Struct, frozen=True):
    """`problem` says why it takes nothing off at the moment."""

    code: str
    applied: bool
    problem: str | None


class Cart(msgspec.Struct, frozen=True):
    """subtotal - discount_total + shipping_total + tax_total = grand_total; where prices hold the tax already
    (`tax_included`), it is not added again."""

    id: str
    items: list[CartItem]
    item_count: int
    currency: str
    subtotal: Money
    discount_total: Money
    shipping_total: Money
    tax_total: Money
    tax_included: bool
    grand_total: Money
    coupon: CartCoupon | None


# ── Coupons ──────────────────────────────────────────────────────────────────────────────────────────────────────────
class CouponBody(Sent, frozen=True, kw_only=True):
    """`code`, which may be called `couponCode` as in a checkout, and `cartId` or `subtotal` to know what it takes off.
    With a cart, a code that applies is kept on it, unless `apply` is false."""

    code: Code | None = None
    coupon_code: Code | None = None
    cart_id: CartId | None = None
    subtotal: Money | None = None
    email: Email | None = None
    apply: bool = True


class CouponCheck(msgspec.Struct, frozen=True):
    """`value` is a percentage or an amount, `discount` what it takes off now; `error` and `reason` say why it does not
    apply. `cart` is the cart with it. Of a code that was asked about alone, `minimum` is what the goods must be
    worth."""

    valid: bool
    code: str
    type: Literal["percent", "fixed", "free_shipping"] | UnsetType = UNSET
    value: Decimal | UnsetType = UNSET
    discount: Money | UnsetType = UNSET
    free_shipping: bool | UnsetType = UNSET
    minimum: Money | UnsetType = UNSET
    cart: Cart | UnsetType = UNSET
    error: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


# ── Checkout ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Null is the same as left out."""

    line1: Annotated[str, Meta(max_length=255, **_LINE)] | None = None
    line2: Annotated[str, Meta(max_length=255, **_LINE)] | None = None
    city: Annotated[str, Meta(max_length=100, **_LINE)] | None = None
    state: Annotated[str, Meta(max_length=100, **_LINE)] | None = None
    postal_code: Annotated[str, Meta(max_length=32, **_LINE)] | None = None
    country: Annotated[str, Meta(max_length=64, **_LINE)] | None = None


class CheckoutBody(Sent, frozen=True, kw_only=True):
    """`successUrl` and `cancelUrl` lead to the shop's own pages where they are left out, and the payment is by card.
    Null is the same as left out."""

    cart_id: CartId
    email: Email
    shipping_address: Address | None = None
    billing_address: Address | None = None
    coupon_code: Code | None = None
    customer_name: Annotated[str, Meta(max_length=255, **_LINE)] | None = None
    customer_phone: Annotated[str, Meta(max_length=32, **_LINE)] | None = None
    success_url: Url | None = None
    cancel_url: Url | None = None
    shipping_method: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    payment_method: Literal["card", "cod", "bank_transfer"] | None = None
    notes: Annotated[str, Meta(max_length=2000)] | None = None


class PlacedOrder(msgspec.Struct, frozen=True):
    id: UUID
    order_number: str
    grand_total: Money


class PaymentSession(msgspec.Struct, frozen=True, rename="camel"):
    """Stripe: `id` and `url`, to which the shopper is sent. Razorpay: `token`, `providerOrderId`, `amount` (in the
    currency's smallest unit) and `currency`, for its window. By hand: `id` and `status`."""

    id: str | None | UnsetType = UNSET
    url: str | None | UnsetType = UNSET
    token: str | UnsetType = UNSET
    provider_order_id: str | UnsetType = UNSET
    amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    status: Attempt | UnsetType = UNSET


class Placed(msgspec.Struct, frozen=True, rename="camel"):
    """`orderToken` shows this order without signing in."""

    success: bool
    order: PlacedOrder
    payment: PaymentSession
    order_token: str | None


class ConfirmBody(Sent, frozen=True, kw_only=True):
    """What Razorpay's window hands to the page."""

    order_id: UUID
    razorpay_payment_id: Annotated[str, Meta(min_length=1, max_length=255)] = msgspec.field(name="razorpay_payment_id")
    razorpay_order_id: Annotated[str, Meta(min_length=1, max_length=255)] = msgspec.field(name="razorpay_order_id")
    razorpay_signature: Annotated[str, Meta(min_length=1, max_length=255)] = msgspec.field(name="razorpay_signature")


class ConfirmedOrder(msgspec.Struct, frozen=True):
    id: UUID
    order_number: str
    status: Status
    payment_status: PaymentStatus
    grand_total: Money


class Confirmed(msgspec.Struct, frozen=True):
    success: bool
    order: ConfirmedOrder


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
Tokens = Annotated[
    list[str], Meta(max_length=20, description="`orderToken`s of checkouts; better sent as X-Order-Token")
]


class OneOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    email: Annotated[Email, Meta(description="The order's")]
    order_token: Tokens = []


class ListOrders(Paging, frozen=True, kw_only=True, rename="camel"):
    email: Annotated[Email, Meta(description="Whose orders")]
    order_token: Tokens = []


class OrderSummary(msgspec.Struct, frozen=True):
    id: UUID
    order_number: str
    status: Status
    payment_status: PaymentStatus
    currency: str
    grand_total: Money
    created_at: Time


class OrderList(msgspec.Struct, frozen=True):
    orders: list[OrderSummary]
    total: int
    page: int
    limit: int


class OrderItem(msgspec.Struct, frozen=True):
    """What was bought, as it was called and cost then."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    name: str
    variant_title: str | None
    sku: str | None
    image: str | None
    quantity: int
    unit_price: Money
    total_price: Money


class Shipment(msgspec.Struct, frozen=True):
    carrier: str
    tracking_number: str
    tracking_url: str | None
    created_at: Time


class OrderDetail(OrderSummary, frozen=True):
    email: str
    customer_name: str
    customer_phone: str | None
    items: list[OrderItem]
    item_count: int
    subtotal: Money
    discount_total: Money
    shipping_total: Money
    tax_total: Money
    tax_included: bool
    coupon_code: str | None
    shipping_method: str
    payment_method: str
    shipping_address: Address | None
    billing_address: Address | None
    shipments: list[Shipment]
    payment_url: str | None
    updated_at: Time
