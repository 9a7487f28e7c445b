"""Every request and answer of the document: its keys, in its order, with its types and its words."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import httpx
from tests.dialects.pycommerce.desk import STRANGER, Desk
from tests.dialects.site import PASSWORD

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.kernel.ids import OrderId, parse_uuid

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
HEADPHONES = {
    "name": "Wireless Headphones",
    "description": "Premium wireless headphones with noise cancellation",
    "price": "129.99",
    "sku": "WH-001",
    "stock": 25,
}
SPEAKER = {
    "name": "Bluetooth Speaker",
    "description": "Waterproof portable Bluetooth speaker",
    "price": "79.99",
    "sku": "BS-002",
    "stock": 42,
}
ADDRESS = {
    "line1": "123 Main St",
    "line2": "Apt 4B",
    "city": "Metropolis",
    "state": "NY",
    "postal_code": "10001",
    "country": "USA",
}


def exact(answer: httpx.Response) -> Any:
    """The body with its numbers as they were written."""
    return json.loads(answer.content, parse_float=Decimal)


async def filled(desk: Desk) -> tuple[str, str]:
    """The document's two products in the document's two categories; the ids of both products."""
    shop = desk.shop
    electronics = await catalog.create_category(
        shop.rt, shop.ctx, CategoryDraft("Electronics", description="Electronic devices and gadgets")
    )
    draft = CategoryDraft("Audio", description="Audio devices and accessories", parent=electronics.id)
    await catalog.create_category(shop.rt, shop.ctx, draft)
    made = [await shop.product(**one, categories=("Electronics", "Audio")) for one in (HEADPHONES, SPEAKER)]
    return str(made[0].id), str(made[1].id)


async def test_health(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/health")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"status": "ok", "version": "1.0.0", "message": "PyCommerce API is running"}
    assert list(answer.json()) == ["status", "version", "message"]
    with_nonsense = {"Authorization": "Bearer nonsense", "X-API-Key": "nonsense", "Host": "nosuchshop.localhost:8000"}
    assert (await http.get("/api/health", headers=with_nonsense)).json() == answer.json()


async def test_login(desk: Desk) -> None:
    answer = await desk.http.post("/api/auth/login", json={"email": desk.shop.email, "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "expires_in"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert (await desk.get("/api/tenants", token=body["access_token"])).status_code == 200
    wrong = await desk.http.post("/api/auth/login", json={"email": desk.shop.email, "password": "not-the-password"})
    assert wrong.status_code == 401 and "WWW-Authenticate" in wrong.headers


async def test_tenants(desk: Desk) -> None:
    body = (await desk.get("/api/tenants")).json()
    assert list(body) == ["tenants", "count"] and body["count"] == 1
    (shown,) = body["tenants"]
    assert list(shown) == ["id", "name", "slug", "domain", "active"]
    assert shown["id"] == desk.tenant and shown["slug"] == desk.slug and shown["active"] is True
    assert shown["domain"] == f"{desk.slug}.{desk.shop.rt.settings.base_domain}"


async def test_products(desk: Desk) -> None:
    first, second = await filled(desk)
    answer = await desk.get("/api/products", tenant=desk.slug, category="Audio", in_stock="true")
    body = exact(answer)
    assert list(body) == ["products", "tenant", "count", "filters"]
    assert (body["tenant"], body["count"]) == (desk.slug, 2)
    assert body["filters"] == {"category": "Audio", "min_price": None, "max_price": None, "in_stock": True}
    assert list(body["filters"]) == ["category", "min_price", "max_price", "in_stock"]
    by_sku = {one["sku"]: one for one in body["products"]}
    wanted = {"id": first, **HEADPHONES, "price": Decimal("129.99"), "categories": ["Electronics", "Audio"]}
    assert by_sku["WH-001"] == wanted and list(by_sku["WH-001"]) == list(wanted)
    assert by_sku["BS-002"] == {
        "id": second, **SPEAKER, "price": Decimal("79.99"), "categories": ["Electronics", "Audio"],
    }  # fmt: skip
    assert answer.headers["X-Total-Count"] == "2"


async def test_categories(desk: Desk) -> None:
    await filled(desk)
    body = (await desk.get("/api/categories", tenant=desk.slug)).json()
    assert list(body) == ["categories", "tenant", "count"]
    assert (body["tenant"], body["count"]) == (desk.slug, 2)
    electronics, audio = body["categories"]
    assert list(electronics) == ["id", "name", "description", "slug", "parent_id"]
    assert re.fullmatch(UUID, electronics["id"])
    assert electronics == {
        "id": electronics["id"],
        "name": "Electronics",
        "description": "Electronic devices and gadgets",
        "slug": "electronics",
        "parent_id": None,
    }
    assert (audio["name"], audio["slug"], audio["parent_id"]) == ("Audio", "audio", electronics["id"])
    below = (await desk.get("/api/categories", tenant=desk.slug, parent_id=electronics["id"])).json()
    assert below == {"categories": [audio], "tenant": desk.slug, "count": 1}


async def test_an_order_is_created_listed_and_shown(desk: Desk) -> None:
    """The document's order, but with amounts that add up."""
    first, second = await filled(desk)
    await desk.shop.settings(tax_percentage="5", flat_shipping_rate="10.00")
    buyer = {"name": "Jane Smith", "email": "jane.smith@example.com", "phone": "+1234567890"}
    answer = await desk.post(
        "/api/orders",
        desk.order(
            first,
            second,
            customer=buyer,
            shipping_address=ADDRESS,
            billing_address=ADDRESS,
            shipping_method="standard",
            notes="Please leave at front door",
        ),
    )
    assert answer.status_code == 201
    made = answer.json()
    assert list(made) == ["id", "status", "message"] and re.fullmatch(UUID, made["id"])
    assert (made["status"], made["message"]) == ("pending", "Order created successfully")

    body = exact(await desk.get("/api/orders", tenant=desk.slug))
    assert list(body) == ["orders", "tenant", "count", "filters"]
    assert (body["tenant"], body["count"], body["filters"]) == (desk.slug, 1, {"status": None, "customer_id": None})
    (listed,) = body["orders"]
    assert re.fullmatch(TIME, listed["created_at"])
    wanted = {
        "id": made["id"],
        "customer_name": "Jane Smith",
        "customer_email": "jane.smith@example.com",
        "status": "pending",
        "total": Decimal("230.48"),
        "created_at": listed["created_at"],
        "items_count": 2,
        "shipping_method": "standard",
    }
    assert listed == wanted and list(listed) == list(wanted)

    shown = exact(await desk.get(f"/api/orders/{made['id']}"))
    assert re.fullmatch(UUID, shown["customer"]["id"]) and re.fullmatch(TIME, shown["updated_at"])
    wanted = {
        "id": made["id"],
        "customer": {"id": shown["customer"]["id"], **buyer},
        "status": "pending",
        "total": Decimal("230.48"),
        "subtotal": Decimal("209.98"),
        "tax": Decimal("10.50"),
        "shipping_cost": Decimal("10.00"),
        "created_at": listed["created_at"],
        "updated_at": shown["updated_at"],
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
        "shipping_method": "standard",
        "payment_method": "credit_card",
        "payment_status": "unpaid",
        "notes": "Please leave at front door",
        "items": [
            {
                "id": shown["items"][0]["id"],
                "product_id": first,
                "name": "Wireless Headphones",
                "quantity": 1,
                "unit_price": Decimal("129.99"),
                "total_price": Decimal("129.99"),
            },
            {
                "id": shown["items"][1]["id"],
                "product_id": second,
                "name": "Bluetooth Speaker",
                "quantity": 1,
                "unit_price": Decimal("79.99"),
                "total_price": Decimal("79.99"),
            },
        ],
        "tenant_id": desk.tenant,
    }
    assert shown == wanted and list(shown) == list(wanted)
    assert list(shown["customer"]) == ["id", "name", "email", "phone"]
    assert [list(item) for item in shown["items"]] == [list(item) for item in wanted["items"]]
    assert shown["total"] == shown["subtotal"] + shown["tax"] + shown["shipping_cost"]


