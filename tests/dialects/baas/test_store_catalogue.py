"""Filters, sorts, pages and the memory that answers them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.dialects.baas.shape import refused
from tests.dialects.site import Shop

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ImageDraft, ProductChanges, VariantDraft
from merx.kernel import ids

LIST = "/api/store/products/"


@pytest.fixture
async def stocked(shop: Shop) -> Shop:
    await shop.product("Laptop Air", "999.00", stock=3, categories=("Electronics > Computers",))
    await shop.product("Laptop Pro", "1999.00", stock=0, categories=("Electronics > Computers",))
    await shop.product("Headphones", "99.99", stock=5, categories=("Electronics > Audio",))
    await shop.product("Tent", "150.00", stock=2, categories=("Outdoor",))
    await shop.product("Hidden", "1.00", active=False)
    return shop


async def names(shop: Shop, **params: Any) -> list[str]:
    answer = await shop.http.get(LIST, params=params)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["results"]]


async def test_filters(stocked: Shop) -> None:
    assert sorted(await names(stocked, category="electronics")) == ["Headphones", "Laptop Air", "Laptop Pro"]
    assert await names(stocked, category="Audio") == ["Headphones"]
    assert await names(stocked, category="no-such") == []
    assert sorted(await names(stocked, search="laptop")) == ["Laptop Air", "Laptop Pro"]
    assert await names(stocked, search="hedphones") == ["Headphones"]
    assert sorted(await names(stocked, min_price=100, max_price=1000)) == ["Laptop Air", "Tent"]
    assert await names(stocked, min_price="150.00", max_price="150.00") == ["Tent"]
    assert await names(stocked, search="laptop", category="electronics", max_price=1000) == ["Laptop Air"]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("price_asc", ["Headphones", "Tent", "Laptop Air", "Laptop Pro"]),
        ("price_desc", ["Laptop Pro", "Laptop Air", "Tent", "Headphones"]),
        ("name", ["Headphones", "Laptop Air", "Laptop Pro", "Tent"]),
        ("name_asc", ["Headphones", "Laptop Air", "Laptop Pro", "Tent"]),
        ("name_desc", ["Tent", "Laptop Pro", "Laptop Air", "Headphones"]),
        ("newest", ["Tent", "Headphones", "Laptop Pro", "Laptop Air"]),
        ("oldest", ["Laptop Air", "Laptop Pro", "Headphones", "Tent"]),
        (None, ["Tent", "Headphones", "Laptop Pro", "Laptop Air"]),
    ],
)
async def test_sorts(stocked: Shop, sort: str | None, wanted: list[str]) -> None:
    assert await names(stocked, **({"sort": sort} if sort else {})) == wanted


async def test_pages_link_to_each_other_and_never_carry_the_key(stocked: Shop) -> None:
    del stocked.http.headers["X-API-Key"]
    seen, address = [], f"{LIST}?per_page=3&sort=name&category=electronics&search=&api_key={stocked.key}"
    first = (await stocked.http.get(address)).json()
    assert (first["count"], first["next"]) == (3, None)
    address = f"{LIST}?per_page=3&sort=name&utm=%C3%A9&api_key={stocked.key}"
    body = (await stocked.http.get(address)).json()
    assert body["count"] == 4 and body["previous"] is None
    seen += [one["name"] for one in body["results"]]
    assert body["next"].startswith(f"{LIST}?") and "api_key" not in body["next"] and stocked.key not in body["next"]
    assert parse_qs(urlsplit(body["next"]).query) == {
        "per_page": ["3"], "sort": ["name"], "utm": ["é"], "page": ["2"],
    }  # fmt: skip
    second = (await stocked.http.get(body["next"], headers={"X-API-Key": stocked.key})).json()
    seen += [one["name"] for one in second["results"]]
    assert seen == ["Headphones", "Laptop Air", "Laptop Pro", "Tent"]
    assert second["next"] is None
    assert parse_qs(urlsplit(second["previous"]).query)["page"] == ["1"]
    beyond = (await stocked.http.get(f"{LIST}?page=99", headers={"X-API-Key": stocked.key})).json()
    assert (beyond["count"], beyond["results"], beyond["next"]) == (4, [], None)


async def test_the_document_s_own_link(shop: Shop) -> None:
    for number in range(21):
        await shop.product(f"Product {number}")
    body = (await shop.http.get(LIST)).json()
    assert (body["count"], body["next"], len(body["results"])) == (21, "/api/store/products/?page=2", 20)


async def test_one_product_by_id_and_by_slug(stocked: Shop) -> None:
    listed = (await stocked.http.get(LIST, params={"search": "headphones"})).json()["results"][0]
    by_slug = (await stocked.http.get(f"{LIST}{listed['slug']}/")).json()
    by_id = (await stocked.http.get(f"{LIST}{listed['id']}/")).json()
    assert by_slug == by_id
    assert {name: by_id[name] for name in listed} == listed
    (variant,) = by_id["variants"]
    assert (variant["title"], variant["options"], variant["price"], variant["stock_quantity"]) == ("", {}, "99.99", 5)
    assert [one["name"] for one in by_id["categories"]] == ["Audio"]
    refused(await stocked.http.get(f"{LIST}hidden/"), 404)


async def test_variants_are_shown_and_sold(shop: Shop) -> None:
    drafts = (
        VariantDraft("S-RED", {"Colour": "Red"}, price="10.00", stock=1),
        VariantDraft("S-BLUE", {"Colour": "Blue"}, price="12.00", stock=2),
    )
    await shop.product("Shirt", "10.00", variants=drafts)
    shirt = (await shop.http.get(f"{LIST}shirt/")).json()
    assert shirt["options"] == [{"name": "Colour", "values": ["Red", "Blue"]}]
    assert (shirt["price"], shirt["stock_quantity"]) == ("10.00", 3)
    blue = shirt["variants"][1]
    jane = await shop.shopper()
    body = {"product_id": shirt["id"], "variant_id": blue["id"], "quantity": 2}
    cart = (await shop.http.post("/api/store/cart/items/", headers=jane, json=body)).json()
    assert cart["items"][0]["variant"] == {"id": blue["id"], "title": "Blue", "sku": "S-BLUE"}
    assert (cart["items"][0]["unit_price"], cart["total"]) == ("12.00", "24.00")
    listed = (await shop.http.get(LIST)).json()["results"][0]
    assert cart["items"][0]["product"] == listed
    other = await shop.product("Hat", "5.00", stock=1)
    other_id = ids.encode("prod", other.id)
    wrong = {"product_id": other_id, "variant_id": blue["id"]}
    refused(await shop.http.post("/api/store/cart/items/", headers=jane, json=wrong), 404)


async def test_the_tree_of_categories(stocked: Shop) -> None:
    body = (await stocked.http.get("/api/store/categories/")).json()
    assert body["count"] == 4 and body["next"] is None
    tree = {one["name"]: [below["name"] for below in one["children"]] for one in body["results"]}
    assert tree == {"Electronics": ["Audio", "Computers"], "Outdoor": []} or tree == {
        "Electronics": ["Computers", "Audio"],
        "Outdoor": [],
    }
    assert list(body["results"][0]) == ["id", "name", "slug", "description", "children"]
    assert all(isinstance(one["id"], int) for one in body["results"])


async def test_answered_from_memory_and_never_stale(stocked: Shop) -> None:
    first = await stocked.http.get(LIST)
    etag = first.headers["etag"]
    again = await stocked.http.get(LIST, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert "x-ratelimit-remaining" in again.headers
    assert "Authorization" in first.headers["vary"]
    tent = next(one for one in await all_products(stocked) if one.name == "Tent")
    await catalog.update_product(stocked.rt, stocked.ctx, tent.id, ProductChanges(price="140.00"))
    for _ in range(400):  # the server learns of another process's change within 250 ms, on an idle machine
        changed = await stocked.http.get(LIST, headers={"If-None-Match": etag})
        if changed.status_code == 200:
            break
        await asyncio.sleep(0.05)
    prices = {one["name"]: one["price"] for one in changed.json()["results"]}
    assert prices["Tent"] == "140.00" and changed.headers["etag"] != etag


async def all_products(shop: Shop) -> list[Any]:
    return list((await catalog.list_products(shop.rt, shop.ctx)).items)


async def test_a_sale_changes_what_the_list_says_at_once(shop: Shop) -> None:
    await shop.product(stock=5)
    jane = await shop.shopper()
    before = (await shop.http.get(LIST)).json()["results"][0]
    body = {"product_id": before["id"], "quantity": 5}
    await shop.http.post("/api/store/cart/items/", headers=jane, json=body)
    order = {"payment_method": "cod", "shipping_address": {"street": "1 Main St", "city": "Bern", "country": "CH"}}
    sold = await shop.http.post("/api/store/checkout/", headers=jane, json=order)
    assert sold.status_code == 201, sold.text
    after = (await shop.http.get(LIST)).json()["results"][0]
    assert (before["stock_quantity"], before["in_stock"]) == (5, True)
    assert (after["stock_quantity"], after["in_stock"]) == (0, False)


async def test_pictures_that_merx_serves_have_full_addresses(shop: Shop) -> None:
    await shop.product(images=(ImageDraft("/demo/pictures/x.svg", "A"), ImageDraft("https://cdn.example.com/x", "B")))
    images = (await shop.http.get(LIST)).json()["results"][0]["images"]
    base = shop.rt.settings.public_url
    assert [one["url"] for one in images] == [f"{base}/demo/pictures/x.svg", "https://cdn.example.com/x"]


async def test_browsers_of_any_origin_may_ask(shop: Shop) -> None:
    headers = {"Origin": "https://front.example.com", "Access-Control-Request-Method": "POST"}
    asked = await shop.http.options("/api/store/cart/items/", headers=headers)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "X-API-Key" in asked.headers["access-control-allow-headers"]
    answer = await shop.http.get(LIST, headers={"Origin": "https://front.example.com"})
    assert answer.headers["access-control-allow-origin"] == "*"
