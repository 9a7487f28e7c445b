"""Orders through this API: stock for all or none, one order for one wish, only what may follow, and money that goes
back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.dialects.commerce.desk import BASE, Desk, problem

from merx.core.orders import service as orders
from merx.kernel.ids import OrderId

LEGAL: dict[str, list[str]] = {
    "pending": ["confirmed", "cancelled"],
    "confirmed": ["shipped", "cancelled", "refunded"],
    "shipped": ["delivered", "refunded"],
    "delivered": ["refunded"],
    "cancelled": [],
    "refunded": [],
}
WAY = {
    "pending": (),
    "confirmed": ("confirmed",),
    "shipped": ("confirmed", "shipped"),
    "delivered": ("confirmed", "shipped", "delivered"),
    "cancelled": ("cancelled",),
    "refunded": ("confirmed", "refunded"),
}


async def stock(desk: Desk, product: Any) -> int:
    return int((await desk.call("GET", f"/products/{product['id']}"))["stock"])


async def paid(desk: Desk, order: Any) -> None:
    await orders.mark_paid(desk.shop.rt, desk.shop.ctx, OrderId(UUID(order["id"])))


# ── Stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.timeout(120)
async def test_fifty_at_once_for_the_last_ten(desk: Desk) -> None:
    """Over real HTTP, with a connection each: ten orders, forty clear refusals, and no other answer."""
    product = await desk.product(name="The last ones", stock=10)
    key = await desk.key("checkout:write")
    url = f"http://127.0.0.1:{desk.shop.rt.settings.port}{BASE}/orders"
    body = {"items": [{"productId": product["id"], "quantity": 1}]}

    async def buy() -> httpx.Response:
        async with httpx.AsyncClient(timeout=60) as client:
            return await client.post(url, json=body, headers=key)

    answers = await asyncio.gather(*(buy() for _ in range(50)))
    assert Counter(one.status_code for one in answers) == {201: 10, 422: 40}
    for one in answers:
        if one.status_code == 422:
            shown = problem(one, 422)
            assert shown["code"] == "out_of_stock" and "The last ones" in shown["errors"]["items"][0]
    numbers = sorted(one.json()["orderNumber"] for one in answers if one.status_code == 201)
    assert numbers == [f"ORD-{number:03d}" for number in range(1, 11)]
    assert await stock(desk, product) == 0
    ledger = """select s.on_hand - s.reserved - sum(m.on_hand_delta - m.reserved_delta) from stock s
      join stock_movements m on m.tenant_id = $1 and m.variant_id = s.variant_id
      where s.tenant_id = $1 group by s.on_hand, s.reserved"""
    assert await desk.shop.value(ledger) == 0


async def test_a_variant_of_another_product_makes_no_order_at_all(desk: Desk) -> None:
    """The rest of the order is not placed without it, also where that variant is on another line."""
    first, second = await desk.product(stock=5), await desk.product(name="Other", stock=5)
    borrowed = first["variants"][0]["id"]
    items = [
        {"productId": first["id"], "variantId": borrowed, "quantity": 1},
        {"productId": second["id"], "variantId": borrowed, "quantity": 1},
    ]
    shown = await desk.refused("POST", "/orders", 422, {"items": items, "paymentMethod": "cod"})
    assert shown["code"] == "product_unknown" and list(shown["errors"]) == ["items[1].variantId"]
    assert await stock(desk, first) == await stock(desk, second) == 5


async def test_all_of_it_or_nothing(desk: Desk) -> None:
    plenty, scarce = await desk.product(name="Plenty", stock=50), await desk.product(name="Scarce", stock=1)
    items = [{"productId": plenty["id"], "quantity": 5}, {"productId": scarce["id"], "quantity": 2}]
    shown = await desk.refused("POST", "/orders", 422, {"items": items})
    assert shown["code"] == "out_of_stock" and "Scarce" in shown["detail"] and "Plenty" not in shown["detail"]
    assert (await stock(desk, plenty), await stock(desk, scarce)) == (50, 1)
    assert (await desk.call("GET", "/orders"))["pagination"]["totalItems"] == 0


@pytest.mark.parametrize("status", ["cancelled", "refunded"])
async def test_stock_comes_back(desk: Desk, status: str) -> None:
    product = await desk.product(stock=10)
    order = await desk.order(product=product)
    assert await stock(desk, product) == 8
    if status == "refunded":
        await paid(desk, order)
    await desk.move(order, status)
    assert await stock(desk, product) == 10


# ── One order for one wish ───────────────────────────────────────────────────────────────────────────────────────────
async def test_idempotency_key(desk: Desk) -> None:
    product = await desk.product(stock=10)
    body = {"items": [{"productId": product["id"], "quantity": 1}]}
    headers = {**desk.headers, "Idempotency-Key": "wish-1"}
    answers = await asyncio.gather(*(desk.send("POST", "/orders", body, headers) for _ in range(10)))
    assert {one.status_code for one in answers} <= {201, 409}
    for one in answers:
        if one.status_code == 409:
            assert problem(one, 409)["code"] == "idempotency_in_progress" and one.headers["retry-after"] == "1"
    again = await desk.send("POST", "/orders", body, headers)
    assert again.status_code == 201 and again.headers["idempotent-replayed"] == "true"
    assert {one.json()["id"] for one in answers if one.status_code == 201} == {again.json()["id"]}
    assert await stock(desk, product) == 9
    body["items"][0]["quantity"] = 2
    assert (await desk.refused("POST", "/orders", 422, body, headers))["code"] == "idempotency_key_reused"
    wrong = {**desk.headers, "Idempotency-Key": "x" * 256}
    assert (await desk.refused("POST", "/orders", 400, body, wrong))["code"] == "idempotency_key_malformed"


# ── Statuses ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("current", list(LEGAL))
async def test_only_what_may_follow_follows(desk: Desk, current: str) -> None:
    product = await desk.product(stock=100)
    for wanted in LEGAL:
        order = await desk.order(product=product)
        if current != "pending" and current != "cancelled":
            await paid(desk, order)  # and so it is confirmed
        for step in WAY[current]:
            if step != "confirmed":
                await desk.move(order, step)
        if wanted in LEGAL[current]:
            assert (await desk.move(order, wanted))["status"] == wanted
            continue
        shown = await desk.refused("PATCH", f"/orders/{order['id']}/status", 422, {"status": wanted})
        assert shown["code"] == "illegal_transition" and shown["legal"] == LEGAL[current]
        assert list(shown["errors"]) == ["status"] and current in shown["detail"]
        assert all(word in shown["detail"] for word in LEGAL[current])
        assert (await desk.call("GET", f"/orders/{order['id']}"))["status"] == current


async def test_what_was_not_paid_is_not_refunded(desk: Desk) -> None:
    order = await desk.order()
    await desk.move(order, "confirmed")
    shown = await desk.refused("PATCH", f"/orders/{order['id']}/status", 422, {"status": "refunded"})
    assert shown["code"] == "not_paid"


async def test_a_refund_goes_through_the_provider(desk: Desk) -> None:
    """The simulator takes the money at its page, and has given it back when the order is refunded."""
    await desk.shop.settings(payment_provider="stripe")
    order = await desk.order(paymentMethod="card")
    assert order["payment"]["status"] == "pending" and order["payment"]["url"].startswith("http")
    page = await desk.http.get(order["payment"]["url"])
    assert page.status_code == 200
    pay = await desk.http.post(order["payment"]["url"], data={"action": "pay", "card": "4242424242424242"})
    assert pay.status_code < 400, pay.text
    for _ in range(200):
        shown = await desk.call("GET", f"/orders/{order['id']}")
        if shown["paymentStatus"] == "paid":
            break
        await asyncio.sleep(0.05)
    assert (shown["status"], shown["payment"]["status"], shown["payment"]["url"]) == ("confirmed", "paid", None)
    shown = await desk.move(order, "refunded")
    assert (shown["status"], shown["paymentStatus"]) == ("refunded", "refunded")
    assert [(one["amount"], one["status"]) for one in shown["refunds"]] == [(order["total"], "succeeded")]
    await desk.refused("PATCH", f"/orders/{order['id']}/status", 422, {"status": "refunded"})


async def test_moving_an_order_needs_orders_write(desk: Desk) -> None:
    order = await desk.order()
    path = f"/orders/{order['id']}/status"
    for headers in (await desk.shopper(), await desk.key("orders:read"), {"X-API-Key": desk.shop.key}):
        shown = await desk.refused("PATCH", path, 403, {"status": "confirmed"}, headers)
        assert shown["code"] == "missing_permission"
    writer = await desk.key("orders:write", "orders:read")
    assert (await desk.call("PATCH", path, {"status": "confirmed"}, headers=writer))["status"] == "confirmed"
    await paid(desk, order)
    await desk.refused("PATCH", path, 403, {"status": "refunded"}, writer)
    refunder = await desk.key("orders:write", "orders:read", "refunds:write")
    assert (await desk.call("PATCH", path, {"status": "refunded"}, headers=refunder))["status"] == "refunded"


# ── Whose orders ─────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_shopper_sees_their_own_and_nothing_else(desk: Desk) -> None:
    """In no list, by no filter, by no id; and cannot tell somebody else's from none at all."""
    product = await desk.product(stock=100)
    jane, jim = await desk.shopper(), await desk.shopper()
    hers = [await desk.order(jane, product=product) for _ in range(3)]
    his = [await desk.order(jim, product=product) for _ in range(2)]
    nobodys = await desk.order(product=product)
    await desk.move(his[0], "confirmed")
    filters = [
        "",
        "?page=1&pageSize=100",
        "?from=2000-01-01T00:00:00Z",
        "?to=2100-01-01T00:00:00Z",
        "?page=2&pageSize=1",
    ]
    filters += [f"?status={status}" for status in LEGAL]
    filters += [f"?{name}={value}" for name in ("customerId", "customer", "email", "customer_id", "user")
                for value in (his[0]["customer"]["id"], his[0]["customer"]["email"])]  # fmt: skip
    for query in filters:
        shown = await desk.call("GET", f"/orders{query}", headers=jane)
        assert {one["id"] for one in shown["data"]} <= {one["id"] for one in hers}, query
        assert shown["pagination"]["totalItems"] <= 3
    assert (await desk.call("GET", "/orders", headers=jane))["pagination"]["totalItems"] == 3
    assert (await desk.call("GET", "/orders", headers=jim))["pagination"]["totalItems"] == 2
    unknown = await desk.refused("GET", f"/orders/{uuid4()}", 404, headers=jane)
    for foreign in (*his, nobodys):
        assert await desk.refused("GET", f"/orders/{foreign['id']}", 404, headers=jane) == unknown
    await desk.refused("GET", f"/orders/{his[0]['id']}", 404, headers={**jane, "X-API-Key": desk.shop.key})