async def test_the_curl_examples_body_without_bill_and_notes(desk: Desk) -> None:
    first, _ = await filled(desk)
    await shipping.put(desk.shop.rt, desk.shop.ctx, ShippingMethod("express", "Express", 1495))
    body = desk.order(first)
    del body["billing_address"], body["notes"], body["shipping_address"]["line2"]
    body["shipping_address"] = {key: value for key, value in body["shipping_address"].items() if key != "line2"}
    made = await desk.post("/api/orders", body)
    assert made.status_code == 201, made.text
    shown = exact(await desk.get(f"/api/orders/{made.json()['id']}"))
    assert shown["billing_address"] == shown["shipping_address"] == {**body["shipping_address"], "line2": ""}
    assert (shown["notes"], shown["shipping_method"]) == ("", "express")
    assert (shown["shipping_cost"], shown["total"]) == (Decimal("14.95"), Decimal("144.94"))


async def test_a_delivered_order_is_completed_and_paid(desk: Desk) -> None:
    first, _ = await filled(desk)
    ident = await desk.placed(first, payment_method="cod")
    shop, order = desk.shop, OrderId(parse_uuid(ident) or UUID)  # type: ignore[arg-type]
    await orders.mark_paid(shop.rt, shop.ctx, order)
    for status in (Status.PROCESSING, Status.SHIPPED, Status.DELIVERED):
        await orders.change_status(shop.rt, shop.ctx, order, status)
        assert (await desk.get(f"/api/orders/{ident}")).json()["status"] == (
            "completed" if status is Status.DELIVERED else status.value
        )
    shown = (await desk.get(f"/api/orders/{ident}")).json()
    assert (shown["status"], shown["payment_status"], shown["payment_method"]) == ("completed", "paid", "cod")
    assert (await desk.get("/api/orders", tenant=desk.slug, status="completed")).json()["count"] == 1


async def test_the_documents_error(desk: Desk) -> None:
    for unknown in ("12345", STRANGER):
        answer = await desk.get(f"/api/orders/{unknown}")
        assert answer.status_code == 404
        assert answer.json() == {
            "error": {
                "code": "resource_not_found",
                "message": "The requested resource was not found.",
                "details": f"Order with ID '{unknown}' does not exist.",
            }
        }


async def test_the_payment_demo(desk: Desk, http: httpx.AsyncClient) -> None:
    """The document's example as it stands: no token, no shop, an order nobody has."""
    body = {
        "items": [
            {"id": "prod_1", "name": "Premium Headphones", "price": 149.99, "quantity": 1},
            {"id": "prod_2", "name": "Wireless Speaker", "price": 79.99, "quantity": 2},
        ],
        "order_id": "order-123-abc",
    }
    here = {"Host": desk.shop.http.headers["Host"]}
    for headers in ({}, here, desk.headers()):
        answer = await http.post("/stripe-demo/create-checkout-session-json", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["checkout_url", "session_id"]
        assert answer.json()["session_id"].startswith("cs_test_")
        assert answer.json()["session_id"] in answer.json()["checkout_url"]
        page = await http.get(answer.json()["checkout_url"])
        assert page.status_code == 200 and "309.97" in page.text
