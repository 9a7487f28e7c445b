"""Databases of their own, beside the run's, for tests whose workers would meet other tests' work."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.db.migrate import migrate

_number = itertools.count(1)


_TEMPLATE = "merx_template"


async def own_database(dsn: Dsn, prefix: str) -> Dsn:
    """Made one at a time, each a copy of one that was migrated: roles belong to the whole server, and two migrations
    would both touch them."""
    assert dsn.owner is not None
    name = f"{prefix}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{os.getpid()}_{next(_number)}"
    conn = await asyncpg.connect(**dsn.owner)
    try:
        await conn.execute("set statement_timeout = 0; set lock_timeout = 0")
        await conn.execute("select pg_advisory_lock(77001)")
        if not await conn.fetchval("select true from pg_database where datname = $1", _TEMPLATE):
            await conn.execute(f"create database {_TEMPLATE} template template0")
            await migrate(dsn.owner | {"database": _TEMPLATE})
        await conn.execute(f"create database {name} template {_TEMPLATE}")
        owner = dsn.owner | {"database": name}
        await migrate(owner)  # what a copy does not have: who may enter it
    finally:
        await conn.close()  # with the lock, for which the others wait without end
    return Dsn(app=dsn.app | {"database": name}, owner=owner)


def own_fixtures(prefix: str) -> tuple[Any, Any]:
    """`dsn, database = own_fixtures("worker")` in a test file or a conftest: what asks for them there has a database of
    its own."""

    @pytest.fixture(scope="session")
    async def dsn(dsn: Dsn) -> Dsn:
        return await own_database(dsn, prefix)

    @pytest.fixture(scope="session")
    async def database(dsn: Dsn) -> AsyncIterator[Database]:
        found = await Database.open(dsn.app, pool_size=8)
        yield found
        await found.close()

    return dsn, database


@contextlib.asynccontextmanager
async def superuser(dsn: Dsn) -> AsyncIterator[Any]:
    """A connection for looking behind the curtain: past row-level security, past every grant."""
    assert dsn.owner is not None
    conn = await asyncpg.connect(**dsn.owner)
    try:
        yield conn
    finally:
        await conn.close()