async def test_an_orders_owner_is_who_asked(desk: Desk) -> None:
    product = await desk.product(stock=10)
    jane = await desk.shopper()
    body = {"items": [{"productId": product["id"], "quantity": 1}]}
    await desk.refused("POST", "/orders", 422, {**body, "customer": {"email": "jim@example.com"}}, jane)
    for field, value in (("customerId", str(uuid4())), ("total", 1), ("tenantId", str(uuid4()))):
        shown = await desk.refused("POST", "/orders", 422, {**body, field: value}, jane)
        assert list(shown["errors"]) == [field]
    shown = await desk.refused("POST", "/orders", 422, {"items": [{**body["items"][0], "unitPrice": 0.01}]}, jane)
    assert list(shown["errors"]) == ["items[0].unitPrice"]
    made = await desk.call("POST", "/orders", body, 201, jane)
    assert made["customer"]["email"] == "shopper1@example.com" and made["total"] == 89.5


async def test_a_storefront_key_alone_is_no_shopper(desk: Desk) -> None:
    """It may sell, but it owns no orders, and sees none."""
    key = {"X-API-Key": desk.shop.key}
    made = await desk.order(key, customer={"email": "guest@example.com", "name": "A Guest"})
    assert made["customer"]["email"] == "guest@example.com"
    await desk.refused("GET", "/orders", 403, headers=key)
    await desk.refused("GET", f"/orders/{made['id']}", 403, headers=key)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"items": [{"productId": "01a1fcc2-9115-7109-a5d0-59c6f5d95fd8", "quantity": 1}]}, "items[0].productId"),
        ({"shippingMethod": "teleport"}, "shippingMethod"),
        ({"couponCode": "NOSUCH"}, "couponCode"),
        ({"couponCode": "no such"}, "couponCode"),
        ({"customer": {"email": "a@" + "b" * 10}}, "customer.email"),
    ],
)
async def test_what_the_shop_does_not_have(desk: Desk, changed: Any, field: str) -> None:
    product = await desk.product()
    body = {"items": [{"productId": product["id"], "quantity": 1}], **changed}
    shown = await desk.refused("POST", "/orders", 422, body)
    assert list(shown["errors"]) == [field]
    assert await stock(desk, product) == 12


