"""Somebody who runs a shop, and somebody who runs another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.dialects.pycommerce.desk import Desk, desk_of
from tests.dialects.site import Shop


@pytest.fixture
async def desk(shop: Shop, http: httpx.AsyncClient) -> Desk:
    return await desk_of(shop, http)


@pytest.fixture
async def other(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> Desk:
    """Another shop's."""
    return await desk_of(await new_shop(), http)


@pytest.fixture
def open_desk(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> Callable[..., Awaitable[Desk]]:
    async def make(**how: Any) -> Desk:
        return await desk_of(await new_shop(**how), http)

    return make
