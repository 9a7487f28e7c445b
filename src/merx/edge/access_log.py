"""Owns the way of a finished request into its tenant's access log: noted in memory when it ends, packed by the second
with everybody else's, written by one task. Where the database does not keep up, the oldest requests are dropped from
the log and counted, and no answer waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from array import array
from collections import deque
from collections.abc import Collection
from uuid import UUID

from merx.core.activity import rules, service
from merx.core.activity.model import MAX_PATH, Kind, Page, Strip
from merx.edge.logs import redact
from merx.edge.metrics import Metrics
from merx.edge.visit import Visit, birth
from merx.kernel.context import ActorKind
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

log = logging.getLogger("merx.edge")

EVERY_SECONDS = 1.0
FULL = 50_000  # requests of one kind that are packed before the second is over
MOST_PACKED = 200_000  # requests in memory before they are dropped
MOST_STRIPS = 4096  # that are remembered, to be used again
WRITE_SECONDS = 5.0
STOP_SECONDS = 10.0


class AccessLog:
    """Call `note` for each request that has ended, `run` in a task; `close` writes what is left."""

    def __init__(self, rt: Runtime, metrics: Metrics, apis: Collection[str]) -> None:
        self._rt = rt
        self._apis = frozenset(apis)  # pages and callbacks are no API requests
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._begun: list[Strip] = []  # those that hold requests
        self._pages: deque[Page] = deque()
        self._packed = 0
        self._writer: asyncio.Task[bool] | None = None
        self._writing = asyncio.Lock()
        self.dropped = 0
        metrics.counter("merx_access_log_dropped", "Requests that the access log lacks.", lambda: self.dropped)

    def note(self, visit: Visit, method: str, path: str, elapsed: float) -> None:
        """Of a request whose tenant nobody knows, nothing is kept here."""
        ctx = visit.ctx or visit.shop
        if ctx is None or visit.dialect not in self._apis:
            return
        strip = self.strip(
            ctx.tenant, ctx.actor, ctx.actor_id, visit.address, method, path, visit.dialect, visit.status
        )
        # Whose log it is may have to be looked up when the client has its answer already and asks for more.
        self.add(strip, visit.answered or time.time(), elapsed, visit.number)

    def strip(
        self,
        tenant: TenantId,
        actor: ActorKind,
        actor_id: UUID | None,
        address: str,
        method: str,
        path: str,
        dialect: str,
        status: int,
    ) -> Strip:
        """Where requests like this are noted."""
        key = (tenant, actor, actor_id, address, method, path, dialect, status)
        found = self._strips.get(key)
        if found is None:
            if len(self._strips) >= MOST_STRIPS:
                self._strips.clear()
            shown = redact(path)[:MAX_PATH]
            kind = Kind(actor, actor_id, address, method[:20], shown, dialect, status)
            found = self._strips[key] = Strip(tenant, kind)
        return found

    def add(self, strip: Strip, moment: float, elapsed: float, number: int) -> None:
        """One request more: it was answered at this moment, in epoch seconds."""
        at = strip.at
        if not 0 < len(at) < FULL:
            at = self._begin(strip)
        elif moment < at[-1]:  # they are packed by their order, and the clock may have been put back
            moment = at[-1]
        at.append(moment)
        strip.took.append(elapsed)
        strip.numbers.append(number)

    def _begin(self, strip: Strip) -> array[float]:
        if strip.at:
            self._pack()
        self._begun.append(strip)
        return strip.at

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._pack()
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self.flush())

    async def flush(self) -> bool:
        """False where something is left that could not be written now."""
        async with self._writing:
            self._pack()
            try:
                while self._pages:
                    async with asyncio.timeout(WRITE_SECONDS):
                        await self._write()
            except Exception as wrong:
                log.warning("the access log could not be written", extra={"reason": type(wrong).__name__})
                await asyncio.sleep(EVERY_SECONDS / 4)
                return False
            return True

    async def _write(self) -> None:
        """What is written once too often is left as it is, so what may not have arrived is written again."""
        batch = [self._pages.popleft() for _ in range(min(len(self._pages), 500))]
        try:
            await service.append(self._rt, batch)
        except BaseException:
            self._pages.extendleft(reversed(batch))
            raise
        self._packed -= sum(page.size for page in batch)

    def _pack(self) -> None:
        begun, self._begun = self._begun, []
        for page in rules.pack(begun, birth()):
            self._pages.append(page)
            self._packed += page.size
        while self._packed > MOST_PACKED and self._pages:
            lost = self._pages.popleft().size
            self._packed -= lost
            self.dropped += lost

    async def close(self) -> None:
        """After the last request."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while not await self.flush():
                    pass
