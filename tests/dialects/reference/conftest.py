"""A program of one shop, and one of another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.dialects.reference.desk import Desk, desk_of
from tests.dialects.site import Shop


@pytest.fixture
async def desk(shop: Shop, http: httpx.AsyncClient) -> Desk:
    return await desk_of(shop, http)


@pytest.fixture
async def other(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> Desk:
    """Another shop's."""
    return await desk_of(await new_shop(), http)
