"""Merchants for the tests of the platform API."""

from __future__ import annotations

import pytest
from tests.dialects.baas.merchant import Merchant, fill, merchant_of
from tests.dialects.site import Shop


@pytest.fixture
async def merchant(shop: Shop) -> Merchant:
    """The owner of an empty shop, signed in."""
    return await merchant_of(shop)


@pytest.fixture
async def filled(merchant: Merchant) -> Merchant:
    """The owner of a shop with one of everything in it."""
    return await fill(merchant)
