"""Every route of the merchant's side at its work, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

from tests.dialects.baas.merchant import COUPON, EXPRESS, LAMP, Merchant, deliveries, order
from tests.dialects.baas.shape import refused
from tests.dialects.site import PASSWORD

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def test_products(merchant: Merchant) -> None:
    call = merchant.call
    made = await call("POST", "/products/", LAMP, 201)
    for name in ("name", "description", "price", "compare_price", "sku", "active", "stock_quantity"):
        assert made[name] == LAMP[name], name
    assert re.fullmatch(r"prod_[0-9a-z]{26}", made["id"]) and made["slug"] == "desk-lamp"
    assert made["category"] == {"id": 2, "name": "Lamps"} and made["categories"][0]["slug"] == "lamps"
    assert made["images"][0]["url"] == LAMP["images"][0]["url"] and TIME.fullmatch(made["created_at"])
    assert (made["in_stock"], made["currency"], made["version"], len(made["variants"])) == (True, "USD", 1, 1)
    path = f"/products/{made['id']}/"
    assert await call("GET", path) == made

    change = {"price": 45, "compare_price": None, "active": False, "category": "Office", "stock_quantity": 3}
    changed = await call("PATCH", path, {**change, "version": 1})
    assert (changed["price"], changed["compare_price"], changed["active"]) == ("45.00", None, False)
    assert (changed["category"]["name"], changed["stock_quantity"], changed["version"]) == ("Office", 3, 2)
    assert changed["name"] == "Desk Lamp"
    refused(await merchant.send("PATCH", path, {"name": "Lost", "version": 1}), 409, "version")
    refused(await merchant.send("POST", "/products/", {**LAMP, "name": "Other"}), 409, "sku")
    refused(await merchant.send("POST", "/products/", {"name": "Priceless"}), 400, "price")
    refused(await merchant.send("POST", "/products/", {**LAMP, "categories": ["A"]}), 400, "category")
    refused(await merchant.send("PATCH", path, {"category": 4711}), 400, "category")

    for query, count in (
        ("", 1),
        ("?active=true", 0),
        ("?active=false", 1),
        ("?search=lamp", 1),
        ("?category=lamps", 0),
    ):
        assert (await call("GET", f"/products/{query}"))["count"] == count, query
    assert (await call("GET", "/products/?min_price=45&max_price=45.00&in_stock=true&sort=stock_desc"))["count"] == 1
    await call("DELETE", path, status=204)
    refused(await merchant.send("GET", path), 404)
    assert (await call("GET", "/products/"))["count"] == 0


async def test_a_picture_of_our_own_comes_back_as_it_was(merchant: Merchant) -> None:
    """Shown with this server's address, kept without it."""
    made = await merchant.call("POST", "/products/", {**LAMP, "images": ["/demo/pictures/lamp.svg"]}, 201)
    assert made["images"][0]["url"] == f"{merchant.shop.rt.settings.public_url}/demo/pictures/lamp.svg"
    again = await merchant.call("PATCH", f"/products/{made['id']}/", {"images": made["images"]})
    assert again["images"] == made["images"]
    stored = await merchant.shop.value("select images->0->>'url' from products where tenant_id = $1")
    assert stored == "/demo/pictures/lamp.svg"


async def test_variants(merchant: Merchant) -> None:
    call = merchant.call
    product = (await call("POST", "/products/", {"name": "Shirt", "price": "20.00"}, 201))["id"]
    path = f"/products/{product}/variants/"
    small = {"sku": "S", "options": {"Size": "S"}, "stock_quantity": 2}
    first = await call("POST", path, small, 201)
    assert (first["sku"], first["title"], first["price"], first["stock_quantity"]) == ("S", "S", "20.00", 2)
    second = await call("POST", path, {"sku": "L", "options": {"Size": "L"}, "price": "22.50"}, 201)
    assert (second["price"], second["in_stock"]) == ("22.50", False)
    listed = await call("GET", path)
    assert [one["sku"] for one in listed["results"]] == ["S", "L"] and listed["count"] == 2
    shown = await call("GET", f"/products/{product}/")
    assert shown["options"] == [{"name": "Size", "values": ["S", "L"]}] and shown["price"] == "20.00"
    changed = await call("PATCH", f"{path}{second['id']}/", {"stock_quantity": 7, "active": False, "price": "23"})
    assert (changed["stock_quantity"], changed["active"], changed["price"]) == (7, False, "23.00")
    assert await call("GET", f"{path}{second['id']}/") == changed
    refused(await merchant.send("PATCH", f"/products/{product}/", {"sku": "X"}), 400, "sku")
    await call("DELETE", f"{path}{second['id']}/", status=204)
    refused(await merchant.send("GET", f"{path}{second['id']}/"), 404)
    assert refused(await merchant.send("DELETE", f"{path}{first['id']}/"), 400)["code"] == "last_variant"
    refused(await merchant.send("POST", path, {**small, "id": first["id"]}), 400, "id")


