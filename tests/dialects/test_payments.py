"""Paying at a served site whose payment providers are the simulator's: the provider's own packages, pages, callbacks
and the worker, for each provider; and callbacks that nobody should believe."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest
from tests.databases import own_database
from tests.dialects.site import Shop, open_shop, runtime, serving

from merx.core.cart import service as cart
from merx.core.cart.model import Item, Owner
from merx.core.checkout import pages
from merx.core.checkout import service as checkout
from merx.core.checkout.confirming import confirm_payment
from merx.core.checkout.model import Buyer, CheckoutRequest, Claimed, Placed
from merx.core.orders import service as orders
from merx.core.orders.model import OrderDetail, OrderQuery
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel.errors import Invalid, Refused
from merx.kernel.ids import encode, new
from merx.ports import Account
from merx.runtime import Runtime
from merx.settings import Settings

PATIENCE = 40.0
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="session")
async def pay_dsn(dsn: Dsn) -> Dsn:
    """A database of its own: another test's worker would send this one's callbacks to its own server."""
    return await own_database(dsn, "payments")


@pytest.fixture(scope="session")
def pay_site(pay_dsn: Dsn) -> Iterator[Settings]:
    with serving(pay_dsn) as settings:
        yield settings


@pytest.fixture(scope="session")
async def pay_rt(pay_site: Settings, pay_dsn: Dsn) -> AsyncIterator[Runtime]:
    database = await Database.open(pay_dsn.app, pool_size=4)
    yield runtime(pay_site, database)
    await database.close()


@dataclass
class Till:
    """A shop, its account at the simulator, and whoever stands at its payment pages."""

    name: str
    shop: Shop
    account: Account
    http: httpx.AsyncClient

    async def order(self, price: str = "250.00") -> Placed:
        tent = await self.shop.product("Tent", price, stock=5)
        request = CheckoutRequest(
            items=(Item(tent.id, 1),), buyer=Buyer("john@example.com", "John"), payment_method="card"
        )
        return await checkout.place(self.shop.rt, self.shop.ctx, request)

    @property
    def auth(self) -> tuple[str, str]:
        known = self.account.credentials
        return (known["key_id"], known["key_secret"]) if self.name == "razorpay" else (known["secret_key"], "")

    async def control(self, **rules: Any) -> dict[str, Any]:
        address = f"{self.account.endpoint}/_control"
        answer = await (
            self.http.post(address, json=rules, auth=self.auth) if rules else self.http.get(address, auth=self.auth)
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def press(self, placed: Placed, action: str) -> Mapping[str, Any]:
        """At the page or in the window; what a window says."""
        if self.name == "stripe":
            assert placed.payment.url
            await self.http.post(placed.payment.url, data={"action": action})
            return {}
        window = f"{self.account.endpoint}/window/{placed.payment.reference}?key={self.auth[0]}&origin=http://a.test"
        answer = await self.http.post(window, data={"action": action})
        said = re.search(r'data-said="([^"]*)"', answer.text)
        return json.loads(unescape(said[1])) if said else {}

    async def find(self, placed: Placed) -> OrderDetail:
        return await orders.get(self.shop.rt, self.shop.ctx, placed.order.id)

    async def until(self, placed: Placed, wanted: Callable[[OrderDetail], bool]) -> OrderDetail:
        deadline = time.monotonic() + PATIENCE
        while not wanted(detail := await self.find(placed)):
            assert time.monotonic() < deadline, detail
            await asyncio.sleep(0.1)
        return detail

    async def paid(self, placed: Placed) -> OrderDetail:
        return await self.until(placed, lambda one: one.order.payment_status == "paid")

    async def told(self) -> list[Any]:
        """Every callback, when all have been answered."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found: list[Any] = (await self.control())["callbacks"]
            if all(one["done"] for one in found):
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)

    def taken(self, ledger: Mapping[str, Any]) -> list[int]:
        kind = "razorpay.payment" if self.name == "razorpay" else "charge"
        return [one["amount"] for one in ledger[kind] if one["captured"]]

    def given(self, ledger: Mapping[str, Any]) -> list[int]:
        kind, fine = ("razorpay.refund", "processed") if self.name == "razorpay" else ("refund", "succeeded")
        return sorted(one["amount"] for one in ledger[kind] if one["status"] == fine)

    async def events(self, kind: str) -> int:
        sql = "select count(*) from outbox where tenant_id = $1 and kind = $2"
        found: int = await self.shop.value(sql, kind)
        return found

    # ── Callbacks made by hand ───────────────────────────────────────────────────────────────────────────────────────

    def body(self, placed: Placed, minor: int) -> bytes:
        """The provider says that this payment took `minor`."""
        payment, currency = placed.payment, placed.payment.currency
        if self.name == "razorpay":
            entity = {
                "id": "pay_byhand", "order_id": payment.reference, "amount": minor, "currency": currency,
                "status": "captured", "captured": True, "amount_refunded": 0,
            }  # fmt: skip
            return json.dumps({"event": "payment.captured", "payload": {"payment": {"entity": entity}}}).encode()
        session = {
            "id": payment.reference, "object": "checkout.session", "status": "complete", "payment_status": "paid",
            "amount_total": minor, "currency": currency.lower(), "metadata": {"payment_id": str(payment.id)},
        }  # fmt: skip
        data = {"object": session}
        return json.dumps({"id": f"evt_{new().hex}", "type": "checkout.session.completed", "data": data}).encode()

    def signed(self, body: bytes, secret: str | None = None) -> dict[str, str]:
        secret = secret or self.account.credentials["webhook_secret"]
        if self.name == "razorpay":
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            return {"x-razorpay-signature": signature, "x-razorpay-event-id": hashlib.md5(body).hexdigest()}
        moment = int(time.time())
        signature = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={moment},v1={signature}"}

    async def post(self, body: bytes, headers: Mapping[str, Any], tenant: object = None) -> int:
        address = f"http://127.0.0.1:{self.shop.rt.settings.port}/webhooks/{self.name}/{tenant or self.shop.ctx.tenant}"
        return (await self.http.post(address, content=body, headers=dict(headers))).status_code


