"""Bad input on every route of the platform API: a 4xx in the document's shape with the field named, nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.dialects.baas.merchant import BASE, TABLE, Merchant, Route, without_use
from tests.dialects.baas.platform_forms import FORMS, WRONG, filled_in, leaves, with_raw
from tests.dialects.baas.shape import refused

from merx.dialects.baas import wire


def test_every_route_with_a_body_is_tested() -> None:
    assert {route.name for route in TABLE if route.takes_body} == set(FORMS)


def route(name: str) -> Route:
    return next(one for one in TABLE if one.name == name)


async def send(merchant: Merchant, name: str, raw: bytes | str, media: str = "application/json") -> httpx.Response:
    method, path = name.split(" ")
    content = filled_in(raw, merchant.ids).encode() if isinstance(raw, str) else raw
    headers = {**merchant.headers, "Content-Type": media}
    path = BASE + filled_in(path, merchant.ids)
    return await merchant.shop.http.request(method, path, content=content, headers=headers)


async def state(merchant: Merchant) -> dict[str, Any]:
    """All that the merchant can read, but how deliveries fare."""
    found = {}
    for one in TABLE:
        if one.method == "GET" and "deliveries" not in one.path:
            found[one.path] = without_use(await merchant.call("GET", filled_in(one.path, merchant.ids)))
    _without(found, "failing_since")  # what the worker finds out about an endpoint is no change of ours
    return found


def named(error: dict[str, Any], top: str) -> bool:
    return any(name.replace("[", ".").split(".")[0] == top for name in error["details"])


@pytest.mark.parametrize("name", FORMS)
async def test_every_field_with_every_wrong_value(untouched: Merchant, name: str) -> None:
    before, body = await state(untouched), FORMS[name]
    for path, value in leaves(body):
        for raw in WRONG[type(value)]:
            answer = await send(untouched, name, with_raw(body, path, raw))
            assert 400 <= answer.status_code < 500, (path, raw[:80], answer.status_code, answer.text)
            error = refused(answer, 400)
            if error["code"] != "malformed_json":
                assert named(error, str(path[0])), (path, raw[:80], error)
    assert await state(untouched) == before


@pytest.mark.parametrize("name", FORMS)
async def test_every_body_that_is_none(untouched: Merchant, name: str) -> None:
    before, good = await state(untouched), filled_in(json.dumps(FORMS[name]), untouched.ids).encode()
    optional = "None" in str(route(name).handler.fn.__annotations__["data"])
    if not optional:
        refused(await send(untouched, name, b""), 400)
        refused(await send(untouched, name, b"null"), 400)
    for raw in (
        good[:-1],
        b"[]",
        b'"text"',
        b"5",
        b"\xff\xfe" + good,
        b"\xef\xbb\xbf" + good,
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"x": 1, "x": 2}',
        b'{"x": NaN}',
    ):
        refused(await send(untouched, name, raw), 400)
    comma = b", " if FORMS[name] else b""
    refused(await send(untouched, name, good[:-1] + comma + b'"no_such_field": 1}'), 400, "no_such_field")
    refused(await send(untouched, name, b"{" + b'"x":1,' * 200_000 + b'"y":1}'), 413)
    for media in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "",
        "application/json; charset=x",
    ):
        refused(await send(untouched, name, good, media), 415)
    assert await state(untouched) == before


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("POST /register/", ["business_name", "email", "password"]),
        ("POST /token/", ["email", "password"]),
        ("POST /token/refresh/", ["refresh"]),
        ("POST /password-reset/", ["email"]),
        ("POST /password-reset/confirm/", ["password", "token"]),
        ("POST /me/password/", ["current_password", "password"]),
        ("POST /team/", ["email", "role"]),
        ("POST /api-keys/", ["name"]),
        ("POST /oauth-clients/", ["name"]),
        ("POST /shipping-methods/", ["code", "name", "price"]),
        ("POST /webhooks/", ["events", "url"]),
        ("POST /products/", ["name"]),
        ("POST /products/{product}/images/", ["url"]),
        ("PUT /products/{product}/images/", ["order"]),
        ("POST /categories/", ["name"]),
        ("POST /orders/{order}/status/", ["status"]),
        ("POST /orders/{order}/shipments/", ["carrier"]),
        ("POST /coupons/", ["code", "type"]),
    ],
)
async def test_every_missing_field_is_named(untouched: Merchant, name: str, wanted: list[str]) -> None:
    error = refused(await send(untouched, name, b"{}"), 400)
    assert error["code"] == "validation_error" and error["message"] == "Invalid request data"
    assert dict(sorted(error["details"].items())) == {field: ["This field is required."] for field in wanted}


async def test_a_patch_of_nothing_changes_nothing(filled: Merchant) -> None:
    before = await state(filled)
    for name in FORMS:
        if name.startswith("PATCH") and not name.endswith(("status/", "stock/", "products/{product}/")):
            answer = await send(filled, name, b"{}")
            assert answer.status_code == 200, (name, answer.text)
    after = await state(filled)
    for found in (before, after):
        for answer in found.values():
            _without(answer, "updated_at", "version")
    assert after == before


def _without(answer: Any, *names: str) -> None:
    if isinstance(answer, dict):
        for name in names:
            answer.pop(name, None)
    for inner in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ():
        _without(inner, *names)


PRICES = ["NaN", "Infinity", "1e5", "x", "-1", "1" * 30, "1_000", "1.2345678901"]
TIMES = ["x", "5", "2026-13-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-01-01T25:00:00Z"]
PARAMETERS: dict[str, list[str]] = {
    "page": ["0", "-1", "1.0", "NaN", "x", "", "9" * 30, "1000001"],
    "per_page": ["0", "101", "-5", "1e2", "9" * 30],
    "sort": ["price", "PRICE_ASC", "", "id; drop table products"],
    "min_price": PRICES,
    "max_price": PRICES,
    "search": ["x" * 1000],
    "category": ["x" * 1000],
    "in_stock": ["1", "yes", ""],
    "active": ["1", "TRUE", ""],
    "status": ["no-such", "PENDING", ""],
    "customer": ["x", "5", "cus_", "ord_01h455vb4pex5vsknk084sn02q"],
    "email": ["x", "", "x" * 400],
    "created_from": TIMES,
    "created_to": TIMES,
    "state": ["no-such", ""],
    "channel": ["no-such", "EMAIL", ""],
    "type": ["no.such", ""],
}
ASKING = [route for route in TABLE if route.handler.opt.get("asks")]
LISTS = [route for route in ASKING if route.method == "GET"]


@pytest.mark.parametrize("one", LISTS, ids=lambda one: one.path)
async def test_every_wrong_parameter_is_named(untouched: Merchant, one: Route) -> None:
    asks, path = one.handler.opt["asks"], BASE + filled_in(one.path, untouched.ids)
    assert issubclass(asks, wire.Paging)
    get = untouched.shop.http.get
    for name in asks.__struct_fields__:
        for value in PARAMETERS[name]:
            answer = await get(path, params={name: value}, headers=untouched.headers)
            assert answer.status_code == 400, (name, value, answer.text)
            refused(answer, 400, name)
    refused(await get(f"{path}?page=1&page=2", headers=untouched.headers), 400, "page")
    refused(await get(f"{path}?page=%00", headers=untouched.headers), 400)
    refused(await get(f"{path}?page=%ff", headers=untouched.headers), 400)
    assert (await get(f"{path}?utm_source=x", headers=untouched.headers)).status_code == 200


async def test_erasing_takes_no_wrong_parameter(untouched: Merchant) -> None:
    assert [one.name for one in ASKING if one not in LISTS] == ["DELETE /customers/{customer}/"]
    path, delete = BASE + filled_in("/customers/{customer}/", untouched.ids), untouched.shop.http.delete
    for value in ("1", "TRUE", "", "x"):
        refused(await delete(path, params={"at_once": value}, headers=untouched.headers), 400, "at_once")
    refused(await delete(f"{path}?at_once=true&at_once=true", headers=untouched.headers), 400, "at_once")


IDS = [
    "0", "-1", "00", "01", "²", "99999999999", "prod_", "prod_abc123", "ord_zzzzzzzzzzzzzzzzzzzzzzzzzz", "%00", "%ff",
    "..%2f..", "x" * 3000, "%F0%9F%98%80", "1%20or%201=1", "{}",
]  # fmt: skip


@pytest.mark.parametrize("one", [route for route in TABLE if route.parameters], ids=lambda one: one.name)
async def test_what_is_no_id_is_an_unknown_id(untouched: Merchant, one: Route) -> None:
    """In the place of each id in turn."""
    body = json.dumps(FORMS.get(one.name, {}))
    for parameter in one.parameters:
        for ident in IDS:
            ids = {**untouched.ids, parameter: ident}
            content = filled_in(body, untouched.ids).encode() if one.takes_body else None
            headers = {**untouched.headers, "Content-Type": "application/json"}
            path = BASE + filled_in(one.path, ids)
            answer = await untouched.shop.http.request(one.method, path, content=content, headers=headers)
            assert answer.status_code == 404, (parameter, ident[:50], answer.status_code, answer.text)
            refused(answer, 404)


async def test_methods_and_addresses_that_are_not_there(untouched: Merchant) -> None:
    answer = await untouched.send("PUT", "/settings/", {})
    refused(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    refused(await untouched.send("GET", "/nothing/"), 404)
    refused(await untouched.send("GET", "/settings/", headers={"Authorization": "Bearer nonsense"}), 401)
    refused(await untouched.send("GET", "/settings/", headers={"Authorization": "Basic eDp5"}), 401)
    refused(await untouched.send("GET", "/settings/", headers={"X-API-Key": "sk_live_nonsense"}), 401)
