"""Shops at the served application, and clients whose every answer is held against the dialects' documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.dialects.site import Shop, from_elsewhere, open_shop, serving
from tests.dialects.truth import TRUTH

from merx.db.dsn import Dsn
from merx.runtime import Runtime
from merx.settings import Settings


@pytest.fixture
async def new_shop(site_rt: Runtime) -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    """Opens shops; their clients are closed after the test."""
    opened: list[Shop] = []

    async def make(**how: Any) -> Shop:
        opened.append(await open_shop(site_rt, **how))
        return opened[-1]

    yield make
    for one in opened:
        await one.http.aclose()


@pytest.fixture
async def shop(new_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    return await new_shop()


@pytest.fixture
async def http(site: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client that names no shop."""
    base = f"http://127.0.0.1:{site.port}"
    held, transport = {"response": [TRUTH]}, from_elsewhere()
    async with httpx.AsyncClient(base_url=base, timeout=30, transport=transport, event_hooks=held) as client:
        yield client


@pytest.fixture
def apart(dsn: Dsn) -> Iterator[str]:
    """The address of another server of the installation, for a test that asks so much that its own address is refused:
    at the server that all share, this would be everybody's."""
    with serving(dsn) as settings:
        yield f"http://127.0.0.1:{settings.port}"
