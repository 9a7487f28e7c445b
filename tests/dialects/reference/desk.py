"""A shop as this dialect's clients meet it: a program with a key, and what every refusal looks like."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from tests.dialects.site import Shop

from merx.core.auth import keys
from merx.core.auth.model import KeyType
from merx.core.customers import service as customers
from merx.kernel import ids

BASE = "/reference/v1"
STRANGER = "01h455vb4pex5vsknk084sn02q"
"""The part of an id behind its prefix that nobody has."""
ADDRESS = {"street": "123 Main St", "city": "Anytown", "zipCode": "12345", "country": "USA"}


@dataclass
class Desk:
    """`http` names no shop; every request carries the key unless told otherwise."""

    shop: Shop
    http: httpx.AsyncClient
    key: str

    def headers(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.key}"}

    async def get(self, path: str, key: str | None = None, **params: Any) -> httpx.Response:
        return await self.http.get(BASE + path, params=params or None, headers=self.headers(key))

    async def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        return await self.http.post(BASE + path, json=body, headers={**self.headers(key), **headers})

    async def another_key(self, *scopes: str) -> str:
        return (await keys.create(self.shop.rt, self.shop.ctx, "Limited", KeyType.SECRET, list(scopes))).secret

    async def product(self, name: str = "Premium Widget", price: str = "49.99", stock: int = 150) -> str:
        made = await self.shop.product(
            name, price, stock=stock, description="A high-quality widget for all your needs."
        )
        return ids.encode("prod", made.id)

    async def user(self, email: str = "john.doe@example.com", phone: str | None = None) -> str:
        made = await customers.create(self.shop.rt, self.shop.ctx, email, "John Doe", phone)
        return ids.encode("usr", made.id)

    def order(self, user: str, *products: str, quantity: int = 1) -> dict[str, Any]:
        items = [{"productId": one, "quantity": quantity} for one in products]
        return {"userId": user, "items": items, "shippingAddress": ADDRESS}

    async def placed(self, price: str = "20.00") -> dict[str, Any]:
        """An order over one piece that costs this."""
        user = await self.user(f"buyer-{time.time_ns()}@example.com")
        answer = await self.post("/orders", self.order(user, await self.product("Thing", price)))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = exact(answer)
        return made

    def payment(self, order: dict[str, Any], method: str = "pm_card_visa") -> dict[str, Any]:
        return {
            "orderId": order["id"],
            "paymentMethodId": method,
            "amount": float(order["total"]),
            "currency": order["currency"],
        }

    async def logged(self, count: int, **params: Any) -> list[dict[str, Any]]:
        """The log, as soon as it holds as much; within two seconds, and some for a busy machine."""
        until = time.monotonic() + 10
        while True:
            answer = await self.get("/logs", **{"limit": 100, **params})
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = [one for one in answer.json() if not one["path"].endswith("/logs")]
            if len(found) >= count or time.monotonic() > until:
                return found
            await asyncio.sleep(0.1)


async def desk_of(shop: Shop, http: httpx.AsyncClient) -> Desk:
    made = await keys.create(shop.rt, shop.ctx, "Back office", KeyType.SECRET, ["*"])
    return Desk(shop, http, made.secret)


def exact(answer: httpx.Response) -> Any:
    """The body with its numbers as they were written."""
    return json.loads(answer.content, parse_float=Decimal)


def refused(answer: httpx.Response, status: int, code: str = "", details: str = "") -> dict[str, str]:
    """The error, after its shape was looked at."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    for header in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"):
        assert header in answer.headers, header
    body = answer.json()
    assert list(body) == ["error"]
    error: dict[str, str] = body["error"]
    assert list(error) == ["code", "message", "details"]
    assert all(isinstance(said, str) and said for said in error.values()), error
    assert error["code"] == error["code"].upper()
    assert code in error["code"], error
    assert details in error["details"], error
    return error
