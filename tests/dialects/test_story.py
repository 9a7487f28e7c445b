"""One shop, every dialect: what one writes the others show at once, to the cent and to the piece.

All of it over HTTP, as five programs would do it that know nothing of each other."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from tests.dialects.site import PASSWORD

from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.kernel import ids
from merx.kernel.context import system
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.runtime import Runtime

REFERENCE = "/reference/v1"
ADDRESS = {"city": "Metropolis", "state": "NY", "postal_code": "10001", "country": "US"}
WORDS = {
    "pending": ("pending", "pending", "pending", "pending"),
    "confirmed": ("confirmed", "confirmed", "confirmed", "confirmed"),
    "processing": ("processing", "confirmed", "processing", "processing"),
    "shipped": ("shipped", "shipped", "shipped", "shipped"),
    "delivered": ("delivered", "delivered", "completed", "delivered"),
    "cancelled": ("cancelled", "cancelled", "cancelled", "cancelled"),
    "refunded": ("cancelled", "refunded", "refunded", "refunded"),
}
"""What a status is called in baas, commerce, pycommerce and aerostack."""


@dataclass
class Story:
    http: httpx.AsyncClient
    host: str
    tenant: str  # as a UUID
    slug: str
    key: str
    owner: dict[str, dict[str, str]]  # dialect -> headers of the owner's own session there
    sent: list[tuple[str, str, int]] = field(default_factory=list)  # every request of this shop, with its status

    @property
    def window(self) -> str:
        """Where the fourth dialect speaks of this shop."""
        return f"/api/v1/public/projects/{self.slug}/ecommerce"

    async def call(self, dialect: str, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        headers = {**self.owner[dialect], **more.pop("headers", {})}
        answer = await self.send(method, path, json=body, headers=headers, **more)
        assert answer.status_code == status, (dialect, method, path, answer.status_code, answer.text)
        return json.loads(answer.content, parse_float=Decimal) if answer.content else None

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await self.http.request(method, path, **more)
        self.sent.append((method, path, answer.status_code))
        return answer

    async def shelves(self) -> dict[str, tuple[Decimal, int, str]]:
        """Every product by name with price, stock and id; the six places that show them must agree."""
        store = await self.call("shopper", "GET", "/api/store/products/", params={"per_page": 100})
        merchant = await self.call("baas", "GET", "/api/platform/products/", params={"per_page": 100})
        commerce = await self.call("commerce", "GET", "/commerce/v2/products", params={"pageSize": 100})
        pycommerce = await self.call("pycommerce", "GET", "/api/products", params={"tenant": self.slug})
        aerostack = await self.call("page", "GET", f"{self.window}/products", params={"limit": 100})
        reference = await self.call("reference", "GET", f"{REFERENCE}/products", params={"limit": 100})
        seen = [
            {one["name"]: (Decimal(one["price"]), one["stock_quantity"], uuid(one["id"])) for one in store["results"]},
            {
                one["name"]: (Decimal(one["price"]), one["stock_quantity"], uuid(one["id"]))
                for one in merchant["results"]
            },
            {one["name"]: (Decimal(one["price"]), one["stock"], one["id"]) for one in commerce["data"]},
            {one["name"]: (Decimal(one["price"]), one["stock"], one["id"]) for one in pycommerce["products"]},
            {one["name"]: (Decimal(one["price"]), one["stock"], one["id"]) for one in aerostack["products"]},
            {one["name"]: (Decimal(one["price"]), one["stock"], uuid(one["id"])) for one in reference},
        ]
        assert all(one == seen[0] for one in seen), seen
        totals = {store["count"], merchant["count"], commerce["pagination"]["totalItems"], pycommerce["count"]}
        assert totals == {aerostack["total"]} == {len(reference)}
        return seen[0]

    async def stock(self) -> dict[str, int]:
        return {name: pieces for name, (_, pieces, _) in (await self.shelves()).items()}

    async def order(self, ident: str) -> tuple[str, dict[str, Decimal], str]:
        """(status, amounts, payment status) of an order; every dialect must say the same, in its list too."""
        spelled = ids.encode("ord", UUID(ident))
        baas = await self.call("baas", "GET", f"/api/platform/orders/{spelled}/")
        commerce = await self.call("commerce", "GET", f"/commerce/v2/orders/{ident}")
        pycommerce = await self.call("pycommerce", "GET", f"/api/orders/{ident}")
        whose = {"email": baas["customer"]["email"]}
        aerostack = await self.call("aerostack", "GET", f"{self.window}/orders/{ident}", params=whose)
        amounts = [
            {name: Decimal(baas[name]) for name in ("subtotal", "shipping", "tax", "total")},
            {name: Decimal(commerce[name]) for name in ("subtotal", "shipping", "tax", "total")},
            {
                "subtotal": Decimal(pycommerce["subtotal"]),
                "shipping": Decimal(pycommerce["shipping_cost"]),
                "tax": Decimal(pycommerce["tax"]),
                "total": Decimal(pycommerce["total"]),
            },
            {
                "subtotal": Decimal(aerostack["subtotal"]),
                "shipping": Decimal(aerostack["shipping_total"]),
                "tax": Decimal(aerostack["tax_total"]),
                "total": Decimal(aerostack["grand_total"]),
            },
        ]
        assert all(one == amounts[0] for one in amounts), amounts
        assert amounts[0]["total"] == amounts[0]["subtotal"] + amounts[0]["shipping"] + amounts[0]["tax"]
        lines = [
            Counter({uuid(one["product_id"]): one["quantity"] for one in baas["items"]}),
            Counter({one["productId"]: one["quantity"] for one in commerce["items"]}),
            Counter({one["product_id"]: one["quantity"] for one in pycommerce["items"]}),
            Counter({one["product_id"]: one["quantity"] for one in aerostack["items"]}),
        ]
        assert all(one == lines[0] for one in lines)
        emails = {one["customer"]["email"] for one in (baas, commerce, pycommerce)} | {aerostack["email"]}
        assert emails == {whose["email"]}
        paid = {baas["payment_status"], commerce["paymentStatus"], pycommerce["payment_status"]}
        assert paid == {aerostack["payment_status"]}
        said = (baas["status"], commerce["status"], pycommerce["status"], aerostack["status"])
        (core,) = [name for name, words in WORDS.items() if words == said]
        await self._listed(ident, said, amounts[0]["total"], whose)
        return core, amounts[0], paid.pop()

    async def _listed(self, ident: str, said: tuple[str, ...], total: Decimal, whose: dict[str, str]) -> None:
        baas = await self.call("baas", "GET", "/api/platform/orders/", params={"status": said[0]})
        commerce = await self.call("commerce", "GET", "/commerce/v2/orders", params={"status": said[1]})
        pycommerce = await self.call(
            "pycommerce", "GET", "/api/orders", params={"tenant": self.slug, "status": said[2]}
        )
        aerostack = await self.call("aerostack", "GET", f"{self.window}/orders", params={**whose, "limit": 100})
        found = [
            {uuid(one["id"]): Decimal(one["total"]) for one in baas["results"]},
            {one["id"]: Decimal(one["total"]) for one in commerce["data"]},
            {one["id"]: Decimal(one["total"]) for one in pycommerce["orders"]},
            {one["id"]: Decimal(one["grand_total"]) for one in aerostack["orders"] if one["status"] == said[3]},
        ]
        assert [one.get(ident) for one in found] == [total] * 4, (said, found)

    async def users(self) -> dict[str, tuple[str, str]]:
        """Every user by e-mail, with id and status; those who list them must agree."""
        baas = await self.call("baas", "GET", "/api/platform/customers/", params={"per_page": 100})
        reference = await self.call("reference", "GET", f"{REFERENCE}/users", params={"limit": 100})
        found = {one["email"]: (uuid(one["id"]), one["status"]) for one in reference}
        assert found.keys() == {one["email"] for one in baas["results"]} and len(reference) == baas["count"]
        return found

    async def log(self) -> list[dict[str, Any]]:
        """All of it, once it holds what was sent."""
        for _ in range(50):
            found: list[dict[str, Any]] = []
            while True:
                params = {"limit": 100, "offset": len(found)}
                answer = await self.http.get(f"{REFERENCE}/logs", params=params, headers=self.owner["reference"])
                found += answer.json()
                if len(answer.json()) < 100:
                    break
            found = [one for one in found if one["path"] != f"{REFERENCE}/logs"]
            if len(found) >= len(self.sent):
                break
            await asyncio.sleep(0.2)
        return found

    async def move(self, dialect: str, ident: str, status: str, expect: int = 200) -> None:
        if dialect == "baas":
            path = f"/api/platform/orders/{ids.encode('ord', UUID(ident))}/status/"
            await self.call("baas", "POST", path, {"status": status}, expect)
        else:
            await self.call("commerce", "PATCH", f"/commerce/v2/orders/{ident}/status", {"status": status}, expect)


def uuid(spelled: str) -> str:
    """The UUID behind `prod_…` or `ord_…`."""
    found = ids.decode(spelled.partition("_")[0], spelled)
    assert found is not None, spelled
    return str(found)


async def opened(http: httpx.AsyncClient, rt: Runtime) -> Story:
    """An owner registers through baas, and signs in through all three that have it. The fourth is a page's, with a
    public key; where the owner speaks it, it is with the token of another. The fifth is a program's, with a key."""
    email = f"owner-{os.urandom(5).hex()}@example.com"
    me = {"email": email, "password": PASSWORD}
    name = f"Story {os.urandom(4).hex()}"
    made = await http.post("/api/platform/register/", json={**me, "business_name": name, "currency": "USD"})
    assert made.status_code == 201, made.text
    tenant = made.json()["tenant"]
    await tenants.set_plan(rt, system(PLATFORM_TENANT), TenantId(UUID(uuid(tenant["id"]))), Plan.ENTERPRISE)
    baas = (await http.post("/api/platform/token/", json=me)).json()["access"]
    commerce = (await http.post("/commerce/v2/auth/login", json=me)).json()["accessToken"]
    pycommerce = (await http.post("/api/auth/login", json=me)).json()["access_token"]
    assert len({baas, commerce, pycommerce}) == 3
    bearer = {"baas": baas, "commerce": commerce, "pycommerce": pycommerce}
    owner = {dialect: {"Authorization": f"Bearer {token}"} for dialect, token in bearer.items()}
    host = f"{tenant['slug']}.{rt.settings.base_domain}"
    story = Story(http, host, uuid(tenant["id"]), tenant["slug"], "", owner)
    story.key = (await story.call("baas", "POST", "/api/platform/api-keys/", {"name": "Shop"}, 201))["key"]
    story.owner["shopper"] = {"Host": host, "X-API-Key": story.key}
    public = {"name": "Page", "type": "publishable"}
    key = (await story.call("baas", "POST", "/api/platform/api-keys/", public, 201))["key"]
    story.owner["page"] = {"Authorization": f"Bearer {key}"}
    story.owner["aerostack"] = owner["baas"]
    program = {"name": "Program", "type": "secret", "scopes": ["*"]}
    key = (await story.call("baas", "POST", "/api/platform/api-keys/", program, 201))["key"]
    story.owner["reference"] = {"Authorization": f"Bearer {key}"}
    settings = {"tax_percentage": "8.875", "flat_shipping_rate": "4.95", "payment_provider": "manual"}
    await story.call("baas", "PATCH", "/api/platform/settings/", settings)
    express = {"code": "express", "name": "Express", "price": "14.99"}
    await story.call("baas", "POST", "/api/platform/shipping-methods/", express, 201)
    return story