async def test_images(merchant: Merchant) -> None:
    call = merchant.call
    product = (await call("POST", "/products/", LAMP, 201))["id"]
    path = f"/products/{product}/images/"
    added = await call("POST", path, {"url": "https://cdn.example.com/2.png", "alt": "Two", "position": 0}, 201)
    assert [one["alt"] for one in added["results"]] == ["Two", "A lamp"]
    two, lamp = (one["id"] for one in added["results"])
    turned = await call("PUT", path, {"order": [lamp, two]})
    assert [one["id"] for one in turned["results"]] == [lamp, two]
    assert await call("GET", path) == turned
    refused(await merchant.send("PUT", path, {"order": [lamp]}), 400, "order")
    refused(await merchant.send("POST", path, {"url": "javascript:alert(1)"}), 400)
    await call("DELETE", f"{path}{two}/", status=204)
    refused(await merchant.send("DELETE", f"{path}{two}/"), 404)
    assert (await call("GET", path))["count"] == 1


async def test_stock_and_its_ledger(merchant: Merchant) -> None:
    call = merchant.call
    product = (await call("POST", "/products/", LAMP, 201))["id"]
    path = f"/products/{product}/stock/"
    before = await call("GET", path)
    assert list(before) == ["levels", "count", "next", "previous", "results"]
    assert (before["levels"][0]["stock_quantity"], before["levels"][0]["on_hand"]) == (20, 20)
    assert (await call("PUT", path, {"stock_quantity": 12, "reason": "counted"}))["levels"][0]["on_hand"] == 12
    after = await call("PATCH", path, {"delta": 5, "reason": "delivery"})
    assert (after["levels"][0]["stock_quantity"], after["count"]) == (17, 3)
    newest = after["results"][0]
    assert (newest["type"], newest["on_hand_change"], newest["reason"]) == ("received", 5, "delivery")
    assert sum(one["on_hand_change"] for one in after["results"]) == 17
    assert (await call("GET", f"{path}?per_page=2"))["next"] == f"/api/platform{path}?per_page=2&page=2"
    refused(await merchant.send("PATCH", path, {"delta": -18}), 400, "delta")
    refused(await merchant.send("PATCH", path, {}), 400, "stock_quantity")
    refused(await merchant.send("PATCH", path, {"delta": 1, "stock_quantity": 1}), 400, "stock_quantity")
    refused(await merchant.send("PATCH", path, {"delta": 1, "variant_id": "var_x"}), 400, "variant_id")
    two = {"name": "Two", "price": "1", "variants": [{"options": {"A": "1"}}, {"options": {"A": "2"}}]}
    several = await call("POST", "/products/", two, 201)
    refused(await merchant.send("PUT", f"/products/{several['id']}/stock/", {"stock_quantity": 1}), 400, "variant_id")
    one = {"stock_quantity": 4, "variant_id": several["variants"][1]["id"]}
    levels = (await call("PUT", f"/products/{several['id']}/stock/", one))["levels"]
    assert [level["stock_quantity"] for level in levels] == [0, 4]


