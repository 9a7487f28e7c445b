"""Owns what this dialect reads and writes. The order of the fields is the document's; what we add stands behind what it
names, and only where there is something to say.

Amounts are JSON numbers in the shop's main unit, with all their decimals; ids are UUIDs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.cart.model import MAX_LINES, MAX_QUANTITY
from merx.core.checkout.model import MAX_NOTES
from merx.edge.body import WRITTEN

MAX_LISTED = 1000
"""The document knows no pages: a list holds everything up to this, and says in X-Total-Count how much there is."""

Status = Literal["pending", "confirmed", "processing", "shipped", "completed", "cancelled", "refunded"]
PaymentMethod = Literal["credit_card", "cod", "bank_transfer"]


# ── Health, signing in, shops ────────────────────────────────────────────────────────────────────────────────────────
class Health(msgspec.Struct, frozen=True):
    status: str
    version: str
    message: str


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=1000)]


class Token(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds")]


class Tenant(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    slug: str
    domain: str
    active: bool


class Tenants(msgspec.Struct, frozen=True):
    tenants: list[Tenant]
    count: int


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Paging(msgspec.Struct, frozen=True, kw_only=True):
    page: Annotated[int, Meta(ge=1, le=1_000_000, description="Where a list is longer than `limit`")] = 1
    limit: Annotated[int, Meta(ge=1, le=MAX_LISTED)] = MAX_LISTED


Slug = Annotated[str, Meta(min_length=1, max_length=63, description="The shop's slug")]


class ListProducts(Paging, frozen=True, kw_only=True):
    tenant: Slug
    category: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(description="A slug or a name; with its subcategories"),
    ] = None
    min_price: Annotated[Decimal | None, Meta(description="Included")] = None
    max_price: Annotated[Decimal | None, Meta(description="Included")] = None
    in_stock: Annotated[bool | None, Meta(description="Only what is in stock, or only what is not")] = None


class ListOrders(Paging, frozen=True, kw_only=True):
    tenant: Slug
    status: Status | None = None
    customer_id: UUID | None = None


class ListCategories(msgspec.Struct, frozen=True, kw_only=True):
    tenant: Slug
    parent_id: Annotated[UUID | None, Meta(description="Only the categories right below this one")] = None


# ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Product(msgspec.Struct, frozen=True):
    """`price` is the lowest of its variants and `stock` what can be bought now over all of them. `categories` holds
    those above the ones it was put into as well: all that it is found by."""

    id: UUID
    name: str
    description: str
    price: Decimal
    sku: str | None
    stock: int
    categories: list[str]


class ProductFilters(msgspec.Struct, frozen=True):
    category: str | None
    min_price: Decimal | None
    max_price: Decimal | None
    in_stock: bool | None


class Products(msgspec.Struct, frozen=True):
    products: list[Product]
    tenant: str
    count: int
    filters: ProductFilters


class Category(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str
    slug: str
    parent_id: UUID | None


class Categories(msgspec.Struct, frozen=True):
    """Parents before their children."""

    categories: list[Category]
    tenant: str
    count: int


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class OrderSummary(msgspec.Struct, frozen=True):
    id: UUID
    customer_name: str
    customer_email: str | None
    status: Status
    total: Decimal
    created_at: datetime
    items_count: Annotated[int, Meta(description="How many entries the order's `items` has")]
    shipping_method: str


class OrderFilters(msgspec.Struct, frozen=True):
    status: Status | None
    customer_id: UUID | None


class Orders(msgspec.Struct, frozen=True):
    orders: list[OrderSummary]
    tenant: str
    count: int
    filters: OrderFilters


class Customer(msgspec.Struct, frozen=True):
    id: UUID | None
    name: str
    email: str | None
    phone: str | None


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line1: Annotated[str, Meta(min_length=1, max_length=255, **WRITTEN)]
    city: Annotated[str, Meta(min_length=1, max_length=100, **WRITTEN)]
    country: Annotated[str, Meta(min_length=2, max_length=64, **WRITTEN, description="A name or an ISO 3166 code")]
    line2: Annotated[str, Meta(max_length=255)] = ""
    state: Annotated[str, Meta(max_length=100)] = ""
    postal_code: Annotated[str, Meta(max_length=32)] = ""


class OrderAddress(msgspec.Struct, frozen=True):
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str


class OrderItem(msgspec.Struct, frozen=True):
    id: UUID
    product_id: UUID
    name: str
    quantity: int
    unit_price: Decimal
    total_price: Decimal
    variant_id: UUID | UnsetType = UNSET
    variant: str | UnsetType = UNSET


class Order(msgspec.Struct, frozen=True):
    """total = subtotal + tax + shipping_cost - discount. `discount` only where there is one; `tax_included` only where
    the prices hold the tax, which is then not added."""

    id: UUID
    customer: Customer
    status: Status
    total: Decimal
    subtotal: Decimal
    tax: Decimal
    shipping_cost: Decimal
    created_at: datetime
    updated_at: datetime
    shipping_address: OrderAddress | None
    billing_address: OrderAddress | None
    shipping_method: str
    payment_method: str
    payment_status: Literal["unpaid", "authorized", "paid", "partially_refunded", "refunded", "failed"]
    notes: str
    items: list[OrderItem]
    tenant_id: UUID
    discount: Decimal | UnsetType = UNSET
    tax_included: bool | UnsetType = UNSET


class Buyer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Becomes the shop's customer, found again by e-mail. A shopper who is signed in stays who they are; this is then
    how the order reaches them."""

    name: Annotated[str, Meta(min_length=1, max_length=255, **WRITTEN)]
    email: Annotated[str, Meta(min_length=3, max_length=254)]
    phone: Annotated[str, Meta(max_length=32)] | None = None


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `variant_id`, the product's first variant that is for sale."""

    product_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    variant_id: UUID | None = None


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `billing_address`, the bill goes where the goods go. `shipping_method` is one the shop offers."""

    tenant_id: UUID
    customer: Buyer
    shipping_address: Address
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=MAX_LINES)]
    payment_method: PaymentMethod
    billing_address: Address | None = None
    shipping_method: Annotated[str, Meta(min_length=1, max_length=64, examples=["standard", "express"])] = "standard"
    notes: Annotated[str, Meta(max_length=MAX_NOTES)] = ""


class OrderCreated(msgspec.Struct, frozen=True):
    id: UUID
    status: Status
    message: str


# ── Paying from a browser ────────────────────────────────────────────────────────────────────────────────────────────
class SessionItem(msgspec.Struct, frozen=True):
    """Whatever else the browser keeps in its cart may stand beside these."""

    numbers_only: ClassVar[bool] = True

    id: Annotated[str, Meta(min_length=1, max_length=255)]
    name: Annotated[str, Meta(min_length=1, max_length=255, **WRITTEN)]
    price: Decimal
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]


class NewSession(msgspec.Struct, frozen=True):
    items: Annotated[list[SessionItem], Meta(min_length=1, max_length=MAX_LINES)]
    order_id: Annotated[str, Meta(min_length=1, max_length=255)]


class Session(msgspec.Struct, frozen=True):
    checkout_url: str
    session_id: str


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Fault(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: str


class Error(msgspec.Struct, frozen=True):
    error: Fault


class SessionError(msgspec.Struct, frozen=True):
    error: str
