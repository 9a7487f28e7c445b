"""Bad input on every route of the store API: a 4xx in the document's shape with the field named, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.dialects.baas.shape import refused
from tests.dialects.baas.test_store_golden import CHECKOUT
from tests.dialects.site import PASSWORD, Shop

ADDRESS = CHECKOUT["shipping_address"]
FORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "register": ("POST", "/api/store/auth/register/", {"email": "new@example.com", "password": PASSWORD}),
    "login": ("POST", "/api/store/auth/login/", {"email": "shopper1@example.com", "password": PASSWORD}),
    "refresh": ("POST", "/api/store/auth/token/refresh/", {"refresh": "rt_x"}),
    "me": ("PATCH", "/api/store/me/", {"first_name": "Janet", "phone": "+1 555 0100", "accepts_marketing": True}),
    "password": ("POST", "/api/store/me/password/", {"current_password": "wrong-one", "password": "another-password"}),
    "add": ("POST", "/api/store/cart/items/", {"product_id": "PRODUCT", "quantity": 1}),
    "change": ("PATCH", "/api/store/cart/items/ITEM/", {"quantity": 2}),
    "coupon": ("POST", "/api/store/cart/coupon/", {"code": "NOSUCH"}),
    "checkout": ("POST", "/api/store/checkout/", {**CHECKOUT, "coupon_code": "X", "shipping_method": "standard"}),
}
WRONG_TYPES: dict[type, list[str]] = {
    str: ["5", "true", "[]", "{}", '"nul \\u0000 inside"', '"half \\ud800 pair"', json.dumps("x" * 30_000)],
    int: ['"5"', "1.5", "true", "[]", "NaN", "-1", "1e400", "9" * 40, str(2**63), "1000001"],
    bool: ['"true"', "1", "[]"],
    dict: ["[]", '"text"', "5", "{}"],
}


class Scene:
    """A shop with a shopper who has something in the cart."""

    def __init__(self, shop: Shop, jane: dict[str, str], names: dict[str, str]) -> None:
        self.shop, self.jane, self.names = shop, jane, names

    async def send(self, form: str, raw: bytes, content_type: str = "application/json") -> httpx.Response:
        method, path, _ = FORMS[form]
        for name, value in self.names.items():
            path, raw = path.replace(name, value), raw.replace(name.encode(), value.encode())
        headers = {**self.jane, "Content-Type": content_type}
        return await self.shop.http.request(method, path, content=raw, headers=headers)

    async def state(self) -> Any:
        get = self.shop.http.get
        paths = ("/api/store/me/", "/api/store/cart/", "/api/store/orders/")
        seen = [(await get(path, headers=self.jane)).json() for path in paths]
        people = await self.shop.value("select count(*) from customers where tenant_id = $1")
        return [*seen, people]


@pytest.fixture
async def scene(shop: Shop) -> Scene:
    product = await shop.product(stock=50)
    jane = await shop.shopper()
    found = (await shop.http.get("/api/store/products/")).json()["results"][0]["id"]
    body = {"product_id": found, "quantity": 1}
    cart = (await shop.http.post("/api/store/cart/items/", headers=jane, json=body)).json()
    assert product.available == 50
    return Scene(shop, jane, {"PRODUCT": found, "ITEM": cart["items"][0]["id"]})


def leaves(body: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in body.items():
        found.append(((*path, name), value))
        if isinstance(value, dict):
            found += leaves(value, (*path, name))
    return found


def with_raw(body: dict[str, Any], path: tuple[str, ...], raw: str) -> bytes:
    """The body with the value at `path` replaced by `raw`, which need not be JSON."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "@@@"
    return json.dumps(copy).replace('"@@@"', raw).encode()


@pytest.mark.parametrize("form", FORMS)
async def test_every_field_with_every_wrong_value(scene: Scene, form: str) -> None:
    before = await scene.state()
    body = FORMS[form][2]
    for path, value in leaves(body):
        for raw in WRONG_TYPES[type(value)]:
            answer = await scene.send(form, with_raw(body, path, raw))
            error = refused(answer)
            if error["code"] != "malformed_json":
                dotted = ".".join(path)
                assert any(name.startswith(dotted) for name in error["details"]), (path, raw, error)
    assert await scene.state() == before


@pytest.mark.parametrize("form", FORMS)
async def test_every_body_that_is_none(scene: Scene, form: str) -> None:
    before = await scene.state()
    good = json.dumps(FORMS[form][2]).encode()
    first = next(iter(FORMS[form][2]))
    refused(await scene.send(form, b""), 400)
    refused(await scene.send(form, good[:-1]), 400)
    refused(await scene.send(form, b"[]"), 400)
    refused(await scene.send(form, b"null"), 400)
    refused(await scene.send(form, b'"text"'), 400)
    refused(await scene.send(form, b"\xff\xfe" + good), 400)
    refused(await scene.send(form, b"\xef\xbb\xbf" + good), 400)
    refused(await scene.send(form, b"[" * 10_000), 400)
    refused(await scene.send(form, b'{"a":' * 10_000), 400)
    refused(await scene.send(form, good[:-1] + b',"' + first.encode() + b'": 1}'), 400)
    refused(await scene.send(form, good[:-1] + b',"no_such_field": 1}'), 400, "no_such_field")
    refused(await scene.send(form, b"{" + b'"x":1,' * 200_000 + b'"y":1}'), 413)
    refused(await scene.send(form, json.dumps({first: [{"product_id": "x"}] * 10_000}).encode()), 400, first)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        refused(await scene.send(form, good, content_type), 415)
    assert await scene.state() == before