async def test_categories(merchant: Merchant) -> None:
    call = merchant.call
    top = await call("POST", "/categories/", {"name": "Electronics"}, 201)
    assert (top["id"], top["slug"], top["parent"]) == (1, "electronics", None)
    audio = await call("POST", "/categories/", {"name": "Audio", "parent": 1, "description": "Sound"}, 201)
    assert audio["parent"] == 1 and await call("GET", "/categories/2/") == audio
    moved = await call("PATCH", "/categories/2/", {"name": "Sound", "parent": None, "position": 3})
    assert (moved["name"], moved["parent"], moved["position"], moved["slug"]) == ("Sound", None, 3, "audio")
    await call("PATCH", "/categories/2/", {"parent": "electronics"})
    tree = await call("GET", "/categories/")
    assert tree["count"] == 2 and [one["name"] for one in tree["results"]] == ["Electronics"]
    assert tree["results"][0]["children"][0]["name"] == "Sound"
    refused(await merchant.send("POST", "/categories/", {"name": "X", "slug": "audio"}), 409, "slug")
    refused(await merchant.send("PATCH", "/categories/1/", {"parent": 2}), 400, "parent")
    refused(await merchant.send("POST", "/categories/", {"name": "X", "parent": 4711}), 400, "parent")
    await call("DELETE", "/categories/1/", status=204)
    assert (await call("GET", "/categories/2/"))["parent"] is None
    refused(await merchant.send("GET", "/categories/1/"), 404)


async def test_settings(merchant: Merchant) -> None:
    call = merchant.call
    before = await call("GET", "/settings/")
    assert (before["currency"], before["tax_percentage"], before["flat_shipping_rate"]) == ("USD", "0", "0.00")
    change = {
        "tax_percentage": "8.25",
        "flat_shipping_rate": "5",
        "free_shipping_threshold": "50.00",
        "shipping_enabled": True,
        "tax_shipping": True,
        "prices_include_tax": False,
        "payment_test_mode": True,
        "low_stock_threshold": 3,
        "guest_order_lookup": "verified",
        "allowed_origins": ["https://shop.example.com"],
        "locale": "en_GB",
        "contact_email": "Help@Example.com",
    }
    after = await call("PATCH", "/settings/", change)
    wanted = {**before, **change, "flat_shipping_rate": "5.00", "contact_email": "help@example.com"}
    assert {**after, "updated_at": ""} == {**wanted, "updated_at": ""}
    assert await call("GET", "/settings/") == after
    assert (await call("PATCH", "/settings/", {"free_shipping_threshold": None}))["free_shipping_threshold"] is None
    yen = await call("PATCH", "/settings/", {"currency": "JPY"})
    assert (yen["currency"], yen["flat_shipping_rate"]) == ("JPY", "5")
    error = refused(
        await merchant.send("PATCH", "/settings/", {"flat_shipping_rate": "5.5", "tax_percentage": 101}), 400
    )
    assert sorted(error["details"]) == ["flat_shipping_rate", "tax_percentage"]
    assert await call("GET", "/settings/") == yen


async def test_providers_credentials_are_never_shown(merchant: Merchant) -> None:
    call, secret = merchant.call, f"sk_test_{os.urandom(12).hex()}"
    given = {"payment_provider": "stripe", "payment_credentials": {"secret_key": secret}}
    after = await call("PATCH", "/settings/", given)
    assert after["payment_credentials"]["stripe"]["hint"] == secret[-4:] and secret not in str(after)
    assert secret not in str(await call("GET", "/settings/"))
    hook = {"payment_credentials": {"stripe": {"webhook_secret": "whsec_abc"}}}
    assert (await call("PATCH", "/settings/", hook))["payment_credentials"]["stripe"]["hint"] == secret[-4:]
    live = {"payment_credentials": {"stripe": {"secret_key": "sk_live_abcdefgh"}}}
    refused(await merchant.send("PATCH", "/settings/", live), 400, "payment_test_mode")
    missing = {"payment_credentials": {"stripe": {"no_such": "x"}}}
    refused(await merchant.send("PATCH", "/settings/", missing), 400, "payment_credentials.no_such")
    refused(await merchant.send("PATCH", "/settings/", {"payment_credentials": {"secret_key": "x"}}), 400)
    refused(await merchant.send("PATCH", "/settings/", {"payment_provider": "paypal"}), 400, "payment_provider")
    forgotten = await call("PATCH", "/settings/", {"payment_credentials": {"stripe": None}})
    assert forgotten["payment_credentials"] == {}