Open = Callable[[str], Awaitable[Till]]


@pytest.fixture
async def open_till(pay_rt: Runtime) -> AsyncIterator[Open]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        shops = []

        async def make(name: str) -> Till:
            shop = await open_shop(pay_rt)
            shops.append(shop)
            await shop.settings(currency="INR", payment_provider=name)
            return Till(name, shop, pay_rt.test_account(name, shop.ctx.tenant), http)

        yield make
        for shop in shops:
            await shop.http.aclose()


@pytest.fixture(params=["stripe", "razorpay"])
async def till(request: pytest.FixtureRequest, open_till: Open) -> Till:
    return await open_till(request.param)


@pytest.fixture
async def razorpay(open_till: Open) -> Till:
    return await open_till("razorpay")


async def test_paid_and_told_by_the_callback(till: Till) -> None:
    placed = await till.order()
    await till.press(placed, "decline")
    await till.press(placed, "pay")
    detail = await till.paid(placed)
    assert (detail.order.status, detail.payments[0].captured_minor) == ("confirmed", 25000)
    assert till.taken(await till.control()) == [25000] and await till.events("order.paid") == 1


async def test_callbacks_late_doubled_and_reversed_are_applied_once(till: Till) -> None:
    await till.control(delay_s=1, double=True, reverse=True)
    placed = await till.order()
    await till.press(placed, "pay")
    await till.paid(placed)
    told = await till.told()
    assert len(told) >= 4 and {one["status"] for one in told} == {200}
    assert await till.events("order.paid") == 1
    assert (await till.find(placed)).payments[0].captured_minor == 25000


async def test_callbacks_that_nobody_signed_change_nothing(till: Till, open_till: Open) -> None:
    placed, other = await till.order(), await open_till(till.name)
    body = till.body(placed, 25000)
    true = till.signed(body)
    assert await till.post(body, {}) == 400
    assert await till.post(body + b" ", true) == 400
    assert await till.post(body, dict.fromkeys(true, "\xe9".encode())) == 400
    assert await till.post(body, till.signed(body, other.account.credentials["webhook_secret"])) == 400
    assert await till.post(b"\xff\x00", till.signed(b"\xff\x00")) == 400
    assert await till.post(b"[]", till.signed(b"[]")) == 400
    assert await till.post(body, true, tenant=new()) == 404
    assert await till.post(body, true, tenant=other.shop.ctx.tenant) == 400
    assert (await till.find(placed)).order.payment_status == "unpaid"
    for _ in range(3):
        assert await till.post(body, true) == 200
    assert (await till.find(placed)).order.payment_status == "paid"
    assert await till.events("order.paid") == 1


