"""An order of items, sent again under its idempotency key after its answer could not be remembered: the process was
killed between the two, or the database was away for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.dialects.site import Shop

from merx.core.auth import keys
from merx.core.auth.model import KeyType
from merx.core.customers import service as customers
from merx.core.idempotency import service
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery
from merx.kernel import ids
from merx.kernel.ids import CustomerId, ProductId, TenantId

Body = Callable[[TenantId, CustomerId, ProductId], dict[str, Any]]
REFERENCE = {"street": "1 Main St", "city": "Town", "zipCode": "12345", "country": "US"}
PYCOMMERCE = {"line1": "1 Main St", "city": "Town", "country": "US"}


def _reference(_: TenantId, user: CustomerId, product: ProductId) -> dict[str, Any]:
    items = [{"productId": ids.encode("prod", product), "quantity": 1}]
    return {"userId": ids.encode("usr", user), "items": items, "shippingAddress": REFERENCE}


def _pycommerce(tenant: TenantId, _: CustomerId, product: ProductId) -> dict[str, Any]:
    return {
        "tenant_id": str(tenant),
        "customer": {"name": "John Doe", "email": "john@example.com"},
        "shipping_address": PYCOMMERCE,
        "items": [{"product_id": str(product), "quantity": 1}],
        "payment_method": "credit_card",
    }


def _commerce(_: TenantId, __: CustomerId, product: ProductId) -> dict[str, Any]:
    return {"items": [{"productId": str(product), "quantity": 1}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/reference/v1/orders", _reference), ("/api/orders", _pycommerce), ("/commerce/v2/orders", _commerce)],
)
async def test_one_order_however_the_answer_was_lost(
    shop: Shop, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, body: Body
) -> None:
    async def killed(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(service, "finish", killed)
    monkeypatch.setattr(service, "LEASE", timedelta(seconds=0.2))
    product = (await shop.product(stock=9)).id
    user = (await customers.create(shop.rt, shop.ctx, "john@example.com", "John Doe", None)).id
    secrets = [(await keys.create(shop.rt, shop.ctx, "Desk", KeyType.SECRET, ["*"])).secret for _ in range(2)]

    async def sent(secret: str, key: str) -> str:
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
        answer = await http.post(path, json=body(shop.ctx.tenant, user, product), headers=headers)
        await asyncio.sleep(0.3)  # until the key may be used again
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    first = await sent(secrets[0], "one")
    assert await sent(secrets[0], "one") == first
    assert len({first, await sent(secrets[0], "two"), await sent(secrets[1], "one")}) == 3
    assert (await orders.page(shop.rt, shop.ctx, OrderQuery())).total == 3
    assert await shop.value("select sum(reserved) from stock where tenant_id = $1") == 3
