"""A database of its own: the worker asks for work across all tenants, and the other tests leave plenty behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.db.migrate import migrate


@pytest.fixture(scope="session")
async def worker_dsn(dsn: Dsn) -> Dsn:
    assert dsn.owner is not None
    name = f"worker_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{os.getpid()}"
    conn = await asyncpg.connect(**dsn.owner)
    await conn.execute(f"create database {name} template template0")
    await conn.close()
    owner = dsn.owner | {"database": name}
    await migrate(owner)
    return Dsn(app=dsn.app | {"database": name}, owner=owner)


@pytest.fixture(scope="session")
async def worker_database(worker_dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(worker_dsn.app, pool_size=8)
    yield found
    await found.close()


@pytest.fixture
async def worker_owner(worker_dsn: Dsn) -> AsyncIterator[Any]:
    assert worker_dsn.owner is not None
    conn = await asyncpg.connect(**worker_dsn.owner)
    yield conn
    await conn.close()
