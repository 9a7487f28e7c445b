"""Products that are looked at in the same moment are read together.

A process asks for a shop's products with at most AT_ONCE statements under way. Whoever comes meanwhile waits for the
next one, which asks for all of them. Nobody waits where nothing is under way, and a statement always begins after the
request it answers has come: it shows whatever that visitor has written before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast
from weakref import WeakKeyDictionary

from merx.core.catalog import store
from merx.core.catalog.model import ProductDetail
from merx.db.database import Database
from merx.kernel.context import Ctx, system
from merx.kernel.ids import ProductId, TenantId
from merx.runtime import Runtime

AT_ONCE = 2
MOST = 64
"""So many products are asked for in one statement."""
MOST_QUEUES = 1000

Key = ProductId | str
Waiting = dict[Key, list["asyncio.Future[ProductDetail | None]"]]


class _Queue:
    """Those who wait for products of one shop, named by id or by slug. Only touched by its own event loop."""

    def __init__(self, rt: Runtime, tenant: TenantId) -> None:
        self.rt, self.tenant = rt, tenant
        self.waiting: Waiting = {}
        self.reading = 0
        self._tasks: set[asyncio.Task[None]] = set()  # so that nobody collects them

    def ask(self, key: Key) -> asyncio.Future[ProductDetail | None]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ProductDetail | None] = loop.create_future()
        self.waiting.setdefault(key, []).append(answer)
        if self.reading < AT_ONCE:
            self.reading += 1
            reader = loop.create_task(self._read())
            self._tasks.add(reader)
            reader.add_done_callback(self._tasks.discard)
        return answer

    async def _read(self) -> None:
        """Until nobody waits. Between that look and the count nothing else runs, so nobody who comes is forgotten."""
        try:
            while self.waiting:
                taken = self.waiting
                if len(taken) > MOST:
                    taken = {key: self.waiting.pop(key) for key in list(self.waiting)[:MOST]}
                else:
                    self.waiting = {}
                await self._answer(taken)
        finally:
            self.reading -= 1

    async def _answer(self, taken: Waiting) -> None:
        try:
            async with self.rt.db.read(system(self.tenant, "catalog")) as tx:
                found = await store.shown_products(tx, cast("Sequence[str]", list(taken)))
        except Exception as wrong:
            for waiter in _open(taken):
                waiter.set_exception(wrong)
            return
        except BaseException:  # the process ends
            for waiter in _open(taken):
                waiter.cancel()
            raise
        for key, waiters in taken.items():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(found.get(key))


def _open(taken: Waiting) -> list[asyncio.Future[ProductDetail | None]]:
    return [waiter for waiters in taken.values() for waiter in waiters if not waiter.done()]


_queues: WeakKeyDictionary[Database, dict[tuple[TenantId, bool], _Queue]] = WeakKeyDictionary()


async def shown(rt: Runtime, ctx: Ctx, key: Key) -> ProductDetail | None:
    """What shoppers see of a product. The caller has been asked for its right to look."""
    queues = _queues.setdefault(rt.db, {})
    place = ctx.tenant, isinstance(key, str)
    queue = queues.get(place)
    if queue is None:
        if len(queues) >= MOST_QUEUES:
            for idle in [one for one, kept in queues.items() if not kept.reading]:
                del queues[idle]
        queue = queues[place] = _Queue(rt, ctx.tenant)
    return await queue.ask(key)
