"""A simulator on a real port for the whole run, and for each test an account of its own at it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from tests.databases import own_database
from tests.http_server import Listener, listener, serve_app
from tests.simulator.shop import RazorpayShop, Shop
from tests.simulator.simulator_app import runtime

from merx.db.database import Database
from merx.db.dsn import Dsn


@pytest.fixture(scope="session")
async def simulator_dsn(dsn: Dsn) -> Dsn:
    """A database of its own: another test's server would send this one's callbacks, signed with its own secret."""
    return await own_database(dsn, "simulator")


@pytest.fixture(scope="session")
async def simulator_database(simulator_dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(simulator_dsn.app, pool_size=8)
    yield found
    await found.close()


@pytest.fixture(scope="session")
def simulator_url(simulator_dsn: Dsn) -> Iterator[str]:
    address = {"TEST_DSN": msgspec.json.encode(simulator_dsn.app).decode()}
    with serve_app("tests.simulator.simulator_app:build", address) as url:
        yield url


@pytest.fixture
async def shop(simulator_url: str, simulator_database: Database) -> AsyncIterator[Shop]:
    rt = runtime(simulator_database, int(simulator_url.rpartition(":")[2]))
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        yield Shop(rt, http)


@pytest.fixture
async def razorpay(simulator_url: str, simulator_database: Database) -> AsyncIterator[RazorpayShop]:
    rt = runtime(simulator_database, int(simulator_url.rpartition(":")[2]))
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        yield RazorpayShop(rt, http)


@pytest.fixture
async def razorpay_receiver(razorpay: RazorpayShop) -> AsyncIterator[Listener]:
    async with listener() as heard:
        await razorpay.control(callback_url=f"{heard.url}/webhooks/razorpay/{razorpay.tenant}")
        yield heard


@pytest.fixture
async def receiver(shop: Shop) -> AsyncIterator[Listener]:
    """Where the shop's callbacks go."""
    async with contextlib.AsyncExitStack() as stack:
        heard = await stack.enter_async_context(listener())
        await shop.control(callback_url=f"{heard.url}/webhooks/stripe/{shop.tenant}")
        yield heard


@pytest.fixture
async def owner(simulator_dsn: Dsn) -> AsyncIterator[Any]:
    """A superuser's connection to this simulator's own database."""
    assert simulator_dsn.owner is not None
    conn = await asyncpg.connect(**simulator_dsn.owner)
    yield conn
    await conn.close()