async def test_an_event_of_another_shop_is_not_ours(till: Till, open_till: Open) -> None:
    """Signed by a shop for a payment of another's."""
    placed, other = await till.order(), await open_till(till.name)
    body = till.body(placed, 25000)
    assert await other.post(body, other.signed(body)) == 200
    assert (await till.find(placed)).order.payment_status == "unpaid"


async def test_a_wrong_amount_is_flagged_and_not_paid(till: Till) -> None:
    placed = await till.order()
    body = till.body(placed, 24999)
    assert await till.post(body, till.signed(body)) == 200
    detail = await till.find(placed)
    assert (detail.order.status, detail.order.payment_status) == ("pending", "unpaid")
    assert detail.order.flagged and "249.99" in detail.order.flagged
    assert await till.events("payment.flagged") == 1 and await till.events("order.paid") == 0


async def test_a_refund_repeated_after_the_edge_forgot_it_is_one_refund(till: Till) -> None:
    """A crash before the answer was kept, and a lease that ran out, leave just this: the request runs again."""
    placed = await till.order()
    await till.press(placed, "pay")
    await till.paid(placed)
    key = {"Idempotency-Key": f"refund-{new().hex}"}
    base = f"http://127.0.0.1:{till.shop.rt.settings.port}/api/platform"
    signed_in = await till.http.post(
        f"{base}/token/", json={"email": till.shop.email, "password": "a-password-for-tests"}
    )
    headers = {"Authorization": f"Bearer {signed_in.json()['access']}", **key}
    for expected in (201, 201):
        answer = await till.http.post(
            f"{base}/orders/{encode('ord', placed.order.id)}/refunds/", json={"amount": "100.00"}, headers=headers
        )
        assert answer.status_code == expected, answer.text
        assert [one["amount"] for one in answer.json()["refunds"]] == ["100.00"]
        async with till.shop.rt.db.begin(till.shop.ctx) as tx:
            await tx.run("delete from idempotency_keys where tenant_id = $1")
    assert till.given(await till.control()) == [10000]
    other = await till.http.post(
        f"{base}/orders/{encode('ord', placed.order.id)}/refunds/", json={"amount": "50.00"}, headers=headers
    )
    assert other.status_code >= 400 and "idempotency" in other.text
    assert till.given(await till.control()) == [10000]


async def test_a_refund_that_fails_at_the_provider_shows_as_failed(till: Till) -> None:
    placed = await till.order()
    await till.press(placed, "pay")
    await till.paid(placed)
    await till.control(refunds="fail")
    await orders.refund(till.shop.rt, till.shop.ctx, placed.order.id, 10000, "part")
    detail = await till.until(placed, lambda one: one.refunds[0].status == "failed")
    assert detail.order.flagged and detail.payments[0].refunded_minor == 0
    await till.control(refunds="later", double=True, reverse=True)
    await orders.refund(till.shop.rt, till.shop.ctx, placed.order.id, 10000, "again")
    detail = await till.until(placed, lambda one: one.refunds[0].status == "succeeded")
    await till.told()
    detail = await till.find(placed)
    assert [one.status for one in detail.refunds] == ["succeeded", "failed"]
    assert detail.payments[0].refunded_minor == 10000 and till.given(await till.control()) == [10000]


async def test_a_refund_at_the_providers_own_pages_is_booked(till: Till) -> None:
    placed = await till.order()
    await till.press(placed, "pay")
    await till.paid(placed)
    ledger = await till.control()
    if till.name == "razorpay":
        payment = ledger["razorpay.payment"][0]["id"]
        address, sent = f"/v1/payments/{payment}/refund", {"json": {"amount": 4000}}
    else:
        intent = ledger["payment_intent"][0]["id"]
        address, sent = "/v1/refunds", {"data": {"payment_intent": intent, "amount": "4000"}}
    made: Any = await till.http.post(f"{till.account.endpoint}{address}", auth=till.auth, **sent)
    assert made.status_code == 200, made.text
    detail = await till.until(placed, lambda one: bool(one.refunds) and one.refunds[0].reference is not None)
    assert [(one.amount_minor, one.reference) for one in detail.refunds] == [(4000, made.json()["id"])]
    assert detail.order.payment_status == "partially_refunded"


