"""A merchant's program that speaks this API, and shoppers of the same shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import keys
from merx.core.auth.model import KeyType

BASE = "/commerce/v2"
SHOE = {"name": "Trail Shoe", "price": 89.5, "stock": 12, "category": "footwear", "sku": "TS-1"}


@dataclass
class Desk:
    """`http` names no shop: it is the credential's."""

    shop: Shop
    http: httpx.AsyncClient
    headers: Mapping[str, str]  # the owner's

    async def send(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        sent = dict(self.headers if headers is None else headers)
        if json is not None:
            more["json"] = json
        return await self.http.request(method, BASE + path, headers=sent, **more)

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        answer = await self.send(method, path, json, headers, **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def refused(
        self,
        method: str,
        path: str,
        status: int,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """The problem it answers with, whose shape is checked."""
        return problem(await self.send(method, path, json, headers, **more), status)

    async def product(self, **more: Any) -> Any:
        body = {**SHOE, "sku": None, **more}
        return await self.call("POST", "/products", body, 201)

    async def key(self, *scopes: str) -> dict[str, str]:
        """Headers of a new API key."""
        made = await keys.create(self.shop.rt, self.shop.ctx, "A program", KeyType.SECRET, list(scopes))
        return {"X-API-Key": made.secret}

    async def shopper(self) -> dict[str, str]:
        """Headers of a new shopper's session. The account was made at the shop's storefront."""
        await self.shop.shopper()
        who = {"email": f"shopper{self.shop.shoppers}@example.com", "password": PASSWORD}
        shown = await self.call("POST", "/auth/login", who, headers={"X-API-Key": self.shop.key})
        return {"Authorization": f"Bearer {shown['accessToken']}"}

    async def order(self, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        product = more.pop("product", None) or await self.product()
        body = {"items": [{"productId": product["id"], "quantity": 2}], "paymentMethod": "cod", **more}
        return await self.call("POST", "/orders", body, 201, headers)

    async def move(self, order: Any, status: str, code: int = 200) -> Any:
        return await self.call("PATCH", f"/orders/{order['id']}/status", {"status": status}, code)


def problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.headers
    shown = answer.json()
    assert list(shown)[:6] == ["type", "title", "status", "detail", "code", "errors"]
    assert shown["type"] == "about:blank" and shown["status"] == status and shown["detail"] and shown["code"]
    assert all(isinstance(said, list) and said for said in shown["errors"].values())
    return shown


async def desk_of(shop: Shop, http: httpx.AsyncClient) -> Desk:
    answer = await http.post(f"{BASE}/auth/login", json={"email": shop.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Desk(shop, http, {"Authorization": f"Bearer {answer.json()['accessToken']}"})
