"""Bad input on every route: a 4xx in the document's shape with the field named, and nothing changed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.dialects.reference.desk import BASE, STRANGER, Desk, refused

WRONG: dict[type, list[str]] = {
    str: [
        "5",
        "true",
        "[]",
        "{}",
        "null",
        '""',
        '"nul \\u0000 inside"',
        '"half \\ud800 pair"',
        json.dumps("x" * 110_000),
    ],
    int: ['"5"', "1.5", "true", "[]", "null", "NaN", "-1", "0", "1e400", "9" * 40, str(2**63), "1000001"],
    float: ['"20.00"', "true", "[]", "null", "NaN", "Infinity", "1e400"],
    dict: ["[]", '"text"', "5", "{}", "null"],
    list: ["{}", '"text"', "5", "[]", "[1]", "null"],
}
TYPES = {
    "quantity": "integer", "items": "array", "items[0]": "object", "shippingAddress": "object", "amount": "number",
}  # fmt: skip
FORMS = ["/orders", "/payments", "/notifications/send"]


class Scene:
    def __init__(self, desk: Desk, bodies: dict[str, dict[str, Any]]) -> None:
        self.desk, self.bodies = desk, bodies

    async def send(self, form: str, raw: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {**self.desk.headers(), "Content-Type": content_type}
        return await self.desk.http.post(BASE + form, content=raw, headers=headers)

    async def state(self) -> Any:
        shop = self.desk.shop
        seen = [(await self.desk.get(path)).json() for path in ("/users", "/products")]
        tables = ("orders", "payments", "notifications")
        counts = [await shop.value(f"select count(*) from {table} where tenant_id = $1") for table in tables]
        held = await shop.value("select sum(reserved)::int from stock where tenant_id = $1")
        return [*seen, *counts, held]


@pytest.fixture
async def scene(desk: Desk) -> Scene:
    order = await desk.placed()
    message = {"userId": order["userId"], "type": "email", "subject": "Hello", "message": "There"}
    bodies = {
        "/orders": desk.order(order["userId"], await desk.product()),
        "/payments": desk.payment(order),
        "/notifications/send": message,
    }
    return Scene(desk, bodies)


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


def parts_of(path: str) -> list[str]:
    return path.replace("[0]", ".0").split(".")


def with_raw(body: dict[str, Any], path: str, raw: str) -> bytes:
    """The body with the value at `path` replaced by `raw`, which need not be JSON."""
    copy = json.loads(json.dumps(body))
    inner, parts = copy, parts_of(path)
    for part in parts[:-1]:
        inner = inner[int(part) if part == "0" else part]
    inner[parts[-1]] = "@@@"
    return json.dumps(copy).replace('"@@@"', raw).encode()


@pytest.mark.parametrize("form", FORMS)
async def test_every_field_with_every_wrong_value(scene: Scene, form: str) -> None:
    before = await scene.state()
    for path, value in leaves(scene.bodies[form]):
        for raw in WRONG[type(value)]:
            if path == "subject" and raw == '""':
                continue
            answer = await scene.send(form, with_raw(scene.bodies[form], path, raw))
            error = refused(answer, 400)
            last = path.rpartition(".")[2]
            named = f"{path} ({TYPES.get(last, 'string')})" in error["details"] or path in error["details"]
            assert named or "not valid JSON" in error["message"], (path, raw, error)
    assert await scene.state() == before


@pytest.mark.parametrize("form", FORMS)
async def test_every_missing_field_is_named(scene: Scene, form: str) -> None:
    optional = {"subject"} if form != "/notifications/send" else set()
    for path, _ in leaves(scene.bodies[form]):
        body = json.loads(json.dumps(scene.bodies[form]))
        inner, parts = body, parts_of(path)
        for part in parts[:-1]:
            inner = inner[int(part) if part == "0" else part]
        del inner[parts[-1]]
        if path in optional:
            continue
        answer = await scene.send(form, json.dumps(body).encode())
        if path == "subject":
            refused(answer, 400, details="subject (string)")
            continue
        error = refused(answer, 400, "INVALID_PARAMETER")
        last = path.rpartition(".")[2]
        assert error["details"] == f"{path} ({TYPES.get(last, 'string')})"
        assert error["message"] == f"The '{path}' parameter is required."
    error = refused(await scene.send(form, b"{}"), 400, "INVALID_PARAMETER")
    assert error["details"].count("(") >= 3


@pytest.mark.parametrize("form", FORMS)
async def test_every_body_that_is_none(scene: Scene, form: str) -> None:
    before = await scene.state()
    body = scene.bodies[form]
    good, first = json.dumps(body).encode(), next(iter(body))

    async def no(raw: bytes, status: int = 400, content_type: str = "application/json") -> None:
        named = "Content-Type (header)" if status == 415 else ""
        error = refused(await scene.send(form, raw, content_type), status, details=named)
        assert "X-Request-Id" not in error["details"], error

    for raw in (b"", good[:-1], b"[]", b"null", b'"text"', b"\xff\xfe" + good, b"\xef\xbb\xbf" + good):
        await no(raw)
    await no(b"[" * 10_000)
    await no(b'{"a":' * 10_000)
    await no(good[:-1] + b',"' + first.encode() + b'": 1}')
    await no(good[:-1] + b',"noSuchField": 1}')
    await no(b"{" + b'"x":1,' * 200_000 + b'"y":1}', 413)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        await no(good, 415, content_type)
    assert await scene.state() == before


async def test_ten_thousand_lines(scene: Scene) -> None:
    body = scene.bodies["/orders"]
    line = body["items"][0]
    refused(await scene.desk.post("/orders", {**body, "items": [line] * 10_000}), 400, details="items (array)")
    assert (await scene.desk.post("/orders", {**body, "items": [line] * 50})).status_code == 201


async def test_ids_that_name_nothing(scene: Scene) -> None:
    before, desk = await scene.state(), scene.desk
    order, payment, message = (scene.bodies[form] for form in FORMS)
    for ident in (
        f"usr_{STRANGER}",
        f"prod_{STRANGER}",
        STRANGER,
        "usr_",
        "x" * 64,
        "01900000-0000-7000-8000-000000000000",
    ):
        refused(await desk.post("/orders", {**order, "userId": ident}), 400, "USER_NOT_FOUND", "userId (string)")
        items = [{"productId": ident, "quantity": 1}]
        answer = await desk.post("/orders", {**order, "items": [order["items"][0], *items]})
        refused(answer, 400, "PRODUCT_UNKNOWN", "items[1].productId (string)")
        refused(await desk.post("/payments", {**payment, "orderId": ident}), 404, "NOT_FOUND", "orderId (string)")
        answer = await desk.post("/notifications/send", {**message, "userId": ident})
        refused(answer, 404, "NOT_FOUND", "userId (string)")
    for ident in ("0", "-1", STRANGER, f"ord_{STRANGER}", "%00", "%ff", "..%2f..", "x" * 3000, "%F0%9F%98%80"):
        refused(await desk.get(f"/products/{ident}"), 404, "NOT_FOUND")
        refused(await desk.get(f"/notifications/{ident}"), 404, "NOT_FOUND")
    for ident in (STRANGER, f"ntf_{STRANGER}", f"usr_{STRANGER}"):
        answer = await desk.get(f"/notifications/{ident}")
        refused(answer, 404, "NOT_FOUND", "notificationId (string)")
    assert await scene.state() == before


async def test_an_address_is_not_blank(scene: Scene) -> None:
    before, order = await scene.state(), scene.bodies["/orders"]
    for name in order["shippingAddress"]:
        for blank in ("  ", "\u00a0\u2003", "\t\n", "\ufeff\ufeff"):
            address = {**order["shippingAddress"], name: blank}
            answer = await scene.desk.post("/orders", {**order, "shippingAddress": address})
            refused(answer, 400, "INVALID_PARAMETER", f"shippingAddress.{name} (string)")
    assert await scene.state() == before


async def test_messages_that_are_not_sent(scene: Scene) -> None:
    desk, message = scene.desk, scene.bodies["/notifications/send"]
    before = await scene.state()
    for wrong in ("Hello\r\nBcc: all@example.com", "Hello\nthere", "x" * 201):
        refused(await desk.post("/notifications/send", {**message, "subject": wrong}), 400, details="subject (string)")
    for wrong in ("fax", "EMAIL", ""):
        refused(await desk.post("/notifications/send", {**message, "type": wrong}), 400, details="type (string)")
    answer = await desk.post("/notifications/send", {**message, "type": "sms", "message": "x" * 2000})
    refused(answer, 400, details="message (string)")
    assert await scene.state() == before


async def test_dates_that_are_none(desk: Desk) -> None:
    for name in ("startDate", "endDate"):
        for wrong in ("yesterday", "2024-13-01", "2024-01-32T00:00:00Z", "", "1700000000", "2024-01-01T25:00:00Z"):
            answer = await desk.get("/logs", **{name: wrong})
            refused(answer, 400, "INVALID_PARAMETER", f"{name} (datetime)")
    answer = await desk.get("/logs", startDate="2024-02-01T00:00:00Z", endDate="2024-01-01T00:00:00Z")
    refused(answer, 400, "INVALID_PARAMETER", "startDate (datetime)")
    for level in ("INFO", "debug", "warning", ""):
        refused(await desk.get("/logs", level=level), 400, "INVALID_PARAMETER", "level (string)")
    for edge in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await desk.get("/logs", startDate=edge)).status_code == 200
        assert (await desk.get("/logs", endDate=edge)).status_code == 200
    assert (await desk.get("/logs", endDate="9999-12-31")).status_code == 200


async def test_methods_and_addresses_that_are_not_there(desk: Desk) -> None:
    answer = await desk.http.put(f"{BASE}/orders", headers=desk.headers(), json={})
    refused(answer, 405, "METHOD_NOT_ALLOWED", "Allow (header)")
    assert answer.headers["allow"] == "OPTIONS, POST"
    for path in ("/nothing", "", "/orders/1", "/notifications"):
        refused(await desk.get(path), 404, "NOT_FOUND")
    refused(await desk.get("/" + "x" * 9000), 414, "ADDRESS_TOO_LONG")


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.timeout(240)
async def test_the_server_is_what_the_document_says(desk: Desk, apart: str, tmp_path: Path) -> None:
    """schemathesis against the dialect's own document."""
    await desk.placed()
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{apart}{BASE}/openapi.json"]
    command += ["--checks", CHECKS, "--seed", "1", "--max-examples", "15", "--no-color", "--continue-on-failure"]
    command += ["--suppress-health-check", "too_slow"]  # which says how much else this machine does
    command += ["--header", f"Authorization: Bearer {desk.key}", "--phases", "examples,coverage,fuzzing"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=220)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout[-20_000:]
