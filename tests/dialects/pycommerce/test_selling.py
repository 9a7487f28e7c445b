"""Orders: what they cost, what they take from stock, what they are refused for; and paying for them from a browser."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.dialects.pycommerce.desk import Desk, refused, refused_simply
from tests.dialects.pycommerce.test_golden import exact

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductChanges, VariantDraft
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.kernel.ids import OrderId, parse_uuid

DEMO = "/stripe-demo/create-checkout-session-json"
UNEVEN = """
select count(*) from stock s left join (
  select variant_id, sum(on_hand_delta) h, sum(reserved_delta) r from stock_movements where tenant_id = $1 group by 1) m
  using (variant_id)
where s.tenant_id = $1 and (s.on_hand, s.reserved) is distinct from (coalesce(m.h, 0), coalesce(m.r, 0))
"""


def order_id(text: str) -> OrderId:
    ident = parse_uuid(text)
    assert ident is not None
    return OrderId(ident)


async def shown(desk: Desk, ident: str) -> Any:
    return exact(await desk.get(f"/api/orders/{ident}"))


async def stock(desk: Desk) -> dict[str, int]:
    await asyncio.sleep(0.3)  # another process wrote it
    body = (await desk.get("/api/products", tenant=desk.slug)).json()
    return {one["name"]: one["stock"] for one in body["products"]}


async def test_fifty_at_once_for_the_last_ten(desk: Desk) -> None:
    product = (await desk.shop.product("Lamp", "12.34", stock=10)).id

    async def buy(number: int) -> httpx.Response:
        buyer = {"name": f"Buyer {number}", "email": f"buyer{number % 7}@example.com"}
        return await desk.post("/api/orders", desk.order(product, customer=buyer, payment_method="cod"))

    answers = await asyncio.gather(*(buy(number) for number in range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 40}
    for answer in answers:
        if answer.status_code == 409:
            error = refused(answer, 409, code="out_of_stock")
            assert "Lamp" in error["details"] and not re.search(r"\d", error["details"])
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 10
    assert (await desk.get("/api/orders", tenant=desk.slug)).json()["count"] == 10
    assert await stock(desk) == {"Lamp": 0}
    assert await desk.shop.value(UNEVEN) == 0
    assert await desk.shop.value("select count(*) from customers where tenant_id = $1") <= 7


async def test_standard_and_express_cost_what_the_shop_says(desk: Desk) -> None:
    shop = desk.shop
    await shop.settings(tax_percentage="8.875", flat_shipping_rate="4.95", free_shipping_threshold="100.00")
    await shipping.put(shop.rt, shop.ctx, ShippingMethod("express", "Express", 1499))
    await shipping.put(shop.rt, shop.ctx, ShippingMethod("pickup", "Pick-up", 0))
    lamp = (await shop.product("Lamp", "33.33", stock=50)).id
    for method, pieces, cost in (
        ("standard", 1, "4.95"),
        ("standard", 4, "0.00"),
        ("express", 1, "14.99"),
        ("express", 4, "14.99"),
        ("pickup", 1, "0.00"),
    ):
        items = [{"product_id": str(lamp), "quantity": pieces}]
        ident = await desk.placed(items=items, shipping_method=method, payment_method="bank_transfer")
        order = await shown(desk, ident)
        assert (order["shipping_method"], order["shipping_cost"]) == (method, Decimal(cost))
        assert order["subtotal"] == Decimal("33.33") * pieces == sum(item["total_price"] for item in order["items"])
        assert order["total"] == order["subtotal"] + order["tax"] + order["shipping_cost"]
        assert order["tax"] == (order["subtotal"] * Decimal("0.08875")).quantize(Decimal("0.01"))
        assert (order["payment_method"], order["items"][0]["quantity"]) == ("bank_transfer", pieces)
    assert (await desk.get("/api/orders", tenant=desk.slug)).json()["orders"][0]["items_count"] == 1
    unset = desk.order(lamp)
    del unset["shipping_method"]
    made = await desk.post("/api/orders", unset)
    assert (await shown(desk, made.json()["id"]))["shipping_method"] == "standard"


async def test_discounts_and_included_tax_are_said(desk: Desk) -> None:
    """What the document has no field for appears only where there is some."""
    shop = desk.shop
    await shop.settings(tax_percentage="19", prices_include_tax=True)
    lamp = (await shop.product("Lamp", "119.00", stock=9)).id
    order = await shown(desk, await desk.placed(lamp))
    assert (order["total"], order["tax"], order["tax_included"]) == (Decimal("119.00"), Decimal("19.00"), True)
    assert "discount" not in order


async def test_a_customer_is_found_again_and_not_changed(desk: Desk) -> None:
    pen = (await desk.shop.product("Pen", "2.00", stock=9)).id
    buyers = [
        {"name": "John Doe", "email": "john.doe@example.com", "phone": "+1987654321"},
        {"name": "Mallory", "email": "John.Doe@Example.com", "phone": "+1000000000"},
        {"name": "John", "email": "john.doe@example.com"},
    ]
    seen = [await shown(desk, await desk.placed(pen, customer=buyer)) for buyer in buyers]
    assert len({one["customer"]["id"] for one in seen}) == 1
    assert [one["customer"]["name"] for one in seen] == ["John Doe", "Mallory", "John"]
    assert seen[1]["customer"]["phone"] == "+1000000000"
    known = "select first_name || ' ' || last_name || ' ' || phone from customers where tenant_id = $1"
    assert await desk.shop.value(known) == "John Doe +1987654321"


async def test_variants(desk: Desk) -> None:
    shop = desk.shop
    made = await shop.product(
        "Shirt",
        "20.00",
        variants=(
            VariantDraft(options={"Size": "S"}, stock=1),
            VariantDraft(options={"Size": "L"}, stock=1, price="25.00"),
        ),
    )
    large = next(one for one in made.variants if one.title == "L")
    first = await shown(desk, await desk.placed(made.id))
    assert (first["items"][0]["variant"], first["items"][0]["unit_price"]) == ("S", Decimal("20.00"))
    item = {"product_id": str(made.id), "variant_id": str(large.id), "quantity": 1}
    second = await shown(desk, await desk.placed(items=[item]))
    assert (second["items"][0]["variant_id"], second["subtotal"]) == (str(large.id), Decimal("25.00"))
    refused(await desk.post("/api/orders", desk.order(items=[item])), 409, code="out_of_stock")
    other = await shop.product("Pen", "1.00", stock=1)
    mixed = {**item, "product_id": str(other.id)}
    refused(await desk.post("/api/orders", desk.order(items=[mixed])), 400, "items[0]")


async def test_a_refused_order_leaves_nothing_behind(desk: Desk) -> None:
    shop = desk.shop
    lamp, pen = (await shop.product("Lamp", "9.00", stock=3)), (await shop.product("Pen", "1.00", stock=3))
    gone = await shop.product("Gone", "1.00", stock=3)
    await catalog.update_product(shop.rt, shop.ctx, gone.id, ProductChanges(active=False))
    too_many = [{"product_id": str(pen.id), "quantity": 1}, {"product_id": str(lamp.id), "quantity": 4}]
    error = refused(await desk.post("/api/orders", desk.order(items=too_many)), 409, code="out_of_stock")
    assert "Lamp" in error["details"] and "Pen" not in error["details"]
    twice = [{"product_id": str(lamp.id), "quantity": 2}] * 2
    refused(await desk.post("/api/orders", desk.order(items=twice)), 409, code="out_of_stock")
    error = refused(await desk.post("/api/orders", desk.order(pen.id, gone.id)), 409, code="unavailable")
    assert "Gone" in error["details"]
    assert (await desk.get("/api/orders", tenant=desk.slug)).json()["count"] == 0
    assert await shop.value("select count(*) from customers where tenant_id = $1") == 0
    assert await stock(desk) == {"Lamp": 3, "Pen": 3}


async def test_the_same_key_makes_one_order(desk: Desk) -> None:
    pen = (await desk.shop.product("Pen", "2.00", stock=9)).id
    headers = {**desk.headers(), "Idempotency-Key": "abc-1"}
    body = desk.order(pen, payment_method="cod")
    first = await desk.http.post("/api/orders", json=body, headers=headers)
    again = await desk.http.post("/api/orders", json=body, headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await desk.http.post("/api/orders", json={**body, "notes": "x"}, headers=headers)
    refused(other, 409)
    assert (await desk.get("/api/orders", tenant=desk.slug)).json()["count"] == 1


# ── The payment page ─────────────────────────────────────────────────────────────────────────────────────────────────
def claim(ident: str, *items: tuple[Any, float, int]) -> dict[str, Any]:
    listed = [{"id": str(key), "name": "whatever", "price": price, "quantity": n} for key, price, n in items]
    return {"items": listed, "order_id": ident}


async def test_an_order_is_charged_its_own_balance(desk: Desk) -> None:
    shop = desk.shop
    await shop.settings(tax_percentage="10", flat_shipping_rate="5.00")
    lamp = await shop.product("Lamp", "20.00", stock=9, sku="LAMP-1")
    items = [{"product_id": str(lamp.id), "quantity": 2}]
    ident = await desk.placed(items=items, shipping_method="standard")
    bare = httpx.AsyncClient(base_url=desk.http.base_url, timeout=30)
    sessions = set()
    variant = lamp.variants[0].id
    for key in (lamp.id, variant, "LAMP-1", "lamp-1"):
        answer = await bare.post(DEMO, json=claim(ident, (key, 20, 2)))
        assert answer.status_code == 200, answer.text
        sessions.add(answer.json()["session_id"])
    split = await desk.post(DEMO, claim(ident, (lamp.id, 20.0, 1), (variant, 20.00, 1)))
    assert sessions == {split.json()["session_id"]}  # one order, one page
    page = await bare.get(split.json()["checkout_url"])
    assert "49.00" in page.text and "Lamp" in page.text and "whatever" not in page.text
    await bare.aclose()


@pytest.mark.parametrize(
    "items",
    [
        [("LAMP", 19.99, 2)],
        [("LAMP", 0.01, 2)],
        [("LAMP", 20, 1)],
        [("LAMP", 20, 3)],
        [("LAMP", 20, 2), ("LAMP", 20, 1)],
        [("prod_1", 20, 2)],
        [("LAMP", 20, 2), ("prod_1", 0, 1)],
        [("LAMP", 40, 1)],
    ],
)
async def test_items_that_differ_are_an_error(desk: Desk, items: list[Any]) -> None:
    lamp = await desk.shop.product("Lamp", "20.00", stock=9)
    ident = await desk.placed(items=[{"product_id": str(lamp.id), "quantity": 2}])
    before = await shown(desk, ident)
    claimed = [(lamp.id if key == "LAMP" else key, price, n) for key, price, n in items]
    host = {"Host": desk.shop.http.headers["Host"]}
    for headers in ({}, host, desk.headers(), {"X-API-Key": desk.shop.key}):
        answer = await desk.http.post(DEMO, json=claim(ident, *claimed), headers=headers)
        refused_simply(answer, 400, "items")
    assert await shown(desk, ident) == before


async def test_paying_on_the_page_pays_the_order(desk: Desk) -> None:
    lamp = await desk.shop.product("Lamp", "20.00", stock=9)
    ident = await desk.placed(lamp.id)
    body = claim(ident, (lamp.id, 20, 1))
    session = (await desk.post(DEMO, body)).json()
    page = await desk.http.get(session["checkout_url"])
    fields = dict(re.findall(r'<button[^>]*name="([^"]+)"[^>]*value="([^"]+)"', page.text)[:1])
    paid = await desk.http.post(session["checkout_url"], data=fields)
    assert paid.status_code < 400, paid.text
    async with asyncio.timeout(20):
        while (await shown(desk, ident))["payment_status"] != "paid":
            await asyncio.sleep(0.1)
    assert (await shown(desk, ident))["status"] == "confirmed"
    refused_simply(await desk.post(DEMO, body), 409, "paid")


async def test_an_order_that_can_not_be_paid_by_card(desk: Desk) -> None:
    shop = desk.shop
    lamp = await shop.product("Lamp", "20.00", stock=9)
    by_cash = await desk.placed(lamp.id, payment_method="cod")
    body = claim(by_cash, (lamp.id, 20, 1))
    answer = await desk.http.post(DEMO, json=body)
    refused_simply(answer, 409, "not paid by card")
    assert (await shown(desk, by_cash))["payment_method"] == "cod"
    cancelled = await desk.placed(lamp.id)
    await orders.change_status(shop.rt, shop.ctx, order_id(cancelled), Status.CANCELLED)
    refused_simply(await desk.http.post(DEMO, json=claim(cancelled, (lamp.id, 20, 1))), 409, "cancelled")


async def test_an_unknown_order_touches_nothing_and_is_nothing_in_live_mode(desk: Desk) -> None:
    shop = desk.shop
    await shop.settings(currency="JPY")
    lamp = await shop.product("Lamp", "2000", stock=9)
    body = claim("order-123-abc", (lamp.id, 5, 3))
    host = {"Host": shop.http.headers["Host"]}
    trial = await desk.http.post(DEMO, json=body, headers=host)
    assert trial.status_code == 200, trial.text
    assert "15" in (await desk.http.get(trial.json()["checkout_url"])).text
    refused_simply(await desk.http.post(DEMO, json=claim("x", (1, 0.5, 1)), headers=host), 400, "JPY")
    assert (await desk.get("/api/orders", tenant=desk.slug)).json()["count"] == 0
    assert await shop.value("select count(*) from payments where tenant_id = $1") == 0
    assert await stock(desk) == {"Lamp": 9}
    await shop.settings(payment_test_mode=False)
    refused_simply(await desk.http.post(DEMO, json=body, headers=host), 404)


async def test_a_coupons_discount_shows_on_an_order_of_another_dialect(desk: Desk) -> None:
    shop = desk.shop
    await coupons.create(shop.rt, shop.ctx, coupons.CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    lamp = await shop.product("Lamp", "20.00", stock=9)
    jane = {"Authorization": f"Bearer {await desk.shopper()}"}
    listed = (await shop.http.get("/api/store/products/")).json()["results"][0]
    item = {"product_id": listed["id"], "quantity": 1}
    await shop.http.post("/api/store/cart/items/", json=item, headers=jane)
    body = {
        "shipping_address": {"street": "1 Main St", "city": "Metropolis", "country": "US"},
        "payment_method": "cod",
        "coupon_code": "TEN",
    }
    sold = await shop.http.post("/api/store/checkout/", json=body, headers=jane)
    assert sold.status_code == 201, sold.text
    (one,) = (await desk.get("/api/orders", tenant=desk.slug)).json()["orders"]
    order = await shown(desk, one["id"])
    assert (order["subtotal"], order["discount"], order["total"]) == (
        Decimal("20.00"),
        Decimal("2.00"),
        Decimal("18.00"),
    )
    assert order["items"][0]["product_id"] == str(lamp.id)
