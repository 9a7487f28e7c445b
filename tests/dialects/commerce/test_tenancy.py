"""Another shop's people and programs, on every route, with this shop's ids: they see nothing, change nothing, and
can't tell what is there from what never was. And the limits of this document."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.dialects.commerce.desk import Desk, desk_of
from tests.dialects.commerce.test_golden import ADDRESS
from tests.dialects.site import Shop

from merx.core.tenants.model import Plan
from merx.dialects.commerce.app import DIALECT, quota
from merx.edge.app import Quota

UNKNOWN = "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8"


def routes(product: str, variant: str, order: str) -> list[tuple[str, str, Any]]:
    """Every route that takes an id, of ours or of nobody's."""
    return [
        ("GET", f"/products/{product}", None),
        ("PATCH", f"/products/{product}", {"price": 1}),
        ("DELETE", f"/products/{product}", None),
        ("GET", f"/orders/{order}", None),
        ("PATCH", f"/orders/{order}/status", {"status": "cancelled"}),
        ("POST", "/orders", {"items": [{"productId": product, "quantity": 1}]}),
        ("POST", "/orders", {"items": [{"productId": product, "variantId": variant, "quantity": 1}]}),
    ]


async def test_nothing_of_another_shop(desk: Desk, other: Desk) -> None:
    product = await desk.product(name="CANARY shoe", sku="CANARY-1", description="CANARY words")
    order = await desk.order(product=product, notes="CANARY notes", shippingAddress={**ADDRESS, "city": "CANARY"})
    before = [await desk.call("GET", path) for path in ("/products", "/orders", f"/orders/{order['id']}")]
    mine = await other.product()
    for headers in (other.headers, await other.key("*"), await other.shopper()):
        for (method, path, body), (_, nowhere, _) in zip(
            routes(product["id"], product["variants"][0]["id"], order["id"]),
            routes(UNKNOWN, UNKNOWN, UNKNOWN),
            strict=True,
        ):
            found = await other.send(method, path, body, headers)
            unknown = json.loads(json.dumps(body).replace(product["id"], UNKNOWN)) if body else body
            never = await other.send(method, nowhere, unknown, headers)
            assert found.status_code in (403, 404, 422), (method, path, found.text)
            assert (found.status_code, found.json()) == (never.status_code, never.json())
            assert "CANARY" not in found.text
        mixed = {"items": [{"productId": mine["id"], "variantId": product["variants"][0]["id"], "quantity": 1}]}
        assert (await other.send("POST", "/orders", mixed, headers)).status_code == 422
        for query in ("", "?search=CANARY", "?pageSize=100", "?category=footwear&search=shoe"):
            shown = await other.call("GET", f"/products{query}", headers=headers)
            assert product["id"] not in str(shown) and "CANARY" not in str(shown)
        assert "CANARY" not in str(await other.call("GET", "/orders", headers=headers))
    after = [await desk.call("GET", path) for path in ("/products", "/orders", f"/orders/{order['id']}")]
    assert before == after


async def test_what_one_shop_does_another_cannot_count(desk: Desk, other: Desk) -> None:
    """Numbers, totals and slugs are each shop's own."""
    for _ in range(3):
        await desk.order()
    assert (await other.call("GET", "/orders"))["pagination"]["totalItems"] == 0
    made = await other.order()
    assert made["orderNumber"] == "ORD-001"
    assert (await other.product(name="Trail Shoe"))["slug"] == "trail-shoe-2"  # after the one it has
    assert (await other.product(sku="TS-1"))["sku"] == "TS-1"


async def test_a_credential_at_another_shops_door(desk: Desk, other: Desk) -> None:
    there = {"Host": f"{other.shop.slug}.{other.shop.rt.settings.base_domain}"}
    for headers in (desk.headers, {"X-API-Key": desk.shop.key}):
        for method, path in (("GET", "/products"), ("GET", "/orders"), ("DELETE", "/auth/logout")):
            assert (await desk.refused(method, path, 403, headers={**headers, **there}))["code"] == "wrong_tenant"
    both = {**desk.headers, "X-API-Key": other.shop.key}
    assert (await desk.refused("GET", "/products", 403, headers=both))["code"] == "wrong_tenant"


async def test_answers_from_memory_are_each_shops_own(desk: Desk, other: Desk) -> None:
    await desk.product(name="Mine")
    await other.product(name="Yours")
    for _ in range(3):
        assert [one["name"] for one in (await desk.call("GET", "/products"))["data"]] == ["Mine"]
        assert [one["name"] for one in (await other.call("GET", "/products"))["data"]] == ["Yours"]


async def test_answers_from_memory_are_not_for_everybody(desk: Desk) -> None:
    """What a merchant was shown is not handed to a shopper who asks for the same address."""
    await desk.product(name="Hidden", active=False)
    jane = await desk.shopper()
    for _ in range(2):
        assert (await desk.call("GET", "/products"))["pagination"]["totalItems"] == 1
        assert (await desk.call("GET", "/products", headers=jane))["pagination"]["totalItems"] == 0
        shown = await desk.call("GET", "/products", headers={"X-API-Key": desk.shop.key})
        assert shown["pagination"]["totalItems"] == 0


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("plan", "limit"), [(Plan.FREE, 1_000), (Plan.PRO, 1_000), (Plan.ENTERPRISE, 10_000)])
async def test_this_documents_own_limits(
    new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient, plan: Plan, limit: int
) -> None:
    desk = await desk_of(await new_shop(plan=plan), http)
    key = await desk.key("catalog:read")
    for taken in (1, 2, 3):
        answer = await desk.send("GET", "/products", headers=key)
        assert answer.headers["x-ratelimit-limit"] == str(limit)
        assert answer.headers["x-ratelimit-remaining"] == str(limit - taken)
        assert int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000
    refused = await desk.send("GET", "/products?page=0", headers=key)
    assert refused.headers["x-ratelimit-remaining"] == str(limit - 4)
    again = await desk.send("GET", "/products", headers=await desk.key("catalog:read"))
    assert again.headers["x-ratelimit-remaining"] == str(limit - 1)  # each key has its own


def test_a_plans_own_numbers_count_elsewhere() -> None:
    assert quota("starter", Quota(120, 50_000)) == Quota(1_000)
    assert quota("enterprise", Quota(10_000)) == Quota(10_000)
    assert DIALECT.quota is quota


@pytest.mark.timeout(120)
async def test_past_the_limit(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> None:
    desk = await desk_of(await new_shop(plan=Plan.FREE), http)
    key = await desk.key("catalog:read")
    for left in range(999, -1, -1):
        answer = await desk.send("GET", "/products", headers=key)
        if answer.headers["x-ratelimit-remaining"] != str(left):
            pytest.skip("the minute ended meanwhile")  # a thousand requests took longer than a window
        assert answer.status_code == 200
    answer = await desk.send("GET", "/products", headers=key)
    if answer.status_code == 200:
        pytest.skip("the minute ended meanwhile")
    assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == "rate_limited"
