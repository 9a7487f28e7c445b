"""Every request and answer of the document: its keys, in its order, with its types and its words."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.dialects.reference.desk import ADDRESS, BASE, STRANGER, Desk, exact, refused

IDENT = r"[0-9a-hjkmnp-tv-z]{26}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


async def test_error(desk: Desk) -> None:
    """The document's own: what is missing is named, with its type."""
    body = desk.order("", await desk.product())
    del body["userId"]
    error = refused(await desk.post("/orders", body), 400)
    assert error == {
        "code": "INVALID_PARAMETER",
        "message": "The 'userId' parameter is required.",
        "details": "userId (string)",
    }


async def test_users(desk: Desk) -> None:
    ident = await desk.user()
    answer = await desk.get("/users")
    assert answer.status_code == 200
    (shown,) = answer.json()
    assert list(shown) == ["id", "username", "email", "status", "createdAt"]
    assert shown == {
        "id": ident,
        "username": "john.doe",
        "email": "john.doe@example.com",
        "status": "active",
        "createdAt": shown["createdAt"],
    }
    assert re.fullmatch(f"usr_{IDENT}", ident) and re.fullmatch(TIME, shown["createdAt"])


async def test_products(desk: Desk) -> None:
    ident = await desk.product()
    answer = await desk.get("/products")
    assert answer.status_code == 200
    (shown,) = exact(answer)
    assert list(shown) == ["id", "name", "description", "price", "currency", "stock"]
    assert shown == {
        "id": ident,
        "name": "Premium Widget",
        "description": "A high-quality widget for all your needs.",
        "price": Decimal("49.99"),
        "currency": "USD",
        "stock": 150,
    }
    assert re.fullmatch(f"prod_{IDENT}", ident)
    one = await desk.get(f"/products/{ident}")
    assert one.status_code == 200 and exact(one) == shown
    refused(await desk.get(f"/products/prod_{STRANGER}"), 404, "NOT_FOUND")


async def test_paging_headers(desk: Desk) -> None:
    for number in range(5):
        await desk.product(f"Widget {number}")
    answer = await desk.get("/products", limit=2, offset=4)
    assert [one["name"] for one in answer.json()] == ["Widget 0"]
    assert [answer.headers[name] for name in ("X-Total-Count", "X-Limit", "X-Offset")] == ["5", "2", "4"]
    answer = await desk.get("/products")
    assert [answer.headers[name] for name in ("X-Total-Count", "X-Limit", "X-Offset")] == ["5", "20", "0"]


async def test_orders(desk: Desk) -> None:
    user = await desk.user()
    widget, gadget = await desk.product(), await desk.product("Gadget", "10.00")
    body = {
        "userId": user,
        "items": [{"productId": widget, "quantity": 2}, {"productId": gadget, "quantity": 1}],
        "shippingAddress": ADDRESS,
    }
    answer = await desk.post("/orders", body)
    assert answer.status_code == 201, answer.text
    made = exact(answer)
    assert re.fullmatch(f"ord_{IDENT}", made["id"]) and re.fullmatch(TIME, made["createdAt"])
    assert (made["userId"], made["status"], made["paymentStatus"]) == (user, "pending", "unpaid")
    assert (made["total"], made["currency"]) == (Decimal("109.98"), "USD")
    assert made["items"] == [
        {
            "productId": widget,
            "name": "Premium Widget",
            "quantity": 2,
            "price": Decimal("49.99"),
            "total": Decimal("99.98"),
        },
        {
            "productId": gadget,
            "name": "Gadget",
            "quantity": 1,
            "price": Decimal("10.00"),
            "total": Decimal("10.00"),
        },
    ]
    assert made["shippingAddress"] == ADDRESS
    assert [one["stock"] for one in (await desk.get("/products")).json()] == [149, 148]


async def test_payments(desk: Desk) -> None:
    """The document's amount, of the document's order over two pieces at 49.99."""
    order = exact(await desk.post("/orders", desk.order(await desk.user(), await desk.product(), quantity=2)))
    body = {"orderId": order["id"], "paymentMethodId": "pm_card_visa", "amount": 99.98, "currency": "USD"}
    answer = await desk.post("/payments", body)
    assert answer.status_code == 200, answer.text
    paid = exact(answer)
    assert list(paid) == ["id", "orderId", "paymentMethodId", "amount", "currency", "status", "createdAt"]
    assert re.fullmatch(f"pay_{IDENT}", paid["id"]) and re.fullmatch(TIME, paid["createdAt"])
    assert paid | {"id": "", "createdAt": ""} == {
        **body, "amount": Decimal("99.98"), "id": "", "createdAt": "", "status": "succeeded",
    }  # fmt: skip


async def test_the_documents_payment_method_is_one_the_provider_does_not_know(desk: Desk) -> None:
    order = await desk.placed("99.98")
    answer = await desk.post("/payments", desk.payment(order, "pm_ Stripe_12345"))
    refused(answer, 402, "PAYMENT_METHOD_UNKNOWN", "paymentMethodId (string)")


async def test_notifications(desk: Desk) -> None:
    user = await desk.user()
    body = {
        "userId": user,
        "type": "email",
        "subject": "Your order has shipped!",
        "message": "Your order #ORD-5678 has been shipped and is expected to arrive in 3-5 business days.",
    }
    answer = await desk.post("/notifications/send", body)
    assert answer.status_code == 202, answer.text
    taken = answer.json()
    assert re.fullmatch(f"ntf_{IDENT}", taken["id"]) and (taken["userId"], taken["type"]) == (user, "email")
    assert answer.headers["Location"] == f"{BASE}/notifications/{taken['id']}"
    read = await desk.http.get(answer.headers["Location"], headers=desk.headers())
    assert read.status_code == 200 and list(read.json()) == list(taken)
    assert read.json()["subject"] == "Your order has shipped!" and read.json()["status"] in (
        "queued", "sending", "sent", "kept",
    )  # fmt: skip


async def test_logs(desk: Desk) -> None:
    """The document's entry: a user, named, at an endpoint."""
    signed_in = await desk.shop.shopper()
    assert (await desk.http.get(f"{BASE}/products", headers=signed_in)).status_code == 200
    (shown,) = await desk.logged(1)
    assert list(shown)[:5] == ["timestamp", "level", "message", "userId", "ipAddress"]
    (user,) = (await desk.get("/users")).json()
    assert re.fullmatch(TIME, shown["timestamp"])
    assert shown["ipAddress"].startswith("127.")
    assert {name: shown[name] for name in list(shown)[1:5]} == {
        "level": "info",
        "message": "User 'shopper1' accessed /products endpoint.",
        "userId": user["id"],
        "ipAddress": shown["ipAddress"],
    }
    assert (shown["method"], shown["path"], shown["status"], shown["api"]) == (
        "GET", f"{BASE}/products", 200, "reference",
    )  # fmt: skip