async def test_what_is_not_for_sale(desk: Desk) -> None:
    hidden, gone = await desk.product(name="Hidden", active=False), await desk.product(name="Gone")
    parka = await desk.product(name="Parka")
    await desk.call("DELETE", f"/products/{gone['id']}", status=204)
    for item in (
        {"productId": hidden["id"], "quantity": 1},
        {"productId": gone["id"], "quantity": 1},
        {"productId": gone["id"], "variantId": gone["variants"][0]["id"], "quantity": 1},
        {"productId": parka["id"], "variantId": hidden["variants"][0]["id"], "quantity": 1},
    ):
        shown = await desk.refused("POST", "/orders", 422, {"items": [item]})
        assert next(iter(shown["errors"])).startswith("items")


async def test_a_product_whose_variants_are_all_switched_off_is_known_but_not_for_sale(desk: Desk) -> None:
    """It stands in the list, sold out; that there is no such product would not be true."""
    sizes = [{"options": {"Size": size}, "stock": 5, "active": False} for size in "SM"]
    product = await desk.product(name="Parka", stock=0, variants=sizes)
    items = [{"productId": product["id"], "quantity": 1}]
    assert (await desk.refused("POST", "/orders", 422, {"items": items}))["code"] == "unavailable"
    on = [{"id": product["variants"][1]["id"], "active": True}, {"id": product["variants"][0]["id"]}]
    await desk.call("PATCH", f"/products/{product['id']}", {"variants": on[::-1]})
    made = await desk.call("POST", "/orders", {"items": items, "paymentMethod": "cod"}, 201)
    assert made["items"][0]["variant"] == "M"
