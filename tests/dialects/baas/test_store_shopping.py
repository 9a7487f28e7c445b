"""A shopper's way through the store API: account, cart, coupon, shipping, paying, looking back."""

from __future__ import annotations

import asyncio

import httpx
from tests.dialects.baas.shape import refused
from tests.dialects.baas.test_store_golden import CHECKOUT
from tests.dialects.site import PASSWORD, Shop

from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.kernel import ids

COD = {**CHECKOUT, "payment_method": "cod"}


async def product_id(shop: Shop, **more: object) -> str:
    made = await shop.product(**{"stock": 50, **more})  # type: ignore[arg-type]
    return ids.encode("prod", made.id)


async def add(shop: Shop, who: dict[str, str], product: str, quantity: int = 1) -> httpx.Response:
    body = {"product_id": product, "quantity": quantity}
    return await shop.http.post("/api/store/cart/items/", headers=who, json=body)


async def test_an_account_from_registering_to_signing_out(shop: Shop) -> None:
    http = shop.http
    body = {"email": "Jane@Example.com", "password": PASSWORD, "first_name": "Jane", "last_name": "Doe"}
    made = await http.post("/api/store/auth/register/", json=body)
    assert made.status_code == 201
    assert list(made.json()) == ["access", "refresh", "token_type", "expires_in", "customer"]
    assert made.json()["customer"]["email"] == "jane@example.com"
    assert "password" not in made.text
    signed = await http.post("/api/store/auth/login/", json={"email": "jane@example.com", "password": PASSWORD})
    assert signed.status_code == 200
    jane = {"Authorization": f"Bearer {signed.json()['access']}"}
    assert (await http.get("/api/store/me/", headers=jane)).json() == made.json()["customer"]
    changed = await http.patch("/api/store/me/", headers=jane, json={"phone": "+1 555 0100", "last_name": "Roe"})
    assert (changed.json()["phone"], changed.json()["first_name"], changed.json()["last_name"]) == (
        "+1 555 0100", "Jane", "Roe",
    )  # fmt: skip
    fresh = await http.post("/api/store/auth/token/refresh/", json={"refresh": signed.json()["refresh"]})
    assert fresh.status_code == 200 and list(fresh.json()) == ["access", "refresh", "token_type", "expires_in"]
    assert (await http.post("/api/store/auth/logout/", headers=jane)).status_code == 204
    refused(await http.get("/api/store/me/", headers=jane), 401)
    refused(await http.post("/api/store/auth/token/refresh/", json={"refresh": fresh.json()["refresh"]}), 401)


async def test_a_stale_token_does_not_keep_a_shopper_from_signing_in(shop: Shop) -> None:
    stale = await shop.shopper()
    await shop.http.post("/api/store/auth/logout/", headers=stale)
    body = {"email": "shopper1@example.com", "password": PASSWORD}
    assert (await shop.http.post("/api/store/auth/login/", headers=stale, json=body)).status_code == 200
    refused(await shop.http.get("/api/store/cart/", headers=stale), 401)


async def test_who_signs_in_nowhere_is_asked_for_the_shop(shop: Shop, http: httpx.AsyncClient) -> None:
    body = {"email": "jane@example.com", "password": PASSWORD}
    for path in ("login", "register"):
        error = refused(await http.post(f"/api/store/auth/{path}/", json=body), 401)
        assert error["code"] == "unauthenticated" and error["message"].startswith("Which shop?")


async def test_wrong_and_unknown_look_the_same_and_are_limited(shop: Shop) -> None:
    await shop.shopper()
    answers = []
    for email in ("shopper1@example.com", "nobody@example.com"):
        body = {"email": email, "password": "not-the-password"}
        answers.append((await shop.http.post("/api/store/auth/login/", json=body)).json())
    assert answers[0] == answers[1] and answers[0]["status"] == 401
    body = {"email": "shopper1@example.com", "password": "not-the-password"}
    for _ in range(9):
        refused(await shop.http.post("/api/store/auth/login/", json=body), 401)
    over = await shop.http.post("/api/store/auth/login/", json={**body, "password": PASSWORD})
    refused(over, 429)
    assert int(over.headers["retry-after"]) > 0


async def test_the_password_can_be_changed(shop: Shop) -> None:
    jane = await shop.shopper()
    body = {"current_password": PASSWORD, "password": "another-good-one"}
    assert (await shop.http.post("/api/store/me/password/", headers=jane, json=body)).status_code == 204
    again = {"email": "shopper1@example.com", "password": "another-good-one"}
    assert (await shop.http.post("/api/store/auth/login/", json=again)).status_code == 200
    refused(
        await shop.http.post("/api/store/me/password/", headers=jane, json={**body, "password": "third-password"}),
        400,
        "current_password",
    )


