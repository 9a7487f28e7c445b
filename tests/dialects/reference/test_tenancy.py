"""Another shop's programs, on every route, with this shop's ids: they see nothing, change nothing, and can't tell what
is there from what never was."""

from __future__ import annotations

from typing import Any

from tests.dialects.reference.desk import BASE, STRANGER, Desk, refused


async def test_nothing_of_another_shop(desk: Desk, other: Desk) -> None:
    user = await desk.user("canary@example.com")
    product = await desk.product("CANARY lamp")
    order = (await desk.post("/orders", desk.order(user, product))).json()
    message = {"userId": user, "type": "email", "subject": "CANARY", "message": "CANARY"}
    note = (await desk.post("/notifications/send", message)).json()["id"]
    own_user, own_product = await other.user("own@example.com"), await other.product()
    before = [(await desk.get(path)).json() for path in ("/users", "/products")]

    def routes(user: str, product: str, order: str, note: str) -> list[tuple[str, str, Any]]:
        return [
            ("GET", f"/products/{product}", None),
            ("GET", f"/notifications/{note}", None),
            ("POST", "/orders", other.order(user, own_product)),
            ("POST", "/orders", other.order(own_user, product)),
            ("POST", "/payments", {"orderId": order, "paymentMethodId": "pm_card_visa", "amount": 49.99, "currency": "USD"}),
            ("POST", "/notifications/send", {**message, "userId": user}),
        ]  # fmt: skip

    nobody = [f"{prefix}_{STRANGER}" for prefix in ("usr", "prod", "ord", "ntf")]
    for key in (other.key, other.shop.key):
        for (method, path, body), (_, nowhere, nothing) in zip(
            routes(user, product, order["id"], note), routes(*nobody), strict=True
        ):
            found = await other.http.request(method, BASE + path, json=body, headers=other.headers(key))
            never = await other.http.request(method, BASE + nowhere, json=nothing, headers=other.headers(key))
            assert found.status_code in (400, 403, 404), (method, path, found.text)
            seen, known = found.json()["error"], never.json()["error"]
            assert (found.status_code, seen["code"], seen["message"]) == (
                never.status_code, known["code"], known["message"],
            )  # fmt: skip
            assert "canary" not in found.text.lower()
    for path in ("/users", "/products", "/logs"):
        assert "canary" not in (await other.get(path, limit=100)).text.lower()
    assert [(await desk.get(path)).json() for path in ("/users", "/products")] == before


async def test_a_log_is_each_shops_own(desk: Desk, other: Desk) -> None:
    for _ in range(3):
        await desk.get("/products")
    assert len(await desk.logged(3)) == 3
    assert await other.logged(0) == []
    assert (await other.get("/logs", level="warn")).headers["X-Total-Count"] == "0"


async def test_a_key_at_another_shops_door(desk: Desk, other: Desk) -> None:
    there = {"Host": other.shop.http.headers["Host"]}
    answer = await desk.http.get(f"{BASE}/products", headers={**desk.headers(), **there})
    refused(answer, 403, "WRONG_TENANT")
