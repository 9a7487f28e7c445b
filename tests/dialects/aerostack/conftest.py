"""Shop windows for the tests of the Aerostack API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.dialects.aerostack.window import Window, window_of
from tests.dialects.site import Shop


@pytest.fixture
async def window(shop: Shop, http: httpx.AsyncClient) -> Window:
    """The page of an empty shop that takes payment by hand."""
    await shop.settings(payment_provider="manual")
    return await window_of(shop, http)


@pytest.fixture
async def other(new_shop: Callable[..., Awaitable[Shop]], http: httpx.AsyncClient) -> Window:
    """The page of another shop."""
    return await window_of(await new_shop(), http)
