"""A merchant at work over HTTP: the owner of a shop, signed in, with one of everything in it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from litestar.handlers import HTTPRouteHandler
from tests.dialects.site import PASSWORD, Shop

from merx.core.customers import service as customers
from merx.core.customers.service import NewCustomer
from merx.dialects.baas.platform_routes import ROUTES
from merx.kernel.context import Ctx

BASE = "/api/platform"
ADDRESS = {"street": "123 Main St", "city": "New York", "state": "NY", "postal_code": "10001", "country": "US"}


@dataclass
class Merchant:
    shop: Shop
    headers: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)  # path parameter -> an id of this shop

    async def call(
        self, method: str, path: str, json: Any = None, status: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        answer = await self.send(method, path, json, headers)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def send(
        self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        http = self.shop.http
        headers = self.headers if headers is None else headers
        return await http.request(method, BASE + path, json=json, headers=headers)


async def merchant_of(shop: Shop) -> Merchant:
    """The owner, signed in. The client no longer sends the shop's storefront key by itself."""
    del shop.http.headers["X-API-Key"]
    body = {"email": shop.email, "password": PASSWORD}
    answer = await shop.http.post(f"{BASE}/token/", json=body)
    assert answer.status_code == 200, answer.text
    return Merchant(shop, {"Authorization": f"Bearer {answer.json()['access']}"})


async def fill(merchant: Merchant) -> Merchant:
    """One of everything, made through the platform API, and an order from a shopper. `ids` knows them all."""
    call, ids = merchant.call, merchant.ids
    await call("PATCH", "/settings/", {"payment_provider": "manual", "tax_percentage": "8"})
    product = await call("POST", "/products/", LAMP, 201)
    ids |= {"product": product["id"], "variant": product["variants"][0]["id"], "image": product["images"][0]["id"]}
    ids["category"] = str(product["category"]["id"])
    ids["coupon"] = (await call("POST", "/coupons/", COUPON, 201))["id"]
    ids["code"] = (await call("POST", "/shipping-methods/", EXPRESS, 201))["code"]
    hook = {"url": "https://hooks.example.com/merx", "events": ["order.created"]}
    ids["webhook"] = (await call("POST", "/webhooks/", hook, 201))["id"]
    ids["key"] = (await call("POST", "/api-keys/", {"name": "A second key"}, 201))["id"]
    client = {"name": "Reports", "redirect_uris": ["https://reports.example.com/back"]}
    ids["client"] = (await call("POST", "/oauth-clients/", client, 201))["client_id"]
    person = {"email": f"member-{os.urandom(6).hex()}@example.com", "role": "staff", "password": PASSWORD}
    ids["member"] = str((await call("POST", "/team/", person, 201))["id"])
    ids["order"] = (await order(merchant))["id"]
    ids["customer"] = (await call("GET", "/customers/"))["results"][0]["id"]
    ids["delivery"] = (await deliveries(merchant))[0]["id"]
    ids["notification"] = (await letters(merchant))[0]["id"]
    return merchant


async def order(merchant: Merchant, **more: Any) -> Any:
    """A new shopper buys two of the product, cash on delivery."""
    shop = merchant.shop
    shop.shoppers += 1
    # Not over HTTP: an address may open only so many accounts a minute.
    who = NewCustomer(f"shopper{shop.shoppers}@example.com", PASSWORD, first_name="Jane")
    signed_in = await customers.register(shop.rt, Ctx(shop.ctx.tenant), who)
    jane = {"X-API-Key": shop.key, "Authorization": f"Bearer {signed_in.tokens.access}"}
    item = {"product_id": merchant.ids["product"], "quantity": 2, **more}
    answer = await shop.http.post("/api/store/cart/items/", json=item, headers=jane)
    assert answer.status_code == 201, answer.text
    body = {"shipping_address": ADDRESS, "payment_method": "cod"}
    answer = await shop.http.post("/api/store/checkout/", json=body, headers=jane)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def deliveries(merchant: Merchant, ended: bool = False) -> list[Any]:
    """What the worker has made of the events so far; waits for the first, or until one is not on its way."""
    path = f"/webhooks/{merchant.ids['webhook']}/deliveries/"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: list[Any] = (await merchant.call("GET", path))["results"]
        if found and not (ended and found[0]["state"] == "sending"):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("the worker made no delivery")


async def letters(merchant: Merchant, count: int = 1) -> list[Any]:
    """What the worker has told people so far; waits for so many."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: list[Any] = (await merchant.call("GET", "/notifications/"))["results"]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("the worker told nobody")


LAMP = {
    "name": "Desk Lamp",
    "description": "A lamp for desks.",
    "price": "49.90",
    "compare_price": "59.90",
    "sku": "DL-001",
    "category": "Home > Lamps",
    "stock_quantity": 20,
    "active": True,
    "images": [{"url": "https://cdn.example.com/lamp.png", "alt": "A lamp"}],
}
COUPON = {"code": "SAVE10", "type": "percent", "value": "10", "minimum": "20.00", "usage_limit": 100}
EXPRESS = {"code": "express", "name": "Express", "price": "12.50", "free_over": "200.00"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # /products/{product}/
    needs: str
    handler: HTTPRouteHandler

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def takes_body(self) -> bool:
        return "data" in self.handler.fn.__annotations__


def routes() -> Iterator[Route]:
    """Every route of the platform API, from its own table: a new one is tested by being there."""
    for handler in ROUTES:
        assert isinstance(handler, HTTPRouteHandler)
        for path in sorted(handler.paths):
            for method in sorted(str(one) for one in handler.http_methods):
                yield Route(method, path.replace(":str", "").rstrip("/") + "/", handler.opt["needs"], handler)


TABLE = list(routes())


def without_use(value: Any) -> Any:
    """What was read, but when a key was last used: that is written down by the way, once a minute."""
    if isinstance(value, dict):
        return {name: without_use(inner) for name, inner in value.items() if name != "last_used_at"}
    return [without_use(one) for one in value] if isinstance(value, list) else value
