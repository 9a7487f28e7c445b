"""The store half of the document: every example with its keys, in its order, with its types and its words."""

from __future__ import annotations

import re
from typing import Any

from tests.dialects.site import Shop

from merx.core.catalog.model import ImageDraft

PRODUCT = {
    "id": r"prod_[0-9a-z]{26}",
    "name": "Premium Headphones",
    "slug": "premium-headphones",
    "description": "High-quality wireless headphones...",
    "price": "99.99",
    "compare_price": "149.99",
    "images": [{"url": "https://cdn.example.com/headphones.png", "alt": "Product image"}],
    "category": {"id": 1, "name": "Electronics"},
    "in_stock": True,
    "stock_quantity": 50,
    "created_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}
CHECKOUT = {
    "shipping_address": {
        "street": "123 Main St",
        "city": "New York",
        "state": "NY",
        "postal_code": "10001",
        "country": "US",
    },
    "billing_address": {
        "street": "1 Wall St",
        "city": "New York",
        "state": "NY",
        "postal_code": "10005",
        "country": "US",
    },
    "payment_method": "card",
    "notes": "Please leave at door",
}


async def headphones(shop: Shop) -> str:
    made = await shop.product(
        description="High-quality wireless headphones...",
        compare_price="149.99",
        stock=50,
        images=(ImageDraft("https://cdn.example.com/headphones.png", "Product image"),),
        categories=("Electronics",),
    )
    return str(made.id)


def same(found: Any, wanted: Any) -> None:
    """Equal in keys, their order and values; ids and times by pattern."""
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        if name in ("id", "created_at"):
            assert re.fullmatch(value, found[name]), (name, found[name])
        else:
            assert found[name] == value and type(found[name]) is type(value), name


async def test_product_list(shop: Shop) -> None:
    await headphones(shop)
    answer = await shop.http.get("/api/store/products/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["count", "next", "previous", "results"]
    assert (body["count"], body["next"], body["previous"]) == (1, None, None)
    same(body["results"][0], PRODUCT)


async def test_the_cart_adds_up_as_documented(shop: Shop) -> None:
    await shop.settings(tax_percentage="8")
    await headphones(shop)
    jane = await shop.shopper()
    product = (await shop.http.get("/api/store/products/")).json()["results"][0]
    added = await shop.http.post(
        "/api/store/cart/items/", headers=jane, json={"product_id": product["id"], "quantity": 2}
    )
    assert added.status_code == 201
    cart = (await shop.http.get("/api/store/cart/", headers=jane)).json()
    assert cart == added.json()
    assert list(cart) == ["id", "items", "subtotal", "tax", "total", "item_count"]
    assert re.fullmatch(r"cart_[0-9a-z]{26}", cart["id"])
    (item,) = cart["items"]
    assert list(item) == ["id", "product", "quantity", "unit_price", "total_price"]
    assert re.fullmatch(r"item_[0-9a-z]{26}", item["id"])
    same(item["product"], PRODUCT)
    assert item["product"] == product
    assert (item["quantity"], item["unit_price"], item["total_price"]) == (2, "99.99", "199.98")
    assert (cart["subtotal"], cart["tax"], cart["total"], cart["item_count"]) == ("199.98", "16.00", "215.98", 2)


async def test_checkout(shop: Shop) -> None:
    await shop.settings(tax_percentage="8")
    await headphones(shop)
    jane = await shop.shopper()
    product = (await shop.http.get("/api/store/products/")).json()["results"][0]
    await shop.http.post("/api/store/cart/items/", headers=jane, json={"product_id": product["id"], "quantity": 2})
    answer = await shop.http.post("/api/store/checkout/", headers=jane, json=CHECKOUT)
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert re.fullmatch(r"ord_[0-9a-z]{26}", order["id"])
    assert order["order_number"] == "ORD-001"
    assert (order["status"], order["payment_status"], order["payment_method"]) == ("pending", "unpaid", "card")
    assert order["shipping_address"] == CHECKOUT["shipping_address"]
    assert order["billing_address"] == CHECKOUT["billing_address"]
    assert order["notes"] == "Please leave at door"
    assert (order["subtotal"], order["discount"], order["shipping"]) == ("199.98", "0.00", "0.00")
    assert (order["tax"], order["total"], order["currency"]) == ("16.00", "215.98", "USD")
    (item,) = order["items"]
    assert (item["product_id"], item["quantity"], item["unit_price"]) == (product["id"], 2, "99.99")
    assert order["payment"]["status"] == "pending" and order["payment"]["amount"] == "215.98"
    shown = (await shop.http.get(f"/api/store/orders/{order['id']}/", headers=jane)).json()
    assert shown == order
    listed = (await shop.http.get("/api/store/orders/", headers=jane)).json()
    assert listed["count"] == 1 and listed["results"][0]["id"] == order["id"]
    cart = (await shop.http.get("/api/store/cart/", headers=jane)).json()
    assert (cart["items"], cart["total"], cart["item_count"]) == ([], "0.00", 0)


async def test_errors_have_the_documented_shape(shop: Shop) -> None:
    answer = await shop.http.post("/api/store/auth/register/", json={"password": "short"})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "code": "validation_error",
            "message": "Invalid request data",
            "details": {
                "email": ["This field is required."],
                "password": ["Password must be at least 8 characters."],
            },
        },
        "status": 400,
    }


async def test_the_key_in_a_header_and_in_the_address(shop: Shop) -> None:
    await headphones(shop)
    bare = {"X-API-Key": "", "Host": shop.http.headers["Host"]}
    del shop.http.headers["X-API-Key"]
    by_header = await shop.http.get("/api/store/products/", headers={**bare, "X-API-Key": shop.key})
    by_query = await shop.http.get("/api/store/products/", params={"api_key": shop.key})
    assert by_header.status_code == by_query.status_code == 200
    assert by_header.json() == by_query.json()
    without = await shop.http.get("/api/store/products/")
    assert without.status_code == 401
    assert list(without.json()) == ["error", "status"] and without.json()["status"] == 401
