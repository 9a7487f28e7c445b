"""What the demo shops hold, read from the JSON file of each into typed structs. Plain data: nothing is written here.

Amounts are decimal strings in the shop's currency, percentages in per cent, times in days before or after the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib import resources

import msgspec

from merx.core.auth.model import Role
from merx.core.coupons.model import CouponType
from merx.core.orders.model import Status

SLUGS = ("tech", "outdoor")
COLOUR = "Colour"
"""The option whose values have pictures of their own."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A misspelt field in a JSON file is an error, not a default."""


class Settings(Strict, frozen=True):
    currency: str
    tax_percentage: str
    flat_shipping_rate: str
    free_shipping_threshold: str
    low_stock_threshold: int


class ShippingMethod(Strict, frozen=True):
    code: str
    name: str
    price: str
    days: str
    free_from: str | None = None


class Staff(Strict, frozen=True):
    email: str
    first_name: str
    last_name: str
    role: Role
    password: str


class Category(Strict, frozen=True):
    name: str
    slug: str
    description: str
    children: tuple[Category, ...] = ()


class Picture(Strict, frozen=True):
    """What `merx.demo.pictures.draw` needs. `colours` says which paint each value of the option Colour has; the first
    is the one on the main picture."""

    kind: str
    main: str
    accent: str
    form: int = 0
    ground: str | None = None
    colours: dict[str, str] = {}


class Option(Strict, frozen=True):
    name: str
    values: tuple[str, ...]


class Variant(Strict, frozen=True):
    """`stock` is what stands on the shelf when the demo starts, after all the past orders."""

    sku: str
    price: str
    stock: int
    options: dict[str, str] = {}
    compare_price: str | None = None


class Image(msgspec.Struct, frozen=True):
    file: str
    url: str
    alt: str
    colour: str | None = None  # the value of the option Colour it shows


class Product(Strict, frozen=True):
    """A product without options has one variant. `categories` are slugs."""

    name: str
    slug: str
    description: str
    categories: tuple[str, ...]
    picture: Picture
    variants: tuple[Variant, ...]
    options: tuple[Option, ...] = ()
    active: bool = True

    @property
    def price(self) -> Decimal:
        return min(Decimal(variant.price) for variant in self.variants)

    @property
    def stock(self) -> int:
        return sum(variant.stock for variant in self.variants)


class Coupon(Strict, frozen=True):
    """Days count from the start of the demo and may be negative."""

    code: str
    type: CouponType
    note: str
    value: str | None = None
    minimum: str | None = None
    starts_in_days: int | None = None
    ends_in_days: int | None = None
    usage_limit: int | None = None
    per_customer_limit: int | None = None


class Address(Strict, frozen=True):
    line1: str
    city: str
    state: str
    postal_code: str
    country: str
    line2: str = ""


class Customer(Strict, frozen=True):
    """One without a password buys as a guest."""

    email: str
    first_name: str
    last_name: str
    phone: str
    joined_days_ago: int
    addresses: tuple[Address, ...]
    password: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class OrderLine(Strict, frozen=True):
    sku: str
    quantity: int


class Shipment(Strict, frozen=True):
    carrier: str
    tracking_number: str


class Refund(Strict, frozen=True):
    """Part of the money given back; an order in the status refunded got all of it."""

    amount: str
    reason: str


class Order(Strict, frozen=True):
    customer: str  # e-mail
    status: Status
    days_ago: int
    lines: tuple[OrderLine, ...]
    shipping: str
    payment: str
    coupon: str | None = None
    notes: str = ""
    shipment: Shipment | None = None
    refund: Refund | None = None


class DemoShop(Strict, frozen=True):
    slug: str
    name: str
    tagline: str
    description: str
    accent: str
    settings: Settings
    shipping: tuple[ShippingMethod, ...]
    staff: tuple[Staff, ...]
    categories: tuple[Category, ...]
    products: tuple[Product, ...]
    coupons: tuple[Coupon, ...]
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]  # oldest first

    def walk(self) -> Iterator[tuple[Category, Category | None]]:
        """Every category with its parent, parents before their children."""
        todo: list[tuple[Category, Category | None]] = [(root, None) for root in self.categories]
        while todo:
            category, parent = todo.pop(0)
            yield category, parent
            todo.extend((child, category) for child in category.children)

    def images(self, product: Product) -> tuple[Image, ...]:
        """The main picture, a close look, and one more for each further colour."""
        colours: list[str | None] = [*product.picture.colours] or [None]
        shown = [("", colours[0]), (", a closer look", None), *[("", colour) for colour in colours[1:]]]
        found = []
        for number, (said, colour) in enumerate(shown, start=1):
            file = f"{product.slug}-{number}.svg"
            alt = product.name + (f", {colour.lower()}" if colour else said)
            found.append(Image(file, f"/demo/pictures/{self.slug}/{file}", alt, colour))
        return tuple(found)


def load(slug: str) -> DemoShop:
    """One of SLUGS."""
    return msgspec.json.decode((resources.files(__package__) / f"{slug}.json").read_bytes(), type=DemoShop)
