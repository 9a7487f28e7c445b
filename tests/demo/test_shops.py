"""The demo catalogues hang together: what names something names a thing that exists, and the range is a range."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from merx.core.coupons.model import CouponType
from merx.core.orders.model import Status
from merx.demo import shops
from merx.demo.shops import DemoShop
from merx.kernel import money

ENUM_OF_CATEGORIES = {"footwear", "apparel", "accessories", "electronics", "home"}


@pytest.fixture(params=shops.SLUGS)
def shop(request: pytest.FixtureRequest) -> DemoShop:
    return shops.load(request.param)


def amounts(shop: DemoShop) -> list[str | None]:
    found: list[str | None] = [shop.settings.flat_shipping_rate, shop.settings.free_shipping_threshold]
    found += [amount for method in shop.shipping for amount in (method.price, method.free_from)]
    found += [amount for p in shop.products for v in p.variants for amount in (v.price, v.compare_price)]
    found += [coupon.minimum for coupon in shop.coupons]
    return found + [order.refund.amount for order in shop.orders if order.refund]


def test_names_of_the_two_shops() -> None:
    assert {shops.load(slug).slug: shops.load(slug).name for slug in shops.SLUGS} == {
        "tech": "Tech Gadgets",
        "outdoor": "Outdoor Adventures",
    }


@pytest.mark.parametrize(("sku", "name", "price", "stock"), [
    ("WH-001", "Wireless Headphones", "129.99", 25),
    ("BS-002", "Bluetooth Speaker", "79.99", 42),
])  # fmt: skip
def test_the_documented_products(sku: str, name: str, price: str, stock: int) -> None:
    (product,) = [p for p in shops.load("tech").products if p.variants[0].sku == sku]
    assert (product.name, product.variants[0].price, product.stock) == (name, price, stock)
    assert len(product.variants) == 1 and product.active
    names = {category.slug: category.name for category, _ in shops.load("tech").walk()}
    assert [names[slug] for slug in product.categories] == ["Electronics", "Audio"]


def test_audio_is_below_electronics() -> None:
    parents = {category.name: parent and parent.name for category, parent in shops.load("tech").walk()}
    assert parents["Audio"] == "Electronics"


def test_unique_names(shop: DemoShop) -> None:
    for names in (
        [p.slug for p in shop.products],
        [p.name for p in shop.products],
        [v.sku for p in shop.products for v in p.variants],
        [category.slug for category, _ in shop.walk()],
        [coupon.code for coupon in shop.coupons],
        [customer.email for customer in shop.customers],
        [order.shipment.tracking_number for order in shop.orders if order.shipment],
    ):
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_slugs_and_texts(shop: DemoShop) -> None:
    for slug in [p.slug for p in shop.products] + [category.slug for category, _ in shop.walk()]:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug), slug
    for product in shop.products:
        sentences = len(re.findall(r"[.!?](?=\s|$)", product.description))
        assert 1 <= sentences <= 3, product.description
    assert all(category.description for category, _ in shop.walk())


def test_the_range(shop: DemoShop) -> None:
    prices = [product.price for product in shop.products]
    assert len(shop.products) >= 60
    assert len(set(prices)) >= 0.8 * len(prices)
    assert max(prices) > 40 * min(prices) > 0
    assert sum(len(p.variants) > 1 for p in shop.products) >= 15
    assert sum(2 <= len(p.categories) <= 4 for p in shop.products) >= 30
    assert sum(v.compare_price is not None for p in shop.products for v in p.variants) >= 10
    assert sum(p.stock == 0 and p.active for p in shop.products) >= 2
    assert sum(v.stock == 0 for p in shop.products for v in p.variants) >= 4
    low = range(1, shop.settings.low_stock_threshold + 1)
    assert sum(p.active and any(v.stock in low for v in p.variants) for p in shop.products) >= 3
    assert 1 <= sum(not p.active for p in shop.products) <= 2


def test_money_is_money(shop: DemoShop) -> None:
    for amount in amounts(shop):
        assert amount is None or money.parse_minor(amount, shop.settings.currency), amount
    assert money.parse_rate(shop.settings.tax_percentage)
    for product in shop.products:
        for variant in product.variants:
            assert variant.compare_price is None or Decimal(variant.compare_price) > Decimal(variant.price)


def test_categories_exist_and_are_used(shop: DemoShop) -> None:
    known = {category.slug for category, _ in shop.walk()}
    used = {slug for product in shop.products for slug in product.categories}
    assert used == known
    assert all(len(set(p.categories)) == len(p.categories) for p in shop.products)
    assert known & ENUM_OF_CATEGORIES >= (
        {"electronics", "home", "accessories"} if shop.slug == "tech" else ENUM_OF_CATEGORIES
    )


def test_variants_are_the_options_spelt_out(shop: DemoShop) -> None:
    for product in shop.products:
        names = [option.name for option in product.options]
        chosen = [tuple(variant.options.get(name) for name in names) for variant in product.variants]
        assert len(set(chosen)) == len(product.variants), product.slug
        for variant in product.variants:
            assert list(variant.options) == names, variant.sku
            assert variant.stock >= 0
        for option in product.options:
            assert {variant.options[option.name] for variant in product.variants} == set(option.values)


def test_coupons_of_each_sort(shop: DemoShop) -> None:
    assert {coupon.type for coupon in shop.coupons} == set(CouponType)
    assert any(coupon.minimum for coupon in shop.coupons)
    assert any(coupon.ends_in_days is not None and coupon.ends_in_days < 0 for coupon in shop.coupons)
    used = Counter(order.coupon for order in shop.orders)
    assert any(used[c.code] == c.usage_limit for c in shop.coupons), "one coupon is used up by past orders"
    assert all(c.usage_limit is None or used[c.code] <= c.usage_limit for c in shop.coupons)
    for coupon in shop.coupons:
        good = money.parse_rate if coupon.type is CouponType.PERCENT else lambda text: money.parse_minor(text, "USD")
        assert coupon.value is None if coupon.type is CouponType.FREE_SHIPPING else good(coupon.value or "")


def test_coupons_held_when_they_were_used(shop: DemoShop) -> None:
    coupons = {coupon.code: coupon for coupon in shop.coupons}
    price = {v.sku: Decimal(v.price) for p in shop.products for v in p.variants}
    by_person = Counter((order.customer, order.coupon) for order in shop.orders if order.coupon)
    for order in shop.orders:
        if order.coupon is None:
            continue
        coupon = coupons[order.coupon]
        goods = sum((price[line.sku] * line.quantity for line in order.lines), Decimal())
        assert goods >= Decimal(coupon.minimum or "0"), order
        assert coupon.ends_in_days is None or -order.days_ago < coupon.ends_in_days
        assert by_person[order.customer, order.coupon] <= (coupon.per_customer_limit or 99)


def test_people(shop: DemoShop) -> None:
    assert len(shop.customers) >= 12
    assert all(c.email.endswith("@example.com") and c.addresses for c in shop.customers)
    assert any(c.password for c in shop.customers)
    assert shop.staff[0].email == f"owner@{shop.slug}.example.com" and shop.staff[0].role == "owner"
    assert all(len(p.password) >= 8 for p in [*shop.staff, *[c for c in shop.customers if c.password]] if p.password)


def test_orders_of_every_status(shop: DemoShop) -> None:
    assert len(shop.orders) >= 30
    assert {order.status for order in shop.orders} == set(Status)
    assert [order.days_ago for order in shop.orders] == sorted((o.days_ago for o in shop.orders), reverse=True)
    people = {customer.email: customer for customer in shop.customers}
    skus = {variant.sku for product in shop.products if product.active for variant in product.variants}
    methods = {method.code for method in shop.shipping}
    assert methods == {"standard", "express"} == {order.shipping for order in shop.orders}
    for order in shop.orders:
        assert order.days_ago < people[order.customer].joined_days_ago
        assert order.lines and {line.sku for line in order.lines} <= skus
        assert len({line.sku for line in order.lines}) == len(order.lines)
        assert all(line.quantity > 0 for line in order.lines)
        assert order.payment in {"card", "bank_transfer", "cash_on_delivery"}
        assert bool(order.shipment) == (order.status in {Status.SHIPPED, Status.DELIVERED})


def test_staff_sign_in_to_one_shop_only() -> None:
    emails = [person.email for slug in shops.SLUGS for person in shops.load(slug).staff]
    assert len(set(emails)) == len(emails)