async def test_abandoned_and_paid_when_it_is_too_late(till: Till) -> None:
    """Nobody pays, the stock comes back; then somebody pays all the same, where the provider lets them."""
    placed = await till.order()
    await till.press(placed, "abandon")
    reserved = "select sum(reserved) from stock where tenant_id = $1"
    assert await till.shop.value(reserved) == 1
    async with till.shop.rt.db.begin(till.shop.ctx) as tx:
        await tx.run("update orders set hold_expires_at = $2 where tenant_id = $1", placed.order.created_at)
    detail = await till.until(placed, lambda one: one.order.status == "cancelled")
    assert detail.order.payment_status == "failed" and await till.shop.value(reserved) == 0
    await till.press(placed, "pay")
    if till.name == "stripe":  # its page is closed
        assert till.taken(await till.control()) == []
        return
    detail = await till.until(placed, lambda one: bool(one.refunds) and one.refunds[0].status == "succeeded")
    ledger = await till.control()
    assert till.taken(ledger) == till.given(ledger) == [25000]
    assert (detail.order.status, detail.order.payment_status) == ("cancelled", "refunded")
    assert await till.shop.value(reserved) == 0 and await till.events("order.paid") == 0


async def test_another_way_closes_the_first(till: Till) -> None:
    """The cart waits at a page; its shopper comes back and pays on delivery."""
    owner = Owner(token=f"cart-{new().hex}")
    tent = await till.shop.product("Tent", "250.00", stock=5)
    await cart.add(till.shop.rt, till.shop.ctx, owner, Item(tent.id, 1))
    request = CheckoutRequest(owner=owner, buyer=Buyer("john@example.com", "John"), payment_method="card")
    first = await checkout.place(till.shop.rt, till.shop.ctx, request)
    second = await checkout.place(till.shop.rt, till.shop.ctx, msgspec.structs.replace(request, payment_method="cod"))
    assert second.order.id != first.order.id and second.order.payment_method == "cod"
    assert (await till.find(first)).order.status == "cancelled"
    await till.press(first, "pay")
    if till.name == "razorpay":
        await till.until(first, lambda one: bool(one.refunds) and one.refunds[0].status == "succeeded")
    ledger = await till.control()
    assert till.taken(ledger) == till.given(ledger)
    assert (await till.find(second)).order.status == "pending"


# ── Razorpay alone ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_browser_gets_and_brings_back(razorpay: Till) -> None:
    """The window's word settles the order before any callback does."""
    await razorpay.control(delay_s=30)
    placed = await razorpay.order()
    client = placed.payment.client
    assert client["token"] == razorpay.auth[0] and client["providerOrderId"] == placed.payment.reference
    assert (client["amount"], client["currency"]) == (25000, "INR")
    said = await razorpay.press(placed, "pay")
    for field in ("razorpay_payment_id", "razorpay_signature"):
        with pytest.raises(Invalid):
            await confirm_payment(
                razorpay.shop.rt, razorpay.shop.ctx, placed.order.id, {**said["fields"], field: "x" * 64}
            )
    paid = await confirm_payment(razorpay.shop.rt, razorpay.shop.ctx, placed.order.id, said["fields"])
    assert (paid.order.status, paid.order.payment_status) == ("confirmed", "paid")


async def test_money_for_a_cancelled_order_goes_back(razorpay: Till) -> None:
    """Its window is still open somewhere: Razorpay's orders can't be closed."""
    placed = await razorpay.order()
    await orders.cancel(razorpay.shop.rt, razorpay.shop.ctx, placed.order.id, "no")
    assert (await razorpay.press(placed, "pay"))["event"] == "paid"
    detail = await razorpay.until(placed, lambda one: bool(one.refunds) and one.refunds[0].status == "succeeded")
    assert (detail.order.status, detail.order.payment_status) == ("cancelled", "refunded")
    ledger = await razorpay.control()
    assert razorpay.taken(ledger) == razorpay.given(ledger) == [25000]