async def test_razorpays_credentials_are_never_shown(merchant: Merchant, owner: Any) -> None:
    call, secret, hook = merchant.call, os.urandom(12).hex(), os.urandom(12).hex()
    after = await call("PATCH", "/settings/", {"payment_provider": "razorpay"})  # served by the simulator
    assert after["payment_provider"] == "razorpay" and after["payment_credentials"] == {}
    half = {"payment_credentials": {"razorpay": {"key_id": "rzp_test_1DP5mmOlF5G5ag"}}}
    refused(await merchant.send("PATCH", "/settings/", half), 400, "payment_credentials.key_secret")
    given = {"key_id": "rzp_test_1DP5mmOlF5G5ag", "key_secret": secret, "webhook_secret": hook}
    after = await call("PATCH", "/settings/", {"payment_credentials": {"razorpay": given}})
    assert after["payment_credentials"]["razorpay"]["hint"] == "G5ag"
    for said in (after, await call("GET", "/settings/")):
        assert secret not in str(said) and hook not in str(said)
    live = {"payment_credentials": {"razorpay": given | {"key_id": "rzp_live_1DP5mmOlF5G5ag"}}}
    refused(await merchant.send("PATCH", "/settings/", live), 400, "payment_test_mode")
    kept = await owner.fetchval(
        "select string_agg(c::text, '') from provider_credentials c where provider = 'razorpay'"
    )
    assert secret not in kept and secret.encode().hex() not in kept


async def test_tenant(merchant: Merchant) -> None:
    found = await merchant.call("GET", "/tenant/")
    assert (found["slug"], found["plan"]) == (merchant.shop.slug, "enterprise")
    assert found["limits"] == {"requests_per_minute": 10_000, "requests_per_day": None}


async def test_shipping_methods(merchant: Merchant) -> None:
    call = merchant.call
    made = await call("POST", "/shipping-methods/", EXPRESS, 201)
    assert made == {**EXPRESS, "active": True, "position": 0}
    refused(await merchant.send("POST", "/shipping-methods/", EXPRESS), 409, "code")
    refused(await merchant.send("POST", "/shipping-methods/", {**EXPRESS, "code": "standard"}), 400, "code")
    refused(await merchant.send("POST", "/shipping-methods/", {**EXPRESS, "code": "No Blanks"}), 400, "code")
    listed = await call("GET", "/shipping-methods/")
    assert [one["code"] for one in listed["results"]] == ["standard", "express"]
    assert await call("GET", "/shipping-methods/standard/") == listed["results"][0]
    changed = await call("PATCH", "/shipping-methods/express/", {"price": "9.9", "free_over": None})
    assert (changed["price"], changed["free_over"], changed["name"]) == ("9.90", None, "Express")
    assert await call("GET", "/shipping-methods/express/") == changed
    await call("DELETE", "/shipping-methods/express/", status=204)
    refused(await merchant.send("DELETE", "/shipping-methods/express/"), 404)
    refused(await merchant.send("PATCH", "/shipping-methods/standard/", {"price": "1"}), 404)


async def test_coupons(merchant: Merchant) -> None:
    call = merchant.call
    window = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z", "per_customer_limit": 1}
    made = await call("POST", "/coupons/", {**COUPON, **window, "code": "save10"}, 201)
    assert (made["code"], made["type"], made["value"], made["minimum"], made["used"]) == (
        "SAVE10", "percent", "10", "20.00", 0,
    )  # fmt: skip
    assert {name: made[name] for name in window} == window
    path = f"/coupons/{made['id']}/"
    assert await call("GET", path) == made
    assert (await call("PATCH", path, {"active": False, "value": "12.5"}))["value"] == "12.5"
    fixed = await call("PATCH", path, {"type": "fixed", "value": "5.00", "ends_at": None})
    assert (fixed["type"], fixed["value"], fixed["ends_at"], fixed["active"]) == ("fixed", "5.00", None, False)
    refused(await merchant.send("PATCH", path, {"type": "percent"}), 400, "value")
    free = await call("POST", "/coupons/", {"code": "FREESHIP", "type": "free_shipping"}, 201)
    assert free["value"] is None
    refused(await merchant.send("POST", "/coupons/", {**COUPON, "code": "freeship"}), 409, "code")
    refused(await merchant.send("POST", "/coupons/", {**COUPON, "code": "A", "value": "100.5"}), 400, "value")
    refused(await merchant.send("POST", "/coupons/", {**COUPON, "code": "A", "type": "fixed", "value": "1.005"}), 400)
    refused(await merchant.send("POST", "/coupons/", {"code": "A", "type": "percent"}), 400, "value")
    backwards = {**COUPON, "code": "A", "starts_at": window["ends_at"], "ends_at": window["starts_at"]}
    refused(await merchant.send("POST", "/coupons/", backwards), 400, "ends_at")
    assert [one["code"] for one in (await call("GET", "/coupons/"))["results"]] == ["FREESHIP", "SAVE10"]
    await call("DELETE", path, status=204)
    refused(await merchant.send("GET", path), 404)


