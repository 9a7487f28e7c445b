"""Bad input on every route: a 4xx in this dialect's shape with the field named, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.dialects.commerce.desk import BASE, SHOE, Desk, problem
from tests.dialects.commerce.test_golden import ADDRESS
from tests.dialects.site import PASSWORD

from merx.dialects.commerce.errors import STATUS, called
from merx.kernel.errors import Kind

ITEM = {"productId": "PRODUCT", "variantId": "VARIANT", "quantity": 1}
ORDER = {
    "items": [ITEM],
    "shippingAddress": ADDRESS,
    "billingAddress": {**ADDRESS, "line2": "Flat 4", "name": "Jane", "phone": "+1 555 0100"},
    "shippingMethod": "standard",
    "paymentMethod": "cod",
    "couponCode": "NOSUCH",
    "notes": "Ring twice",
    "customer": {"email": "jim@example.com", "name": "Jim", "phone": "+1 555 0101"},
}
PRODUCT = {
    **SHOE,
    "description": "Light",
    "compareAtPrice": 120.5,
    "active": True,
    "images": [{"url": "https://cdn.example.com/p.png", "alt": "A shoe"}],
}
VARIANTS = [{"title": "Small", "sku": "V-1", "options": {"Size": "S"}, "price": 1, "compareAtPrice": 2, "stock": 3}]
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "login": ("POST", "/auth/login", {"email": "nobody@example.com", "password": PASSWORD}),
    "refresh": ("POST", "/auth/refresh", {"refreshToken": "mrt_x"}),
    "create": ("POST", "/products", {**PRODUCT, "variants": VARIANTS}),
    "update": ("PATCH", "/products/PRODUCT", {**PRODUCT, "variants": VARIANTS}),
    "order": ("POST", "/orders", ORDER),
    "move": ("PATCH", "/orders/ORDER/status", {"status": "confirmed"}),
}
WRONG: dict[type, list[str]] = {
    str: ["5", "true", "[]", "{}", '"nul \\u0000 inside"', '"half \\ud800 pair"', json.dumps("x" * 30_000)],
    int: ['"5"', "1.5", "true", "[]", "NaN", "-1", "1e400", "9" * 40, str(2**63), "1000000001", "{}"],
    float: ['"5"', '"5.00"', "true", "[]", "NaN", "-1", "-0.01", "1e400", "1e-9", "0.001", "9" * 40, "Infinity"],
    bool: ['"true"', "1", "0", "[]", "{}"],
    dict: ["[]", '"text"', "5", '{"surprise": 1}'],
    list: ["{}", '"text"', "5", "[1]", "[[]]"],
}
NUMBERS = ("price", "compareAtPrice")


class Scene:
    def __init__(self, desk: Desk, names: dict[str, str]) -> None:
        self.desk, self.names = desk, names

    async def send(self, body: str, raw: bytes, media: str = "application/json") -> httpx.Response:
        method, path, _ = BODIES[body]
        for name, value in self.names.items():
            path, raw = path.replace(name, value), raw.replace(name.encode(), value.encode())
        headers = {**self.desk.headers, "Content-Type": media}
        return await self.desk.http.request(method, BASE + path, content=raw, headers=headers)

    async def state(self) -> Any:
        return [await self.desk.call("GET", path) for path in ("/products", "/orders")]


@pytest.fixture
async def scene(desk: Desk) -> Scene:
    product = await desk.product(stock=50)
    order = await desk.order(product=product)
    return Scene(desk, {"PRODUCT": product["id"], "VARIANT": product["variants"][0]["id"], "ORDER": order["id"]})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a body, the objects and lists among them."""
    found: list[tuple[Any, ...]] = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
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


