"""Products, variants, categories and what lists of them can be asked for.

What is read from the database is `array_like`: PostgreSQL builds each product as one JSON array, in the order of the
fields here, and one typed decode makes the struct. Prices are kept as minor units with the currency beside them;
`price` and `compare_price` are Money.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from merx.kernel.errors import Conflict, Invalid
from merx.kernel.ids import CategoryId, ProductId, VariantId
from merx.kernel.money import Currency, Money

MAX_NAME = 255
MAX_DESCRIPTION = 20_000
MAX_SKU = 100
MAX_SLUG = 200
MAX_VARIANTS = 100
MAX_IMAGES = 20
MAX_OPTIONS = 5
MAX_CATEGORIES = 50
MAX_DEPTH = 10
MAX_PAGE = 1_000
MAX_OFFSET = 1_000_000

Amount: TypeAlias = Decimal | int | str
"""A price as it came over the wire, in main units ("12.30", 12.3, 12); the tenant's currency decides its decimals."""
CategoryKey: TypeAlias = UUID | int | str
"""How a product names a category: its id, its number, or its slug, its name or a path of names ("Electronics > Audio").
Names that do not exist are made; ids and numbers must exist."""


class Image(msgspec.Struct, frozen=True):
    id: UUID
    url: str
    alt: str = ""


class Option(msgspec.Struct, frozen=True):
    """What variants differ in: Colour, with Black and Blue."""

    name: str
    values: tuple[str, ...]


class CategoryRef(msgspec.Struct, frozen=True, array_like=True):
    id: CategoryId
    number: int
    slug: str
    name: str
    parent_id: CategoryId | None


class Variant(msgspec.Struct, frozen=True, array_like=True):
    """What is sold and counted. A product without options has exactly one, with an empty title."""

    id: VariantId
    sku: str | None
    title: str
    options: dict[str, str]
    price_minor: int
    compare_minor: int | None
    active: bool
    on_hand: int
    reserved: int
    currency: Currency

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def compare_price(self) -> Money | None:
        return None if self.compare_minor is None else Money(self.compare_minor, self.currency)

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Product(msgspec.Struct, frozen=True, array_like=True):
    """`price` is the lowest of its active variants, `sku` its first variant's. Shoppers are shown active variants only,
    merchants all that are not removed. `version` goes up with each change: send it back as `expected_version`."""

    id: ProductId
    slug: str
    name: str
    description: str
    sku: str | None
    price_minor: int
    compare_minor: int | None
    currency: Currency
    options: tuple[Option, ...]
    images: tuple[Image, ...]
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    categories: tuple[CategoryRef, ...]
    variants: tuple[Variant, ...]

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def compare_price(self) -> Money | None:
        return None if self.compare_minor is None else Money(self.compare_minor, self.currency)

    @property
    def available(self) -> int:
        """What shoppers can buy now, over all active variants."""
        return sum([variant.on_hand - variant.reserved for variant in self.variants if variant.active])

    @property
    def in_stock(self) -> bool:
        return self.available > 0


class Category(msgspec.Struct, frozen=True, array_like=True):
    id: CategoryId
    number: int
    parent_id: CategoryId | None
    name: str
    slug: str
    description: str
    position: int
    created_at: datetime


class ProductPage(msgspec.Struct, frozen=True):
    """`version` is the catalogue's, read in the same snapshot as the items: what a cached answer is kept under. `tree`
    is every category of the shop, where it was asked for."""

    items: tuple[Product, ...]
    total: int
    version: int
    tree: tuple[Category, ...] = ()


class ProductDetail(msgspec.Struct, frozen=True):
    product: Product
    version: int
    tree: tuple[Category, ...] = ()


class Branch(msgspec.Struct, frozen=True):
    """One of a few branches of the category tree that a dialect has words for, or none of them. `among` are all those
    words: the slugs of the branches' topmost categories, or their names in any case."""

    name: str | None
    among: tuple[str, ...]


class CategoryList(msgspec.Struct, frozen=True):
    """Flat, parents before their children, siblings by position and name. `version` as in ProductPage."""

    items: tuple[Category, ...]
    version: int


class Address(msgspec.Struct, frozen=True):
    """Where a product's page is, as a search engine is told."""

    id: ProductId
    slug: str
    name: str
    updated_at: datetime


