"""The catalogue through this API: what a change changes, whose version it is a change of, and who may."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.dialects.commerce.desk import BASE, Desk

from merx.core.catalog.model import VariantDraft

FULL = {
    "name": "Trail Shoe",
    "price": 89.5,
    "compareAtPrice": 99,
    "description": "Light and grippy",
    "stock": 12,
    "category": "footwear",
    "active": True,
    "sku": "TS-9",
    "images": [{"url": "https://cdn.example.com/shoe.png", "alt": "A shoe"}],
}
MOVING = ("updatedAt", "variants")


# ── PATCH ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"name": "Road Shoe"}, {"name": "Road Shoe"}),
        ({"price": 79}, {"price": 79}),
        ({"compareAtPrice": 120.5}, {"compareAtPrice": 120.5}),
        ({"compareAtPrice": None}, {"compareAtPrice": None}),
        ({"description": "Heavy"}, {"description": "Heavy"}),
        ({"description": None}, {"description": ""}),
        ({"stock": 0}, {"stock": 0}),
        ({"category": "apparel"}, {"category": "apparel"}),
        ({"category": None}, {"category": None}),
        ({"active": False}, {"active": False, "stock": 12}),
        ({"sku": "RS-1"}, {"sku": "RS-1"}),
        ({"sku": None}, {"sku": None}),
        ({"images": []}, {"images": []}),
        ({"images": None}, {"images": []}),
        ({}, {}),
    ],
)
async def test_only_what_is_sent_changes(desk: Desk, sent: Any, shown: Any) -> None:
    made = await desk.call("POST", "/products", FULL, 201)
    after = await desk.call("PATCH", f"/products/{made['id']}", sent)
    expected = {**made, **shown}
    assert {k: v for k, v in after.items() if k not in MOVING} == {k: v for k, v in expected.items() if k not in MOVING}
    assert await desk.call("GET", f"/products/{made['id']}") == after


@pytest.mark.parametrize("field", ["name", "price", "stock", "active", "variants"])
async def test_null_where_nothing_can_be_empty(desk: Desk, field: str) -> None:
    made = await desk.product()
    shown = await desk.refused("PATCH", f"/products/{made['id']}", 422, {field: None})
    assert list(shown["errors"]) == [field]


async def test_the_whole_of_it_sent_back_changes_nothing(desk: Desk) -> None:
    """A product deep below Electronics stays there when a client sends back the category that it was shown."""
    made = await desk.shop.product(name="Earbuds", price="40", categories=("Electronics > Audio", "Gifts"))
    shown = await desk.call("GET", f"/products/{made.id}")
    back = {name: shown[name] for name in ("name", "price", "description", "category", "active", "sku")}
    await desk.call("PATCH", f"/products/{made.id}", back)
    places = "select count(*) from product_categories where tenant_id = $1 and product_id = $2"
    assert await desk.shop.value(places, made.id) == 2
    moved = await desk.call("PATCH", f"/products/{made.id}", {"category": "home"})
    assert moved["category"] == "home"
    assert await desk.shop.value(places, made.id) == 2  # Home, and Gifts as before
    out = await desk.call("PATCH", f"/products/{made.id}", {"category": None})
    assert out["category"] is None and await desk.shop.value(places, made.id) == 1


async def test_a_category_of_another_name_but_the_same_slug_is_the_same(desk: Desk) -> None:
    await desk.shop.product(name="Boots", price="1", categories=("Footwear",))
    await desk.product(category="footwear")
    assert await desk.shop.value("select count(*) from categories where tenant_id = $1") == 1


async def test_variants(desk: Desk) -> None:
    body = {
        "name": "Parka",
        "price": 120,
        "variants": [{"options": {"Size": "S"}, "stock": 3}, {"options": {"Size": "M"}, "stock": 4, "price": 110.25}],
    }
    made = await desk.call("POST", "/products", body, 201)
    assert [(one["title"], one["price"], one["stock"]) for one in made["variants"]] == [("S", 120, 3), ("M", 110.25, 4)]
    assert (made["price"], made["stock"]) == (110.25, 7)
    for field, value in (("sku", "X-1"), ("stock", 5)):
        shown = await desk.refused("PATCH", f"/products/{made['id']}", 422, {field: value})
        assert list(shown["errors"]) == [field] and shown["code"] == "has_variants"
    small = made["variants"][0]["id"]
    sent = {"variants": [{"id": small, "stock": 9}, {"options": {"Size": "L"}, "stock": 1}]}
    after = await desk.call("PATCH", f"/products/{made['id']}", sent)
    assert [(one["title"], one["stock"]) for one in after["variants"]] == [("S", 9), ("L", 1)]
    assert after["variants"][0]["id"] == small


async def test_a_sku_is_one_products(desk: Desk) -> None:
    await desk.product(sku="A-1")
    shown = await desk.refused("POST", "/products", 409, {"name": "Lamp", "price": 1, "sku": "A-1"})
    assert shown["code"] == "sku_taken" and list(shown["errors"]) == ["sku"]
    assert (await desk.call("GET", "/products"))["pagination"]["totalItems"] == 1


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_if_none_match(desk: Desk) -> None:
    made = await desk.product(stock=5)
    for path in (f"/products/{made['id']}", "/products"):
        for headers in (dict(desk.headers), {"X-API-Key": desk.shop.key}):
            first = await desk.send("GET", path, headers=headers)
            tag = {**headers, "If-None-Match": first.headers["etag"]}
            same = await desk.send("GET", path, headers=tag)
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
            assert (await desk.send("GET", path, headers={**tag, "If-None-Match": "*"})).status_code == 304
            await desk.order(product=made, items=[{"productId": made["id"], "quantity": 1}])  # the stock has moved
            changed = await desk.send("GET", path, headers=tag)
            assert changed.status_code == 200 and changed.headers["etag"] != first.headers["etag"]


async def test_if_match(desk: Desk) -> None:
    made = await desk.send("POST", "/products", FULL)
    path, first = f"/products/{made.json()['id']}", made.headers["etag"]
    assert (await desk.send("GET", path)).headers["etag"] == first

    def matching(tag: str) -> dict[str, str]:
        return {**desk.headers, "If-Match": tag}

    changed = await desk.send("PATCH", path, {"price": 80}, matching(first))
    assert changed.status_code == 200 and changed.headers["etag"] != first
    for method, body in (("PATCH", {"price": 70}), ("DELETE", None)):
        for stale in (first, '"nonsense"', "nonsense", f"W/{changed.headers['etag']}", '"999-00"', ""):
            shown = await desk.refused(method, path, 412, body, matching(stale))
            assert shown["code"] == "version_conflict"
    assert (await desk.call("GET", path))["price"] == 80
    several = f'"other", {changed.headers["etag"]}'
    again = await desk.send("PATCH", path, {"price": 60}, matching(several))
    assert again.status_code == 200
    assert (await desk.send("PATCH", path, {"price": 50}, matching("*"))).status_code == 200
    last = (await desk.send("GET", path)).headers["etag"]
    await desk.call("DELETE", path, status=204, headers=matching(last))
    await desk.refused("DELETE", path, 404, headers=matching("*"))


async def test_what_is_said_again_has_its_version_too(desk: Desk) -> None:
    """An answer given again under its idempotency key is the first one, with the headers the document names for it."""
    once = {**desk.headers, "Idempotency-Key": "make"}
    made, again = [await desk.send("POST", "/products", FULL, once) for _ in range(2)]
    assert again.headers["Idempotent-Replayed"] == "true" and again.content == made.content
    assert [again.headers[name] for name in ("ETag", "Location")] == [
        made.headers[name] for name in ("ETag", "Location")
    ]
    change = {**desk.headers, "Idempotency-Key": "change", "If-Match": again.headers["ETag"]}
    path = f"/products/{made.json()['id']}"
    changed, said = [await desk.send("PATCH", path, {"price": 5}, change) for _ in range(2)]
    assert changed.status_code == said.status_code == 200 and said.headers["ETag"] == changed.headers["ETag"]


async def test_a_sale_is_no_change_of_the_product(desk: Desk) -> None:
    """Somebody who edits a product is not sent back because one was sold meanwhile."""
    made = await desk.send("POST", "/products", FULL)
    await desk.order(product=made.json())
    headers = {**desk.headers, "If-Match": made.headers["etag"]}
    assert (await desk.send("PATCH", f"/products/{made.json()['id']}", {"price": 80}, headers)).status_code == 200


async def test_of_many_who_change_one_version_one_wins(desk: Desk) -> None:
    made = await desk.send("POST", "/products", FULL)
    headers = {**desk.headers, "If-Match": made.headers["etag"]}
    path = f"/products/{made.json()['id']}"
    answers = await asyncio.gather(*(desk.send("PATCH", path, {"price": 100 + n}, headers) for n in range(8)))
    assert sorted(one.status_code for one in answers) == [200] + [412] * 7


async def test_changes_show_at_once(desk: Desk) -> None:
    """Answers come from memory, and yet nobody is shown yesterday's price."""
    made = await desk.product(price=10)
    for price in (11, 12, 13):
        await desk.call("PATCH", f"/products/{made['id']}", {"price": price})
        assert (await desk.call("GET", f"/products/{made['id']}"))["price"] == price
        assert (await desk.call("GET", "/products"))["data"][0]["price"] == price


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_writing_needs_products_write(desk: Desk) -> None:
    """With a key or a session alike: what decides is the scope."""
    made = await desk.product()
    path = f"/products/{made['id']}"
    reader, jane = await desk.key("products:read", "catalog:read"), await desk.shopper()
    for headers in (reader, jane, {"X-API-Key": desk.shop.key}, {"Authorization": f"Bearer {desk.shop.key}"}):
        for method, where, body in (("POST", "/products", FULL), ("PATCH", path, {"price": 1}), ("DELETE", path, None)):
            shown = await desk.refused(method, where, 403, body, headers)
            assert shown["code"] == "missing_permission" and "products:write" in shown["detail"]
        assert (await desk.call("GET", path, headers=headers))["id"] == made["id"]
    writer = await desk.key("products:write", "products:read")
    assert (await desk.call("PATCH", path, {"price": 77}, headers=writer))["price"] == 77
    bearer = {"Authorization": f"Bearer {writer['X-API-Key']}"}
    assert (await desk.call("PATCH", path, {"price": 78}, headers=bearer))["price"] == 78
    await desk.refused("GET", "/products", 403, headers=await desk.key("orders:read"))


