"""`kill -9` during checkouts: of the whole server, and of PostgreSQL alone. Whatever was acknowledged is there
afterwards, no piece is lost or sold twice, and nothing stays stuck."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.dialects.site import from_elsewhere
from tests.ports import free_port
from tests.selling import FakeProvider, Shop, books_are_right, runtime

from merx.db.database import Database
from merx.db.opening import open_database
from merx.kernel.context import system
from merx.kernel.ids import TenantId
from merx.settings import Settings

pytestmark = pytest.mark.slow
ADDRESS = {"street": "1 Main St", "city": "New York", "state": "NY", "postal_code": "10001", "country": "US"}
STUCK = """
select count(*) from payments where tenant_id = $1 and status = 'created' and created_at < now() - interval '1 minute'
"""


class Site:
    """`merx serve` on a folder of its own, killed and started again at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environ = os.environ | {"MERX_DATA_DIR": str(self.folder / "data"), "MERX_LOG_LEVEL": "warning"}
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "merx.cli", "serve", "--port", str(self.port)],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "serve.log").read_text()[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError("it did not become ready within a minute")

    def kill_server(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_postgres(self) -> None:
        """The postmaster and every child of it, as a power cut would."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                if "postgres" in child.name():
                    child.kill()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="merx-kill-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        running = Site(folder)
        running.start()
        yield running
        running.stop()


async def stock_up(site: Site) -> tuple[dict[str, str], TenantId, list[str]]:
    """A shop with three products and twenty shoppers; the owner's headers, the tenant, the shoppers' tokens."""
    async with httpx.AsyncClient(base_url=site.url, timeout=30) as client:
        owner = {
            "business_name": "Kill Shop", "email": "owner@kill.example.com", "password": "correct horse battery",
            "first_name": "K", "last_name": "S",
        }  # fmt: skip
        registered = (await client.post("/api/platform/register/", json=owner)).json()
        headers = {"Authorization": f"Bearer {registered['access']}"}
        upgrade = [sys.executable, "-m", "merx.cli", "tenants", "set-plan", registered["tenant"]["slug"], "enterprise"]
        environ = os.environ | {"MERX_DATA_DIR": str(site.folder / "data")}
        await asyncio.to_thread(subprocess.run, upgrade, env=environ, check=True, capture_output=True)
        for number in range(3):
            product = {"name": f"Thing {number}", "price": "10.00", "sku": f"T-{number}", "stock_quantity": 10_000}
            made = await client.post("/api/platform/products/", json=product, headers=headers)
            assert made.status_code == 201, made.text
        key = (await client.post("/api/platform/api-keys/", json={"name": "shop"}, headers=headers)).json()["key"]
        tokens = []
        for number in range(20):
            person = {
                "email": f"s{number}@kill.example.com", "password": "correct horse battery", "first_name": "S",
                "last_name": "H",
            }  # fmt: skip
            answer = await client.post("/api/store/auth/register/", json=person, headers={"X-API-Key": key})
            assert answer.status_code == 201, answer.text
            tokens.append(answer.json()["access"])
    return headers, await tenant_of(site), tokens


async def tenant_of(site: Site) -> TenantId:
    async with behind(site) as database:
        row = await database.lookup("select id from tenants where name = 'Kill Shop'")
        assert row is not None
        return TenantId(row[0])


@contextlib.asynccontextmanager
async def behind(site: Site) -> AsyncIterator[Database]:
    """The site's own database, as the serving role."""
    opened = open_database(Settings(data_dir=site.folder / "data"), "tests")
    dsn = await asyncio.to_thread(opened.__enter__)
    database = await Database.open(dsn.app, 2)
    try:
        yield database
    finally:
        await database.close()
        await asyncio.to_thread(opened.__exit__, None, None, None)


async def shop_until(url: str, token: str, products: list[str], stop: asyncio.Event, orders: list[str]) -> None:
    """One shopper who buys and buys, from an address of their own; what was acknowledged goes into `orders`."""
    async with httpx.AsyncClient(base_url=url, timeout=10, transport=from_elsewhere()) as client:
        await _shop_until(client, token, products, stop, orders)


async def _shop_until(
    client: httpx.AsyncClient, token: str, products: list[str], stop: asyncio.Event, orders: list[str]
) -> None:
    dice, headers = random.Random(token), {"Authorization": f"Bearer {token}"}
    while not stop.is_set():
        try:
            for product in dice.sample(products, 2):
                item = {"product_id": product, "quantity": 1}
                await client.post("/api/store/cart/items/", json=item, headers=headers)
            body = {"shipping_address": ADDRESS, "payment_method": dice.choice(["cod", "card"])}
            answer = await client.post("/api/store/checkout/", json=body, headers=headers)
        except httpx.HTTPError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 201:
            orders.append(answer.json()["id"])
        else:
            if answer.status_code == 503:
                await asyncio.sleep(0.5)  # as it asks for; who can't be looked up counts as an address without a name
            empty = answer.status_code == 400 and "cart_empty" in answer.text  # the adds before it met the kill
            assert empty or answer.status_code in (409, 503), answer.text


async def reach(orders: list[str], count: int, shoppers: list[asyncio.Task[None]]) -> None:
    until = time.monotonic() + 60
    while len(orders) < count and time.monotonic() < until:
        for shopper in shoppers:
            if shopper.done():
                shopper.result()  # what it met
        await asyncio.sleep(0.05)
    assert len(orders) >= count, "orders were placed"


async def _run(site: Site, kill: Any, back: Any) -> None:
    headers, tenant, tokens = await stock_up(site)
    async with httpx.AsyncClient(base_url=site.url, timeout=10, headers=headers) as client:
        listed = (await client.get("/api/platform/products/")).json()
        products = [product["id"] for product in listed["results"]]
    acknowledged: list[str] = []
    stop = asyncio.Event()
    shoppers = [asyncio.create_task(shop_until(site.url, token, products, stop, acknowledged)) for token in tokens]
    await reach(acknowledged, 40, shoppers)
    await asyncio.to_thread(kill)
    await asyncio.to_thread(back)
    await reach(acknowledged, len(acknowledged) + 40, shoppers)
    stop.set()
    await asyncio.gather(*shoppers)
    async with httpx.AsyncClient(base_url=site.url, timeout=10, headers=headers) as client:
        for order in acknowledged:
            answer = await client.get(f"/api/platform/orders/{order}/")
            assert answer.status_code == 200, f"{order} was acknowledged and is gone"
    async with behind(site) as database:
        shop = Shop(runtime(database, FakeProvider()), system(tenant, "tests"), FakeProvider())
        until = time.monotonic() + 60
        unanswered = "select count(*) from payments where tenant_id = $1 and status = 'created'"
        while await shop.value(unanswered) and time.monotonic() < until:
            await asyncio.sleep(0.5)
        assert await shop.value(unanswered) == 0, "the worker finished what the crash left open"
        assert await shop.value(STUCK) == 0
        await books_are_right(shop)


@pytest.mark.timeout(180)
async def test_kill_of_the_server_during_checkouts(site: Site) -> None:
    await _run(site, site.kill_server, site.start)


@pytest.mark.timeout(180)
async def test_kill_of_postgresql_during_checkouts(site: Site) -> None:
    await _run(site, site.kill_postgres, site.wait)
