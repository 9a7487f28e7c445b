"""Every example of the document and every operation, once as it should be: to the key and the type."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import UUID

from tests.dialects.aerostack.window import ADDRESS, Window, new_cart

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft, ImageDraft, VariantDraft
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.orders import service as orders
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.kernel.ids import OrderId

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
TOKEN = r"[A-Za-z0-9_-]{43}"
NOW = object()


def same(found: Any, wanted: Any, at: str = "") -> None:
    """Equal in keys, their order and values; ids and tokens by pattern, times of just now."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), at
        for name, value in wanted.items():
            same(found[name], value, f"{at}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for place, (one, another) in enumerate(zip(found, wanted, strict=True)):
            same(one, another, f"{at}[{place}]")
    elif wanted is NOW:
        assert isinstance(found, int) and abs(found - time.time() * 1000) < 60_000, (at, found)
    elif wanted in (ID, TOKEN):
        assert re.fullmatch(wanted, found), (at, found)
    else:
        assert found == wanted, (at, found)


async def test_config(window: Window) -> None:
    """Section 3, to the letter."""
    await window.shop.settings(
        tax_percentage="10", flat_shipping_rate="5", free_shipping_threshold="100", payment_provider="stripe"
    )
    wanted = {
        "default_currency": "USD",
        "currency_symbol": "$",
        "tax_percentage": 10,
        "flat_shipping_rate": 5,
        "free_shipping_threshold": 100,
        "shipping_enabled": True,
        "payment_provider": "stripe",
    }
    for headers in ({}, window.headers, {"Authorization": "Bearer pk_live_nonsense"}):
        same(await window.call("GET", "/config", headers=headers), wanted)
    await window.shop.settings(free_shipping_threshold=None, tax_percentage="8.875")
    shown = await window.call("GET", "/config", headers={})
    assert (shown["free_shipping_threshold"], shown["tax_percentage"]) == (None, 8.875)


async def test_products(window: Window) -> None:
    await window.shop.product(
        name="Parka",
        price="120",
        description="Warm",
        images=(ImageDraft("/pictures/parka.svg", "A parka"), ImageDraft("https://cdn.example.com/p.png")),
        categories=("Clothes > Jackets",),
        variants=(
            VariantDraft(sku="P-S", options={"Size": "S"}, stock=3),
            VariantDraft(sku="P-M", options={"Size": "M"}, stock=0, price="110.50", compare_price="150"),
        ),
    )
    base = f"http://localhost:{window.shop.rt.settings.port}"
    parka = {
        "id": ID,
        "name": "Parka",
        "slug": "parka",
        "description": "Warm",
        "price": 110.5,
        "compare_at_price": 150,
        "currency": "USD",
        "sku": "P-S",
        "stock": 3,
        "in_stock": True,
        "images": [
            {"url": f"{base}/pictures/parka.svg", "alt": "A parka"},
            {"url": "https://cdn.example.com/p.png", "alt": ""},
        ],
        "categories": [{"id": ID, "name": "Jackets", "slug": "jackets"}],
        "options": [{"name": "Size", "values": ["S", "M"]}],
        "variants": [
            {
                "id": ID, "sku": "P-S", "title": "S", "options": {"Size": "S"}, "price": 120,
                "compare_at_price": None, "stock": 3, "in_stock": True,
            },
            {
                "id": ID, "sku": "P-M", "title": "M", "options": {"Size": "M"}, "price": 110.5,
                "compare_at_price": 150, "stock": 0, "in_stock": False,
            },
        ],
        "created_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip
    shown = await window.call("GET", "/products")
    same(shown, {"products": [parka], "total": 1, "page": 1, "limit": 20})
    assert await window.call("GET", "/products/parka") == shown["products"][0]
    await window.refused("GET", "/products/no-such-thing", 404)


async def test_categories_are_a_tree(window: Window) -> None:
    await window.shop.product(categories=("Electronics > Audio",))
    await catalog.create_category(window.shop.rt, window.shop.ctx, CategoryDraft("Books", description="To read"))
    shown = await window.call("GET", "/categories")
    audio = {"id": ID, "name": "Audio", "slug": "audio", "description": "", "children": []}
    wanted = [
        {"id": ID, "name": "Books", "slug": "books", "description": "To read", "children": []},
        {"id": ID, "name": "Electronics", "slug": "electronics", "description": "", "children": [audio]},
    ]
    same(shown, {"categories": wanted})


async def test_cart(window: Window) -> None:
    await window.shop.settings(tax_percentage="10", flat_shipping_rate="5")
    product = await window.shop.product(price="19.99", stock=9, sku="PH-1")
    cart = new_cart()
    empty = {
        "id": cart, "items": [], "item_count": 0, "currency": "USD", "subtotal": 0, "discount_total": 0,
        "shipping_total": 0, "tax_total": 0, "tax_included": False, "grand_total": 0, "coupon": None,
    }  # fmt: skip
    same(await window.call("GET", f"/cart/{cart}"), empty)

    body = {"productId": str(product.id), "quantity": 2, "variantId": str(product.variants[0].id)}
    full = await window.call("POST", f"/cart/{cart}/items", body)
    item = {
        "id": ID, "product_id": str(product.id), "variant_id": str(product.variants[0].id),
        "name": "Premium Headphones", "variant_title": None, "slug": "premium-headphones", "sku": "PH-1", "image": None,
        "quantity": 2, "unit_price": 19.99, "total_price": 39.98, "available": True,
    }  # fmt: skip
    totals = {"item_count": 2, "subtotal": 39.98, "shipping_total": 5, "tax_total": 4, "grand_total": 48.98}
    same(full, {**empty, "items": [item], **totals})
    assert await window.call("GET", f"/cart/{cart}") == full

    again = await window.call("POST", f"/cart/{cart}/items", {"productId": str(product.id)})
    assert again["items"][0]["quantity"] == 3 and again["items"][0]["id"] == full["items"][0]["id"]
    line = f"/cart/{cart}/items/{full['items'][0]['id']}"
    assert (await window.call("PATCH", line, {"quantity": 4}))["item_count"] == 4
    assert (await window.refused("PATCH", line, 409, {"quantity": 10}))["code"] == "out_of_stock"
    assert (await window.refused("POST", f"/cart/{cart}/items", 409, {**body, "quantity": 6}))["fields"].keys() == {
        "quantity"
    }
    assert (await window.call("GET", f"/cart/{cart}"))["item_count"] == 4
    same(await window.call("PATCH", line, {"quantity": 0}), empty)
    await window.refused("PATCH", line, 404, {"quantity": 1})

    again = await window.call("POST", f"/cart/{cart}/items", body)
    same(await window.call("DELETE", f"/cart/{cart}/items/{again['items'][0]['id']}"), empty)
    await window.call("POST", f"/cart/{cart}/items", body)
    same(await window.call("DELETE", f"/cart/{cart}"), empty)
    unknown = new_cart()
    same(await window.call("DELETE", f"/cart/{unknown}"), {**empty, "id": unknown})


async def coupon(window: Window, code: str, type: CouponType, **more: Any) -> None:
    await coupons.create(window.shop.rt, window.shop.ctx, coupons.CouponDraft(code, type, **more))


async def test_coupons(window: Window) -> None:
    await coupon(window, "SAVE10", CouponType.PERCENT, rate=100_000)
    await coupon(window, "BIG", CouponType.FIXED, amount_minor=500, minimum_minor=10_000)
    await coupon(window, "FREE", CouponType.FREE_SHIPPING)
    await window.shop.settings(tax_percentage="10", flat_shipping_rate="5")
    cart = (await window.add(await window.shop.product(price="30", stock=5), 1))["id"]

    shown = await window.call("POST", "/coupons/validate", {"code": "save10", "subtotal": 50})
    same(
        shown,
        {"valid": True, "code": "SAVE10", "type": "percent", "value": 10, "discount": 5, "free_shipping": False},
    )
    shown = await window.call("POST", "/coupons/validate", {"code": "BIG", "subtotal": 99.99})
    assert list(shown) == ["valid", "code", "error", "reason"]
    assert (shown["valid"], shown["reason"]) == (False, "coupon_minimum")
    shown = await window.call("POST", "/coupons/validate", {"code": "BIG", "subtotal": 100})
    assert (shown["valid"], shown["value"], shown["discount"]) == (True, 5, 5)
    assert (await window.call("POST", "/coupons/validate", {"code": "NOPE", "subtotal": 1}))["reason"] == (
        "coupon_unknown"
    )

    # Alone, a code is only asked whether it can be used; the checkout's name for it is understood too.
    shown = await window.call("POST", "/coupons/validate", {"code": "save10"})
    alone = {"valid": True, "code": "SAVE10", "type": "percent", "value": 10, "free_shipping": False, "minimum": 0}
    same(shown, alone)
    same(await window.call("POST", "/coupons/validate", {"couponCode": "SAVE10"}), alone)
    assert (await window.call("POST", "/coupons/validate", {"code": "BIG"}))["minimum"] == 100
    assert (await window.call("POST", "/coupons/validate", {"code": "FREE"}))["free_shipping"] is True
    shown = await window.call("POST", "/coupons/validate", {"couponCode": "NOPE"})
    assert (shown["valid"], shown["reason"]) == (False, "coupon_unknown")

    # Only asked about, the cart stays as it is; kept, its answers have the discount from then on.
    asked = {"code": "SAVE10", "cartId": cart, "apply": False}
    shown = await window.call("POST", "/coupons/validate", asked)
    assert shown["discount"] == shown["cart"]["discount_total"] == 3
    assert (await window.call("GET", f"/cart/{cart}"))["coupon"] is None
    shown = await window.call("POST", "/coupons/validate", {"code": "SAVE10", "cartId": cart})
    kept = await window.call("GET", f"/cart/{cart}")
    assert shown["cart"] == kept
    assert kept["coupon"] == {"code": "SAVE10", "applied": True, "problem": None}
    assert (kept["discount_total"], kept["tax_total"], kept["grand_total"]) == (3, 2.7, 34.7)
    shown = await window.call("POST", "/coupons/validate", {"code": "BIG", "cartId": cart})
    assert shown["valid"] is False
    assert (await window.call("GET", f"/cart/{cart}"))["coupon"]["code"] == "SAVE10"
    shown = await window.call("POST", "/coupons/validate", {"code": "FREE", "cartId": cart})
    assert shown["free_shipping"] is True and shown["cart"]["shipping_total"] == 0
    assert (await window.call("DELETE", f"/cart/{cart}/coupon"))["coupon"] is None
    assert (await window.refused("POST", "/coupons/validate", 409, {"code": "FREE", "cartId": new_cart()}))["code"] == (
        "cart_empty"
    )


CHECKOUT = {
    "email": "john@example.com",
    "shippingAddress": ADDRESS,
    "billingAddress": {**ADDRESS, "line1": "9 Bank St"},
    "couponCode": "SAVE10",
    "customerName": "John Doe",
    "customerPhone": "+1234567890",
}


async def test_checkout_with_stripe(window: Window) -> None:
    """Section 5, to the letter."""
    await coupon(window, "SAVE10", CouponType.PERCENT, rate=100_000)
    await window.shop.settings(payment_provider="stripe", allowed_origins=["https://yoursite.com"])
    cart = (await window.add(await window.shop.product(price="33.32", stock=5), 1))["id"]
    back = {"successUrl": "https://yoursite.com/order/success", "cancelUrl": "https://yoursite.com/cart"}
    shown = await window.call("POST", "/checkout", {"cartId": cart, **CHECKOUT, **back}, 201)
    page, session = shown["payment"]["url"], shown["payment"]["id"]
    order = {"id": ID, "order_number": "ORD-001", "grand_total": 29.99}
    same(
        shown,
        {"success": True, "order": order, "payment": {"id": session, "url": page}, "orderToken": TOKEN},
    )
    assert session.startswith("cs_") and page.startswith("http") and session in page


async def test_checkout_by_hand(window: Window) -> None:
    cart = (await window.add(await window.shop.product(price="10", stock=5), 2))["id"]
    shown = await window.call("POST", "/checkout", {"cartId": cart, "email": "john@example.com"}, 201)
    order = {"id": ID, "order_number": "ORD-001", "grand_total": 20}
    same(
        shown,
        {"success": True, "order": order, "payment": {"id": ID, "status": "pending"}, "orderToken": TOKEN},
    )
    assert (await window.call("GET", f"/cart/{cart}"))["items"] == []


async def test_checkout_with_razorpay(window: Window) -> None:
    await window.shop.settings(payment_provider="razorpay")
    cart = (await window.add(await window.shop.product(price="29.99", stock=5), 1))["id"]
    shown = await window.call("POST", "/checkout", {"cartId": cart, "email": "john@example.com"}, 201)
    payment = shown["payment"]
    assert list(payment) == ["token", "providerOrderId", "amount", "currency"]
    assert payment["token"].startswith("rzp_test_") and payment["providerOrderId"].startswith("order_")
    assert (payment["amount"], payment["currency"]) == (2999, "USD")


async def test_free_of_charge(window: Window) -> None:
    await window.shop.settings(payment_provider="stripe")
    await coupon(window, "GIFT", CouponType.PERCENT, rate=1_000_000)
    cart = (await window.add(await window.shop.product(price="10", stock=5), 1))["id"]
    shown = await window.checkout(cart, couponCode="gift")
    assert shown["order"]["grand_total"] == 0 and shown["payment"]["status"] == "paid"


async def test_order_history(window: Window) -> None:
    """Section 6, to the letter: the page that has just bought sees seven fields and no more."""
    made = await window.sold()
    await orders.mark_paid(window.shop.rt, window.shop.ctx, OrderId(UUID(made["order"]["id"])))
    shown = await window.call("GET", "/orders?email=john@example.com&page=1&limit=20")
    order = {
        "id": made["order"]["id"],
        "order_number": "ORD-001",
        "status": "confirmed",
        "payment_status": "paid",
        "currency": "USD",
        "grand_total": 20,
        "created_at": NOW,
    }
    same(shown, {"orders": [order], "total": 1, "page": 1, "limit": 20})


async def test_one_order(window: Window) -> None:
    await shipping.put(window.shop.rt, window.shop.ctx, ShippingMethod("express", "Express", 1500))
    await coupon(window, "SAVE10", CouponType.PERCENT, rate=100_000)
    await window.shop.settings(tax_percentage="10")
    product = await window.shop.product(price="30", stock=5, sku="PH-1")
    cart = (await window.add(product, 2))["id"]
    made = await window.call(
        "POST", "/checkout", {"cartId": cart, **CHECKOUT, "shippingMethod": "express", "notes": "Ring"}, 201
    )
    await orders.change_status(
        window.shop.rt, window.shop.ctx, OrderId(UUID(made["order"]["id"])), orders.Status("confirmed")
    )
    await orders.ship(window.shop.rt, window.shop.ctx, OrderId(UUID(made["order"]["id"])), "DHL", "123", None)
    shown = await window.call("GET", f"/orders/{made['order']['id']}?email=JOHN@example.com")
    item = {
        "id": ID, "product_id": str(product.id), "variant_id": str(product.variants[0].id),
        "name": "Premium Headphones", "variant_title": None, "sku": "PH-1", "image": None, "quantity": 2,
        "unit_price": 30, "total_price": 60,
    }  # fmt: skip
    wanted = {
        "id": made["order"]["id"],
        "order_number": "ORD-001",
        "status": "shipped",
        "payment_status": "unpaid",
        "currency": "USD",
        "grand_total": 74.4,
        "created_at": NOW,
        "email": "john@example.com",
        "customer_name": "John Doe",
        "customer_phone": "+1234567890",
        "items": [item],
        "item_count": 2,
        "subtotal": 60,
        "discount_total": 6,
        "shipping_total": 15,
        "tax_total": 5.4,
        "tax_included": False,
        "coupon_code": "SAVE10",
        "shipping_method": "express",
        "payment_method": "card",
        "shipping_address": ADDRESS,
        "billing_address": {**ADDRESS, "line1": "9 Bank St"},
        "shipments": [{"carrier": "DHL", "tracking_number": "123", "tracking_url": None, "created_at": NOW}],
        "payment_url": None,
        "updated_at": NOW,
    }
    same(shown, wanted)


async def test_the_key_in_the_address(window: Window) -> None:
    await window.shop.product()
    answer = await window.send("GET", f"/products?token={window.key}&limit=5", headers={})
    assert answer.status_code == 200 and answer.json()["limit"] == 5
    assert answer.headers["cache-control"] == "no-store"
    secret = (await window.secret_key("*"))["Authorization"].removeprefix("Bearer ")
    assert (await window.refused("GET", f"/products?token={secret}", 403, headers={}))["code"] == "key_in_address"
    both = await window.send("GET", f"/products?token={window.key}")
    assert both.status_code == 200 and both.headers["cache-control"] == "no-store"
    await window.refused("GET", "/products?token=pk_live_nonsense", 400)
    await window.refused("GET", "/products?token=pk_live_nonsense", 401, headers={})
