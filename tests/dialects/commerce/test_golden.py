"""Every operation of the document, once as it should be: what is sent, what comes back, to the key and the type."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from tests.dialects.commerce.desk import BASE, SHOE, Desk
from tests.dialects.site import PASSWORD

from merx.core.catalog.model import ImageDraft, VariantDraft
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"
TOKENS = ["accessToken", "refreshToken", "tokenType", "expiresIn"]
VARIANT = {
    "id": UUID, "sku": "TS-1", "title": "", "options": {}, "price": 89.5, "compareAtPrice": None, "stock": 12,
    "active": True,
}  # fmt: skip
PRODUCT = {
    "id": UUID,
    "name": "Trail Shoe",
    "slug": "trail-shoe",
    "description": "",
    "price": 89.5,
    "compareAtPrice": None,
    "currency": "USD",
    "stock": 12,
    "category": "footwear",
    "active": True,
    "sku": "TS-1",
    "images": [],
    "variants": [VARIANT],
    "createdAt": TIME,
    "updatedAt": TIME,
}
ADDRESS = {"line1": "123 Main St", "city": "New York", "state": "NY", "postalCode": "10001", "country": "US"}
SHOWN_ADDRESS = {
    "line1": "123 Main St", "line2": "", "city": "New York", "state": "NY", "postalCode": "10001", "country": "US",
    "name": "", "phone": "",
}  # fmt: skip
ORDER = {
    "id": UUID,
    "orderNumber": "ORD-001",
    "status": "pending",
    "paymentStatus": "unpaid",
    "items": [
        {
            "id": UUID,
            "productId": UUID,
            "variantId": UUID,
            "sku": "TS-1",
            "name": "Trail Shoe",
            "variant": None,
            "image": None,
            "quantity": 2,
            "unitPrice": 89.5,
            "totalPrice": 179,
        }
    ],
    "customer": {"id": UUID, "email": "shopper1@example.com", "name": "Jane", "phone": None},
    "subtotal": 179,
    "discount": 0,
    "shipping": 5,
    "tax": 14.32,
    "total": 198.32,
    "taxIncluded": False,
    "currency": "USD",
    "couponCode": None,
    "shippingMethod": "standard",
    "paymentMethod": "cod",
    "shippingAddress": SHOWN_ADDRESS,
    "billingAddress": SHOWN_ADDRESS,
    "notes": "Ring twice",
    "createdAt": TIME,
    "updatedAt": TIME,
}
STORY = {
    "payment": {"id": UUID, "status": "pending", "method": "cod", "amount": 198.32, "url": None, "window": None},
    "shipments": [],
    "refunds": [],
}


def same(found: Any, wanted: Any, at: str = "") -> None:
    """Equal in keys, their order and values; ids and times by pattern."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), at
        for name, value in wanted.items():
            same(found[name], value, f"{at}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            same(one, other, f"{at}[{place}]")
    elif wanted in (UUID, TIME):
        assert re.fullmatch(wanted, found), (at, found)
    else:
        assert found == wanted, (at, found)


# ── Auth ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_login_refresh_logout(desk: Desk) -> None:
    shown = await desk.call("POST", "/auth/login", {"email": desk.shop.email, "password": PASSWORD}, headers={})
    assert list(shown) == TOKENS
    assert shown["tokenType"] == "Bearer" and shown["expiresIn"] == 3600
    assert shown["accessToken"].count(".") == 2 and "." not in shown["refreshToken"]

    again = await desk.call("POST", "/auth/refresh", {"refreshToken": shown["refreshToken"]}, headers={})
    assert list(again) == TOKENS
    assert again["refreshToken"] != shown["refreshToken"] and again["accessToken"] != shown["accessToken"]

    bearer = {"Authorization": f"Bearer {again['accessToken']}"}
    answer = await desk.send("DELETE", "/auth/logout", headers=bearer)
    assert (answer.status_code, answer.content) == (204, b"")
    await desk.refused("GET", "/products", 401, headers=bearer)
    await desk.refused("POST", "/auth/refresh", 401, {"refreshToken": again["refreshToken"]}, headers={})


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_create_product(desk: Desk) -> None:
    answer = await desk.send("POST", "/products", SHOE)
    assert answer.status_code == 201 and answer.headers["content-type"].startswith("application/json")
    shown = answer.json()
    same(shown, PRODUCT)
    assert answer.headers["location"] == f"{BASE}/products/{shown['id']}"
    assert answer.headers["etag"].startswith('"1-')
    assert (await desk.http.get(answer.headers["location"], headers=dict(desk.headers))).json() == shown


async def test_list_products(desk: Desk) -> None:
    await desk.product(sku="TS-1")
    shown = await desk.call("GET", "/products")
    assert list(shown) == ["data", "pagination"]
    same(shown["data"], [PRODUCT])
    assert shown["pagination"] == {"page": 1, "pageSize": 20, "totalItems": 1, "totalPages": 1}


async def test_get_product_with_variants_and_images(desk: Desk) -> None:
    made = await desk.shop.product(
        name="Parka",
        price="120",
        images=(ImageDraft("/pictures/parka.svg", "A parka"), ImageDraft("https://cdn.example.com/p.png")),
        categories=("Apparel > Jackets",),
        variants=(
            VariantDraft(sku="P-S", options={"Size": "S"}, stock=3),
            VariantDraft(sku="P-M", options={"Size": "M"}, stock=4, price="110", compare_price="150"),
        ),
    )
    shown = await desk.call("GET", f"/products/{made.id}")
    assert (shown["price"], shown["compareAtPrice"], shown["stock"]) == (110, 150, 7)
    assert shown["category"] == "apparel"
    base = f"http://localhost:{desk.shop.rt.settings.port}"
    assert shown["images"] == [
        {"url": f"{base}/pictures/parka.svg", "alt": "A parka"},
        {"url": "https://cdn.example.com/p.png", "alt": ""},
    ]
    medium = {**VARIANT, "sku": "P-M", "title": "M", "options": {"Size": "M"}, "price": 110, "compareAtPrice": 150}
    same(shown["variants"][1], {**medium, "stock": 4})


async def test_prices_are_numbers_with_all_their_decimals(desk: Desk) -> None:
    """And what is written is what is read, to the last digit."""
    raw = b'{"name": "Dear", "price": 9999999999999.99}'
    answer = await desk.http.post(
        f"{BASE}/products", content=raw, headers={**desk.headers, "Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert b'"price":9999999999999.99,' in answer.content
    assert msgspec.json.decode(answer.content, type=dict[str, Any])["currency"] == "USD"
    assert Decimal(re.search(rb'"price":([\d.]+)', answer.content)[1].decode()) == Decimal("9999999999999.99")  # type: ignore[index]


async def test_update_product(desk: Desk) -> None:
    made = await desk.product(sku="TS-1", description="Light")
    shown = await desk.call("PATCH", f"/products/{made['id']}", {"price": 79.99})
    assert shown["price"] == 79.99 and shown["updatedAt"] > made["updatedAt"]
    left = {"price": 79.99, "updatedAt": shown["updatedAt"]}
    assert {**shown, "variants": []} == {**made, **left, "variants": []}


async def test_delete_product(desk: Desk) -> None:
    made = await desk.product()
    order = await desk.order(product=made)
    answer = await desk.send("DELETE", f"/products/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    await desk.refused("GET", f"/products/{made['id']}", 404)
    await desk.refused("DELETE", f"/products/{made['id']}", 404)
    assert (await desk.call("GET", "/products"))["pagination"]["totalItems"] == 0
    left = await desk.call("GET", f"/orders/{order['id']}")
    assert left["items"] == order["items"] and left["total"] == order["total"]


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def placed(desk: Desk) -> tuple[httpx.Response, dict[str, str]]:
    await desk.shop.settings(tax_percentage="8", flat_shipping_rate="5")
    jane = await desk.shopper()
    product = await desk.product(sku="TS-1")
    body = {
        "items": [{"productId": product["id"], "quantity": 2}],
        "shippingAddress": ADDRESS,
        "paymentMethod": "cod",
        "notes": "Ring twice",
    }
    return await desk.send("POST", "/orders", body, jane), jane


async def test_create_and_get_order(desk: Desk) -> None:
    answer, jane = await placed(desk)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    same(shown, {**ORDER, **STORY})
    assert answer.headers["location"] == f"{BASE}/orders/{shown['id']}"
    assert await desk.call("GET", f"/orders/{shown['id']}", headers=jane) == shown
    assert await desk.call("GET", f"/orders/{shown['id']}") == shown
    assert (await desk.call("GET", "/products"))["data"][0]["stock"] == 10


async def test_items_alone_suffice(desk: Desk) -> None:
    product = await desk.product()
    shown = await desk.call("POST", "/orders", {"items": [{"productId": product["id"], "quantity": 1}]}, 201)
    assert shown["customer"] == {"id": None, "email": None, "name": "", "phone": None}
    assert shown["shippingAddress"] is None and shown["paymentMethod"] == "card"


async def test_everything_an_order_takes(desk: Desk) -> None:
    made = await desk.shop.product(
        name="Parka",
        variants=(
            VariantDraft(options={"Size": "S"}, stock=3),
            VariantDraft(options={"Size": "M"}, stock=3, price="110"),
        ),
    )
    sizes = {one.title: str(one.id) for one in made.variants}
    shop = desk.shop
    await coupons.create(shop.rt, shop.ctx, coupons.CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    await shipping.put(shop.rt, shop.ctx, ShippingMethod("express", "Express", 1500))
    body = {
        "items": [{"productId": str(made.id), "variantId": sizes["M"], "quantity": 1}],
        "shippingAddress": {**ADDRESS, "line2": "Flat 4", "name": "Jane Doe", "phone": "+1 555 0100"},
        "billingAddress": {**ADDRESS, "city": "Boston"},
        "shippingMethod": "express",
        "paymentMethod": "bank_transfer",
        "couponCode": "TEN",
        "notes": "Ring twice",
        "customer": {"email": "jim@example.com", "name": "Jim Doe", "phone": "+1 555 0101"},
    }
    shown = await desk.call("POST", "/orders", body, 201)
    money = {name: shown[name] for name in ("subtotal", "discount", "shipping", "tax", "total")}
    assert money == {"subtotal": 110, "discount": 11, "shipping": 15, "tax": 0, "total": 114}
    assert (shown["items"][0]["variantId"], shown["items"][0]["variant"]) == (sizes["M"], "M")
    assert (shown["couponCode"], shown["shippingMethod"], shown["paymentMethod"]) == ("TEN", "express", "bank_transfer")
    assert shown["shippingAddress"]["line2"] == "Flat 4" and shown["billingAddress"]["city"] == "Boston"
    assert shown["customer"]["email"] == "jim@example.com" and shown["customer"]["name"] == "Jim Doe"


async def test_list_orders(desk: Desk) -> None:
    _, jane = await placed(desk)
    for headers in (jane, None):
        shown = await desk.call("GET", "/orders", headers=headers)
        assert list(shown) == ["data", "pagination"]
        same(shown["data"], [ORDER])
        assert shown["pagination"] == {"page": 1, "pageSize": 20, "totalItems": 1, "totalPages": 1}


async def test_update_order_status(desk: Desk) -> None:
    answer, _ = await placed(desk)
    order = answer.json()
    for status in ("confirmed", "shipped", "delivered"):
        shown = await desk.move(order, status)
        assert shown["status"] == status
    same({**shown, "status": "pending", "updatedAt": order["updatedAt"]}, {**ORDER, **STORY})
