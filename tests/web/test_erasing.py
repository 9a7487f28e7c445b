"""Erasing a customer at the dashboard: asked once, taken back, refused while an order is open, and shown as it stands."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.dialects.site import Shop
from tests.web.test_areas import D, member_of, now
from tests.web.test_door import signed_in
from tests.web.test_storefront import buy, order_of
from tests.web.visitor import Visitor

from merx.core.auth.model import Role
from merx.core.customers import service as customers
from merx.core.customers.model import Customer
from merx.core.erasure import service as erasure
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.kernel import ids
from merx.kernel.ids import OrderId
from merx.settings import Settings


async def test_a_customer_is_erased_and_that_is_taken_back(site: Settings, shop: Shop) -> None:
    bearer = await shop.shopper()
    (found,), _ = await customers.list_customers(shop.rt, now(shop))
    path = f"{D}/customers/{found.id}"
    async with await signed_in(site, shop.email) as owner:
        page = await owner.get(f"{path}?do=erase")
        assert "Erase Jane?" in page.text and "for three days you can take it back" in page.text
        asked = await owner.post(path + "/erase", {})
        assert "is being erased" in asked.text and "Take it back" in asked.text
        assert 'data-opens="edit"' not in asked.text and 'data-opens="erase"' not in asked.text
        assert (await shop.http.get("/api/store/me/", headers=bearer)).status_code == 401
        assert "Being erased" in (await owner.get(f"{D}/customers")).text
        refused = await owner.post(path, {"first_name": "Ann"})
        assert refused.status_code == 422 and "is being erased; take that back" in refused.text
        await owner.get(path)
        back = await owner.post(path + "/restore", {})
        assert "Jane stays a customer" in back.text and 'data-opens="erase"' in back.text
        assert "Nobody has asked" in (await owner.post(path + "/restore", {})).text


async def test_an_open_order_is_named_and_nothing_is_left_afterwards(site: Settings, shop: Shop) -> None:
    await shop.settings(payment_provider="manual")
    bearer, product = await shop.shopper(), await shop.product(stock=3)
    item = {"product_id": ids.encode("prod", product.id), "quantity": 1}
    await shop.http.post("/api/store/cart/items/", json=item, headers=bearer)
    body = {"payment_method": "cod", "shipping_address": ADDRESS}
    sold = (await shop.http.post("/api/store/checkout/", json=body, headers=bearer)).json()
    (found,), _ = await customers.list_customers(shop.rt, now(shop))
    path, order = f"{D}/customers/{found.id}", f"{D}/orders/{ids.decode('ord', sold['id'])}"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(path)
        refused = await owner.post(path + "/erase", {"at_once": "on"})
        assert "still needed for ORD-001" in refused.text and "open data-modal" in refused.text
        await owner.get(order)
        await owner.post(order + "/status", {"status": "cancelled"})
        await owner.get(path)
        assert "is being erased" in (await owner.post(path + "/erase", {"at_once": "on"})).text
        await erased(shop, found)
        page, listed, sold_to = await owner.get(path), await owner.get(f"{D}/customers"), await owner.get(order)
        assert "Erased customer" in page.text and "Nothing that names this person is left" in page.text
        assert "Take it back" not in page.text and "Erased</span>" in listed.text
        assert "Erased customer" in sold_to.text and "1 Main St" not in sold_to.text and found.email not in sold_to.text
        assert "for good" in (await owner.post(path + "/restore", {})).text


ADDRESS = {"street": "1 Main St", "city": "Town", "state": "NY", "postal_code": "10001", "country": "US"}


@pytest.mark.parametrize("role", [Role.STAFF, Role.ADMIN])
async def test_staff_change_customers_and_admins_erase_them(site: Settings, shop: Shop, role: Role) -> None:
    customer = await customers.create(shop.rt, now(shop), "known@example.com", "Ann")
    path = f"{D}/customers/{customer.id}"
    async with await signed_in(site, await member_of(shop, role=role)) as member:
        assert ('data-opens="erase"' in (await member.get(path)).text) is (role is Role.ADMIN)
        answer = await member.post(path + "/erase", {})
        assert answer.status_code == (200 if role is Role.ADMIN else 403)


async def test_the_browser_that_bought_sees_an_order_of_nobody(site: Settings, shop: Shop) -> None:
    """What proves an order to the browser it came from is no name; the page still says what was bought."""
    await shop.settings(payment_provider="manual")
    async with Visitor(site, shop.slug) as visitor:
        order = order_of(await buy(visitor, await shop.product("Desk Lamp", "49.50", stock=3)))
        page = await visitor.get(f"/checkout/success?order={order}")
        assert "Thank you, Mia" in page.text and "mia@example.com" in page.text
        wanted = OrderId(UUID(order))
        await orders.change_status(shop.rt, now(shop), wanted, Status.CONFIRMED)
        await orders.mark_paid(shop.rt, now(shop), wanted)
        await orders.ship(shop.rt, now(shop), wanted, "DHL", "JD-1")
        await orders.change_status(shop.rt, now(shop), wanted, Status.DELIVERED)
        (mia,), _ = await customers.list_customers(shop.rt, now(shop))
        await erasure.request(shop.rt, now(shop), mia.id, at_once=True)
        await erased(shop, mia)
        page = await visitor.get(f"/checkout/success?order={order}")
        assert "Thank you." in page.text
        for seen in (page, await visitor.get(f"/account/orders/{order}")):
            assert seen.status_code == 200 and "Desk Lamp" in seen.text
            for said in ("Mia", "mia@example.com", "Köln", "Weg 1", "JD-1", ">None", " None"):
                assert said not in seen.text, said


async def erased(shop: Shop, customer: Customer) -> None:
    """The site's worker or we, whoever comes to it first."""
    async with asyncio.timeout(60):
        left = "select count(*) from orders where tenant_id = $1 and not erased"
        while await shop.value(left) or not (await customers.get(shop.rt, now(shop), customer.id)).erased_at:
            await erasure.resume(shop.rt, now(shop))
            await asyncio.sleep(0.05)