async def fill(story: Story) -> dict[str, str]:
    """A product through each dialect that makes some; name -> id."""
    lamp = {"name": "Desk Lamp", "price": "33.33", "stock_quantity": 20, "sku": "DL-1", "category": "Electronics"}
    made = await story.call("baas", "POST", "/api/platform/products/", lamp, 201)
    assert await story.stock() == {"Desk Lamp": 20}
    shoe = {"name": "Trail Shoe", "price": 89.5, "stock": 12, "sku": "TS-1", "category": "footwear"}
    await story.call("commerce", "POST", "/commerce/v2/products", shoe, 201)
    shelves = await story.shelves()
    assert shelves == {
        "Desk Lamp": (Decimal("33.33"), 20, uuid(made["id"])),
        "Trail Shoe": (Decimal("89.50"), 12, shelves["Trail Shoe"][2]),
    }
    categories = await story.call("pycommerce", "GET", "/api/categories", params={"tenant": story.slug})
    assert {one["name"] for one in categories["categories"]} >= {"Electronics"}
    return {name: ident for name, (_, _, ident) in shelves.items()}


async def sell_in_baas(story: Story, product: str, pieces: int, email: str = "jane@example.com") -> str:
    """A shopper registers, fills a cart and checks out at the storefront."""
    who = {"email": email, "password": PASSWORD, "first_name": "Jane", "last_name": "Smith"}
    jane = await story.call("shopper", "POST", "/api/store/auth/register/", who, 201)
    signed_in = {"Authorization": f"Bearer {jane['access']}"}
    item = {"product_id": ids.encode("prod", UUID(product)), "quantity": pieces}
    await story.call("shopper", "POST", "/api/store/cart/items/", item, 201, headers=signed_in)
    body = {"shipping_address": {**ADDRESS, "street": "1 Main St"}, "payment_method": "cod"}
    sold = await story.call("shopper", "POST", "/api/store/checkout/", body, 201, headers=signed_in)
    return uuid(sold["id"])


