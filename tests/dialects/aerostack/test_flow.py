"""Sections 3 to 7 of the document from end to end: a page of another origin in a real browser buys at a real server,
the payment page is clicked, the provider's callback arrives, the mail lies in the outbox, the merchant's receiver gets
webhooks whose signatures another library checks, and the order is in the history."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from standardwebhooks import Webhook
from tests.databases import own_database
from tests.dialects.aerostack.window import ADDRESS, Window, window_of
from tests.dialects.site import open_shop, runtime, serving
from tests.http_server import Heard, listener

from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.notifications import service as notifications
from merx.core.orders import service as orders
from merx.core.webhooks import service as webhooks
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel.ids import OrderId
from merx.runtime import Runtime
from merx.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
EVENTS = ["order.created", "order.paid", "order.shipped", "order.cancelled", "inventory.low"]
PATIENCE = 30.0

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"the payment page is driven in Chromium; there is no {CHROMIUM}"),
    pytest.mark.timeout(180),
]


# ── A site whose worker minds this test's shops only ─────────────────────────────────────────────────────────────────
@pytest.fixture(scope="session")
async def own_dsn(dsn: Dsn) -> Dsn:
    return await own_database(dsn, "aerostack")


@pytest.fixture(scope="session")
def own_site(own_dsn: Dsn) -> Iterator[Settings]:
    with serving(own_dsn, webhooks_allow_private=True) as settings:
        yield settings


@pytest.fixture(scope="session")
async def own_rt(own_site: Settings, own_dsn: Dsn) -> AsyncIterator[Runtime]:
    database = await Database.open(own_dsn.app, pool_size=4)
    yield runtime(own_site, database)
    await database.close()


@pytest.fixture
async def page_window(own_rt: Runtime) -> AsyncIterator[Window]:
    shop = await open_shop(own_rt)
    await shop.settings(
        payment_provider="stripe",
        tax_percentage="10",
        flat_shipping_rate="5",
        free_shipping_threshold="100",
        low_stock_threshold=3,
    )
    base = f"http://127.0.0.1:{own_rt.settings.port}"
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        yield await window_of(shop, http)
    await shop.http.aclose()


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        await chromium.close()


async def until(asked: Callable[[], Awaitable[Any]], what: str) -> Any:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        if found := await asked():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never came: {what}")


class Storefront:
    """A page of the merchant's own, at another origin than the API's, whose script calls it."""

    FETCH = """async ([url, method, body, key]) => {
        const headers = {Authorization: `Bearer ${key}`};
        if (body !== null) headers["Content-Type"] = "application/json";
        const answer = await fetch(url, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
        return [answer.status, await answer.json(), answer.headers.get("X-RateLimit-Remaining")];
    }"""

    def __init__(self, page: Any, origin: str, window: Window) -> None:
        self.page, self.origin, self.window = page, origin, window

    async def fetch(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        url = f"{self.window.http.base_url}{self.window.base}".replace("//api", "/api") + path
        got, shown, left = await self.page.evaluate(self.FETCH, [url, method, body, self.window.key])
        assert got == status, (method, path, got, shown)
        assert left is not None and int(left) > 0
        return shown

    async def buy(self, product: Any, quantity: int, **more: Any) -> Any:
        """Sections 4 and 5: a cart under an id of the page's own, kept in localStorage, and a checkout."""
        cart = await self.page.evaluate(
            """() => { const id = "cart-" + Math.random().toString(36).slice(2);
                localStorage.setItem("cartId", id); return id; }"""
        )
        body = {"productId": str(product.id), "quantity": quantity, "variantId": str(product.variants[0].id)}
        await self.fetch("POST", f"/cart/{cart}/items", body)
        wanted = {
            "cartId": cart,
            "email": "john@example.com",
            "shippingAddress": ADDRESS,
            "billingAddress": ADDRESS,
            "customerName": "John Doe",
            "customerPhone": "+1234567890",
            "successUrl": f"{self.origin}/order/success",
            "cancelUrl": f"{self.origin}/cart",
            **more,
        }
        return await self.fetch("POST", "/checkout", wanted, 201)

    async def status(self, order: str) -> str:
        """As the merchant's books have it; the page itself has ten look-ups a minute."""
        return str(
            await self.window.shop.value("select status from orders where tenant_id = $1 and id = $2", UUID(order))
        )


@pytest.fixture
async def storefront(browser: Any, page_window: Window) -> AsyncIterator[Storefront]:
    async with listener(lambda _: (200, b"{}")) as pages:
        page = await browser.new_page()
        await page.goto(f"{pages.url}/")
        yield Storefront(page, pages.url, page_window)


# ── The story ────────────────────────────────────────────────────────────────────────────────────────────────────────
def checked(heard: Heard, secret: str) -> tuple[str, Any]:
    """(event, body) of a webhook whose two signatures are right: the document's, and that of Standard Webhooks."""
    mine = hmac.new(secret.encode(), heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-webhook-signature"] == f"sha256={mine}"
    body = Webhook(secret).verify(heard.body, heard.headers)
    assert heard.headers["x-webhook-event"] == body["type"]
    return body["type"], json.loads(heard.body)


async def test_from_config_to_history(storefront: Storefront) -> None:
    shop = storefront.window.shop
    await coupons.create(shop.rt, shop.ctx, coupons.CouponDraft("SAVE10", CouponType.PERCENT, rate=100_000))
    await shop.product("Desk Lamp", "24.99", stock=5, categories=("Home > Lamps",))
    async with listener() as receiver:
        endpoint = await webhooks.create_endpoint(shop.rt, shop.ctx, f"{receiver.url}/hook", EVENTS)

        config = await storefront.fetch("GET", "/config")
        assert (config["default_currency"], config["payment_provider"]) == ("USD", "stripe")
        listed = await storefront.fetch("GET", "/products?category=home")
        product = await storefront.fetch("GET", f"/products/{listed['products'][0]['slug']}")

        cart = await storefront.page.evaluate(
            "() => { const id = crypto.randomUUID(); localStorage.setItem('cartId', id); return id; }"
        )
        item = {"productId": product["id"], "quantity": 1, "variantId": product["variants"][0]["id"]}
        await storefront.fetch("POST", f"/cart/{cart}/items", item)
        kept = await storefront.fetch("POST", f"/cart/{cart}/items", {**item, "quantity": 2})
        assert kept["items"][0]["quantity"] == 3
        line = kept["items"][0]["id"]
        assert (await storefront.fetch("PATCH", f"/cart/{cart}/items/{line}", {"quantity": 2}))["item_count"] == 2
        coupon = await storefront.fetch("POST", "/coupons/validate", {"code": "SAVE10", "cartId": cart, "apply": False})
        assert coupon["valid"] and coupon["discount"] == 5
        total = coupon["cart"]["grand_total"]
        assert total == round(config["flat_shipping_rate"] + (49.98 - 5) * 1.1, 2) == 54.48

        made = await storefront.fetch(
            "POST",
            "/checkout",
            {
                "cartId": cart,
                "email": "john@example.com",
                "shippingAddress": ADDRESS,
                "billingAddress": ADDRESS,
                "couponCode": "SAVE10",
                "customerName": "John Doe",
                "customerPhone": "+1234567890",
                "successUrl": f"{storefront.origin}/order/success",
                "cancelUrl": f"{storefront.origin}/cart",
            },
            201,
        )
        order = made["order"]["id"]
        assert made["order"]["grand_total"] == total and made["payment"]["id"].startswith("cs_")

        # The shopper is sent to payment.url, pays there and comes back.
        page = storefront.page
        await page.goto(made["payment"]["url"])
        await page.get_by_role("button", name="Pay 54.48 USD").click()
        await page.wait_for_url(f"{storefront.origin}/order/success")

        async def paid() -> Any:
            return await storefront.status(order) == "confirmed"

        await until(paid, "the provider's callback")
        history = await storefront.fetch("GET", "/orders?email=john@example.com&page=1&limit=20")
        assert (history["total"], history["orders"][0]["id"]) == (1, order)
        assert history["orders"][0]["payment_status"] == "paid"
        one = await storefront.fetch("GET", f"/orders/{order}?email=john@example.com")
        assert one["grand_total"] == total and one["coupon_code"] == "SAVE10"

        # The merchant adds a tracking number.
        await orders.ship(shop.rt, shop.ctx, OrderId(UUID(order)), "UPS", "1Z999", None)

        async def all_told() -> Any:
            return {heard.headers["x-webhook-event"] for heard in receiver.heard} >= set(EVENTS) - {"order.cancelled"}

        await until(all_told, "a webhook for each event")
        told = dict(checked(heard, endpoint.secret) for heard in receiver.heard)
        for event in ("order.created", "order.paid", "order.shipped"):
            assert order in json.dumps(told[event]), event
        assert "1Z999" in json.dumps(told["order.shipped"])
        assert '"stock": 3' in json.dumps(told["inventory.low"])

        async def mailed() -> Any:
            found, _ = await notifications.list_notifications(shop.rt, shop.ctx)
            mails = [one for one in found if one.recipient == "john@example.com"]
            return mails if len(mails) >= 2 else None

        mails = await until(mailed, "the order's mails in the outbox")
        assert any("ORD-001" in one.subject for one in mails)


async def test_a_declined_card_and_another_try(storefront: Storefront) -> None:
    product = await storefront.window.shop.product("Lamp", "20.00", stock=9)
    made = await storefront.buy(product, 2)
    page = storefront.page
    await page.goto(made["payment"]["url"])
    await page.get_by_role("button", name="Try a card that is declined").click()
    await page.get_by_role("alert").wait_for()
    assert "declined" in await page.get_by_role("alert").inner_text()
    assert await storefront.status(made["order"]["id"]) == "pending"
    await page.get_by_role("button", name="Pay").first.click()
    await page.wait_for_url(f"{storefront.origin}/order/success")

    async def paid() -> Any:
        return await storefront.status(made["order"]["id"]) == "confirmed"

    await until(paid, "the provider's callback")
    asked = "select array[count(*), sum(captured_minor)] from payments where tenant_id = $1 and status = 'captured'"
    assert [int(one) for one in await storefront.window.shop.value(asked)] == [1, 4900]


async def test_an_abandoned_page(storefront: Storefront) -> None:
    """The stock comes back, and so does the cart."""
    window = storefront.window
    product = await window.shop.product("Lamp", "20.00", stock=2)
    made = await storefront.buy(product, 2)
    page = storefront.page
    assert (await storefront.fetch("GET", "/products"))["products"][0]["stock"] == 0
    await page.goto(made["payment"]["url"])
    await page.get_by_role("button", name="Go back to").click()
    await page.wait_for_url(f"{storefront.origin}/cart")
    cart = await page.evaluate("localStorage.getItem('cartId')")
    assert (await storefront.fetch("GET", f"/cart/{cart}"))["items"] == []

    async with window.shop.rt.db.begin(window.shop.ctx) as tx:  # half an hour later
        passed = datetime.now(UTC) - timedelta(seconds=1)
        await tx.run("update orders set hold_expires_at = $2 where tenant_id = $1", passed)

    async def let_go() -> Any:
        return await storefront.status(made["order"]["id"]) == "cancelled"

    await until(let_go, "the end of the hold")

    async def back() -> Any:
        return (await storefront.fetch("GET", "/products"))["products"][0]["stock"] == 2

    await until(back, "the stock")
    assert (await storefront.fetch("GET", f"/cart/{cart}"))["item_count"] == 2
    history = await storefront.fetch("GET", "/orders?email=john@example.com")
    assert [(one["status"], one["payment_status"]) for one in history["orders"]] == [("cancelled", "failed")]
    again = await storefront.fetch("POST", "/checkout", {"cartId": cart, "email": "john@example.com"}, 201)
    assert again["order"]["order_number"] == "ORD-002"


async def test_without_addresses_to_return_to_the_shops_own_pages(storefront: Storefront) -> None:
    window = storefront.window
    made = await storefront.buy(await window.shop.product("Lamp", stock=5), 1, successUrl=None, cancelUrl=None)
    page = storefront.page
    await page.goto(made["payment"]["url"])
    await page.get_by_role("button", name="Pay").first.click()
    own = f"http://{window.shop.slug}.{window.shop.rt.settings.base_domain}/checkout/success"
    await page.wait_for_url(f"{own}**")


WINDOW = """(payment) => new Promise((resolve, reject) => {
    const window_ = new Razorpay({key: payment.token, order_id: payment.providerOrderId, amount: payment.amount,
        currency: payment.currency, handler: resolve, modal: {ondismiss: () => reject(new Error("dismissed"))}});
    window_.open();
})"""


async def test_paying_in_razorpays_window(storefront: Storefront) -> None:
    """The page opens the window with the four values, and hands what it got to /checkout/confirm."""
    shop = storefront.window.shop
    await shop.settings(payment_provider="razorpay")
    made = await storefront.buy(await shop.product("Lamp", "20.00", stock=9), 2)
    payment, order, page = made["payment"], made["order"]["id"], storefront.page
    assert (payment["amount"], payment["currency"]) == (4900, "USD")
    forged = {
        "orderId": order,
        "razorpay_payment_id": "pay_forged",
        "razorpay_order_id": payment["providerOrderId"],
        "razorpay_signature": "0" * 64,
    }
    shown = await storefront.fetch("POST", "/checkout/confirm", forged, 400)
    assert shown["code"] == "signature_wrong" and await storefront.status(order) == "pending"

    await page.add_script_tag(url=f"{shop.rt.settings.public_url}/simulator/razorpay/checkout.js")
    window_ = page.frame_locator("iframe.razorpay-checkout-frame")
    paying = asyncio.create_task(page.evaluate(WINDOW, payment))
    await window_.get_by_role("button", name="Try a card that is declined").click()
    await window_.get_by_role("alert").wait_for()
    await window_.get_by_role("button", name="Pay").first.click()
    fields = await paying
    assert set(fields) == {"razorpay_payment_id", "razorpay_order_id", "razorpay_signature"}
    for _ in range(2):  # a double click changes nothing
        confirmed = await storefront.fetch("POST", "/checkout/confirm", {"orderId": order, **fields})
        assert confirmed["success"] is True and confirmed["order"]["id"] == order
        assert (confirmed["order"]["payment_status"], confirmed["order"]["grand_total"]) == ("paid", 49)
    history = await storefront.fetch("GET", "/orders?email=john@example.com")
    assert history["orders"][0]["payment_status"] == "paid"


async def test_a_page_the_shop_does_not_list_reads_nothing(storefront: Storefront) -> None:
    window = storefront.window
    await window.shop.settings(
        allowed_origins=["https://shop.example.com"],
        payment_provider="manual",
        payment_test_mode=False,
    )

    async def refused() -> Any:
        try:
            await storefront.fetch("GET", "/products")
        except Exception as blocked:
            return "Failed to fetch" in str(blocked)
        return False

    await until(refused, "the browser's refusal")