def spelled(path: tuple[Any, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def at(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


@pytest.mark.parametrize("body", list(BODIES))
async def test_wrong_values_everywhere(scene: Scene, body: str) -> None:
    before, sent = await scene.state(), BODIES[body][2]
    for path in places(sent):
        value = at(sent, path)
        kind = float if path[-1] in NUMBERS else type(value)
        for raw in WRONG[kind]:
            answer = await scene.send(body, put(sent, path, raw))
            assert answer.status_code in (400, 422), (path, raw, answer.status_code, answer.text[:300])
            shown = problem(answer, answer.status_code)
            if answer.status_code == 422:
                name = spelled(path)
                assert any(one.startswith(name) or name.startswith(one) for one in shown["errors"]), (name, raw, shown)
            else:
                assert raw in ("NaN", "Infinity"), (path, raw, shown)
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
    problem(await scene.send(body, raw), 400)


@pytest.mark.parametrize("body", list(BODIES))
async def test_what_is_no_object_or_not_all_of_it(scene: Scene, body: str) -> None:
    for raw in (b"[]", b'"text"', b"5", b"null", b"true"):
        assert list(problem(await scene.send(body, raw), 422)["errors"]) == ["body"]
    if body != "update":
        assert problem(await scene.send(body, b"{}"), 422)["errors"]
    more = {**BODIES[body][2], "surprise": 1}
    shown = problem(await scene.send(body, json.dumps(more).encode()), 422)
    assert "surprise" in shown["errors"]


@pytest.mark.parametrize("body", list(BODIES))
async def test_the_frame_of_a_body(scene: Scene, body: str) -> None:
    good = json.dumps(BODIES[body][2]).encode()
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""):
        problem(await scene.send(body, good, media), 415)
    problem(await scene.send(body, b" " * ((1 << 20) + 1)), 413)


async def test_too_many(scene: Scene) -> None:
    before = await scene.state()
    many = {"items": [ITEM] * 101, "images": [{"url": "/p.svg"}] * 21, "variants": [{}] * 101}
    for body, field in (("order", "items"), ("create", "images"), ("create", "variants"), ("update", "images")):
        raw = json.dumps({**BODIES[body][2], field: many[field]}).encode()
        assert list(problem(await scene.send(body, raw), 422)["errors"]) == [field]
    raw = json.dumps({**ORDER, "items": [ITEM] * 5_000}).encode()
    assert list(problem(await scene.send("order", raw), 422)["errors"]) == ["items"]
    assert await scene.state() == before


async def test_every_wrong_field_is_named_at_once(desk: Desk) -> None:
    shown = await desk.refused("POST", "/products", 422, {"price": "1", "stock": -1, "category": "toys", "x": 1})
    assert set(shown["errors"]) >= {"name", "stock", "category", "x"}
    assert shown["errors"]["name"] == ["This field is required."]
    item = {"productId": "x", "quantity": 0}
    shown = await desk.refused("POST", "/orders", 422, {"items": [item], "shippingAddress": {"city": ""}})
    assert set(shown["errors"]) >= {
        "items[0].productId", "items[0].quantity", "shippingAddress.line1", "shippingAddress.city",
        "shippingAddress.country",
    }  # fmt: skip


async def test_decimals_are_the_currencys(desk: Desk) -> None:
    for price in (0, 0.01, 9_999_999_999_999.99, 1e3):
        await desk.product(price=price)
    for price in (0.001, -0.01, 10_000_000_000_000.01, 1e20):
        shown = await desk.refused("POST", "/products", 422, {"name": "Lamp", "price": price})
        assert list(shown["errors"]) == ["price"], price


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer x"), ("Authorization", "Bearer y")],
        [("X-API-Key", "sk_live_a"), ("X-API-Key", "sk_live_b")],
        [("X-API-Key", "sk_live_a"), ("Authorization", "Bearer sk_live_b")],
    ],
)
async def test_credentials_that_contradict_one_another(desk: Desk, headers: Any) -> None:
    for method, path in (("GET", "/products"), ("GET", "/orders"), ("DELETE", "/auth/logout")):
        problem(await desk.http.request(method, BASE + path, headers=headers), 400)


async def test_addresses_that_are_too_long(desk: Desk) -> None:
    answer = await desk.send("GET", "/products?search=" + "x" * 9_000)
    assert problem(answer, 414)["code"] == "address_too_long"


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS) == set(Kind)
    assert called("variants.0.compare_price") == "variants[0].compareAtPrice"
    assert called("items[2].product_id") == "items[2].productId"
    assert called("shipping_address.line1") == "shippingAddress.line1"
