"""Every parameter of the document: what it does, where it ends, and what is said beyond."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.dialects.commerce.desk import Desk

from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.kernel.ids import OrderId

GOOD: dict[str, dict[str, list[str]]] = {
    "/products": {
        "page": ["1", "2", "10000"],
        "pageSize": ["1", "20", "100"],
        "search": ["lamp", "", "x" * 255, "a+b %26 c", "%C3%BCber"],
        "category": ["footwear", "apparel", "accessories", "electronics", "home"],
        "active": ["true", "false"],
        "sort": ["name", "price", "stock", "createdAt"],
        "order": ["asc", "desc"],
    },
    "/orders": {
        "page": ["1", "2", "10000"],
        "pageSize": ["1", "20", "100"],
        "status": ["pending", "confirmed", "shipped", "delivered", "cancelled", "refunded"],
        "from": ["2024-01-15T10:30:00Z", "2024-01-15T10:30:00.123456%2B02:00", "0001-01-01T00:00:00Z", "2024-01-15"],
        "to": ["2024-01-15T10:30:00Z", "9999-12-31T23:59:59.999999Z"],
    },
}
BAD: dict[str, dict[str, list[str]]] = {
    "/products": {
        "page": ["0", "-1", "10001", "1.0", "one", "", "9" * 30, "1&page=2"],
        "pageSize": ["0", "101", "-5", "ten", "", "20&pageSize=20"],
        "search": ["x" * 256, "a%01b", "a%0Ab"],
        "category": ["shoes", "Footwear", "", "footwear,home"],
        "active": ["yes", "1", "TRUE", ""],
        "sort": ["created_at", "NAME", "-price", ""],
        "order": ["up", "ASC", ""],
    },
    "/orders": {
        "page": ["0", "10001", "x"],
        "pageSize": ["0", "101", "x"],
        "status": ["processing", "paid", "PENDING", ""],
        "from": ["yesterday", "2024-13-01T00:00:00Z", "1700000000", "", "0001-01-01T00:00:00%2B14:00"],
        "to": ["tomorrow", "2024-01-15T25:00:00Z", "", "9999-12-31T23:59:59-12:00"],
    },
}


def cases(of: dict[str, dict[str, list[str]]]) -> list[Any]:
    return [
        pytest.param(path, name, value, id=f"{path[1:]}-{name}-{value[:24]}")
        for path, names in of.items()
        for name, values in names.items()
        for value in values
    ]


@pytest.mark.parametrize(("path", "name", "value"), cases(GOOD))
async def test_good_and_boundary_values(desk: Desk, path: str, name: str, value: str) -> None:
    shown = await desk.call("GET", f"{path}?{name}={value}")
    assert shown["data"] == [] and shown["pagination"]["totalItems"] == 0


@pytest.mark.parametrize(("path", "name", "value"), cases(BAD))
async def test_bad_values(desk: Desk, path: str, name: str, value: str) -> None:
    shown = await desk.refused("GET", f"{path}?{name}={value}", 422)
    assert list(shown["errors"]) == [name]


@pytest.mark.parametrize("path", ["/products", "/orders"])
async def test_what_is_no_text(desk: Desk, path: str) -> None:
    for query in ("page=%FF", "search=%00", "search=%ED%A0%80"):
        await desk.refused("GET", f"{path}?{query}", 400)


async def test_every_wrong_parameter_is_named(desk: Desk) -> None:
    shown = await desk.refused("GET", "/products?page=0&pageSize=1000&sort=size&active=maybe&category=toys", 422)
    assert set(shown["errors"]) == {"page", "pageSize", "sort", "active", "category"}


@pytest.mark.parametrize("ident", ["1", "not-a-uuid", "{}", "0" * 32, "urn:uuid:" + "0" * 27, "g" * 36])
async def test_ids_in_the_address(desk: Desk, ident: str) -> None:
    routes: list[tuple[str, str, Any]] = [
        ("GET", f"/products/{ident}", None),
        ("DELETE", f"/products/{ident}", None),
        ("PATCH", f"/products/{ident}", {"name": "x"}),
        ("GET", f"/orders/{ident}", None),
        ("PATCH", f"/orders/{ident}/status", {"status": "confirmed"}),
    ]
    for method, path, body in routes:
        shown = await desk.refused(method, path, 422, body)
        assert list(shown["errors"]) == ["productId" if "products" in path else "orderId"]
    unknown = "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8"
    for method, path, body in routes:
        await desk.refused(method, path.replace(ident, unknown), 404, body)


# ── What they do ─────────────────────────────────────────────────────────────────────────────────────────────────────
async def names(desk: Desk, query: str) -> list[str]:
    return [one["name"] for one in (await desk.call("GET", f"/products?{query}"))["data"]]


@pytest.fixture
async def stocked(desk: Desk) -> Desk:
    await desk.product(name="Trail Shoe", price=80, stock=5, category="footwear", description="Light and grippy")
    await desk.product(name="anorak", price=120, stock=0, category="apparel", description="Keeps the rain out")
    await desk.product(name="Lamp", price=20, stock=50, category="home", description="Light for a desk")
    await desk.product(name="Cap", price=15, stock=7, category="apparel", active=False)
    return desk


async def test_sort_and_order(stocked: Desk) -> None:
    assert await names(stocked, "active=true&sort=name") == ["anorak", "Lamp", "Trail Shoe"]
    assert await names(stocked, "active=true&sort=name&order=desc") == ["Trail Shoe", "Lamp", "anorak"]
    assert await names(stocked, "sort=price&order=asc") == ["Cap", "Lamp", "Trail Shoe", "anorak"]
    assert await names(stocked, "sort=price&order=desc") == ["anorak", "Trail Shoe", "Lamp", "Cap"]
    assert await names(stocked, "active=true&sort=stock") == ["anorak", "Trail Shoe", "Lamp"]
    assert await names(stocked, "active=true&sort=stock&order=desc") == ["Lamp", "Trail Shoe", "anorak"]
    newest = ["Cap", "Lamp", "anorak", "Trail Shoe"]
    assert await names(stocked, "") == await names(stocked, "sort=createdAt&order=desc") == newest
    assert await names(stocked, "sort=createdAt") == await names(stocked, "order=asc") == newest[::-1]


async def test_search(stocked: Desk) -> None:
    assert set(await names(stocked, "search=light")) == {"Trail Shoe", "Lamp"}
    assert await names(stocked, "search=tra") == await names(stocked, "search=trial+shoe") == ["Trail Shoe"]
    assert await names(stocked, "search=rain&category=apparel&active=true") == ["anorak"]
    assert await names(stocked, "search=light&sort=price&order=asc") == ["Lamp", "Trail Shoe"]
    assert await names(stocked, "search=nowhere") == []


async def test_category_with_what_lies_below(stocked: Desk) -> None:
    await stocked.shop.product(name="Earbuds", price="40", categories=("Electronics > Audio > Wireless",))
    assert await names(stocked, "category=electronics") == ["Earbuds"]
    assert (await stocked.call("GET", "/products?category=electronics"))["data"][0]["category"] == "electronics"
    assert await names(stocked, "category=apparel&active=true") == ["anorak"]
    await stocked.shop.product(name="Chess", price="30", categories=("Toys",))
    assert (await stocked.call("GET", "/products?search=chess"))["data"][0]["category"] is None


async def test_a_category_lists_what_is_shown_with_it(desk: Desk) -> None:
    """A shop of another API puts a product into several categories; here it has one, and is found by that one only."""
    places = {
        "Speaker": ("Electronics > Audio", "Home > Smart Home"),
        "Lamp": ("Home", "electronics"),
        "Pouch": ("Electronics > Accessories",),  # the nearest counts
        "Charger": ("Sale", "Electronics > Accessories > Power", "Home > Office"),
        "Sofa": ("Garden > HOME",),
        "Chess": ("Toys",),
    }
    for name, categories in places.items():
        await desk.shop.product(name=name, price="10", categories=categories)
    shown: dict[str | None, list[str]] = {}
    for one in (await desk.call("GET", "/products?sort=name"))["data"]:
        shown.setdefault(one["category"], []).append(one["name"])
    assert shown == {
        "electronics": ["Speaker"], "home": ["Lamp", "Sofa"], "accessories": ["Charger", "Pouch"], None: ["Chess"],
    }  # fmt: skip
    for category in ("footwear", "apparel", "accessories", "electronics", "home"):
        listed = await desk.call("GET", f"/products?category={category}&sort=name")
        assert [one["name"] for one in listed["data"]] == shown.get(category, [])
        assert {one["category"] for one in listed["data"]} <= {category}
        assert listed["pagination"]["totalItems"] == len(shown.get(category, []))
    assert await names(desk, "category=home&search=lamp&sort=stock&active=true") == ["Lamp"]
    assert await names(desk, "category=electronics&search=lamp") == []
    for category, found in (("home", ["Lamp"]), ("electronics", [])):
        listed = await desk.call(
            "GET", f"/products?category={category}&search=lamp", headers={"X-API-Key": desk.shop.key}
        )
        assert [one["name"] for one in listed["data"]] == found


async def test_active(stocked: Desk) -> None:
    """A merchant sees all, a shopper what is for sale; asking for the rest is asking for what is not theirs."""
    assert await names(stocked, "active=false") == ["Cap"]
    assert "Cap" in await names(stocked, "") and "Cap" not in await names(stocked, "active=true")
    cap = (await stocked.call("GET", "/products?active=false"))["data"][0]
    for headers in (await stocked.shopper(), {"X-API-Key": stocked.shop.key}):
        found = await stocked.call("GET", "/products", headers=headers)
        assert {one["name"] for one in found["data"]} == {"Trail Shoe", "anorak", "Lamp"}
        await stocked.refused("GET", "/products?active=false", 403, headers=headers)
        await stocked.refused("GET", f"/products/{cap['id']}", 404, headers=headers)


async def test_pages(stocked: Desk) -> None:
    first = await stocked.call("GET", "/products?pageSize=3&sort=name")
    assert first["pagination"] == {"page": 1, "pageSize": 3, "totalItems": 4, "totalPages": 2}
    assert [one["name"] for one in first["data"]] == ["anorak", "Cap", "Lamp"]
    assert await names(stocked, "pageSize=3&sort=name&page=2") == ["Trail Shoe"]
    past = await stocked.call("GET", "/products?pageSize=3&page=9")
    assert past == {"data": [], "pagination": {"page": 9, "pageSize": 3, "totalItems": 4, "totalPages": 2}}


async def test_order_filters(desk: Desk) -> None:
    product = await desk.product(stock=100)
    made = [await desk.order(product=product) for _ in range(4)]
    await desk.move(made[1], "confirmed")
    await desk.move(made[2], "cancelled")

    async def ids(query: str) -> list[str]:
        return [one["id"] for one in (await desk.call("GET", f"/orders?{query}"))["data"]]

    whole = [one["id"] for one in reversed(made)]
    assert await ids("") == whole
    assert await ids("status=pending") == [whole[0], whole[3]]
    assert (await ids("status=confirmed"), await ids("status=cancelled")) == ([whole[2]], [whole[1]])
    assert await ids("status=shipped") == []
    at = [one["createdAt"] for one in made]
    assert await ids(f"from={at[1]}") == whole[:3]  # inclusive
    assert await ids(f"to={at[1]}") == whole[3:]  # exclusive
    assert await ids(f"from={at[1]}&to={at[3]}&status=pending") == []
    assert await ids(f"from={at[1]}&to={at[1]}") == []
    east = datetime.fromisoformat(at[1]) + timedelta(hours=2)
    assert await ids(f"from={east.replace(tzinfo=None).isoformat()}%2B02:00") == whole[:3]
    shown = await desk.call("GET", "/orders?pageSize=3&page=2")
    assert shown["pagination"] == {"page": 2, "pageSize": 3, "totalItems": 4, "totalPages": 2}
    assert [one["id"] for one in shown["data"]] == whole[3:]
    wrong = await desk.refused("GET", "/orders?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", 422)
    assert list(wrong["errors"]) == ["from"]


async def test_processing_is_confirmed_here(desk: Desk) -> None:
    """The shop's own states have one more; this API shows it under the word it has for it."""
    order = await desk.order()
    await desk.move(order, "confirmed")
    await orders.change_status(desk.shop.rt, desk.shop.ctx, OrderId(UUID(order["id"])), Status.PROCESSING)
    assert (await desk.call("GET", f"/orders/{order['id']}"))["status"] == "confirmed"
    assert (await desk.call("GET", "/orders?status=confirmed"))["pagination"]["totalItems"] == 1
    shown = await desk.refused("PATCH", f"/orders/{order['id']}/status", 422, {"status": "confirmed"})
    assert shown["legal"] == ["shipped", "cancelled", "refunded"]
    assert "processing" not in str(shown)
    assert (await desk.move(order, "shipped"))["status"] == "shipped"
