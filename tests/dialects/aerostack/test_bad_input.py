"""Bad input on every route: a 4xx in this dialect's shape with the field named, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.dialects.aerostack.window import ADDRESS, Window, failure, new_cart

from merx.dialects.aerostack.errors import STATUS, called
from merx.kernel.errors import Kind

CHECKOUT = {
    "cartId": "CART",
    "email": "john@example.com",
    "shippingAddress": {**ADDRESS, "line2": "Flat 4", "state": "NY"},
    "billingAddress": {**ADDRESS, "line2": "Flat 4", "state": "NY"},
    "couponCode": "NOSUCH",
    "customerName": "John Doe",
    "customerPhone": "+1234567890",
    "successUrl": "http://localhost:3000/done",
    "cancelUrl": "http://localhost:3000/cart",
    "shippingMethod": "standard",
    "paymentMethod": "cod",
    "notes": "Ring twice",
}
CONFIRM = {
    "orderId": "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8",
    "razorpay_payment_id": "pay_x",
    "razorpay_order_id": "order_x",
    "razorpay_signature": "s",
}
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "add": ("POST", "/cart/CART/items", {"productId": "PRODUCT", "quantity": 1, "variantId": "VARIANT"}),
    "change": ("PATCH", "/cart/CART/items/ITEM", {"quantity": 1}),
    "by cart": ("POST", "/coupons/validate", {"code": "NOSUCH", "cartId": "CART", "email": "a@b.cc", "apply": False}),
    "by worth": ("POST", "/coupons/validate", {"code": "NOSUCH", "subtotal": 12.5}),
    "checkout": ("POST", "/checkout", CHECKOUT),
    "confirm": ("POST", "/checkout/confirm", CONFIRM),
}
WRONG: dict[type, list[str]] = {
    str: ["5", "true", "[]", "{}", '"nul \\u0000 inside"', '"half \\ud800 pair"', json.dumps("x" * 30_000)],
    int: ['"5"', "1.5", "true", "[]", "NaN", "-1", "1e400", "9" * 40, str(2**63), "1000001", "{}"],
    float: ['"5"', '"5.00"', "true", "[]", "NaN", "-1", "-0.01", "1e400", "1e-9", "0.001", "9" * 40, "Infinity"],
    bool: ['"true"', "1", "0", "[]", "{}"],
    dict: ["[]", '"text"', "5", '{"surprise": 1}'],
}


class Scene:
    def __init__(self, window: Window, names: dict[str, str]) -> None:
        self.window, self.names = window, names

    async def send(self, body: str, raw: bytes, media: str = "application/json") -> httpx.Response:
        method, path, _ = BODIES[body]
        for name, value in self.names.items():
            path, raw = path.replace(name, value), raw.replace(name.encode(), value.encode())
        headers = {**self.window.headers, "Content-Type": media}
        return await self.window.http.request(method, self.window.base + path, content=raw, headers=headers)

    async def state(self) -> Any:
        shown = [await self.window.call("GET", path) for path in ("/products", f"/cart/{self.names['CART']}")]
        counts = "select array[(select count(*) from orders where tenant_id = $1), (select count(*) from carts where tenant_id = $1)]"
        return shown, await self.window.shop.value(counts)


@pytest.fixture
async def scene(window: Window) -> Scene:
    product = await window.shop.product(stock=50)
    cart = await window.add(product)
    ids = {"PRODUCT": product.id, "VARIANT": product.variants[0].id, "ITEM": cart["items"][0]["id"], "CART": cart["id"]}
    return Scene(window, {name: str(value) for name, value in ids.items()})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a body, the objects among them."""
    found: list[tuple[Any, ...]] = [path] if path else []
    for key, one in value.items() if isinstance(value, dict) else ():
        found += places(one, (*path, key))
    return found


def put(body: Any, path: tuple[Any, ...], raw: str) -> bytes:
    """The body as JSON with `raw` in that place."""
    copied = json.loads(json.dumps(body))
    at = copied
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = "@HERE@"
    return json.dumps(copied).replace('"@HERE@"', raw).encode()


