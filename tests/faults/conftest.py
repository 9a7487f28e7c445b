"""What the tests of selling under faults share. They have a database of their own: where a refund or a payment is due,
the worker of a served application would ask the real provider about it, and these have one of their own making."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.databases import own_database
from tests.faults import till

from merx.db.database import Database
from merx.db.dsn import Dsn


@pytest.fixture(scope="session")
async def dsn(dsn: Dsn) -> Dsn:
    return await own_database(dsn, "faults")


@pytest.fixture(scope="session")
async def database(dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(dsn.app, pool_size=8)
    yield found
    await found.close()


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs for each provider: one that closes its pages, and one that can't."""
    name: str = request.param
    monkeypatch.setattr(till, "PROVIDER", name)
    return name