async def test_who_is_nobody(desk: Desk) -> None:
    """401 before anything else is looked at: not the body, not the id."""
    routes: list[tuple[str, str, Any]] = [
        ("GET", "/products", None),
        ("POST", "/products", {"wrong": 1}),
        ("GET", "/products/x", None),
        ("PATCH", "/products/x", {"wrong": 1}),
        ("DELETE", "/products/x", None),
        ("GET", "/orders", None),
        ("POST", "/orders", {"wrong": 1}),
        ("GET", "/orders/x", None),
        ("PATCH", "/orders/x/status", {"wrong": 1}),
        ("DELETE", "/auth/logout", None),
    ]
    host = {"Host": f"{desk.shop.slug}.{desk.shop.rt.settings.base_domain}"}
    for headers in (
        {},
        host,
        {"X-API-Key": "sk_live_x"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic x"},
    ):
        for method, path, body in routes:
            answer = await desk.send(method, path, body, headers)
            assert answer.status_code == 401, (method, path, headers, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_address_of_the_page_is_not_a_product(desk: Desk) -> None:
    for path in ("/products/", "/products"):
        assert (await desk.http.get(BASE + path, headers=dict(desk.headers))).status_code == 200
    await desk.refused("GET", "/nothing", 404)
    answer = await desk.send("PUT", "/products", {})
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_hidden_variants_are_the_merchants(desk: Desk) -> None:
    drafts = (VariantDraft(options={"Size": "S"}, stock=3), VariantDraft(options={"Size": "M"}, stock=4, active=False))
    made = await desk.shop.product(name="Parka", variants=drafts)
    mine = await desk.call("GET", f"/products/{made.id}")
    shown = await desk.call("GET", f"/products/{made.id}", headers={"X-API-Key": desk.shop.key})
    assert [one["title"] for one in mine["variants"]] == ["S", "M"] and mine["stock"] == shown["stock"] == 3
    assert [one["title"] for one in shown["variants"]] == ["S"]


async def test_a_variant_that_is_unknown_or_listed_twice_is_named(desk: Desk) -> None:
    """So that nobody takes the product for the one that is gone."""
    product = await desk.product()
    path, its = f"/products/{product['id']}", product["variants"][0]["id"]
    listed = [{"id": its, "price": 1}, {"id": str(uuid4()), "price": 1}]
    shown = await desk.refused("PATCH", path, 404, {"variants": listed})
    assert (shown["detail"], list(shown["errors"])) == ("No such variant.", ["variants[1].id"])
    shown = await desk.refused("PATCH", path, 422, {"variants": [{"id": its}, {"id": its}]})
    assert list(shown["errors"]) == ["variants[1].id"]
    assert await desk.call("GET", path) == product
