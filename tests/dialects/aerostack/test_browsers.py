"""What a browser is told about pages of other origins."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.dialects.aerostack.window import Window, root

PAGE = "https://shop.example.com"
PATHS = ("/config", "/products", "/categories", "/cart/c1", "/orders?email=john@example.com")


async def preflight(window: Window, path: str, origin: str, method: str = "GET", **headers: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return await window.send("OPTIONS", path, headers=asked)


async def test_any_origin_by_default(window: Window) -> None:
    for path in PATHS:
        answer = await window.send("GET", path, headers={**window.headers, "Origin": PAGE})
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        exposed = answer.headers["access-control-expose-headers"]
        assert "X-RateLimit-Remaining" in exposed and "Retry-After" in exposed and "X-Request-Id" in exposed


async def test_errors_can_be_read_too(window: Window) -> None:
    origin = {"Origin": PAGE}
    for headers, path, status in (
        ({}, "/products", 401),
        ({"Authorization": "Bearer pk_live_nonsense"}, "/products", 401),
        (window.headers, "/products/none", 404),
        (window.headers, "/nothing", 404),
        (window.headers, "/products?page=0", 400),
        (window.headers, "/products?token=x", 400),
    ):
        answer = await window.send("GET", path, headers={**headers, **origin})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*"), path


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/config", "GET"), ("/products", "GET"), ("/products/x", "GET"), ("/categories", "GET"),
        ("/cart/c", "DELETE GET"), ("/cart/c/items", "POST"), ("/cart/c/items/i", "DELETE PATCH"),
        ("/coupons/validate", "POST"), ("/checkout", "POST"), ("/orders", "GET"), ("/orders/x", "GET"),
    ],
)  # fmt: skip
async def test_asked_beforehand(window: Window, path: str, methods: str) -> None:
    answer = await preflight(window, path, PAGE, "POST")
    assert answer.status_code == 204 and answer.headers["access-control-max-age"] == "600"
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = set(answer.headers["access-control-allow-methods"].split(", "))
    assert allowed - {"HEAD", "OPTIONS"} == set(methods.split())
    headers = answer.headers["access-control-allow-headers"].split(", ")
    assert {"Authorization", "Content-Type", "Idempotency-Key", "X-Order-Token"} <= set(headers)


async def test_the_shops_own_list(window: Window) -> None:
    shop = window.shop
    await shop.settings(allowed_origins=[PAGE], payment_test_mode=True)
    own = f"http://{shop.slug}.{shop.rt.settings.base_domain}"
    good = [PAGE, own, "http://localhost:3000", "http://127.0.0.1:5173"]
    bad = ["https://evil.example", "https://shop.example.com.evil.example", "http://shop.example.com", "null"]
    for _ in range(100):  # what another process has set shows within seconds
        if "access-control-allow-origin" not in (await preflight(window, "/products", bad[0])).headers:
            break
        import asyncio

        await asyncio.sleep(0.1)
    for origin in good + bad:
        asked = [await preflight(window, path, origin) for path in PATHS]
        asked += [await window.send("GET", path, headers={**window.headers, "Origin": origin}) for path in PATHS[:4]]
        asked += [await window.send("GET", "/products", headers={"Origin": origin})]
        for answer in asked:
            assert answer.headers.get("access-control-allow-origin") == (origin if origin in good else None)
            (vary,) = answer.headers.get_list("vary")  # one that names everything
            assert "Origin" in vary
    assert "access-control-allow-methods" not in (await preflight(window, "/products", bad[0])).headers


async def test_another_shops_list_is_its_own(window: Window, other: Window) -> None:
    await other.shop.settings(allowed_origins=[PAGE])
    answer = await window.send("GET", "/config", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_limits_on_every_answer(window: Window) -> None:
    sent: list[tuple[str, str, Any]] = [
        ("GET", "/config", None), ("GET", "/products", None), ("GET", "/products/none", None), ("GET", "/cart/c", None),
        ("POST", "/checkout", {}), ("GET", "/orders", None), ("PUT", "/checkout", {}),
    ]  # fmt: skip
    for method, path, body in sent:
        answer = await window.send(method, path, body)
        left, limit = answer.headers["x-ratelimit-remaining"], answer.headers["x-ratelimit-limit"]
        assert 0 <= int(left) < int(limit) and int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000


async def test_no_shop_of_that_name(window: Window) -> None:
    for slug in ("no-such-shop", "x" * 300, "%00", "ä"):
        for path in ("/config", "/products"):
            answer = await window.http.get(f"{root(slug)}{path}", headers={"Origin": PAGE})
            assert answer.status_code == 404, (slug, path, answer.text)
