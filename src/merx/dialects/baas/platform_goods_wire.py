"""Owns the bodies and answers of the merchant's side that concern what is sold: products, categories, stock, coupons,
orders, customers. They show what a shopper sees in the same words, and more behind it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.coupons.model import CouponType
from merx.core.customers.model import CustomerStatus
from merx.dialects.baas import wire
from merx.dialects.baas.platform_wire import Name, PersonName, Position, Url, Zoned

Text = Annotated[str, Meta(max_length=20_000)]
Sku = Annotated[str, Meta(max_length=100)]
Slug = Annotated[str, Meta(min_length=1, max_length=200)]
Stock = Annotated[int, Meta(ge=0, le=1_000_000_000)]
CategoryKey = Annotated[str, Meta(max_length=1000)] | int
Reason = Annotated[str, Meta(max_length=500)]


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class MerchantImage(msgspec.Struct, frozen=True):
    """`sizes`: the addresses of an uploaded picture by its width; none for a picture from elsewhere."""

    id: str
    url: str
    alt: str
    sizes: dict[str, str] = {}


class NewImage(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`id`: one that the product has, which keeps it."""

    url: Url
    alt: Annotated[str, Meta(max_length=500)] = ""
    id: Annotated[str, Meta(max_length=64)] | None = None
    sizes: Annotated[
        dict[str, str], Meta(max_length=16, description="May come back as it was shown; it is not read")
    ] = {}


class AddedImage(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: Url
    alt: Annotated[str, Meta(max_length=500)] = ""
    position: Annotated[int, Meta(ge=0, le=100, description="Counted from 0; at the end where missing")] | None = None


IMAGE_FORM = {
    "image": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, GIF or AVIF, at most 10 MiB"},
    "alt": {"type": "string", "maxLength": 500},
    "position": {"type": "integer", "minimum": 0, "maximum": 99, "description": "Counted from 0"},
}


class ImageOrder(msgspec.Struct, forbid_unknown_fields=True):
    order: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=100, description="Each id once")]


class MerchantImages(msgspec.Struct, frozen=True):
    """All of them at once."""

    count: int
    next: str | None
    previous: str | None
    results: list[MerchantImage]


class MerchantVariant(msgspec.Struct, frozen=True):
    id: str
    sku: str | None
    title: str
    options: dict[str, str]
    price: str
    compare_price: str | None
    in_stock: bool
    stock_quantity: int
    active: bool


class MerchantVariants(msgspec.Struct, frozen=True):
    """All of them at once."""

    count: int
    next: str | None
    previous: str | None
    results: list[MerchantVariant]


Options = Annotated[dict[str, Annotated[str, Meta(max_length=100)]], Meta(max_length=5)]


class NewVariant(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """In a product's list a variant is changed where its `id` or its SKU is one that the product has."""

    sku: Sku | None = None
    options: Options = {}
    title: Annotated[str, Meta(max_length=255)] | None = None
    price: Decimal | None = None
    compare_price: Decimal | None = None
    stock_quantity: Stock | None = None
    active: bool | None = None
    id: Annotated[str, Meta(max_length=64)] | None = None


class VariantChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    sku: Sku | None | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    price: Decimal | UnsetType = UNSET
    compare_price: Decimal | None | UnsetType = UNSET
    stock_quantity: Stock | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class MerchantCategoryRef(msgspec.Struct, frozen=True):
    id: int
    name: str
    slug: str


class MerchantProduct(msgspec.Struct, frozen=True):
    """`version` goes up with each change: sent back in a PATCH, it refuses to overwrite somebody else's."""

    id: str
    name: str
    slug: str
    description: str
    price: str
    compare_price: str | None
    images: list[MerchantImage]
    category: wire.CategoryRef | None
    in_stock: bool
    stock_quantity: int
    created_at: datetime
    updated_at: datetime
    sku: str | None
    currency: str
    active: bool
    version: int
    categories: list[MerchantCategoryRef]
    options: tuple[wire.Option, ...]
    variants: list[MerchantVariant]


class NewOption(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=50)]
    values: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=100)] = []


