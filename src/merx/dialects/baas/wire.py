"""Owns what products, categories, carts, orders and customers look like in this dialect, as both its halves show them.

The order of the fields is the document's; what we add stands behind what it names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Status = Literal["pending", "confirmed", "processing", "shipped", "delivered", "cancelled"]
PaymentStatus = Literal["unpaid", "authorized", "paid", "partially_refunded", "refunded", "failed"]
Attempt = Literal["pending", "authorized", "paid", "failed", "cancelled"]


class Image(msgspec.Struct, frozen=True, gc=False):
    url: str
    alt: str


class CategoryRef(msgspec.Struct, frozen=True, gc=False):
    id: int
    name: str


class Product(msgspec.Struct, frozen=True):
    """`price` is the lowest of its variants."""

    id: str
    name: str
    slug: str
    description: str
    price: str
    compare_price: str | None
    images: list[Image]
    category: CategoryRef | None
    in_stock: bool
    stock_quantity: int
    created_at: datetime


class Option(msgspec.Struct, frozen=True):
    name: str
    values: tuple[str, ...]


class Variant(msgspec.Struct, frozen=True):
    id: str
    sku: str | None
    title: str
    options: dict[str, str]
    price: str
    compare_price: str | None
    in_stock: bool
    stock_quantity: int


class ProductDetail(Product, frozen=True):
    """One product by itself also shows what its variants are; a product without options has one, with an empty
    title."""

    sku: str | None
    currency: str
    categories: list[CategoryRef]
    options: tuple[Option, ...]
    variants: list[Variant]


class ProductPage(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Product]


class Category(msgspec.Struct, frozen=True):
    id: int
    name: str
    slug: str
    description: str
    children: list[Category]


class CategoryPage(msgspec.Struct, frozen=True):
    """The whole tree at once; `count` is that of all categories in it."""

    count: int
    next: str | None
    previous: str | None
    results: list[Category]


# ── Carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class ChosenVariant(msgspec.Struct, frozen=True):
    id: str
    title: str
    sku: str | None


class CartItem(msgspec.Struct, frozen=True):
    """`variant` only where the product has more than one."""

    id: str
    product: Product
    quantity: int
    unit_price: str
    total_price: str
    variant: ChosenVariant | UnsetType = UNSET


class CartCoupon(msgspec.Struct, frozen=True):
    """`problem` says why it takes nothing off at the moment."""

    code: str
    applied: bool
    problem: str | None


class Cart(msgspec.Struct, frozen=True):
    """total = subtotal - discount + shipping + tax. `discount`, `shipping` and `coupon` only where there is one;
    `tax_included` only where the prices include the tax, which is then not added."""

    id: str
    items: list[CartItem]
    subtotal: str
    tax: str
    total: str
    item_count: int
    discount: str | UnsetType = UNSET
    shipping: str | UnsetType = UNSET
    coupon: CartCoupon | UnsetType = UNSET
    tax_included: bool | UnsetType = UNSET


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
Line = Annotated[str, Meta(min_length=1, max_length=255)]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    street: Line
    city: Annotated[str, Meta(min_length=1, max_length=100)]
    country: Annotated[str, Meta(min_length=2, max_length=64, description="A name or an ISO 3166 code")]
    state: Annotated[str, Meta(max_length=100)] = ""
    postal_code: Annotated[str, Meta(max_length=32)] = ""
    street2: Annotated[str, Meta(max_length=255)] = ""
    name: Annotated[str, Meta(max_length=255)] = ""
    phone: Annotated[str, Meta(max_length=32)] = ""


class OrderAddress(msgspec.Struct, frozen=True):
    """As it was at the sale. `street2`, `name` and `phone` only where they were given."""

    street: str
    city: str
    state: str
    postal_code: str
    country: str
    street2: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET


class OrderItem(msgspec.Struct, frozen=True):
    """What was bought, as it was called and cost then."""

    id: str
    product_id: str
    variant_id: str
    name: str
    variant: str | None
    sku: str | None
    image: str | None
    quantity: int
    unit_price: str
    total_price: str


class Window(msgspec.Struct, frozen=True):
    """In the words of Razorpay's script; `amount` in the currency's smallest unit."""

    key: str
    order_id: str
    amount: int
    currency: str


class Payment(msgspec.Struct, frozen=True):
    """`url`: the payment page to send the shopper to, where there is one. `window`: what Razorpay's script is opened
    with, where the shop is paid by it."""

    id: str
    status: Attempt
    method: str
    amount: str
    url: str | None
    window: Window | None


class Shipment(msgspec.Struct, frozen=True):
    id: str
    carrier: str
    tracking_number: str
    tracking_url: str | None
    created_at: datetime


class Refund(msgspec.Struct, frozen=True):
    id: str
    amount: str
    reason: str
    status: Literal["pending", "succeeded", "failed"]
    created_at: datetime


class Order(msgspec.Struct, frozen=True):
    id: str
    order_number: str
    status: Status
    payment_status: PaymentStatus
    items: list[OrderItem]
    shipping_address: OrderAddress | None
    billing_address: OrderAddress | None
    payment_method: str
    shipping_method: str
    notes: str
    subtotal: str
    discount: str
    shipping: str
    tax: str
    total: str
    currency: str
    coupon_code: str | None
    item_count: int
    created_at: datetime
    updated_at: datetime


class OrderDetail(Order, frozen=True):
    """`payment` is the latest attempt to pay."""

    payment: Payment | None
    shipments: list[Shipment]
    refunds: list[Refund]


class OrderPage(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Order]


# ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Customer(msgspec.Struct, frozen=True):
    id: str
    email: str
    first_name: str
    last_name: str
    phone: str | None
    accepts_marketing: bool
    created_at: datetime


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """What every list can be asked."""

    page: Annotated[int, Meta(ge=1, le=1_000_000, description="1 is the first")] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20