async def test_what_is_only_authorised_is_captured_by_us(razorpay: Till) -> None:
    await razorpay.control(authorize_only=True)
    placed = await razorpay.order()
    await razorpay.press(placed, "pay")
    await razorpay.paid(placed)
    assert razorpay.taken(await razorpay.control()) == [25000]


@pytest.mark.parametrize("when", ["before", "lost"])
async def test_an_order_whose_answer_never_came_is_found_or_made_by_the_worker(razorpay: Till, when: str) -> None:
    """A crash between PREPARE and PAY, and one between PAY and SETTLE, as the shop sees them."""
    await razorpay.control(fault={"when": when})
    placed = await razorpay.order()
    assert placed.payment.status == "created"
    healed = await razorpay.until(placed, lambda one: one.payments[0].reference is not None)
    assert healed.payments[0].client["providerOrderId"] == healed.payments[0].reference
    assert len((await razorpay.control())["razorpay.order"]) == 1
    await razorpay.press(Placed(healed.order, healed.payments[0]), "pay")
    await razorpay.paid(placed)


async def test_a_provider_without_a_page_says_so(razorpay: Till) -> None:
    placed = await razorpay.order()
    line = placed.order.lines[0]
    claimed = [Claimed(str(line.product_id), line.name, Decimal("250.00"), 1)]
    with pytest.raises(Refused) as raised:
        await pages.open_page(razorpay.shop.rt, razorpay.shop.ctx, str(placed.order.id), claimed)
    assert raised.value.code == "no_payment_page"


async def test_amounts_and_tokens_that_razorpay_does_not_take_are_refused(razorpay: Till, open_till: Open) -> None:
    with pytest.raises(Refused, match="small") as raised:
        await razorpay.order("0.99")
    assert raised.value.code == "amount_too_small"
    assert await razorpay.shop.value("select coalesce(sum(reserved), 0) from stock where tenant_id = $1") == 0
    kuwait = await open_till("razorpay")
    await kuwait.shop.settings(currency="KWD")
    with pytest.raises(Refused) as raised:
        await kuwait.order("1.001")
    assert raised.value.code == "amount_not_chargeable"
    placed = await kuwait.order("1.230")
    with pytest.raises(Refused) as raised:
        await checkout.pay_order(kuwait.shop.rt, kuwait.shop.ctx, placed.order.id, "pm_card_visa", None)
    assert raised.value.code == "token_not_supported"


@pytest.mark.parametrize("dialect", ["baas", "commerce"])
async def test_an_order_of_any_api_can_be_paid_in_a_window(dialect: str, till: Till) -> None:
    """What Razorpay's script needs is in the answer; where the provider has a page, its address is."""
    tent = await till.shop.product("Tent", "250.00", stock=5)
    shopper = await till.shop.shopper()
    if dialect == "commerce":
        body: dict[str, Any] = {"items": [{"productId": str(tent.id), "quantity": 1}], "paymentMethod": "card"}
        path = "/commerce/v2/orders"
    else:
        line = {"product_id": encode("prod", tent.id), "quantity": 1}
        await till.shop.http.post("/api/store/cart/items/", json=line, headers=shopper)
        body, path = {"payment_method": "card"}, "/api/store/checkout/"
        body["shipping_address"] = {"street": "1 Main St", "city": "Delhi", "postal_code": "110001", "country": "IN"}
    answer = await till.shop.http.post(path, json=body, headers=shopper)
    assert answer.status_code == 201, answer.text
    payment = answer.json()["payment"]
    if till.name == "stripe":
        assert payment["url"] and payment["window"] is None
        return
    assert payment["url"] is None and set(payment["window"]) == {"key", "order_id", "amount", "currency"}
    window = f"{till.account.endpoint}/window/{payment['window']['order_id']}?key={payment['window']['key']}"
    await till.http.post(f"{window}&origin=http://a.test", data={"action": "pay"})
    order = (await orders.page(till.shop.rt, till.shop.ctx, OrderQuery(limit=1))).orders[0]
    deadline = time.monotonic() + PATIENCE
    while (await orders.get(till.shop.rt, till.shop.ctx, order.id)).order.payment_status != "paid":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
