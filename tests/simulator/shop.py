"""One account at the simulator, as its owner, its shopper and its receiver of callbacks see it."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import msgspec
from tests.http_server import Listener

from merx import simulator
from merx.kernel import ids
from merx.kernel.ids import OrderId, PaymentId, TenantId
from merx.kernel.money import Currency, Money
from merx.ports import Account, Charge, PaymentLine
from merx.providers.payments.razorpay import Razorpay
from merx.providers.payments.stripe import Stripe
from merx.runtime import Runtime

ON_THEIR_WAY = """
select count(*) from simulator_callbacks
where account = any($1::text[]) and done_at is null and attempts > 0 and status is null
"""


class Shop:
    def __init__(self, rt: Runtime, http: httpx.AsyncClient) -> None:
        self.rt, self.http = rt, http
        self.tenant = TenantId(ids.new())
        self.account: Account = rt.test_account("stripe", self.tenant)
        assert self.account.endpoint
        self.endpoint = self.account.endpoint
        self.provider = Stripe()
        self.key = self.account.credentials["secret_key"]

    def charge(self, minor: int = 21598, currency: str = "USD", token: str | None = None, **other: Any) -> Charge:
        made = PaymentId(ids.new())
        amount = Money(minor, Currency(currency))
        return Charge(
            made,
            OrderId(ids.new()),
            "ORD-001",
            amount,
            "card",
            token=token,
            **{
                "lines": (PaymentLine("Mug", 1, amount),),
                "email": "ann@example.com",
                "success_url": "http://shop.localhost:8000/paid?session={CHECKOUT_SESSION_ID}",
                "cancel_url": "http://shop.localhost:8000/cart",
                "expires_at": datetime.now(UTC) + timedelta(minutes=40),
                **other,
            },
        )

    async def api(self, method: str, path: str, data: Any = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method, f"{self.endpoint}/v1{path}", data=data, headers={"authorization": f"Bearer {self.key}", **names}
        )

    async def control(self, **rules: Any) -> dict[str, Any]:
        address, headers = f"{self.endpoint}/_control", {"authorization": f"Bearer {self.key}"}
        if rules:
            answer = await self.http.post(address, json=rules, headers=headers)
        else:
            answer = await self.http.get(address, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def press(self, url: str, action: str) -> httpx.Response:
        return await self.http.post(url, data={"action": action})

    async def events(self, heard: Listener) -> list[dict[str, Any]]:
        """Everything due is sent, by us or by another test's worker on the same database; what was heard so far."""
        until = time.monotonic() + 10
        while await simulator.deliver_due(self.rt) or (await self._on_their_way() and time.monotonic() < until):
            await asyncio.sleep(0.01)
        return [msgspec.json.decode(one.body) for one in heard.heard]

    async def _on_their_way(self) -> bool:
        """First tries somebody has taken up and not finished."""
        found = await self.rt.db.lookup(ON_THEIR_WAY, [str(self.tenant), self.tenant.hex])
        return bool(found and found[0])


class RazorpayShop(Shop):
    """The same account, as Razorpay's customer."""

    def __init__(self, rt: Runtime, http: httpx.AsyncClient) -> None:
        super().__init__(rt, http)
        self.account = rt.test_account("razorpay", self.tenant)
        assert self.account.endpoint
        self.endpoint = self.account.endpoint
        self.provider = Razorpay()  # type: ignore[assignment]
        self.key, self.secret = self.account.credentials["key_id"], self.account.credentials["key_secret"]

    async def api(self, method: str, path: str, data: Any = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method, f"{self.endpoint}/v1{path}", json=data, headers=names, auth=(self.key, self.secret)
        )

    async def control(self, **rules: Any) -> dict[str, Any]:
        address, auth = f"{self.endpoint}/_control", (self.key, self.secret)
        if rules:
            answer = await self.http.post(address, json=rules, auth=auth)
        else:
            answer = await self.http.get(address, auth=auth)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def window(self, order: str, origin: str = "http://shop.localhost:8000") -> str:
        return f"{self.endpoint}/window/{order}?key={self.key}&origin={origin}"

    async def pressed(self, order: str, action: str) -> dict[str, Any]:
        """What the window says to the page that opened it."""
        answer = await self.press(self.window(order), action)
        said = re.search(r'data-said="([^"]*)"', answer.text)
        return {} if said is None else msgspec.json.decode(unescape(said[1]))
