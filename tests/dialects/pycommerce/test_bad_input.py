"""Bad input on every route: a 4xx in the document's shape with the field named, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.dialects.pycommerce.desk import STRANGER, Desk, refused, refused_simply
from tests.dialects.site import PASSWORD

DEMO = "/stripe-demo/create-checkout-session-json"
SESSION = {
    "items": [{"id": "prod_1", "name": "Premium Headphones", "price": 149.99, "quantity": 1}],
    "order_id": "order-123-abc",
}
FORMS = ["login", "order", "session"]
WRONG: dict[type, list[str]] = {
    str: ["5", "true", "[]", "{}", '"nul \\u0000 inside"', '"half \\ud800 pair"', json.dumps("x" * 30_000)],
    int: ['"5"', "1.5", "true", "[]", "NaN", "-1", "0", "1e400", "9" * 40, str(2**63), "1000001"],
    float: ['"149.99"', "true", "[]", "NaN", "Infinity", "-1", "1e400", "9" * 40, "1.999", "1e-20", "null"],
    dict: ["[]", '"text"', "5", "{}"],
    list: ["{}", '"text"', "5", "[]", "[1]", "null"],
}


class Scene:
    def __init__(self, desk: Desk, product: str) -> None:
        self.desk = desk
        self.bodies: dict[str, tuple[str, dict[str, Any]]] = {
            "login": ("/api/auth/login", {"email": desk.shop.email, "password": PASSWORD}),
            "order": ("/api/orders", desk.order(product)),
            "session": (DEMO, SESSION),
        }

    async def send(self, form: str, raw: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {**self.desk.headers(), "Content-Type": content_type}
        return await self.desk.http.post(self.bodies[form][0], content=raw, headers=headers)

    def no(self, form: str, answer: httpx.Response, status: int = 400, about: str = "") -> str:
        """The sentence that says what is wrong."""
        if form == "session":
            return refused_simply(answer, status, about)
        return refused(answer, status, about)["details"]

    async def state(self) -> Any:
        shop = self.desk.shop
        seen = [(await self.desk.get(path, tenant=self.desk.slug)).json() for path in ("/api/orders", "/api/products")]
        people = await shop.value("select count(*) from customers where tenant_id = $1")
        held = await shop.value("select sum(reserved)::int from stock where tenant_id = $1")
        return [*seen, people, held]


@pytest.fixture
async def scene(desk: Desk) -> Scene:
    return Scene(desk, str((await desk.shop.product(stock=50)).id))


def leaves(body: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every value below, with its path; of lists the first entry."""
    found = []
    for name, value in body.items():
        here = f"{path}.{name}" if path else name
        found.append((here, value))
        if isinstance(value, dict):
            found += leaves(value, here)
        if isinstance(value, list):
            found += leaves(value[0], f"{here}[0]")
    return found


def with_raw(body: dict[str, Any], path: str, raw: str) -> bytes:
    """The body with the value at `path` replaced by `raw`, which need not be JSON."""
    copy = json.loads(json.dumps(body))
    inner, parts = copy, path.replace("[0]", ".0").split(".")
    for part in parts[:-1]:
        inner = inner[int(part) if part == "0" else part]
    inner[parts[-1]] = "@@@"
    return json.dumps(copy).replace('"@@@"', raw).encode()


@pytest.mark.parametrize("form", FORMS)
async def test_every_field_with_every_wrong_value(scene: Scene, form: str) -> None:
    before = await scene.state()
    body = scene.bodies[form][1]
    for path, value in leaves(body):
        for raw in WRONG[type(value)]:
            if path == "items[0].price" and raw in ("1.999", "9" * 40, "-1"):
                continue  # well-formed numbers: the test below
            answer = await scene.send(form, with_raw(body, path, raw))
            said = scene.no(form, answer)
            assert path in said or "not valid JSON" in said, (path, raw, said)
    assert await scene.state() == before


@pytest.mark.parametrize("raw", ["1.999", "-1", "0", "10000000000000.01", "99999999999999999999"])
async def test_prices_nobody_can_be_charged(scene: Scene, raw: str) -> None:
    answer = await scene.send("session", with_raw(SESSION, "items[0].price", raw))
    refused_simply(answer, 400, "items")


@pytest.mark.parametrize("form", FORMS)
async def test_every_body_that_is_none(scene: Scene, form: str) -> None:
    before = await scene.state()
    body = scene.bodies[form][1]
    good, first = json.dumps(body).encode(), next(iter(body))

    async def no(raw: bytes, status: int = 400, about: str = "", content_type: str = "application/json") -> None:
        scene.no(form, await scene.send(form, raw, content_type), status, about)

    for raw in (b"", good[:-1], b"[]", b"null", b'"text"', b"\xff\xfe" + good, b"\xef\xbb\xbf" + good):
        await no(raw)
    await no(b"[" * 10_000)
    await no(b'{"a":' * 10_000)
    await no(good[:-1] + b',"' + first.encode() + b'": 1}')
    if form != "session":
        await no(good[:-1] + b',"no_such_field": 1}', 400, "no_such_field")
    await no(b"{" + b'"x":1,' * 200_000 + b'"y":1}', 413)
    await no(json.dumps({**body, first: [{"product_id": "x"}] * 10_000}).encode(), 400, first)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        await no(good, 415, content_type=content_type)
    assert await scene.state() == before