@pytest.mark.parametrize("body", list(BODIES))
async def test_wrong_values_everywhere(scene: Scene, body: str) -> None:
    before, sent = await scene.state(), BODIES[body][2]
    for path in places(sent):
        value = sent
        for key in path:
            value = value[key]
        for raw in WRONG[type(value)]:
            answer = await scene.send(body, put(sent, path, raw))
            shown = failure(answer, 400)
            if raw not in ("NaN", "Infinity"):
                name = ".".join(path)
                named = shown["fields"]
                assert any(one.startswith(name) or name.startswith(one) for one in named), (name, raw, shown)
    assert await scene.state() == before


@pytest.mark.parametrize("body", list(BODIES))
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 50_000,
        b"nul",
    ],
)
async def test_what_is_no_json(scene: Scene, body: str, raw: bytes) -> None:
    failure(await scene.send(body, raw), 400)


@pytest.mark.parametrize("body", list(BODIES))
async def test_what_is_no_object_or_not_all_of_it(scene: Scene, body: str) -> None:
    for raw in (b"[]", b'"text"', b"5", b"null", b"true"):
        assert list(failure(await scene.send(body, raw), 400)["fields"]) == ["body"]
    assert failure(await scene.send(body, b"{}"), 400)["fields"]
    shown = failure(await scene.send(body, json.dumps({**BODIES[body][2], "surprise": 1}).encode()), 400)
    assert "surprise" in shown["fields"]


@pytest.mark.parametrize("body", list(BODIES))
async def test_the_frame_of_a_body(scene: Scene, body: str) -> None:
    good = json.dumps(BODIES[body][2]).encode()
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""):
        failure(await scene.send(body, good, media), 415)
    failure(await scene.send(body, b" " * ((1 << 20) + 1)), 413)


async def test_every_wrong_field_is_named_at_once(window: Window) -> None:
    shown = await window.refused(
        "POST", "/checkout", 400, {"email": 1, "customerName": 2, "shippingAddress": {"zip": 1}}
    )
    assert set(shown["fields"]) == {"cartId", "email", "customerName", "shippingAddress.zip"}
    assert shown["fields"]["cartId"] == ["This field is required."]


@pytest.mark.parametrize("email", ["", "john", "john@", "@example.com", "john@example", "a b@example.com", "x" * 255])
async def test_what_is_no_email(window: Window, email: str) -> None:
    cart = (await window.add(await window.shop.product(stock=5)))["id"]
    shown = await window.refused("POST", "/checkout", 400, {"cartId": cart, "email": email})
    assert list(shown["fields"]) == ["email"]
    for path in (f"/orders?email={email}", f"/orders/01a1fcc2-9115-7109-a5d0-59c6f5d95fd8?email={email}"):
        assert list((await window.refused("GET", path, 400))["fields"]) == ["email"]


async def test_an_email_is_asked_for(window: Window) -> None:
    for path in ("/orders", "/orders/01a1fcc2-9115-7109-a5d0-59c6f5d95fd8", "/orders?email=a@b.cc&email=c@d.ee"):
        assert list((await window.refused("GET", path, 400))["fields"]) == ["email"]


@pytest.mark.parametrize("cart", ["x" * 129, "a%20b", "%3Cscript%3E", "a%00b", "%C3%A4", "a'b"])
async def test_what_is_no_cart_id(window: Window, cart: str) -> None:
    product = str((await window.shop.product(stock=5)).id)
    for method, path, body in (
        ("GET", f"/cart/{cart}", None),
        ("DELETE", f"/cart/{cart}", None),
        ("POST", f"/cart/{cart}/items", {"productId": product, "quantity": 1}),
    ):
        answer = await window.send(method, path, body)
        assert answer.status_code in (400, 404), (method, answer.text)
        shown = failure(answer, answer.status_code)
        assert answer.status_code == 404 or list(shown["fields"]) == ["cartId"]
    assert await window.shop.value("select count(*) from carts where tenant_id = $1") == 0


