"""Desks for the tests of the Commerce API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.dialects.commerce.desk import Desk, desk_of
from tests.dialects.site import Shop


@pytest.fixture
async def desk(shop: Shop, http: httpx.AsyncClient) -> Desk:
    """The owner of an empty shop that takes payment by hand."""
    await shop.settings(payment_provider="manual")
    return await desk_of(shop, http)


@pytest.fixture
async def other(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> Desk:
    """The owner of another shop."""
    return await desk_of(await new_shop(), http)
