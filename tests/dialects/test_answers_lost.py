"""A request under an idempotency key whose answer could not be remembered: the process was killed between the commit and
that, or the database was away for a moment. What has no natural key is not done a second time; the repetition says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.dialects.aerostack.window import root
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import service as auth
from merx.core.cart.model import Item
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest
from merx.core.idempotency import service
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.kernel import ids

Send = Callable[[], Awaitable[httpx.Response]]
LEASE = 0.3


class Case:
    """A shop, and its owner who speaks to it."""

    def __init__(self, shop: Shop, http: httpx.AsyncClient, access: str, product: Any) -> None:
        self.shop, self.http, self.product = shop, http, product
        self.desk = {"Authorization": f"Bearer {access}"}

    async def sold(self) -> UUID:
        wanted = CheckoutRequest(
            items=(Item(self.product.id, 1, None),),
            buyer=Buyer("john@example.com", "John Doe", None),
            payment_method="cod",
        )
        order = (await checkout.place(self.shop.rt, self.shop.ctx, wanted)).order.id
        await orders.change_status(self.shop.rt, self.shop.ctx, order, Status.CONFIRMED)
        return order


Made = tuple[str, dict[str, str], dict[str, Any], str]


async def platform(case: Case, path: str, body: dict[str, Any], counted: str) -> Made:
    return f"/api/platform/{path}", case.desk, body, counted


async def product(case: Case) -> Made:
    return await platform(
        case,
        "products/",
        {"name": "Lamp", "price": "5.00"},
        "select count(*) from products where tenant_id = $1 and name = 'Lamp'",
    )


async def api_key(case: Case) -> Made:
    return await platform(
        case, "api-keys/", {"name": "Twice"}, "select count(*) from api_keys where tenant_id = $1 and name = 'Twice'"
    )


async def webhook(case: Case) -> Made:
    body = {"url": "https://hooks.example.com/", "events": ["order.paid"]}
    return await platform(case, "webhooks/", body, "select count(*) from webhook_endpoints where tenant_id = $1")


async def oauth_client(case: Case) -> Made:
    body = {"name": "Till", "grant_types": ["client_credentials"], "scopes": ["catalog:read"]}
    return await platform(case, "oauth-clients/", body, "select count(*) from oauth_clients where tenant_id = $1")


async def category(case: Case) -> Made:
    return await platform(
        case, "categories/", {"name": "Lamps"}, "select count(*) from categories where tenant_id = $1"
    )


async def coupon(case: Case) -> Made:
    body = {"code": "ONCE", "type": "percent", "value": "10"}
    return await platform(case, "coupons/", body, "select count(*) from coupons where tenant_id = $1")


async def shipment(case: Case) -> Made:
    path, body = f"orders/{ids.encode('ord', await case.sold())}/shipments/", {"carrier": "DHL", "tracking_number": "1"}
    return await platform(case, path, body, "select count(*) from shipments where tenant_id = $1")


async def handed_over(case: Case) -> Made:
    counted = "select count(*) from payments where tenant_id = $1 and status = 'captured'"
    return await platform(case, f"orders/{ids.encode('ord', await case.sold())}/payments/", {}, counted)


async def store_cart(case: Case) -> Made:
    host = f"{case.shop.slug}.{case.shop.rt.settings.base_domain}"
    headers = {**await case.shop.shopper(), "X-API-Key": case.shop.key, "Host": host}
    body = {"product_id": ids.encode("prod", case.product.id), "quantity": 1}
    return "/api/store/cart/items/", headers, body, "select sum(quantity) from cart_lines where tenant_id = $1"


async def guest_cart(case: Case) -> Made:
    path, headers = f"{root(case.shop.slug)}/cart/c1/items", {"Authorization": f"Bearer {case.shop.key}"}
    body = {"productId": str(case.product.id), "quantity": 1}
    return path, headers, body, "select sum(quantity) from cart_lines where tenant_id = $1"


async def commerce_product(case: Case) -> Made:
    body = {"name": "Lamp", "price": 5}
    return (
        "/commerce/v2/products",
        case.desk,
        body,
        "select count(*) from products where tenant_id = $1 and name = 'Lamp'",
    )


WAYS = (
    product,
    api_key,
    webhook,
    oauth_client,
    category,
    coupon,
    shipment,
    handed_over,
    store_cart,
    guest_cart,
    commerce_product,
)


@pytest.fixture
async def case(shop: Shop, http: httpx.AsyncClient) -> Case:
    owner = (await auth.sign_in(shop.rt, shop.email, PASSWORD)).tokens.access
    return Case(shop, http, owner, await shop.product(stock=9))


@pytest.mark.parametrize("way", WAYS)
async def test_done_once_and_said_so(case: Case, monkeypatch: pytest.MonkeyPatch, way: Any) -> None:
    async def killed(*_: object) -> None:
        raise RuntimeError("killed")

    path, headers, body, counted = await way(case)

    async def sent(key: str) -> httpx.Response:
        return await case.http.post(path, json=body, headers={**headers, "Idempotency-Key": key})

    monkeypatch.setattr(service, "LEASE", timedelta(seconds=LEASE))
    with monkeypatch.context() as crash:
        crash.setattr(service, "finish", killed)
        first = await sent("one")
    assert first.is_success, first.text
    assert await case.shop.value(counted) == 1
    await asyncio.sleep(LEASE + 0.1)
    for _ in range(2):
        again = await sent("one")
        assert again.status_code == 409 and "idempotency_answer_lost" in again.text, again.text
    assert await case.shop.value(counted) == 1


async def test_a_patch_is_done_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is to be: twice is the same."""

    async def killed(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(service, "LEASE", timedelta(seconds=LEASE))
    monkeypatch.setattr(service, "finish", killed)
    path, headers = f"/commerce/v2/products/{case.product.id}", {**case.desk, "Idempotency-Key": "one"}
    for _ in range(2):
        answer = await case.http.patch(path, json={"name": "Lantern"}, headers=headers)
        assert answer.status_code == 200 and answer.json()["name"] == "Lantern", answer.text
        await asyncio.sleep(LEASE + 0.1)


async def test_what_a_patch_adds_is_added_once(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one PATCH that does not say what is to be."""

    async def killed(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(service, "LEASE", timedelta(seconds=LEASE))
    monkeypatch.setattr(service, "finish", killed)
    path = f"/api/platform/products/{ids.encode('prod', case.product.id)}/stock/"
    came = []
    for body in ({"delta": 5}, {"delta": 5}, {"stock_quantity": 3}, {"stock_quantity": 3}):
        headers = {**case.desk, "Idempotency-Key": next(iter(body))}
        came.append((await case.http.patch(path, json=body, headers=headers)).status_code)
        await asyncio.sleep(LEASE + 0.1)
        if len(came) == 2:
            assert await case.shop.value("select on_hand from stock where tenant_id = $1") == 9 + 5
    assert came == [200, 409, 200, 200]
    assert await case.shop.value("select on_hand from stock where tenant_id = $1") == 3
