"""Merchants for the tests of the platform API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.dialects.baas.merchant import Merchant, fill, merchant_of
from tests.dialects.site import Shop, open_shop

from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.kernel.context import system
from merx.kernel.ids import PLATFORM_TENANT
from merx.runtime import Runtime


@pytest.fixture
async def merchant(shop: Shop) -> Merchant:
    """The owner of an empty shop, signed in."""
    return await merchant_of(shop)


@pytest.fixture
async def filled(merchant: Merchant) -> Merchant:
    """The owner of a shop with one of everything in it."""
    return await fill(merchant)


@pytest.fixture(scope="module")
async def untouched(site_rt: Runtime) -> AsyncIterator[Merchant]:
    """The same, for all tests of a module that change nothing, and may ask as often as they like."""
    shop = await open_shop(site_rt)
    platform = system(PLATFORM_TENANT)
    await tenants.set_plan(site_rt, platform, shop.ctx.tenant, Plan.ENTERPRISE, requests_per_minute=1_000_000)
    yield await fill(await merchant_of(shop))
    await shop.http.aclose()