async def sell_in_commerce(story: Story, product: str, pieces: int, status: int = 201) -> str:
    body = {
        "items": [{"productId": product, "quantity": pieces}],
        "paymentMethod": "cod",
        "customer": {"email": "john@example.com", "name": "John Doe"},
    }
    return str((await story.call("commerce", "POST", "/commerce/v2/orders", body, status)).get("id"))


async def sell_in_pycommerce(story: Story, product: str, pieces: int, status: int = 201) -> str:
    body = {
        "tenant_id": story.tenant,
        "customer": {"name": "John Doe", "email": "john@example.com", "phone": "+1987654321"},
        "shipping_address": {**ADDRESS, "line1": "456 Park Ave"},
        "items": [{"product_id": product, "quantity": pieces}],
        "shipping_method": "express",
        "payment_method": "cod",
    }
    return str((await story.call("pycommerce", "POST", "/api/orders", body, status)).get("id"))


async def sell_in_aerostack(story: Story, product: str, pieces: int) -> str:
    """A guest on the shop's page fills a cart under an id of the page's own and checks out."""
    cart = f"cart-{os.urandom(5).hex()}"
    item = {"productId": product, "quantity": pieces}
    shown = await story.call("page", "POST", f"{story.window}/cart/{cart}/items", item)
    address = {**ADDRESS, "line1": "456 Park Ave"}
    body = {"cartId": cart, "email": "john@example.com", "shippingAddress": address}
    made = await story.call("page", "POST", f"{story.window}/checkout", body, 201)
    assert made["order"]["grand_total"] == shown["grand_total"]
    return str(made["order"]["id"])


