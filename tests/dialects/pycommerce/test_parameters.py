"""Every parameter of every list with a good, a boundary and a bad value, alone and together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.dialects.pycommerce.desk import STRANGER, Desk, refused
from tests.dialects.pycommerce.test_golden import exact

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductChanges
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.kernel.ids import OrderId, parse_uuid

GOODS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "Amplifier": ("200.00", 3, ("Electronics > Audio > Amplifiers",)),
    "Cable": ("9.99", 100, ("Electronics > Audio",)),
    "Desk": ("200.01", 0, ("Furniture",)),
    "Pen": ("0.00", 1, ()),
}


@pytest.fixture
async def stocked(desk: Desk) -> Desk:
    for name, (price, stock, categories) in GOODS.items():
        await desk.shop.product(name, price, stock=stock, categories=categories)
    return desk


async def names(desk: Desk, **params: Any) -> set[str]:
    answer = await desk.get("/api/products", tenant=desk.slug, **params)
    assert answer.status_code == 200, answer.text
    body = exact(answer)
    assert body["count"] == len(body["products"])
    wanted = dict.fromkeys(("category", "min_price", "max_price", "in_stock"))
    for name, value in params.items():
        if name in wanted:
            wanted[name] = value if name == "category" else value == "true" if name == "in_stock" else Decimal(value)
    assert body["filters"] == wanted
    return {one["name"] for one in body["products"]}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """What another process wrote shows within a quarter of a second; five are for a busy machine."""
    async with asyncio.timeout(5):
        while not await true():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, set(GOODS)),
        ({"category": "Electronics"}, {"Amplifier", "Cable"}),
        ({"category": "electronics"}, {"Amplifier", "Cable"}),
        ({"category": "audio"}, {"Amplifier", "Cable"}),
        ({"category": "amplifiers"}, {"Amplifier"}),
        ({"category": "No such"}, set()),
        ({"category": "x" * 255}, set()),
        ({"min_price": "200"}, {"Amplifier", "Desk"}),
        ({"min_price": "200.01"}, {"Desk"}),
        ({"min_price": "200.005"}, {"Desk"}),
        ({"min_price": "0"}, set(GOODS)),
        ({"max_price": "9.99"}, {"Cable", "Pen"}),
        ({"max_price": "9.98"}, {"Pen"}),
        ({"max_price": "0"}, {"Pen"}),
        ({"max_price": "999999999999999999"}, set(GOODS)),
        ({"in_stock": "true"}, {"Amplifier", "Cable", "Pen"}),
        ({"in_stock": "false"}, {"Desk"}),
        ({"min_price": "200", "max_price": "200"}, {"Amplifier"}),
        ({"min_price": "1", "max_price": "200", "in_stock": "true", "category": "Audio"}, {"Amplifier", "Cable"}),
        ({"category": "Audio", "in_stock": "false"}, set()),
    ],
)
async def test_products_by_every_filter(stocked: Desk, params: dict[str, str], found: set[str]) -> None:
    assert await names(stocked, **params) == found


async def test_a_product_names_every_category_it_is_found_by(desk: Desk) -> None:
    """As the document's own products do: Electronics, which Audio lies below, and Audio."""
    for name, categories in {
        "Amplifier": ("Electronics > Audio > Amplifiers",),
        "Speaker": ("Home > Smart Home", "Electronics > Audio", "Electronics"),
        "Radio": ("Home > Audio", "Electronics > Audio"),
        "Pen": (),
    }.items():
        await desk.shop.product(name, "1.00", categories=categories)
    shown = {
        one["name"]: one["categories"] for one in exact(await desk.get("/api/products", tenant=desk.slug))["products"]
    }
    assert shown == {
        "Amplifier": ["Electronics", "Audio", "Amplifiers"],
        "Speaker": ["Home", "Smart Home", "Electronics", "Audio"],
        "Radio": ["Home", "Audio", "Electronics"],
        "Pen": [],
    }
    for category in ("Electronics", "Audio", "Amplifiers", "Home", "Smart Home"):
        assert await names(desk, category=category) == {name for name, among in shown.items() if category in among}


async def test_what_is_hidden_is_not_listed(stocked: Desk) -> None:
    shop = stocked.shop
    gone = await shop.product("Gone", "5.00", stock=1)

    async def listed() -> bool:
        return "Gone" in await names(stocked)

    async def hidden() -> bool:
        return not await listed()

    await until(listed)
    await catalog.update_product(shop.rt, shop.ctx, gone.id, ProductChanges(active=False))
    await until(hidden)


async def test_prices_have_the_decimals_of_the_currency(desk: Desk) -> None:
    await desk.shop.settings(currency="JPY")
    await desk.shop.product("Tea", "1200")
    (tea,) = exact(await desk.get("/api/products", tenant=desk.slug))["products"]
    assert tea["price"] == 1200 and tea["sku"] is None and tea["stock"] == 0 and tea["categories"] == []


async def test_long_lists_come_in_parts(stocked: Desk) -> None:
    seen: list[str] = []
    for page in (1, 2, 3):
        answer = await stocked.get("/api/products", tenant=stocked.slug, limit=2, page=page)
        assert answer.headers["X-Total-Count"] == "4"
        seen += [one["name"] for one in answer.json()["products"]]
    assert sorted(seen) == sorted(GOODS)


