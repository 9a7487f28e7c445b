"""A shop's page that speaks this API with the shop's public key, as its scripts would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.dialects.site import Shop

from merx.core.auth import keys
from merx.core.auth.model import KeyType

ADDRESS = {"line1": "123 Main St", "city": "City", "postal_code": "12345", "country": "US"}


def root(slug: str) -> str:
    return f"/api/v1/public/projects/{slug}/ecommerce"


@dataclass
class Window:
    """`http` names no shop by its host; the address and the key do."""

    shop: Shop
    http: httpx.AsyncClient
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return root(self.shop.slug)

    async def send(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        sent = dict(self.headers if headers is None else headers)
        if json is not None:
            more["json"] = json
        return await self.http.request(method, self.base + path, headers=sent, **more)

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
        return answer.json()

    async def refused(
        self,
        method: str,
        path: str,
        status: int,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """The error it answers with, whose shape is checked."""
        return failure(await self.send(method, path, json, headers, **more), status)

    async def add(self, product: Any, quantity: int = 1, cart: str | None = None) -> Any:
        cart = cart or new_cart()
        return await self.call("POST", f"/cart/{cart}/items", {"productId": str(product.id), "quantity": quantity})

    async def checkout(self, cart: str, status: int = 201, **more: Any) -> Any:
        body = {"cartId": cart, "email": "john@example.com", **more}
        return await self.call("POST", "/checkout", body, status)

    async def sold(self, email: str = "john@example.com", **more: Any) -> Any:
        """The answer of a checkout of one thing."""
        product = await self.shop.product(name="Lamp", price="20.00", stock=5)
        made = await self.add(product)
        return await self.checkout(made["id"], email=email, **more)

    async def public_key(self) -> str:
        made = await keys.create(self.shop.rt, self.shop.ctx, "Website", KeyType.PUBLISHABLE)
        return made.secret

    async def secret_key(self, *scopes: str) -> dict[str, str]:
        made = await keys.create(self.shop.rt, self.shop.ctx, "Program", KeyType.SECRET, list(scopes))
        return {"Authorization": f"Bearer {made.secret}"}


def failure(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    shown = answer.json()
    assert list(shown) == ["success", "error", "code", "fields"], shown
    assert shown["success"] is False and shown["error"] and shown["code"]
    assert all(isinstance(said, list) and said for said in shown["fields"].values())
    return shown


def new_cart() -> str:
    return f"cart-{os.urandom(8).hex()}"


async def window_of(shop: Shop, http: httpx.AsyncClient) -> Window:
    window = Window(shop, http, "")
    window.key = await window.public_key()
    window.headers = {"Authorization": f"Bearer {window.key}"}
    return window