async def sell_in_reference(story: Story, product: str, pieces: int, email: str = "john@example.com") -> str:
    """A program orders for a user and pays with a payment method that the provider knows. What it is told of the order
    is what the others will show."""
    user = (await story.users())[email][0]
    body = {
        "userId": ids.encode("usr", UUID(user)),
        "items": [{"productId": ids.encode("prod", UUID(product)), "quantity": pieces}],
        "shippingAddress": {"street": "456 Park Ave", "city": "Metropolis", "zipCode": "10001", "country": "US"},
    }
    made = await story.call("reference", "POST", f"{REFERENCE}/orders", body, 201)
    status, amounts, paid = await story.order(uuid(made["id"]))
    assert (made["status"], made["paymentStatus"]) == (status, paid) == ("pending", "unpaid")
    assert {name: made[name] for name in amounts} == amounts
    payment = {
        "orderId": made["id"],
        "paymentMethodId": "pm_card_visa",
        "amount": float(made["total"]),
        "currency": made["currency"],
    }
    await story.call("reference", "POST", f"{REFERENCE}/payments", {**payment, "amount": 1}, 400)
    taken = await story.call("reference", "POST", f"{REFERENCE}/payments", payment)
    assert (taken["amount"], taken["status"]) == (made["total"], "succeeded")
    return uuid(made["id"])