BAD = {
    "/api/products": {
        "tenant": ["", "x" * 64],
        "category": ["", "x" * 256],
        "min_price": ["NaN", "Infinity", "1e5", "x", "-1", "-0.01", "", "1" * 30, "1_000", "1.2345678901"],
        "max_price": ["NaN", "-Infinity", "", "9" * 30, "-1", "1,5"],
        "in_stock": ["yes", "1", "0", "TRUE", "", "null"],
        "page": ["0", "-1", "1.5", "x", "", "9" * 30],
        "limit": ["0", "1001", "-5", "x"],
    },
    "/api/orders": {
        "tenant": ["", "x" * 64],
        "status": ["delivered", "PENDING", "", "unknown", "pending "],
        "customer_id": ["1", "", "x" * 300, STRANGER.replace("-", ""), "{" + STRANGER + "}"],
        "page": ["0", "x"],
        "limit": ["0", "1001"],
    },
    "/api/categories": {"tenant": ["", "x" * 64], "parent_id": ["1", "", "null", "electronics"]},
    "/api/tenants": {"page": ["0", "x"], "limit": ["0", "1001"]},
}


@pytest.mark.parametrize("path", BAD)
async def test_every_wrong_parameter_is_named(desk: Desk, path: str) -> None:
    here = {} if path == "/api/tenants" else {"tenant": desk.slug}
    for name, values in BAD[path].items():
        for value in values:
            refused(await desk.get(path, **{**here, name: value}), 400, f"{name}: ", "validation_error")
    if here:
        refused(await desk.get(path), 400, "tenant: This parameter is required.")
        refused(await desk.get(f"{path}?tenant={desk.slug}&tenant={desk.slug}"), 400, "tenant: ")
    again = f"{path}?limit=1&limit=1&tenant={desk.slug}"
    if path != "/api/categories":
        refused(await desk.get(again), 400, "limit: ")
    refused(await desk.get(f"{path}?tenant=%00"), 400)
    refused(await desk.get(f"{path}?tenant=%ff"), 400)
    assert (await desk.get(path, **here, utm_source="x")).status_code == 200


async def test_a_range_upside_down(desk: Desk) -> None:
    refused(await desk.get("/api/products", tenant=desk.slug, min_price="2", max_price="1"), 400, "min_price")
    far = await desk.get("/api/products", tenant=desk.slug, page="999999", limit="1000")
    refused(far, 400, "page")


async def test_orders_by_every_filter(desk: Desk) -> None:
    shop = desk.shop
    await shop.settings(payment_provider="manual")
    pen = (await shop.product("Pen", "2.00", stock=50)).id
    customers = {}
    for name in ("Ann", "Bob"):
        for _ in range(2):
            buyer = {"name": name, "email": f"{name}@Example.com".swapcase() if _ else f"{name}@example.com"}
            ident = await desk.placed(pen, customer=buyer, payment_method="cod")
            customers.setdefault(name, []).append(ident)
    people = {(await desk.get(f"/api/orders/{one}")).json()["customer"]["id"] for one in customers["Ann"]}
    (ann,) = people  # found again by e-mail, in whatever case
    statuses = {Status.PROCESSING: "processing", Status.SHIPPED: "shipped", Status.DELIVERED: "completed"}
    moving = OrderId(parse_uuid(customers["Bob"][0]))  # type: ignore[arg-type]

    async def found(**params: Any) -> set[str]:
        body = (await desk.get("/api/orders", tenant=desk.slug, **params)).json()
        assert body["count"] == len(body["orders"])
        assert body["filters"] == {"status": None, "customer_id": None} | params
        return {one["id"] for one in body["orders"]}

    everything = {*customers["Ann"], *customers["Bob"]}
    assert await found() == everything
    assert await found(customer_id=ann) == set(customers["Ann"])
    assert await found(customer_id=STRANGER) == set()
    assert await found(status="pending") == everything
    assert await found(status="pending", customer_id=ann) == set(customers["Ann"])
    assert await found(status="completed", customer_id=ann) == set()
    await orders.mark_paid(shop.rt, shop.ctx, moving)
    assert await found(status="confirmed") == {customers["Bob"][0]}
    for status, said in statuses.items():
        await orders.change_status(shop.rt, shop.ctx, moving, status)
        assert await found(status=said) == {customers["Bob"][0]}
    await orders.cancel(shop.rt, shop.ctx, OrderId(parse_uuid(customers["Ann"][0])), "")  # type: ignore[arg-type]
    assert await found(status="cancelled") == {customers["Ann"][0]}
    await orders.refund(shop.rt, shop.ctx, moving, None, "")
    assert await found(status="refunded") == {customers["Bob"][0]}
    newest = (await desk.get("/api/orders", tenant=desk.slug, limit=1)).json()["orders"]
    assert [one["id"] for one in newest] == [customers["Bob"][1]]


async def test_categories_by_parent(stocked: Desk) -> None:
    async def found(**params: str) -> dict[str, str]:
        body = (await stocked.get("/api/categories", tenant=stocked.slug, **params)).json()
        assert body["count"] == len(body["categories"])
        return {one["name"]: one["id"] for one in body["categories"]}

    everything = await found()
    assert list(everything) == ["Electronics", "Audio", "Amplifiers", "Furniture"]
    assert list(await found(parent_id=everything["Electronics"])) == ["Audio"]
    assert list(await found(parent_id=everything["Audio"])) == ["Amplifiers"]
    assert await found(parent_id=everything["Furniture"]) == {}
    assert await found(parent_id=STRANGER) == {}


async def test_answers_come_from_memory_and_follow_every_change(stocked: Desk) -> None:
    first = await stocked.get("/api/products", tenant=stocked.slug)
    etag = {**stocked.headers(), "If-None-Match": first.headers["ETag"]}
    same = await stocked.http.get("/api/products", params={"tenant": stocked.slug}, headers=etag)
    assert same.status_code == 304
    await stocked.shop.product("New", "1.00")

    async def changed() -> bool:
        again = await stocked.http.get("/api/products", params={"tenant": stocked.slug}, headers=etag)
        return again.status_code == 200 and "New" in again.text

    await until(changed)