async def test_customers(filled: Merchant) -> None:
    call, path = filled.call, f"/customers/{filled.ids['customer']}/"
    found = await call("GET", path)
    assert (found["email"], found["first_name"], found["registered"]) == ("shopper1@example.com", "Jane", True)
    changed = await call("PATCH", path, {"last_name": "Roe", "phone": "+1 555 0100"})
    assert (changed["last_name"], changed["phone"]) == ("Roe", "+1 555 0100")
    assert (await call("GET", "/customers/?search=shop&status=active"))["results"] == [changed]
    assert (await call("GET", "/customers/?search=nobody"))["count"] == 0
    refused(await filled.send("PATCH", path, {"phone": "call me"}), 400, "phone")
    sign_in = {"email": "shopper1@example.com", "password": PASSWORD}
    key = {"X-API-Key": filled.shop.key}
    answer = await filled.shop.http.post("/api/store/auth/login/", json=sign_in, headers=key)
    jane = {**key, "Authorization": f"Bearer {answer.json()['access']}"}
    assert (await filled.shop.http.get("/api/store/me/", headers=jane)).status_code == 200
    assert (await call("PATCH", path, {"status": "inactive"}))["status"] == "inactive"
    assert (await filled.shop.http.get("/api/store/me/", headers=jane)).status_code == 401


async def test_orders(filled: Merchant) -> None:
    call, path = filled.call, f"/orders/{filled.ids['order']}/"
    found = await call("GET", path)
    assert (found["order_number"], found["total"], found["currency"]) == ("ORD-001", "107.78", "USD")
    assert (found["subtotal"], found["tax"], found["item_count"]) == ("99.80", "7.98", 2)
    assert found["customer"]["id"] == filled.ids["customer"] and found["source"] == "baas"
    assert found["history"][0]["to_status"] in ("pending", "confirmed")
    assert found["payments"][0]["provider"] == "manual" and found["shipments"] == found["refunds"] == []
    if found["status"] == "pending":
        assert (await call("POST", f"{path}status/", {"status": "confirmed"}))["status"] == "confirmed"
    moved = await call("PATCH", f"{path}status/", {"status": "processing", "note": "packing"})
    assert (moved["status"], moved["history"][-1]["note"], moved["history"][-1]["actor"]) == (
        "processing", "packing", "staff",
    )  # fmt: skip
    paid = await call("POST", f"{path}payments/", {}, 201)
    assert (paid["payment_status"], paid["payments"][0]["captured"]) == ("paid", "107.78")
    refused(await filled.send("POST", f"{path}payments/"), 400)
    sent = {"carrier": "UPS", "tracking_number": "1Z999", "tracking_url": "https://ups.example.com/1Z999"}
    shipped = await call("POST", f"{path}shipments/", sent, 201)
    assert shipped["status"] == "shipped" and shipped["shipments"][0]["tracking_number"] == "1Z999"
    error = refused(await filled.send("POST", f"{path}status/", {"status": "pending"}), 400, "status")
    assert error["code"] == "illegal_transition" and "delivered" in error["message"]
    assert (await call("POST", f"{path}status/", {"status": "delivered"}))["status"] == "delivered"
    part = await call("POST", f"{path}refunds/", {"amount": "7.78", "reason": "scratched"}, 201)
    assert (part["payment_status"], part["refunds"][0]["amount"]) == ("partially_refunded", "7.78")
    refused(await filled.send("POST", f"{path}refunds/", {"amount": "100.01"}), 400, "amount")
    refused(await filled.send("POST", f"{path}refunds/", {"amount": "1.005"}), 400, "amount")
    rest = await call("POST", f"{path}refunds/", status=201)
    assert (rest["payment_status"], rest["status"]) == ("refunded", "cancelled")
    assert sorted(one["amount"] for one in rest["refunds"]) == ["100.00", "7.78"]
    assert (rest["history"][-1]["from_status"], rest["history"][-1]["to_status"]) == ("delivered", "cancelled")