@pytest.mark.parametrize("form", FORMS)
async def test_every_missing_field_is_named(scene: Scene, form: str) -> None:
    body = scene.bodies[form][1]
    optional = {"billing_address", "shipping_method", "notes"}
    said = scene.no(form, await scene.send(form, b"{}"))
    assert said == " ".join(f"{name}: This field is required." for name in _in_order(form) if name not in optional)
    for path, _ in leaves(body):
        last = path.rpartition(".")[2]
        if last in optional or last in ("line2", "state", "postal_code", "phone"):
            continue
        raw = with_raw(body, path, "0").decode()
        copy = json.loads(raw)
        _drop(copy, path)
        scene.no(form, await scene.send(form, json.dumps(copy).encode()), 400, f"{path}: This field is required.")


BLANKS = {
    "order": ["customer.name", "shipping_address.line1", "shipping_address.city", "billing_address.country"],
    "session": ["items[0].name"],
}


@pytest.mark.parametrize("form", BLANKS)
async def test_what_must_be_said_is_not_said_by_blanks(scene: Scene, form: str) -> None:
    before = await scene.state()
    for path in BLANKS[form]:
        for blank in ("  ", "\t\n", "\u00a0\u2003"):
            answer = await scene.send(form, with_raw(scene.bodies[form][1], path, json.dumps(blank)))
            scene.no(form, answer, 400, f"{path}: Must not be blank.")
    assert await scene.state() == before


def _in_order(form: str) -> list[str]:
    return {
        "login": ["email", "password"],
        "order": ["tenant_id", "customer", "shipping_address", "items", "payment_method"],
        "session": ["items", "order_id"],
    }[form]


def _drop(body: Any, path: str) -> None:
    parts = path.replace("[0]", ".0").split(".")
    for part in parts[:-1]:
        body = body[int(part) if part == "0" else part]
    del body[parts[-1]]


async def test_ten_thousand_lines_and_a_hundred(scene: Scene) -> None:
    product = scene.bodies["order"][1]["items"][0]
    many = {**scene.bodies["order"][1], "items": [product] * 10_000}
    refused(await scene.desk.post("/api/orders", many), 400, "items: Must have at most 100 entries.")
    over = {**many, "items": [product] * 101}
    refused(await scene.desk.post("/api/orders", over), 400, "items: ")
    fifty = {**many, "items": [product] * 50}
    assert (await scene.desk.post("/api/orders", fifty)).status_code == 201


async def test_what_is_no_email_no_method_no_product(scene: Scene) -> None:
    before, desk = await scene.state(), scene.desk
    order = scene.bodies["order"][1]

    async def no(about: str, status: int = 400, **changes: Any) -> None:
        refused(await desk.post("/api/orders", {**order, **changes}), status, about)

    for address in ("john", "@example.com", "john@", "john @example.com", "j@e@x.com"):
        await no("customer.email", customer={**order["customer"], "email": address})
    await no("shipping_method: This shop ships by: standard, express.", shipping_method="teleport")
    for method in ("card", "manual", "cash", "CREDIT_CARD", ""):
        await no("payment_method", payment_method=method)
    for ident in (STRANGER, desk.tenant):
        await no("items[0].product_id", items=[{"product_id": ident, "quantity": 1}])
    await no("items[0].product_id", items=[{"product_id": "prod_1", "quantity": 1}])
    await no("items[1].product_id", items=[*order["items"], {"product_id": STRANGER, "quantity": 1}])
    await no("items[0]", items=[{**order["items"][0], "variant_id": STRANGER}])
    await no("tenant", 403, tenant_id=STRANGER)
    await no("tenant_id", 400, tenant_id=desk.slug)
    assert await scene.state() == before


IDS = [
    "0", "-1", "12345", "ord_01h455vb4pex5vsknk084sn02q", "%00", "%ff", "..%2f..", "x" * 3000, STRANGER,
    STRANGER.replace("-", ""), "{" + STRANGER + "}", "%F0%9F%98%80", "ORD-001",
]  # fmt: skip


async def test_what_is_no_id_is_an_unknown_id(scene: Scene) -> None:
    for ident in IDS:
        refused(await scene.desk.get(f"/api/orders/{ident}"), 404, code="resource_not_found")


async def test_methods_and_addresses_that_are_not_there(scene: Scene) -> None:
    http, headers = scene.desk.http, scene.desk.headers()
    answer = await http.put("/api/orders", headers=headers, json={})
    refused(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    refused(await http.post("/api/health"), 405)
    refused(await http.get("/api/auth/login"), 405)
    refused(await http.get("/api/nothing"), 404, code="resource_not_found")
    refused(await http.get("/api"), 404)
    refused(await http.get("/api/" + "x" * 9000), 414)
    refused_simply(await http.get(DEMO), 405)
    refused_simply(await http.get("/stripe-demo/nothing"), 404)
    # Its neighbours' addresses are theirs.
    assert list((await http.get("/api/store/nothing/")).json()) == ["error", "status"]
    assert list((await http.get("/api/platform/nothing/")).json()) == ["error", "status"]


ROUTES = [
    ("GET", "/api/tenants"), ("GET", "/api/products?tenant={}"), ("GET", "/api/categories?tenant={}"),
    ("GET", "/api/orders?tenant={}"), ("GET", "/api/orders/" + STRANGER), ("POST", "/api/orders"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_wants_a_token(scene: Scene, method: str, path: str) -> None:
    desk = scene.desk
    host = {"Host": desk.shop.http.headers["Host"]}
    for headers in (
        {},
        host,
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": desk.token},
        {"Authorization": f"Bearer {desk.token[:-2]}xx"},
        {"Authorization": "Bearer sk_live_" + "0" * 38},
    ):
        # Before the body is read: what a stranger sends does not matter.
        answer = await desk.http.request(method, path.format(desk.slug), headers=headers, content=b"{")
        refused(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