class NewProduct(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Categories are named by id, slug, name or path (`Electronics > Audio`); names that do not exist are made.
    Without `variants` a product has one, with this price, SKU and stock."""

    name: Name
    price: Decimal | None = None
    description: Text = ""
    slug: Slug | None = None
    compare_price: Decimal | None = None
    sku: Sku | None = None
    category: CategoryKey | None = None
    categories: Annotated[list[CategoryKey], Meta(max_length=50)] | None = None
    stock_quantity: Stock = 0
    active: bool = True
    options: Annotated[list[NewOption], Meta(max_length=5)] | None = None
    images: Annotated[list[NewImage | str], Meta(max_length=20)] = []
    variants: Annotated[list[NewVariant], Meta(max_length=100)] = []


class ProductChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`price` and `compare_price` go to every variant; `sku` and `stock_quantity` need a product with one variant.
    `images`, `categories` and `variants` are the whole new set."""

    name: Name | UnsetType = UNSET
    price: Decimal | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    compare_price: Decimal | None | UnsetType = UNSET
    sku: Sku | None | UnsetType = UNSET
    category: CategoryKey | None | UnsetType = UNSET
    categories: Annotated[list[CategoryKey], Meta(max_length=50)] | UnsetType = UNSET
    stock_quantity: Stock | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    options: Annotated[list[NewOption], Meta(max_length=5)] | UnsetType = UNSET
    images: Annotated[list[NewImage | str], Meta(max_length=20)] | UnsetType = UNSET
    variants: Annotated[list[NewVariant], Meta(max_length=100)] | UnsetType = UNSET
    version: Annotated[int, Meta(ge=1, le=2_147_483_647)] | UnsetType = UNSET


ProductSort = Literal[
    "price_asc", "price_desc", "name", "name_asc", "name_desc", "newest", "oldest", "stock_asc", "stock_desc"
]


class FindProducts(wire.Paging, frozen=True, kw_only=True):
    category: Annotated[str, Meta(description="A slug or a name; with its subcategories")] | None = None
    search: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None
    active: Annotated[bool, Meta(description="Both where missing")] | None = None
    sort: ProductSort | None = None


# ── Stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class StockLevel(msgspec.Struct, frozen=True):
    """`stock_quantity` can be sold now: what is on hand without what orders hold."""

    variant_id: str
    sku: str | None
    title: str
    stock_quantity: int
    on_hand: int
    reserved: int


class Movement(msgspec.Struct, frozen=True):
    id: str
    variant_id: str
    type: str
    on_hand_change: int
    reserved_change: int
    order_id: str | None
    reason: str
    actor: str
    created_at: datetime


class StockReport(msgspec.Struct, frozen=True):
    """The levels now, and a page of the ledger that adds up to them, newest first."""

    levels: list[StockLevel]
    count: int
    next: str | None
    previous: str | None
    results: list[Movement]


class StockChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Either `stock_quantity`, what can be sold from now on, or `delta`, how many more (or fewer) there are.
    `variant_id` where the product has several variants."""

    stock_quantity: Stock | None = None
    delta: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)] | None = None
    variant_id: Annotated[str, Meta(max_length=64)] | None = None
    reason: Reason = ""


# ── Categories ───────────────────────────────────────────────────────────────────────────────────────────────────────
class MerchantCategory(msgspec.Struct, frozen=True):
    id: int
    name: str
    slug: str
    description: str
    parent: int | None
    position: int
    created_at: datetime


class CategoryNode(MerchantCategory, frozen=True):
    children: list[CategoryNode]


class NewCategory(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`parent`: the id, slug, name or path of the category it stands below."""

    name: Name
    slug: Slug | None = None
    description: Text = ""
    parent: CategoryKey | None = None
    position: Position = 0


class CategoryChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    parent: CategoryKey | None | UnsetType = UNSET
    position: Position | UnsetType = UNSET


# ── Coupons ──────────────────────────────────────────────────────────────────────────────────────────────────────────
Limit = Annotated[int, Meta(ge=1, le=2_147_483_647)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]


class Coupon(msgspec.Struct, frozen=True):
    """`value`: the percentage, or the amount; null for free shipping. `ends_at` is exclusive."""

    id: str
    code: str
    type: CouponType
    value: str | None
    minimum: str
    starts_at: datetime | None
    ends_at: datetime | None
    usage_limit: int | None
    per_customer_limit: int | None
    used: int
    active: bool
    created_at: datetime


class NewCoupon(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    code: Code
    type: CouponType
    value: Decimal | None = None
    minimum: Decimal | None = None
    starts_at: Zoned | None = None
    ends_at: Zoned | None = None
    usage_limit: Limit | None = None
    per_customer_limit: Limit | None = None
    active: bool = True


class CouponChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    code: Code | UnsetType = UNSET
    type: CouponType | UnsetType = UNSET
    value: Decimal | None | UnsetType = UNSET
    minimum: Decimal | None | UnsetType = UNSET
    starts_at: Zoned | None | UnsetType = UNSET
    ends_at: Zoned | None | UnsetType = UNSET
    usage_limit: Limit | None | UnsetType = UNSET
    per_customer_limit: Limit | None | UnsetType = UNSET
    active: bool | UnsetType = UNSET


# ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
class MerchantCustomer(wire.Customer, frozen=True):
    """`registered`: an account, not a guest known from an order. `erase_at`: when asking to erase them becomes final;
    `erased_at`: since when it is, and this is nobody any more."""

    status: CustomerStatus
    registered: bool
    updated_at: datetime
    erase_at: datetime | None
    erased_at: datetime | None


class CustomerChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A customer who is made inactive is signed out everywhere."""

    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    phone: Annotated[str, Meta(max_length=32)] | None | UnsetType = UNSET
    accepts_marketing: bool | UnsetType = UNSET
    status: CustomerStatus | UnsetType = UNSET


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    at_once: Annotated[bool, Meta(description="Final now, without three days to take it back")] = False


class FindCustomers(wire.Paging, frozen=True, kw_only=True):
    search: Annotated[str, Meta(max_length=255, description="How an e-mail or a name begins")] | None = None
    status: CustomerStatus | None = None


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Buyer(msgspec.Struct, frozen=True):
    """`id` null: the order came without a customer."""

    id: str | None
    email: str | None
    name: str
    phone: str | None


class MerchantOrder(wire.Order, frozen=True):
    """`flagged`: why somebody should look at it. `source`: the API it was placed through."""

    customer: Buyer
    source: str
    flagged: str | None


class MerchantPayment(wire.Payment, frozen=True):
    provider: str
    captured: str
    refunded: str
    reference: str | None
    reason: str | None
    created_at: datetime | None


class MerchantRefund(wire.Refund, frozen=True):
    payment_id: str
    reference: str | None


class StatusChanged(msgspec.Struct, frozen=True):
    from_status: wire.Status | None
    to_status: wire.Status
    actor: str
    note: str
    created_at: datetime


class MerchantOrderDetail(MerchantOrder, frozen=True):
    """With everything that happened to it; payments and refunds newest first."""

    history: list[StatusChanged]
    payments: list[MerchantPayment]
    refunds: list[MerchantRefund]
    shipments: list[wire.Shipment]


class FindOrders(wire.Paging, frozen=True, kw_only=True):
    status: Annotated[list[wire.Status], Meta(description="Several are alternatives")] = msgspec.field(
        default_factory=list
    )
    customer: Annotated[str, Meta(max_length=64, description="A customer's id")] | None = None
    email: Annotated[str, Meta(max_length=320)] | None = None
    created_from: Annotated[datetime, Meta(description="Inclusive")] | None = None
    created_to: Annotated[datetime, Meta(description="Exclusive")] | None = None


class StatusChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    status: wire.Status
    note: Reason = ""


class NewShipment(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    carrier: Annotated[str, Meta(min_length=1, max_length=100)]
    tracking_number: Annotated[str, Meta(max_length=200)] = ""
    tracking_url: Annotated[str, Meta(max_length=2000)] | None = None


class NewRefund(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `amount` everything that is left of the payment goes back, and the order is over."""

    amount: Decimal | None = None
    reason: Reason = ""


class MarkPaid(msgspec.Struct, forbid_unknown_fields=True):
    """Cash was handed over, the transfer has come. There is nothing more to say."""