async def test_a_cancelled_order_gives_its_stock_back(filled: Merchant) -> None:
    stock = f"/products/{filled.ids['product']}/stock/"
    held = (await filled.call("GET", stock))["levels"][0]
    assert (held["stock_quantity"], held["on_hand"], held["reserved"]) == (18, 20, 2)
    gone = await filled.call("POST", f"/orders/{filled.ids['order']}/status/", {"status": "cancelled"})
    assert gone["status"] == "cancelled"
    level = (await filled.call("GET", stock))["levels"][0]
    assert (level["stock_quantity"], level["reserved"]) == (20, 0)


async def test_lists_of_orders(filled: Merchant) -> None:
    second = await order(filled)
    await filled.call("POST", f"/orders/{second['id']}/status/", {"status": "cancelled"})
    both = await filled.call("GET", "/orders/")
    assert [one["order_number"] for one in both["results"]] == ["ORD-002", "ORD-001"]
    customer = both["results"][0]["customer"]
    count = {
        "status=cancelled": 1,
        "status=cancelled&status=pending&status=confirmed": 2,
        "status=delivered": 0,
        f"customer={customer['id']}": 1,
        f"email={customer['email']}": 1,
        "created_from=2020-01-01": 2,
        "created_to=2020-01-01T00:00:00Z": 0,
    }
    for query, wanted in count.items():
        assert (await filled.call("GET", f"/orders/?{query}"))["count"] == wanted, query


async def test_webhooks(filled: Merchant) -> None:
    call, path = filled.call, f"/webhooks/{filled.ids['webhook']}/"
    found = await call("GET", path)
    assert found["url"] == "https://hooks.example.com/merx" and "secret" not in found
    listed = (await call("GET", "/webhooks/"))["results"]
    changing = {"failing_since": None}  # the worker may be trying it at this moment
    assert [one | changing for one in listed] == [found | changing]
    made = await call("POST", "/webhooks/", {"url": "https://a.example.com/", "events": ["order.paid"]}, 201)
    assert re.fullmatch(r"whsec_[0-9A-Za-z+/=]{44}", made["secret"]) and made["active"]
    turned = await call("POST", f"/webhooks/{made['id']}/rotate-secret/")
    assert turned["secret"].startswith("whsec_") and turned["secret"] != made["secret"]
    await call("POST", f"/webhooks/{made['id']}/rotate-secret/", {"keep_previous": False})
    changed = await call("PATCH", f"/webhooks/{made['id']}/", {"events": ["order.shipped"], "active": False})
    assert (changed["events"], changed["active"]) == (["order.shipped"], False)
    refused(await filled.send("PATCH", f"/webhooks/{made['id']}/", {"events": ["no.such"]}), 400, "events")
    refused(await filled.send("POST", "/webhooks/", {"url": "https://10.0.0.1/", "events": ["order.paid"]}), 400, "url")
    await call("DELETE", f"/webhooks/{made['id']}/", status=204)
    refused(await filled.send("GET", f"/webhooks/{made['id']}/"), 404)


