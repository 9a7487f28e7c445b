"""Databases of their own, beside the run's, for tests whose workers would meet other tests' work."""

from __future__ import annotations

import itertools
import os

import asyncpg

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