async def test_one_shop_in_every_dialect(http: httpx.AsyncClient, site_rt: Runtime) -> None:
    story = await opened(http, site_rt)
    products = await fill(story)
    lamp, shoe = products["Desk Lamp"], products["Trail Shoe"]

    # Sold in each; status, stock and totals agree everywhere.
    first = await sell_in_baas(story, lamp, 3)
    assert await story.stock() == {"Desk Lamp": 17, "Trail Shoe": 12}
    second = await sell_in_commerce(story, lamp, 2)
    assert await story.stock() == {"Desk Lamp": 15, "Trail Shoe": 12}
    third = await sell_in_pycommerce(story, shoe, 5)
    assert await story.stock() == {"Desk Lamp": 15, "Trail Shoe": 7}
    fourth = await sell_in_aerostack(story, lamp, 1)
    assert await story.stock() == {"Desk Lamp": 14, "Trail Shoe": 7}
    await story.call("baas", "PATCH", "/api/platform/settings/", {"payment_provider": "stripe"})
    fifth = await sell_in_reference(story, lamp, 2)
    assert await story.stock() == {"Desk Lamp": 12, "Trail Shoe": 7}
    assert (await story.order(fifth))[::2] == ("confirmed", "paid")
    wanted = {
        first: ("99.99", "4.95", "8.87", "113.81"),
        second: ("66.66", "4.95", "5.92", "77.53"),
        third: ("447.50", "14.99", "39.72", "502.21"),
        fourth: ("33.33", "4.95", "2.96", "41.24"),
    }
    for ident, amounts in wanted.items():
        status, found, paid = await story.order(ident)
        assert (status, paid) == ("pending", "unpaid")
        assert tuple(map(str, found.values())) == amounts

    # John bought in four dialects and is one customer; Jane's account sees her own order and no other.
    shown = [
        (await story.call("pycommerce", "GET", f"/api/orders/{one}"))["customer"]["id"]
        for one in (second, third, fourth, fifth)
    ]
    users = await story.users()
    assert set(shown) == {users["john@example.com"][0]} and len(users) == 2
    login = await story.send(
        "POST",
        "/api/auth/login",
        json={"email": "jane@example.com", "password": PASSWORD},
        headers={"Host": story.host},
    )
    jane = {"Authorization": f"Bearer {login.json()['access_token']}"}
    hers = (await story.send("GET", "/api/orders", params={"tenant": story.slug}, headers=jane)).json()
    assert [one["id"] for one in hers["orders"]] == [first]
    assert (await story.send("GET", f"/commerce/v2/orders/{second}", headers=jane)).status_code == 404

    # Placed in one, moved on in another.
    await story.move("commerce", first, "confirmed")
    assert (await story.order(first))[0] == "confirmed"
    await story.move("baas", first, "processing")
    assert (await story.order(first))[0] == "processing"
    await story.move("commerce", first, "shipped")
    await story.move("baas", first, "delivered")
    assert (await story.order(first))[0] == "delivered"
    await story.move("commerce", first, "cancelled", 422)
    await story.move("baas", second, "confirmed")
    await story.move("commerce", third, "confirmed")
    spelled = ids.encode("ord", UUID(third))
    await story.call("baas", "POST", f"/api/platform/orders/{spelled}/payments/", status=201)
    assert (await story.order(third))[2] == "paid"

    # Let go in one, the pieces are back in all.
    await story.move("commerce", second, "cancelled")
    assert await story.stock() == {"Desk Lamp": 14, "Trail Shoe": 7}
    assert (await story.order(second))[0] == "cancelled"
    await story.move("commerce", third, "refunded")
    assert await story.stock() == {"Desk Lamp": 14, "Trail Shoe": 12}
    assert (await story.order(third))[::2] == ("refunded", "refunded")
    await story.move("commerce", fifth, "refunded")
    assert (await story.order(fifth))[::2] == ("refunded", "refunded")
    assert await story.stock() == {"Desk Lamp": 16, "Trail Shoe": 12}

    # And the log shows exactly these requests, whichever dialect they were made in.
    logged = await story.log()
    assert Counter((one["method"], one["path"], one["status"]) for one in logged) == Counter(story.sent)
    assert {one["api"] for one in logged} == {"aerostack", "baas", "commerce", "pycommerce", "reference"}
    assert all(one["level"] == ("info" if one["status"] < 400 else "warn") for one in logged)
    assert [
        one["message"] for one in logged if one["path"] == f"/commerce/v2/orders/{second}" and one["status"] == 404
    ] == [f"User 'jane' accessed /commerce/v2/orders/{second} endpoint."]