async def test_deliveries(filled: Merchant) -> None:
    call, path = filled.call, f"/webhooks/{filled.ids['webhook']}/"
    delivery = (await deliveries(filled, ended=True))[0]
    assert delivery["type"] == "order.created" and delivery["webhook_id"] == filled.ids["webhook"]
    one = f"{path}deliveries/{delivery['id']}/"
    assert (await call("GET", one))["id"] == delivery["id"]
    assert (await call("GET", f"{path}deliveries/?state=delivered"))["count"] == 0
    events = await call("GET", "/events/?type=order.created&type=order.paid")
    assert [event["id"] for event in events["results"]] == [delivery["event_id"]]
    assert events["results"][0]["data"]["order_number"] == "ORD-001"
    refused(await filled.send("GET", "/events/?type=no.such"), 400, "type")
    for _ in range(50):  # refused while the worker has it in hand
        again = await filled.send("POST", f"{one}redeliver/")
        if again.status_code == 202:
            break
        assert refused(again, 409)["code"] == "delivery_on_its_way"
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("it never stopped being on its way")
    assert again.json()["id"] == delivery["id"]
    missed = await call("POST", f"{path}redeliver/", {"since": events["results"][0]["created_at"]}, 202)
    assert missed == {"count": 1} or missed == {"count": 0}  # none where it is being sent at this moment
    refused(await filled.send("POST", f"{path}redeliver/", {}), 400, "delivery_id")
    refused(await filled.send("POST", f"{path}redeliver/", {"since": "2020-01-01T00:00:00Z"}), 400, "since")
    refused(await filled.send("POST", f"{path}redeliver/", {"delivery_id": "dlv_x"}), 400, "delivery_id")


async def test_a_delivery_is_found_below_its_own_endpoint_only(filled: Merchant) -> None:
    other = {"url": "https://b.example.com/", "events": ["order.paid"]}
    wrong = (await filled.call("POST", "/webhooks/", other, 201))["id"]
    below = f"/webhooks/{wrong}/deliveries/{filled.ids['delivery']}/"
    refused(await filled.send("GET", below), 404)
    refused(await filled.send("POST", f"{below}redeliver/"), 404)
    refused(await filled.send("POST", f"/webhooks/{wrong}/redeliver/", {"delivery_id": filled.ids["delivery"]}), 404)


async def test_keys(merchant: Merchant) -> None:
    call = merchant.call
    public = await call("POST", "/api-keys/", {"name": "Browser", "type": "publishable"}, 201)
    assert public["key"].startswith("pk_live_") and public["type"] == "publishable"
    wide = await call("POST", "/api-keys/", {"name": "Server", "type": "secret", "scopes": ["*"]}, 201)
    assert wide["key"].startswith("sk_live_") and wide["scopes"] == ["*"]
    server = {"X-API-Key": wide["key"]}
    assert (await call("GET", "/settings/", headers=server))["currency"] == "USD"
    assert (await call("POST", "/products/", LAMP, 201, headers=server))["name"] == "Desk Lamp"
    # A key makes no keys and no people, whatever its scopes are; and it is no person.
    for path in ("/api-keys/", "/team/", "/oauth-clients/"):
        body = {"name": "x"} if path != "/team/" else {"email": "x@example.com", "role": "staff"}
        assert refused(await merchant.send("POST", path, body, server), 403)["code"] == "person_required"
    assert refused(await merchant.send("GET", "/me/", headers=server), 403)["code"] == "person_required"
    # Wide keys do not belong into addresses.
    refused(await merchant.shop.http.get(f"/api/platform/settings/?api_key={wide['key']}"), 403)
    got = await call("GET", f"/api-keys/{public['id']}/")
    assert got["name"] == "Browser" and "key" not in got
    too_much = {"name": "x", "type": "publishable", "scopes": ["orders:read"]}
    refused(await merchant.send("POST", "/api-keys/", too_much), 400, "scopes")
    refused(await merchant.send("POST", "/api-keys/", {"name": "x", "scopes": ["no:such"]}), 400, "scopes")
    past = {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}
    refused(await merchant.send("POST", "/api-keys/", past), 400, "expires_at")
    await call("DELETE", f"/api-keys/{wide['id']}/", status=204)
    refused(await merchant.send("GET", "/settings/", headers=server), 401)
    refused(await merchant.send("DELETE", f"/api-keys/{wide['id']}/"), 404)