@pytest.mark.parametrize("form", ["login", "refresh", "password", "add", "change", "coupon", "checkout"])
async def test_every_missing_field_is_named(scene: Scene, form: str) -> None:
    optional = {"notes", "billing_address", "coupon_code", "shipping_method"} | (
        {"quantity"} if form == "add" else set()
    )
    error = refused(await scene.send(form, b"{}"), 400)
    assert error["code"] == "validation_error" and error["message"] == "Invalid request data"
    assert error["details"] == {name: ["This field is required."] for name in FORMS[form][2] if name not in optional}


QUERIES = {
    "/api/store/products/": {
        "page": ["0", "-1", "1.0", "NaN", "x", "", "9" * 30, "1000001"],
        "per_page": ["0", "101", "-5", "1e2", "9" * 30],
        "sort": ["price", "PRICE_ASC", "", "id; drop table products"],
        "min_price": ["NaN", "Infinity", "1e5", "x", "-1", "1" * 30, "1_000", "1.2345678901"],
        "max_price": ["NaN", "-Infinity", "", "9" * 30],
        "search": ["x" * 1000],
        "category": ["x" * 1000],
    },
    "/api/store/orders/": {
        "page": ["0", "x", "9" * 30],
        "per_page": ["0", "101"],
        "status": ["refunded", "PENDING", ""],
    },
}


@pytest.mark.parametrize("path", QUERIES)
async def test_every_wrong_parameter_is_named(scene: Scene, path: str) -> None:
    get = scene.shop.http.get
    for name, values in QUERIES[path].items():
        for value in values:
            refused(await get(path, params={name: value}, headers=scene.jane), 400, name)
    refused(await get(f"{path}?page=1&page=2", headers=scene.jane), 400, "page")
    refused(await get(f"{path}?page=%00", headers=scene.jane), 400)
    refused(await get(f"{path}?page=%ff", headers=scene.jane), 400)
    assert (await get(f"{path}?utm_source=x", headers=scene.jane)).status_code == 200


PATHS = [
    ("GET", "/api/store/products/{}/"),
    ("GET", "/api/store/orders/{}/"),
    ("PATCH", "/api/store/cart/items/{}/"),
    ("DELETE", "/api/store/cart/items/{}/"),
]
IDS = [
    "0", "-1", "prod_", "prod_abc123", "ord_zzzzzzzzzzzzzzzzzzzzzzzzzz", "item_01h455vb4pex5vsknk084sn02q", "%00", "%ff",
    "..%2f..", "x" * 3000, "ord_01h455vb4pex5vsknk084sn02q", "prod_01h455vb4pex5vsknk084sn02q", "%F0%9F%98%80",
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_what_is_no_id_is_an_unknown_id(scene: Scene, method: str, path: str) -> None:
    before = await scene.state()
    body = {"quantity": 1} if method == "PATCH" else None
    for ident in IDS:
        answer = await scene.shop.http.request(method, path.format(ident), headers=scene.jane, json=body)
        refused(answer, 404)
    assert await scene.state() == before


async def test_methods_and_addresses_that_are_not_there(scene: Scene) -> None:
    http = scene.shop.http
    answer = await http.put("/api/store/cart/", headers=scene.jane, json={})
    refused(answer, 405)
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    refused(await http.get("/api/store/nothing/"), 404)
    refused(await http.get("/api/store/products/", headers={"Authorization": "Bearer nonsense"}), 401)
    refused(await http.get("/api/store/" + "x" * 9000), 414)


async def test_business_rules_say_no_and_change_nothing(scene: Scene) -> None:
    shop, jane, before = scene.shop, scene.jane, await scene.state()
    post = shop.http.post
    more = {"product_id": scene.names["PRODUCT"], "quantity": 51}
    error = refused(await post("/api/store/cart/items/", headers=jane, json=more), 400, "quantity")
    assert error["code"] == "out_of_stock" and "50" not in error["message"]
    error = refused(await post("/api/store/cart/coupon/", headers=jane, json={"code": "NOSUCH"}), 400, "code")
    assert error["code"] == "coupon_unknown"
    outside = {**CHECKOUT, "success_url": "https://evil.example.com/"}
    refused(await post("/api/store/checkout/", headers=jane, json=outside), 400, "success_url")
    unknown = {**CHECKOUT, "shipping_method": "teleport"}
    refused(await post("/api/store/checkout/", headers=jane, json=unknown), 400, "shipping_method")
    refused(await post("/api/store/checkout/", headers=jane, json={**CHECKOUT, "coupon_code": "NOSUCH"}), 400)
    taken = {"email": "shopper1@example.com", "password": PASSWORD}
    refused(await post("/api/store/auth/register/", json=taken), 400, "email")
    assert await scene.state() == before
    empty = await shop.shopper()
    assert refused(await post("/api/store/checkout/", headers=empty, json=CHECKOUT), 400)["code"] == "cart_empty"
