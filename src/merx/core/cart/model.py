"""A cart as it is kept, and as it is priced. Amounts are minor units of the shop's currency."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from merx.core.coupons.model import Benefit, Coupon
from merx.core.pricing.model import TaxRules, Totals
from merx.core.shipping.model import ShippingMethod, ShippingRules
from merx.kernel.ids import CartId, CustomerId, LineId, ProductId, VariantId
from merx.kernel.money import Currency

MAX_QUANTITY = 1_000_000
MAX_LINES = 100


class Owner(msgspec.Struct, frozen=True):
    """Exactly one of both."""

    customer_id: CustomerId | None = None
    token: str | None = None


class Item(msgspec.Struct, frozen=True):
    """What a client names; without a variant, the product's first one that is for sale."""

    product_id: ProductId | None
    quantity: int
    variant_id: VariantId | None = None


class CardImage(msgspec.Struct, frozen=True):
    url: str
    alt: str = ""


class CardCategory(msgspec.Struct, frozen=True, array_like=True):
    id: UUID
    number: int
    slug: str
    name: str


class ProductCard(msgspec.Struct, frozen=True, array_like=True):
    """The product of a line, as cart answers show it."""

    id: ProductId
    slug: str
    name: str
    description: str
    price_minor: int
    compare_minor: int | None
    sku: str | None
    images: list[CardImage]
    created_at: datetime
    available: int
    categories: list[CardCategory]


class BasketLine(msgspec.Struct, frozen=True, array_like=True):
    """`sellable`: product and variant are active and there; `available`: pieces of this variant nobody holds."""

    id: LineId | None
    variant_id: VariantId
    product_id: ProductId
    quantity: int
    sku: str | None
    name: str
    variant_title: str
    image: str | None
    unit_minor: int
    sellable: bool
    available: int
    card: ProductCard | None = None


class Basket(msgspec.Struct, frozen=True):
    """All that pricing one basket needs, read by one statement."""

    id: CartId | None
    version: int
    customer_id: CustomerId | None
    email: str | None
    customer_name: str
    phone: str | None
    coupon_code: str | None
    currency: Currency
    tax: TaxRules
    shipping: ShippingRules
    payment_provider: str
    low_stock_threshold: int
    allowed_origins: list[str]
    payment_test_mode: bool
    slug: str
    domain: str | None
    coupon: Coupon | None
    methods: list[ShippingMethod]
    lines: list[BasketLine]


class CouponTrial(msgspec.Struct, frozen=True):
    """What a code would give now; no `benefit` where it was tried on no goods. `cart`: the cart it was tried on, with
    the coupon on it."""

    coupon: Coupon
    benefit: Benefit | None
    currency: Currency
    cart: Cart | None = None


class Cart(msgspec.Struct, frozen=True):
    """A basket with its prices. `coupon_problem` says why a coupon that is set does not apply at the moment."""

    basket: Basket
    totals: Totals
    shipping_method: ShippingMethod
    coupon_problem: str | None = None

    @property
    def id(self) -> CartId | None:
        return self.basket.id

    @property
    def currency(self) -> Currency:
        return self.basket.currency

    @property
    def lines(self) -> list[BasketLine]:
        return self.basket.lines

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.basket.lines)
