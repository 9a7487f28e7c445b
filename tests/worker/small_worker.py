"""A worker in a process of its own, for tests that kill it. It minds the tenants named in its arguments."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from uuid import UUID

import msgspec
from tests import hooks

from merx import worker
from merx.core.webhooks.model import Holder, Policy
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.ids import TenantId
from merx.providers.http import HttpSender
from merx.worker.jobs import JOBS

POLICY = Policy(pauses=(0.2,) * 9, lease=timedelta(seconds=1.5), wait_at_most=timedelta(seconds=0.4))


async def main() -> None:
    database = await Database.open(msgspec.json.decode(os.environ["TEST_DSN"]), pool_size=4)
    rt = hooks.runtime(database, HttpSender(allow_private=True, total_seconds=1))
    hooks.minding({TenantId(UUID(one)) for one in sys.argv[1:]}, setattr)
    print("works", flush=True)
    await worker.run(rt, asyncio.Event(), work={"relay": JOBS["relay"]}, chores={}, holder=Holder(ids.new(), POLICY))


if __name__ == "__main__":
    asyncio.run(main())