async def test_cart_ids_as_long_as_can_be(window: Window) -> None:
    product = await window.shop.product(stock=5)
    for cart in ("x" * 128, "a", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "a.b:c_d-e"):
        assert (await window.add(product, 1, cart))["id"] == cart


async def test_where_a_payment_page_may_lead_back_to(window: Window) -> None:
    await window.shop.settings(payment_provider="stripe", allowed_origins=["https://yoursite.com"])
    product = await window.shop.product(stock=50)
    own = f"http://{window.shop.slug}.{window.shop.rt.settings.base_domain}/done"
    for good in ("https://yoursite.com/a?b=c", own, "http://localhost:3000/", "http://127.0.0.1:5173/x"):
        await window.checkout((await window.add(product))["id"], successUrl=good, cancelUrl=good)
    cart = (await window.add(product))["id"]
    bad = [
        "https://evil.example/", "https://yoursite.com.evil.example/", "https://yoursite.com@evil.example/",
        "http://yoursite.com/", "javascript:alert(1)", "//yoursite.com/", "/done", "https://", "https://yoursite.com /",
        "data:text/html,x", "http://localhost.evil.example/", "https://yoursite.com:444/",
    ]  # fmt: skip
    for field in ("successUrl", "cancelUrl"):
        for url in bad:
            shown = await window.refused("POST", "/checkout", 400, {"cartId": cart, "email": "a@b.cc", field: url})
            assert list(shown["fields"]) == [field], (url, shown)
    evil = {"cartId": cart, "email": "a@b.cc", "successUrl": "https://evil.example/"}
    assert (await window.refused("POST", "/checkout", 400, evil))["code"] == "origin_not_allowed"
    await window.shop.settings(payment_provider="manual")
    await window.refused("POST", "/checkout", 400, evil)
    assert (await window.call("GET", f"/cart/{cart}"))["item_count"] == 1


async def test_null_is_left_out(window: Window) -> None:
    """Whatever a checkout may do without."""
    cart = (await window.add(await window.shop.product(stock=5)))["id"]
    nulls = {name: None for name in CHECKOUT if name not in ("cartId", "email")}
    address = {**dict.fromkeys(("line2", "state", "postal_code")), "line1": "123 Main St", "city": "X", "country": "US"}
    asked = {"cartId": cart, "email": "john@example.com", **nulls, "shippingAddress": address}
    made = await window.call("POST", "/checkout", asked, 201)
    shown = await window.call("GET", f"/orders/{made['order']['id']}?email=john@example.com")
    assert shown["shipping_address"] == {"line1": "123 Main St", "city": "X", "country": "US"}
    assert (shown["customer_name"], shown["customer_phone"], shown["coupon_code"]) == ("", None, None)


async def test_this_machine_is_for_test_mode(window: Window) -> None:
    live = {
        "payment_test_mode": False,
        "credentials": {"stripe": {"secret_key": "sk_live_x", "webhook_secret": "whsec_x"}},
    }
    await window.shop.settings(payment_provider="manual", **live)
    cart = (await window.add(await window.shop.product(stock=5)))["id"]
    local = {"cartId": cart, "email": "a@b.cc", "successUrl": "http://localhost:3000/"}
    assert (await window.refused("POST", "/checkout", 400, local))["code"] == "origin_not_allowed"


