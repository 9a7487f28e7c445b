"""A simulator on a real port for the whole run, and for each test an account of its own at it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest
from tests.http_server import Listener, listener, serve_app
from tests.simulator.shop import Shop
from tests.simulator.simulator_app import runtime

from merx.db.database import Database
from merx.db.dsn import Dsn


@pytest.fixture(scope="session")
def simulator_url(dsn: Dsn) -> Iterator[str]:
    with serve_app("tests.simulator.simulator_app:build", {"TEST_DSN": msgspec.json.encode(dsn.app).decode()}) as url:
        yield url


@pytest.fixture
async def shop(simulator_url: str, database: Database) -> AsyncIterator[Shop]:
    rt = runtime(database, int(simulator_url.rpartition(":")[2]))
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        yield Shop(rt, http)


@pytest.fixture
async def receiver(shop: Shop) -> AsyncIterator[Listener]:
    """Where the shop's callbacks go."""
    async with contextlib.AsyncExitStack() as stack:
        heard = await stack.enter_async_context(listener())
        await shop.control(callback_url=f"{heard.url}/webhooks/stripe/{shop.tenant}")
        yield heard
