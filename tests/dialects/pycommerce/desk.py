"""A shop as this dialect's clients meet it: somebody with a token, and what every refusal looks like."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx
from tests.dialects.site import PASSWORD, Shop

STRANGER = "01900000-0000-7000-8000-000000000000"
"""An id that nobody has."""

ADDRESS = {
    "line1": "456 Park Ave",
    "line2": "",
    "city": "Metropolis",
    "state": "NY",
    "postal_code": "10002",
    "country": "USA",
}


@dataclass
class Desk:
    """`http` names no shop; every request carries the token unless told otherwise."""

    shop: Shop
    http: httpx.AsyncClient
    token: str

    @property
    def tenant(self) -> str:
        return str(self.shop.ctx.tenant)

    @property
    def slug(self) -> str:
        return self.shop.slug

    def headers(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.token}"}

    async def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params or None, headers=self.headers(token))

    async def post(self, path: str, body: Any, token: str | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self.headers(token))

    def order(self, *product_ids: Any, **changes: Any) -> dict[str, Any]:
        """The body of an order: the document's own example, about this shop's products."""
        return {
            "tenant_id": self.tenant,
            "customer": {"name": "John Doe", "email": "john.doe@example.com", "phone": "+1987654321"},
            "shipping_address": ADDRESS,
            "billing_address": ADDRESS,
            "items": [{"product_id": str(one), "quantity": 1} for one in product_ids],
            "shipping_method": "express",
            "payment_method": "credit_card",
            "notes": "Please call before delivery",
            **changes,
        }

    async def placed(self, *product_ids: Any, **changes: Any) -> str:
        answer = await self.post("/api/orders", self.order(*product_ids, **changes))
        assert answer.status_code == 201, answer.text
        ident: str = answer.json()["id"]
        return ident

    async def shopper(self) -> str:
        """The token of a newly registered shopper of this shop."""
        email = f"jane-{os.urandom(4).hex()}@example.com"
        host = {"Host": self.shop.http.headers["Host"]}
        body = {"email": email, "password": PASSWORD}
        registered = await self.http.post("/api/store/auth/register/", json=body, headers=host)
        assert registered.status_code == 201, registered.text
        answer = await self.http.post("/api/auth/login", json=body, headers=host)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


async def desk_of(shop: Shop, http: httpx.AsyncClient) -> Desk:
    answer = await http.post("/api/auth/login", json={"email": shop.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Desk(shop, http, answer.json()["access_token"])


def refused(answer: httpx.Response, status: int, about: str = "", code: str = "") -> dict[str, str]:
    """The error, after its shape was looked at."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    for header in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"):
        assert header in answer.headers, header
    body = answer.json()
    assert list(body) == ["error"]
    error: dict[str, str] = body["error"]
    assert list(error) == ["code", "message", "details"]
    assert all(isinstance(said, str) and said for said in error.values())
    assert about in error["details"], error
    assert code in error["code"], error
    return error


def refused_simply(answer: httpx.Response, status: int, about: str = "") -> str:
    """The same below /stripe-demo."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    body = answer.json()
    assert list(body) == ["error"] and isinstance(body["error"], str) and about in body["error"], body
    said: str = body["error"]
    return said