async def test_what_the_shop_refuses(window: Window) -> None:
    """Rules of the shop, not of the request's form: 409, and the code says which."""
    product = await window.shop.product(stock=5)
    cart = (await window.add(product, 5))["id"]
    rival = (await window.add(product, 1))["id"]
    asked = {"cartId": cart, "email": "a@b.cc"}
    assert (await window.refused("POST", "/checkout", 409, {**asked, "couponCode": "NO"}))["code"] == "coupon_unknown"
    assert (await window.refused("POST", "/checkout", 400, {**asked, "couponCode": "%"}))["fields"].keys() == {
        "couponCode"
    }
    assert (await window.refused("POST", "/checkout", 409, {**asked, "cartId": new_cart()}))["code"] == "cart_empty"
    await window.checkout(rival)
    shown = await window.refused("POST", "/checkout", 409, asked)
    assert shown["code"] == "out_of_stock" and list(shown["fields"]) == ["cartId"] and "4" not in shown["error"]
    await window.refused("POST", f"/cart/{cart}/items", 404, {"productId": "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8"})
    two = {"code": "X", "cartId": cart, "subtotal": 5}
    assert list((await window.refused("POST", "/coupons/validate", 400, two))["fields"]) == ["subtotal"]
    for wrong, named in (
        ({}, "code"),
        ({"cartId": cart}, "code"),
        ({"code": "X", "couponCode": "X"}, "couponCode"),
        ({"code": "%"}, "code"),
        ({"couponCode": "%"}, "couponCode"),
    ):
        assert list((await window.refused("POST", "/coupons/validate", 400, wrong))["fields"]) == [named], wrong
    nothing = {**CONFIRM, "orderId": (await window.sold())["order"]["id"]}
    assert (await window.refused("POST", "/checkout/confirm", 409, nothing))["code"] == "nothing_to_confirm"
    await window.refused("POST", "/checkout/confirm", 404, CONFIRM)


@pytest.mark.parametrize("path", ["/nothing", "/cart", "/products/a/b", "/checkout/x", ""])
async def test_nothing_there(window: Window, path: str) -> None:
    await window.refused("GET", path, 404)


async def test_methods(window: Window) -> None:
    for method, path in (("POST", "/products"), ("PUT", "/cart/c"), ("DELETE", "/orders"), ("POST", "/config")):
        answer = await window.send(method, path)
        failure(answer, 405)
        assert "OPTIONS" in answer.headers["allow"]


async def test_idempotency_keys(window: Window) -> None:
    product = await window.shop.product(stock=50)
    cart = new_cart()
    path, body = f"/cart/{cart}/items", {"productId": str(product.id), "quantity": 2}
    keyed = {**window.headers, "Idempotency-Key": "add-1"}
    first = await window.send("POST", path, body, keyed)
    again = await window.send("POST", path, body, keyed)
    assert first.content == again.content and again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" in again.headers["access-control-expose-headers"].lower()
    assert (await window.call("GET", f"/cart/{cart}"))["item_count"] == 2
    shown = await window.refused("POST", path, 400, {**body, "quantity": 3}, keyed)
    assert shown["code"] == "idempotency_key_reused"
    await window.refused("POST", path, 400, body, {**window.headers, "Idempotency-Key": "x" * 256})
    line = f"/cart/{cart}/items/{first.json()['items'][0]['id']}"
    keyed["Idempotency-Key"] = "change-1"
    for _ in range(2):
        assert (await window.call("PATCH", line, {"quantity": 4}, headers=keyed))["item_count"] == 4
    keyed["Idempotency-Key"] = "buy-1"
    asked = {"cartId": cart, "email": "john@example.com"}
    made = [await window.call("POST", "/checkout", asked, 201, headers=keyed) for _ in range(2)]
    assert made[0] == made[1]


async def test_credentials_that_contradict_one_another(window: Window) -> None:
    for headers in (
        [("Authorization", "Bearer x"), ("Authorization", "Bearer y")],
        [("X-API-Key", "pk_live_a"), ("Authorization", "Bearer pk_live_b")],
    ):
        answer = await window.http.get(window.base + "/products", headers=headers)
        failure(answer, 400)
    failure(await window.http.get(f"{window.base}/products?token=pk_live_a&token=pk_live_b"), 400)


async def test_addresses_that_are_too_long(window: Window) -> None:
    assert (await window.refused("GET", "/products?search=" + "x" * 9_000, 414))["code"] == "address_too_long"


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS) == set(Kind)
    assert called("success_url") == "successUrl"
    assert called("buyer.email") == "email"
    assert called("shipping_address.postal_code") == "shippingAddress.postal_code"
