"""A database of its own: the worker asks for work across all tenants, and the other tests leave plenty behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.databases import own_database, superuser

from merx.db.database import Database
from merx.db.dsn import Dsn


@pytest.fixture(scope="session")
async def worker_dsn(dsn: Dsn) -> Dsn:
    return await own_database(dsn, "worker")


@pytest.fixture(scope="session")
async def worker_database(worker_dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(worker_dsn.app, pool_size=8)
    yield found
    await found.close()


@pytest.fixture
async def worker_owner(worker_dsn: Dsn) -> AsyncIterator[Any]:
    async with superuser(worker_dsn) as conn:
        yield conn