class Sort(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DESC = "name_desc"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    STOCK_ASC = "stock_asc"
    STOCK_DESC = "stock_desc"
    RELEVANCE = "relevance"  # needs a search; without one it is NEWEST


class ProductQuery(msgspec.Struct, frozen=True):
    """`active`: True is what shoppers see; False (hidden ones) and None (both) need products:read.
    `sort` None is RELEVANCE with a search and NEWEST without."""

    search: str | None = None
    category: str | None = None  # a slug, or a name in any case; with its subcategories
    among: tuple[str, ...] = ()  # a few branches, as in Branch; `category` is one, and no product is in two of them
    min_price: Amount | None = None  # in main units, both ends included
    max_price: Amount | None = None
    in_stock: bool | None = None
    active: bool | None = True
    sort: Sort | None = None
    limit: int = 20
    offset: int = 0
    tree: bool = False  # the answer also holds the category tree, read in the same snapshot


# ── What merchants send ──────────────────────────────────────────────────────────────────────────────────────────────
class ImageDraft(msgspec.Struct, frozen=True):
    url: str
    alt: str = ""
    id: UUID | None = None  # an image the product already has: kept with its id


class VariantDraft(msgspec.Struct, frozen=True):
    """A variant to be; with `id`, or the SKU of one the product has, that one changed. What is None of an existing
    variant stays (but `price` and `stock` of a new one are the product's price and 0)."""

    sku: str | None = None
    options: dict[str, str] = {}
    title: str | None = None  # None: made from the options, 'Black / L'
    price: Amount | None = None
    compare_price: Amount | None = None
    stock: int | None = None  # how many can be sold now
    active: bool | None = None
    id: VariantId | None = None


class ProductDraft(msgspec.Struct, frozen=True):
    """A product to be. Without `variants` it gets one, from `price`, `sku` and `stock`."""

    name: str
    price: Amount | None = None  # may be left out where every variant has its own
    description: str = ""
    slug: str | None = None  # None: made from the name
    compare_price: Amount | None = None
    sku: str | None = None
    stock: int = 0
    active: bool = True
    options: tuple[Option, ...] | None = None  # None: gathered from the variants
    images: tuple[ImageDraft, ...] = ()
    categories: tuple[CategoryKey, ...] = ()
    variants: tuple[VariantDraft, ...] = ()
    branch: Branch | None = None  # beside `categories`


class ProductChanges(msgspec.Struct, frozen=True):
    """What is UNSET stays; None empties. `price` and `compare_price` go to every variant; `sku` and `stock` need a
    product with one variant. `images`, `categories` and `variants` are the whole new set; `variants` then takes the
    place of price, sku and stock. `branch` moves it from one branch of the tree to another, and changes nothing where
    it is in that branch already, however deep."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    compare_price: Amount | None | UnsetType = UNSET
    sku: str | None | UnsetType = UNSET
    stock: int | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    options: tuple[Option, ...] | UnsetType = UNSET
    images: tuple[ImageDraft, ...] | UnsetType = UNSET
    categories: tuple[CategoryKey, ...] | UnsetType = UNSET
    variants: tuple[VariantDraft, ...] | UnsetType = UNSET
    expected_version: int | None = None
    branch: Branch | UnsetType = UNSET


class VariantChanges(msgspec.Struct, frozen=True):
    sku: str | None | UnsetType = UNSET
    options: dict[str, str] | UnsetType = UNSET
    title: str | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    compare_price: Amount | None | UnsetType = UNSET
    stock: int | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class CategoryDraft(msgspec.Struct, frozen=True):
    name: str
    slug: str | None = None
    description: str = ""
    parent: CategoryKey | None = None  # must exist
    position: int = 0


class CategoryChanges(msgspec.Struct, frozen=True):
    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    parent: CategoryKey | None | UnsetType = UNSET  # None: a top category
    position: int | UnsetType = UNSET


# ── For the floors above ─────────────────────────────────────────────────────────────────────────────────────────────
class Sellable(msgspec.Struct, frozen=True):
    """What a line of an order is made of. `active`: product and variant are shown and not removed."""

    variant_id: VariantId
    product_id: ProductId
    sku: str | None
    name: str
    variant_title: str
    image: str | None
    unit_minor: int
    active: bool
    available: int


class BadRow(msgspec.Struct, frozen=True):
    line: int  # as an editor counts them: the header of a CSV file is line 1
    field: str | None
    message: str


class ImportReport(msgspec.Struct, frozen=True):
    created: int
    updated: int


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class SkuTaken(Conflict):
    code = "sku_taken"

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(f"The SKU {skus[0]} belongs to another product; choose another.", field="sku", skus=list(skus))
        self.skus = tuple(skus)


class SlugTaken(Conflict):
    code = "slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug} is taken; choose another, or leave it out.", field="slug")


class VersionConflict(Conflict):
    code = "version_conflict"

    def __init__(self, version: int) -> None:
        super().__init__("Somebody else changed this meanwhile; load it again.", field="version", version=version)


class BadRows(Invalid):
    """Nothing of the file was written."""

    code = "bad_rows"

    def __init__(self, rows: Sequence[BadRow]) -> None:
        count = f"{len(rows)} rows are" if len(rows) != 1 else "one row is"
        super().__init__(f"Nothing was imported: {count} wrong.", rows=[msgspec.structs.asdict(row) for row in rows])
        self.rows = tuple(rows)