async def test_a_cart_changes(shop: Shop) -> None:
    jane, http = await shop.shopper(), shop.http
    empty = (await http.get("/api/store/cart/", headers=jane)).json()
    assert list(empty) == ["id", "items", "subtotal", "tax", "total", "item_count"]
    assert empty["items"] == [] and empty["id"].startswith("cart_") and empty["total"] == "0.00"
    first, second = await product_id(shop), await product_id(shop, name="Case", price="10.00")
    await add(shop, jane, first)
    await add(shop, jane, first, 2)
    cart = (await add(shop, jane, second)).json()
    assert [(one["product"]["id"], one["quantity"]) for one in cart["items"]] == [(first, 3), (second, 1)]
    assert (cart["item_count"], cart["subtotal"]) == (4, "309.97")
    line = f"/api/store/cart/items/{cart['items'][0]['id']}/"
    cart = (await http.patch(line, headers=jane, json={"quantity": 1})).json()
    assert cart["subtotal"] == "109.99"
    gone = await http.delete(line, headers=jane)
    assert gone.status_code == 200 and gone.json()["item_count"] == 1
    refused(await http.delete(line, headers=jane), 404)
    cleared = await http.delete("/api/store/cart/", headers=jane)
    assert cleared.status_code == 200 and cleared.json()["items"] == []


async def test_coupon_and_shipping_show_only_where_they_apply(shop: Shop) -> None:
    await coupons.create(shop.rt, shop.ctx, coupons.CouponDraft("SAVE10", CouponType.PERCENT, rate=100_000))
    draft = coupons.CouponDraft("BIG", CouponType.FIXED, amount_minor=500, minimum_minor=100_000)
    await coupons.create(shop.rt, shop.ctx, draft)
    await shop.settings(tax_percentage="8", shipping_enabled=True, flat_shipping_rate="5.00")
    jane, product = await shop.shopper(), await product_id(shop)
    refused(await shop.http.post("/api/store/cart/coupon/", headers=jane, json={"code": "SAVE10"}), 400)
    cart = (await add(shop, jane, product, 2)).json()
    assert (cart["shipping"], cart["total"]) == ("5.00", "220.98") and "discount" not in cart and "coupon" not in cart
    cart = (await shop.http.post("/api/store/cart/coupon/", headers=jane, json={"code": "save10"})).json()
    assert cart["coupon"] == {"code": "SAVE10", "applied": True, "problem": None}
    assert (cart["discount"], cart["tax"], cart["total"]) == ("20.00", "14.40", "199.38")
    error = refused(await shop.http.post("/api/store/cart/coupon/", headers=jane, json={"code": "BIG"}), 400, "code")
    assert error["code"] == "coupon_minimum"
    order = (await shop.http.post("/api/store/checkout/", headers=jane, json=COD)).json()
    assert (order["discount"], order["shipping"], order["total"]) == ("20.00", "5.00", "199.38")
    assert order["coupon_code"] == "SAVE10"
    await add(shop, jane, product, 2)
    cart = (await shop.http.delete("/api/store/cart/coupon/", headers=jane)).json()
    assert "coupon" not in cart and "discount" not in cart


async def test_the_same_checkout_many_times_at_once_is_one_order(shop: Shop) -> None:
    product = await product_id(shop)
    for key in ({}, {"Idempotency-Key": "one-click"}):
        jane = {**await shop.shopper(), **key}
        await add(shop, jane | {"Idempotency-Key": "put"}, product)
        sent = [shop.http.post("/api/store/checkout/", headers=jane, json=COD) for _ in range(20)]
        answers = await asyncio.gather(*sent)
        made = [answer for answer in answers if answer.status_code == 201]
        assert made and len({answer.json()["id"] for answer in made}) == 1
        assert {answer.status_code for answer in answers} <= {201, 409}
        listed = (await shop.http.get("/api/store/orders/", headers=jane)).json()
        assert listed["count"] == 1


async def test_idempotency_keys(shop: Shop) -> None:
    jane, product = await shop.shopper(), await product_id(shop)
    keyed = {**jane, "Idempotency-Key": "abc"}
    first = await add(shop, keyed, product, 2)
    again = await add(shop, keyed, product, 2)
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"
    assert again.json()["item_count"] == 2
    error = refused(await add(shop, keyed, product, 3), 400)
    assert error["code"] == "idempotency_key_reused"
    joe = {**await shop.shopper(), "Idempotency-Key": "abc"}
    assert (await add(shop, joe, product, 3)).json()["item_count"] == 3


async def test_a_card_is_paid_at_the_simulator_and_the_order_says_so(shop: Shop, http: httpx.AsyncClient) -> None:
    jane, product = await shop.shopper(), await product_id(shop)
    await shop.settings(payment_provider="stripe", payment_test_mode=True)
    await add(shop, jane, product)
    order = (await shop.http.post("/api/store/checkout/", headers=jane, json=CHECKOUT)).json()
    assert order["payment"]["url"], order
    page = await http.get(order["payment"]["url"])
    assert page.status_code == 200 and "99.99" in page.text


