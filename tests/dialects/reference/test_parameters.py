"""Every parameter of every collection: what it chooses, what it is bounded by; scopes of every route; idempotency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.dialects.reference.desk import BASE, STRANGER, Desk, desk_of, refused
from tests.dialects.site import Shop

from merx.core.auth.model import DELEGABLE
from merx.core.customers import service as customers
from merx.core.customers.model import CustomerPatch, CustomerStatus
from merx.core.tenants.model import Plan
from merx.kernel import ids
from merx.kernel.ids import CustomerId

LISTS = ["/users", "/products", "/logs"]


async def test_users_by_status(desk: Desk) -> None:
    made = [await desk.user(f"user{number}@example.com") for number in range(3)]
    ident = ids.decode("usr", made[1])
    assert ident is not None
    patch = CustomerPatch(status=CustomerStatus.INACTIVE)
    await customers.update(desk.shop.rt, desk.shop.ctx, CustomerId(ident), patch)
    for status, wanted in (("active", [made[2], made[0]]), ("inactive", [made[1]]), (None, made[::-1])):
        answer = await desk.get("/users", **({} if status is None else {"status": status}))
        assert [one["id"] for one in answer.json()] == wanted
        assert answer.headers["X-Total-Count"] == str(len(wanted))
        assert status is None or {one["status"] for one in answer.json()} == {status}
    for wrong in ("ACTIVE", "banned", "", "active,inactive"):
        refused(await desk.get("/users", status=wrong), 400, "INVALID_PARAMETER", "status (string)")
    twice = await desk.http.get(f"{BASE}/users?status=active&status=inactive", headers=desk.headers())
    refused(twice, 400, "INVALID_PARAMETER", "status (string)")


@pytest.mark.parametrize("path", LISTS)
async def test_limit_and_offset(desk: Desk, path: str) -> None:
    for number in range(3):
        await desk.user(f"user{number}@example.com")
        await desk.product(f"Widget {number}")
        await desk.get("/products/prod_x")
    if path == "/logs":
        await desk.logged(3)
    fixed = {"endDate": "2999-01-01T00:00:00Z", "level": "warn"} if path == "/logs" else {}
    whole = (await desk.get(path, **fixed)).json()
    assert len(whole) == 3
    for limit, offset in ((1, 0), (1, 2), (2, 1), (100, 0), (20, 3), (20, 1_000_000)):
        answer = await desk.get(path, limit=limit, offset=offset, **fixed)
        assert answer.json() == whole[offset : offset + limit]
        told = [answer.headers[name] for name in ("X-Total-Count", "X-Limit", "X-Offset")]
        assert told == ["3", str(limit), str(offset)]
    for name, wrong in (
        [("limit", one) for one in ("0", "101", "-1", "1.5", "ten", "", "1e2", "9" * 30, "NaN", "%00")]
        + [("offset", one) for one in ("-1", "1000001", "1.5", "", "x", "9" * 30)]
    ):  # fmt: skip
        refused(await desk.get(path, **{name: wrong}), 400, "INVALID_PARAMETER", f"{name} (integer)")


async def test_only_what_is_for_sale_is_listed(desk: Desk) -> None:
    await desk.shop.product("Hidden", active=False, stock=3)
    shown = await desk.product("Shown")
    answer = await desk.get("/products")
    assert [one["id"] for one in answer.json()] == [shown] and answer.headers["X-Total-Count"] == "1"


ROUTES: list[tuple[str, str, Any, tuple[str, ...]]] = [
    ("GET", "/users", None, ("users:read", "customers:read")),
    ("GET", "/products", None, ("catalog:read", "products:read")),
    ("GET", f"/products/prod_{STRANGER}", None, ("catalog:read", "products:read")),
    ("POST", "/orders", {}, ("checkout:write",)),
    (
        "POST",
        "/payments",
        {"orderId": f"ord_{STRANGER}", "paymentMethodId": "pm_card_visa", "amount": 1, "currency": "USD"},
        ("payments:write",),
    ),
    ("POST", "/notifications/send", {}, ("notifications:send",)),
    ("GET", f"/notifications/ntf_{STRANGER}", None, ("notifications:read", "notifications:send")),
    ("GET", "/logs", None, ("logs:read",)),
]


@pytest.mark.parametrize(("method", "path", "body", "scopes"), ROUTES)
async def test_every_route_has_its_scope(
    desk: Desk, method: str, path: str, body: Any, scopes: tuple[str, ...]
) -> None:
    """Each of its scopes opens a route, and all others together do not."""
    for scope in scopes:
        key = await desk.another_key(scope)
        answer = await desk.http.request(method, BASE + path, json=body, headers=desk.headers(key))
        assert answer.status_code in (200, 400, 404), answer.text
    rest = await desk.another_key(*sorted(DELEGABLE - set(scopes)))
    answer = await desk.http.request(method, BASE + path, json=body, headers=desk.headers(rest))
    error = refused(answer, 403, "MISSING_PERMISSION")
    assert error["details"].removesuffix(" (scope)") in scopes
    told = f'error="insufficient_scope", scope="{error["details"].removesuffix(" (scope)")}"'
    assert answer.headers["www-authenticate"] == f'Bearer realm="merx", {told}'


@pytest.mark.parametrize(("method", "path"), [one[:2] for one in ROUTES])
async def test_every_route_wants_a_credential(desk: Desk, method: str, path: str) -> None:
    host = {"Host": desk.shop.http.headers["Host"]}
    for headers in (
        {},
        host,
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": desk.key},
        {"Authorization": f"Bearer {desk.key[:-2]}xx"},
        {"Authorization": "Bearer sk_live_" + "0" * 38},
    ):
        # Before the body is read: what a stranger sends does not matter.
        answer = await desk.http.request(method, BASE + path, headers=headers, content=b"{")
        refused(answer, 401, details="Authorization (header)")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_who_orders_for_whom(desk: Desk) -> None:
    """A storefront's key orders for nobody in particular, a shopper for themselves, who has orders:write for anybody."""
    user, product = await desk.user(), await desk.product()
    body = desk.order(user, product)
    refused(await desk.post("/orders", body, desk.shop.key), 403, "MISSING_PERMISSION", "orders:write (scope)")
    may = await desk.another_key("checkout:write", "orders:write")
    assert (await desk.post("/orders", body, may)).status_code == 201
    shopper = await desk.shop.shopper()
    own = (await desk.get("/users")).json()[0]["id"]
    send = {"headers": shopper}
    refused(await desk.http.post(f"{BASE}/orders", json=body, **send), 400, "USER_NOT_FOUND", "userId (string)")
    answer = await desk.http.post(f"{BASE}/orders", json=desk.order(own, product), **send)
    assert answer.status_code == 201 and answer.json()["userId"] == own
    order = answer.json()
    # And pays what is theirs.
    theirs = (await desk.post("/orders", body)).json()
    answer = await desk.http.post(f"{BASE}/payments", json=desk.payment(theirs), **send)
    refused(answer, 404, "NOT_FOUND", "orderId (string)")
    assert (await desk.http.post(f"{BASE}/payments", json=desk.payment(order), **send)).status_code == 200