async def test_team(merchant: Merchant) -> None:
    call = merchant.call
    email = f"new-{os.urandom(5).hex()}@example.com"
    person = {"email": email, "role": "staff", "password": PASSWORD, "first_name": "Ann", "last_name": "Lee"}
    added = await call("POST", "/team/", person, 201)
    assert (added["id"], added["email"], added["role"], added["first_name"]) == (2, email, "staff", "Ann")
    assert await call("GET", "/team/2/") == added
    assert [one["id"] for one in (await call("GET", "/team/"))["results"]] == [1, 2]
    refused(await merchant.send("POST", "/team/", person), 409, "email")
    unknown = {"email": f"x-{email}", "role": "staff"}
    refused(await merchant.send("POST", "/team/", unknown), 400, "password")
    signed_in = await call("POST", "/token/", {"email": email, "password": PASSWORD}, headers={})
    ann = {"Authorization": f"Bearer {signed_in['access']}"}
    refused(await merchant.send("PATCH", "/settings/", {}, ann), 403)
    changed = await call("PATCH", "/team/2/", {"permissions": ["settings:read", "settings:write"]})
    assert changed["permissions"] == ["settings:read", "settings:write"]
    assert (await call("PATCH", "/settings/", {}, headers=ann))["currency"] == "USD"
    refused(await merchant.send("GET", "/orders/", headers=ann), 403)
    assert (await call("PATCH", "/team/2/", {"role": "admin"}))["permissions"] == []
    assert refused(await merchant.send("DELETE", "/team/1/"), 400)["code"] == "last_owner"
    await call("DELETE", "/team/2/", status=204)
    refused(await merchant.send("GET", "/settings/", headers=ann), 401)
    refused(await merchant.send("GET", "/team/2/"), 404)


async def test_ones_own_password(merchant: Merchant) -> None:
    send, path = merchant.send, "/me/password/"
    refused(
        await send("POST", path, {"current_password": "wrong", "password": "another-good-one"}), 400, "current_password"
    )
    refused(await send("POST", path, {"current_password": PASSWORD, "password": "short"}), 400, "password")
    await merchant.call("POST", path, {"current_password": PASSWORD, "password": "another-good-one"}, 204)
    email = merchant.shop.email
    refused(await send("POST", "/token/", {"email": email, "password": PASSWORD}, {}), 401)
    await merchant.call("POST", "/token/", {"email": email, "password": "another-good-one"}, headers={})
    assert (await merchant.call("GET", "/me/"))["email"] == email  # the session that asked goes on


async def test_oauth_clients(merchant: Merchant) -> None:
    call = merchant.call
    body = {
        "name": "Reports",
        "redirect_uris": ["https://reports.example.com/back"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["orders:read"],
    }
    made = await call("POST", "/oauth-clients/", body, 201)
    assert made["client_secret"] and {name: made[name] for name in body} == body
    path = f"/oauth-clients/{made['client_id']}/"
    shown = await call("GET", path)
    assert "client_secret" not in shown and shown["name"] == "Reports"
    assert (await call("GET", "/oauth-clients/"))["results"] == [shown]
    changed = await call("PATCH", path, {"name": "Figures", "scopes": ["orders:read", "products:read"]})
    assert (changed["name"], changed["scopes"]) == ("Figures", ["orders:read", "products:read"])
    renewed = await call("POST", f"{path}rotate-secret/")
    assert renewed["client_secret"] != made["client_secret"]
    refused(await merchant.send("PATCH", path, {"redirect_uris": ["http://evil.example.com/"]}), 400, "redirect_uris")
    refused(
        await merchant.send("POST", "/oauth-clients/", {"name": "x", "grant_types": ["password"]}), 400, "grant_types"
    )
    await call("DELETE", path, status=204)
    refused(await merchant.send("GET", path), 404)
    public = await call("POST", "/oauth-clients/", {**body, "public": True}, 201)
    assert public["public"] is True and public["client_secret"] is None and not made["public"]
    refused(await merchant.send("POST", f"/oauth-clients/{public['client_id']}/rotate-secret/"), 400)
    refused(await merchant.send("POST", "/oauth-clients/", {**body, "scopes": ["keys:write"]}), 400, "scopes")


async def test_the_same_post_twice_with_a_key_is_one(merchant: Merchant) -> None:
    once = {**merchant.headers, "Idempotency-Key": os.urandom(8).hex()}
    first = await merchant.send("POST", "/products/", LAMP, once)
    again = await merchant.send("POST", "/products/", LAMP, once)
    assert first.json() == again.json() and again.headers["idempotent-replayed"] == "true"
    assert (await merchant.call("GET", "/products/"))["count"] == 1
    refused(await merchant.send("POST", "/products/", {**LAMP, "name": "Other"}, once))