async def test_orders_are_the_shopper_s_own(shop: Shop) -> None:
    jane, joe, product = await shop.shopper(), await shop.shopper(), await product_id(shop)
    placed = []
    for _ in range(3):
        await add(shop, jane, product)
        placed.append((await shop.http.post("/api/store/checkout/", headers=jane, json=COD)).json())
    assert [one["order_number"] for one in placed] == ["ORD-001", "ORD-002", "ORD-003"]
    listed = (await shop.http.get("/api/store/orders/?per_page=2", headers=jane)).json()
    assert [one["order_number"] for one in listed["results"]] == ["ORD-003", "ORD-002"]
    assert listed["count"] == 3 and listed["next"] == "/api/store/orders/?per_page=2&page=2"
    assert (await shop.http.get("/api/store/orders/", headers=joe)).json()["count"] == 0
    refused(await shop.http.get(f"/api/store/orders/{placed[0]['id']}/", headers=joe), 404)
    ident = ids.decode("ord", placed[0]["id"])
    assert ident is not None
    await orders.change_status(shop.rt, shop.ctx, ids.OrderId(ident), Status.CANCELLED)
    cancelled = (await shop.http.get("/api/store/orders/?status=cancelled", headers=jane)).json()
    assert [one["id"] for one in cancelled["results"]] == [placed[0]["id"]]
    assert (await shop.http.get("/api/store/orders/?status=pending", headers=jane)).json()["count"] == 2


async def test_who_may_shop(shop: Shop) -> None:
    bare = httpx.Headers(shop.http.headers)
    refused(await shop.http.get("/api/store/cart/"), 401)  # a key is nobody's cart
    refused(await shop.http.post("/api/store/checkout/", json={}), 401)  # before the body is looked at
    jane = await shop.shopper()
    del shop.http.headers["X-API-Key"]
    assert (await shop.http.get("/api/store/cart/", headers=jane)).status_code == 200
    assert (await shop.http.get("/api/store/products/", headers=jane)).status_code == 200
    shop.http.headers = bare


async def test_what_would_be_too_much_for_an_order_is_not_kept(shop: Shop) -> None:
    """The cart stays what it was, and can be looked at."""
    jane, http = await shop.shopper(), shop.http
    dear = await product_id(shop, price="9999999999999.00")
    before = (await add(shop, jane, dear)).json()
    assert before["item_count"] == 1
    refused(await add(shop, jane, dear, 2), 400)
    line = f"/api/store/cart/items/{before['items'][0]['id']}/"
    refused(await http.patch(line, headers=jane, json={"quantity": 3}), 400)
    assert (await http.get("/api/store/cart/", headers=jane)).json() == before


async def test_what_is_short_is_named(shop: Shop) -> None:
    jane, http = await shop.shopper(), shop.http
    product = await product_id(shop, name="Desk Lamp", stock=3)
    said = "Not enough in stock: Desk Lamp. Lower the quantity or remove it."
    error = refused(await add(shop, jane, product, 4), 400, "quantity")
    assert (error["code"], error["message"]) == ("out_of_stock", said)
    cart = (await add(shop, jane, product, 3)).json()
    line = f"/api/store/cart/items/{cart['items'][0]['id']}/"
    assert refused(await http.patch(line, headers=jane, json={"quantity": 4}), 400, "quantity")["message"] == said
    assert (await http.get("/api/store/cart/", headers=jane)).json() == cart


async def test_a_variant_of_another_product_is_the_variants_fault(shop: Shop) -> None:
    jane, http = await shop.shopper(), shop.http
    lamp, case = await product_id(shop), await product_id(shop, name="Case")
    other = (await http.get(f"/api/store/products/{case}/")).json()["variants"][0]["id"]
    body = {"product_id": lamp, "variant_id": other}
    error = refused(await http.post("/api/store/cart/items/", headers=jane, json=body), 404, "variant_id")
    assert error["message"] == "No such variant."


async def test_a_coupon_the_shopper_has_used_up_is_refused_at_the_cart_already(shop: Shop) -> None:
    jane, http = await shop.shopper(), shop.http
    product = await product_id(shop)
    draft = coupons.CouponDraft("ONCE", CouponType.FIXED, amount_minor=100, per_customer_limit=1)
    await coupons.create(shop.rt, shop.ctx, draft)
    for status in (200, 400):
        await add(shop, jane, product)
        answer = await http.post("/api/store/cart/coupon/", headers=jane, json={"code": "ONCE"})
        assert answer.status_code == status, answer.text
        if status == 200:
            assert (await http.post("/api/store/checkout/", headers=jane, json=COD)).json()["discount"] == "1.00"
    assert refused(answer, 400, "code")["code"] == "coupon_used_by_customer"
    assert "coupon" not in (await http.get("/api/store/cart/", headers=jane)).json()