async def test_the_same_request_twice(desk: Desk) -> None:
    body = desk.order(await desk.user(), await desk.product())
    first = await desk.post("/orders", body, **{"Idempotency-Key": "one"})
    again = await desk.post("/orders", body, **{"Idempotency-Key": "one"})
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = {**body, "items": [{**body["items"][0], "quantity": 2}]}
    error = refused(await desk.post("/orders", other, **{"Idempotency-Key": "one"}), 409, details="Idempotency-Key")
    assert "IDEMPOTENCY" in error["code"]
    assert (await desk.post("/orders", body)).json()["id"] != first.json()["id"]
    order = first.json()
    paid = [await desk.post("/payments", desk.payment(order), **{"Idempotency-Key": "two"}) for _ in range(2)]
    assert [one.status_code for one in paid] == [200, 200] and paid[0].json() == paid[1].json()
    message = {"userId": order["userId"], "type": "email", "subject": "Hello", "message": "There"}
    sent = [await desk.post("/notifications/send", message, **{"Idempotency-Key": "three"}) for _ in range(2)]
    assert [one.status_code for one in sent] == [202, 202] and sent[0].json()["id"] == sent[1].json()["id"]


async def test_limits_are_told(desk: Desk, new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> None:
    small = await desk_of(await new_shop(plan=Plan.FREE), http)
    answer = await small.get("/products")
    limit = int(answer.headers["x-ratelimit-limit"])
    for _ in range(limit):
        answer = await small.get("/products")
    refused(answer, 429, "RATE_LIMITED", "Retry-After (header)")
    assert int(answer.headers["retry-after"]) > 0


async def test_conditional_reads_and_head(desk: Desk) -> None:
    await desk.product()
    first = await desk.get("/products")
    again = await desk.http.get(f"{BASE}/products", headers={**desk.headers(), "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    head = await desk.http.head(f"{BASE}/products", headers=desk.headers())
    assert head.status_code == 200 and not head.content and head.headers["X-Total-Count"] == "1"


async def test_the_document_is_valid_and_whole(desk: Desk) -> None:
    document = (await desk.http.get(f"{BASE}/openapi.json")).json()
    OpenAPIV31SpecValidator(document).validate()
    found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert found == {
        ("GET", "/users"), ("GET", "/products"), ("GET", "/products/{productId}"), ("POST", "/orders"),
        ("POST", "/payments"), ("POST", "/notifications/send"), ("GET", "/notifications/{notificationId}"),
        ("GET", "/logs"),
    }  # fmt: skip
    assert document["servers"] == [{"url": BASE}]
    told = (await desk.http.get("/.well-known/oauth-authorization-server")).json()["scopes_supported"]
    for flow in document["components"]["securitySchemes"]["OAuth2"]["flows"].values():
        assert list(flow["scopes"]) == told  # and none that no client is ever given
    for path in LISTS:
        good = document["paths"][path]["get"]["responses"]["200"]
        assert good["content"]["application/json"]["schema"]["type"] == "array"
        assert {"X-Total-Count", "X-Limit", "X-Offset"} <= set(good["headers"])
    assert {path for path, item in document["paths"].items() if "304" in item.get("get", {}).get("responses", {})} == {
        "/products", "/products/{productId}"
    }  # fmt: skip
    assert "402" in document["paths"]["/payments"]["post"]["responses"]
    assert "202" in document["paths"]["/notifications/send"]["post"]["responses"]
    page = await desk.http.get(f"{BASE}/docs")
    assert page.status_code == 200 and f"{BASE}/openapi.json" in page.text