async def test_the_last_pieces_are_sold_once_whoever_asks(http: httpx.AsyncClient, site_rt: Runtime) -> None:
    """Five pieces, thirty buyers at once, a third through each of three dialects."""
    story = await opened(http, site_rt)
    lamp = {"name": "Lamp", "price": 10, "stock": 5}
    ident = (await story.call("commerce", "POST", "/commerce/v2/products", lamp, 201))["id"]
    commerce = {"items": [{"productId": ident, "quantity": 1}], "paymentMethod": "cod"}
    pycommerce = {
        "tenant_id": story.tenant,
        "customer": {"name": "John", "email": "john@example.com"},
        "shipping_address": {**ADDRESS, "line1": "456 Park Ave"},
        "items": [{"product_id": ident, "quantity": 1}],
        "payment_method": "cod",
    }
    item = {"productId": ident, "quantity": 1}
    for number in range(10):
        await story.call("page", "POST", f"{story.window}/cart/rival-{number}/items", item)
    tries: list[tuple[str, Any, str]] = []
    for number in range(10):
        page = {"cartId": f"rival-{number}", "email": f"rival{number}@example.com"}
        tries += [("/commerce/v2/orders", commerce, "commerce"), ("/api/orders", pycommerce, "pycommerce")]
        tries += [(f"{story.window}/checkout", page, "page")]
    answers = await asyncio.gather(
        *(http.post(path, json=body, headers=story.owner[dialect]) for path, body, dialect in tries)
    )
    said = Counter(answer.status_code for answer in answers)
    assert said[201] == 5 and said[422] + said[409] == 25, said
    assert await story.stock() == {"Lamp": 0}


async def test_a_change_in_one_shows_in_all_at_once(http: httpx.AsyncClient, site_rt: Runtime) -> None:
    story = await opened(http, site_rt)
    products = await fill(story)
    for pieces, price in ((7, "10.01"), (0, "0.99")):
        path = f"/api/platform/products/{ids.encode('prod', UUID(products['Trail Shoe']))}/"
        await story.call("baas", "PATCH", path, {"price": price, "stock_quantity": pieces})
        assert (await story.shelves())["Trail Shoe"][:2] == (Decimal(price), pieces)
        changes = {"price": float(price), "stock": pieces + 1}
        await story.call("commerce", "PATCH", f"/commerce/v2/products/{products['Desk Lamp']}", changes)
        assert (await story.shelves())["Desk Lamp"][:2] == (Decimal(price), pieces + 1)
    await story.call("commerce", "DELETE", f"/commerce/v2/products/{products['Desk Lamp']}", status=204)
    assert set(await story.shelves()) == {"Trail Shoe"}
    assert await sell_in_pycommerce(story, products["Trail Shoe"], 1, status=409)
    assert await sell_in_commerce(story, products["Trail Shoe"], 1, status=422)
