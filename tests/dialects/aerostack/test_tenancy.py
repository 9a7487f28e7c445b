"""One shop's key, ids and slug are worth nothing at another's."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from tests.dialects.aerostack.window import ADDRESS, Window, new_cart, root, window_of
from tests.dialects.site import Shop

from merx.core.auth import keys
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.tenants.model import Plan

UNKNOWN = "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8"
EVERY: list[tuple[str, str, Any]] = [
    ("GET", "/products", None),
    ("GET", "/products/lamp", None),
    ("GET", "/categories", None),
    ("GET", "/cart/c1", None),
    ("POST", "/cart/c1/items", {"productId": UNKNOWN, "quantity": 1}),
    ("PATCH", f"/cart/c1/items/{UNKNOWN}", {"quantity": 1}),
    ("DELETE", f"/cart/c1/items/{UNKNOWN}", None),
    ("DELETE", "/cart/c1", None),
    ("DELETE", "/cart/c1/coupon", None),
    ("POST", "/coupons/validate", {"code": "SAVE10", "subtotal": 1}),
    ("POST", "/checkout", {"cartId": "c1", "email": "john@example.com"}),
    (
        "POST",
        "/checkout/confirm",
        {"orderId": UNKNOWN, "razorpay_payment_id": "p", "razorpay_order_id": "o", "razorpay_signature": "s"},
    ),
    ("GET", "/orders?email=john@example.com", None),
    ("GET", f"/orders/{UNKNOWN}?email=john@example.com", None),
]
"""Every route but /config, which asks nobody who they are."""


async def test_key_and_slug_must_agree(window: Window, other: Window) -> None:
    """A shop that exists and one that does not look the same to a key of another."""
    await window.sold()
    for headers in (other.headers, await other.secret_key("*"), await other.shop.shopper()):
        for method, path, body in EVERY:
            found = await other.http.request(method, root(window.shop.slug) + path, json=body, headers=headers)
            never = await other.http.request(method, root("no-such-shop") + path, json=body, headers=headers)
            assert found.status_code == never.status_code == 403, (method, path, found.text, never.text)
            assert found.content == never.content and found.json()["code"] == "wrong_tenant"
    in_query = await other.http.get(f"{root(window.shop.slug)}/products?token={other.key}")
    assert in_query.status_code == 403
    mixed = {"Authorization": (await other.shop.shopper())["Authorization"], "X-API-Key": window.key}
    assert (await window.send("GET", "/products", headers=mixed)).status_code == 403


async def test_no_key_and_wrong_ones(window: Window) -> None:
    for headers in ({}, {"Authorization": "Bearer pk_live_nonsense"}, {"Authorization": "Bearer eyJ.x.y"}):
        for method, path, body in EVERY:
            answer = await window.send(method, path, body, headers)
            assert answer.status_code == 401 and answer.json()["success"] is False, (method, path, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_without_the_scope(window: Window) -> None:
    """What a key may do is its scopes, whatever it is called."""
    for scope, fine in (("catalog:read", 3), ("products:read", 0)):
        headers = await window.secret_key(scope)
        for number, (method, path, body) in enumerate(EVERY):
            answer = await window.send(method, path, body, headers)
            if number < fine:
                assert answer.status_code in (200, 404)
            else:
                assert answer.status_code == 403 and answer.json()["code"] == "missing_permission", (method, path)


async def test_a_revoked_key_is_dead_at_once(window: Window) -> None:
    made = await keys.create(window.shop.rt, window.shop.ctx, "Old")
    old = {"Authorization": f"Bearer {made.secret}"}
    await window.call("GET", "/cart/c1", headers=old)
    await keys.revoke(window.shop.rt, window.shop.ctx, made.key.id)
    assert (await window.send("GET", "/cart/c1", headers=old)).status_code == 401


async def test_nothing_of_another_shop(window: Window, other: Window) -> None:
    product = await window.shop.product(name="CANARY lamp", stock=9, sku="CANARY-1", categories=("CANARY things",))
    await coupons.create(
        window.shop.rt, window.shop.ctx, coupons.CouponDraft("CANARY", CouponType.PERCENT, rate=100_000)
    )
    cart = (await window.add(product, 2))["id"]
    sold = await window.checkout((await window.add(product, 1))["id"], shippingAddress={**ADDRESS, "city": "CANARY"})
    before = [await window.call("GET", path) for path in ("/products", f"/cart/{cart}")]
    mine = await other.shop.product(name="Mine", stock=5)
    own_cart = (await other.add(mine))["id"]
    ids = {
        "PRODUCT": str(product.id),
        "VARIANT": str(product.variants[0].id),
        "ITEM": before[1]["items"][0]["id"],
        "ORDER": sold["order"]["id"],
    }
    tried: list[tuple[str, str, Any]] = [
        ("GET", f"/products/{product.slug}", None),
        ("POST", f"/cart/{own_cart}/items", {"productId": "PRODUCT", "quantity": 1}),
        ("POST", f"/cart/{own_cart}/items", {"productId": str(mine.id), "variantId": "VARIANT", "quantity": 1}),
        ("PATCH", f"/cart/{own_cart}/items/ITEM", {"quantity": 1}),
        ("DELETE", f"/cart/{own_cart}/items/ITEM", None),
        ("PATCH", f"/cart/{cart}/items/ITEM", {"quantity": 1}),
        ("DELETE", f"/cart/{cart}/items/ITEM", None),
        ("POST", "/checkout", {"cartId": cart, "email": "john@example.com"}),
        ("POST", "/coupons/validate", {"code": "CANARY", "subtotal": 10}),
        ("GET", "/orders?email=john@example.com", None),
        ("GET", f"/orders?email=john@example.com&orderToken={sold['orderToken']}", None),
        ("GET", f"/orders/ORDER?email=john@example.com&orderToken={sold['orderToken']}", None),
        ("GET", "/products?search=CANARY", None),
        ("GET", f"/cart/{cart}", None),
        ("DELETE", f"/cart/{cart}", None),
    ]
    for headers in (other.headers, await other.secret_key("*"), await other.shop.shopper()):
        for method, path, body in tried:
            answers = []
            for known in (True, False):
                text, at = json.dumps(body), path
                for name, value in ids.items():
                    text, at = (one.replace(name, value if known else UNKNOWN) for one in (text, at))
                answers.append(await other.send(method, at, json.loads(text), headers))
            assert answers[0].status_code == answers[1].status_code, (method, path)
            assert answers[0].content == answers[1].content, (method, path, answers[0].text, answers[1].text)
            if body is None or body.get("code") != "CANARY":
                assert "CANARY" not in answers[0].text and sold["order"]["id"] not in answers[0].text
    after = [await window.call("GET", path) for path in ("/products", f"/cart/{cart}")]
    assert before == after


async def test_carts_of_one_name_are_each_shops_own(window: Window, other: Window) -> None:
    cart = new_cart()
    await window.add(await window.shop.product(name="Mine", stock=5), 2, cart)
    assert (await other.call("GET", f"/cart/{cart}"))["items"] == []
    await other.add(await other.shop.product(name="Yours", stock=5), 1, cart)
    assert (await window.call("GET", f"/cart/{cart}"))["item_count"] == 2


async def test_what_one_shop_sells_another_cannot_count(window: Window, other: Window) -> None:
    for _ in range(2):
        await window.sold()
    await other.shop.settings(payment_provider="manual")
    assert (await other.sold())["order"]["order_number"] == "ORD-001"


async def test_answers_from_memory_are_each_shops_own(window: Window, other: Window) -> None:
    await window.shop.product(name="Mine")
    await other.shop.product(name="Yours")
    for _ in range(3):
        assert [one["name"] for one in (await window.call("GET", "/products"))["products"]] == ["Mine"]
        assert [one["name"] for one in (await other.call("GET", "/products"))["products"]] == ["Yours"]
        crossed = await other.http.get(root(window.shop.slug) + "/products", headers=dict(other.headers))
        assert crossed.status_code == 403


async def test_a_change_shows_at_once_and_an_etag_spares_the_rest(window: Window) -> None:
    await window.shop.product(name="Lamp", price="10")
    first = await window.send("GET", "/products/lamp")
    again = await window.send(
        "GET", "/products/lamp", headers={**window.headers, "If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    cart = (await window.add(await window.shop.product(name="Other", stock=3), 3))["id"]
    await window.checkout(cart)
    shown = await window.call("GET", "/products/other")
    assert (shown["stock"], shown["in_stock"]) == (0, False)


async def test_the_shops_own_host(window: Window, other: Window) -> None:
    """The host may be the shop's own; the path stays, and it is the path and the key that count."""
    host = {"Host": f"{window.shop.slug}.{window.shop.rt.settings.base_domain}"}
    assert (await window.call("GET", "/config", headers=host))["default_currency"] == "USD"
    assert (await window.call("GET", "/products", headers={**window.headers, **host}))["total"] == 0


async def test_a_plans_limits(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> None:
    free = await window_of(await new_shop(plan=Plan.FREE), http)
    for left in range(59, -1, -1):
        answer = await free.send("GET", "/categories")
        assert answer.status_code == 200 and answer.headers["x-ratelimit-remaining"] == str(left)
    answer = await free.send("GET", "/categories")
    assert answer.status_code == 429 and answer.json()["code"] == "rate_limited"
    assert answer.headers["access-control-allow-origin"] == "*" and int(answer.headers["retry-after"]) >= 1
