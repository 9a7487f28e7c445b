"""Owns the way of a finished request into its tenant's access log: noted in memory when it ends, written by the second
with everybody else's. Where the database does not keep up, requests are dropped from the log and counted, and no answer
waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Collection
from functools import lru_cache

from merx.core.activity import rules, service
from merx.core.activity.model import Page, Seen
from merx.edge.logs import redact
from merx.edge.metrics import Metrics
from merx.edge.visit import Visit
from merx.runtime import Runtime

log = logging.getLogger("merx.edge")

EVERY_SECONDS = 1.0
AT_ONCE = 4_000  # requests that are packed together: a few milliseconds of work
MOST_SEEN, MOST_PACKED = 50_000, 200_000  # requests in memory before they are dropped
WRITE_SECONDS = 5.0
STOP_SECONDS = 10.0


class AccessLog:
    """Call `note` for each request that has ended, `run` in a task; `close` writes what is left."""

    def __init__(self, rt: Runtime, metrics: Metrics, apis: Collection[str]) -> None:
        self._rt = rt
        self._apis = frozenset(apis)  # pages and callbacks are no API requests
        self._seen: list[Seen] = []
        self._pages: deque[Page] = deque()
        self._packed = 0
        self._full = asyncio.Event()
        self._clean = lru_cache(4096)(redact)
        self._writing = asyncio.Lock()
        self.dropped = 0
        metrics.counter("merx_access_log_dropped", "Requests that the access log lacks.", lambda: self.dropped)

    def note(self, visit: Visit, method: str, path: str, elapsed: float) -> None:
        """Of a request whose tenant nobody knows, nothing is kept here."""
        ctx = visit.ctx or visit.shop
        if ctx is None or visit.dialect not in self._apis:
            return
        seen = self._seen
        if len(seen) >= AT_ONCE:
            self._full.set()
            if len(seen) >= MOST_SEEN:
                self.dropped += 1
                return
        seen.append(
            (
                time.time(),
                ctx.tenant,
                ctx.actor,
                ctx.actor_id,
                visit.address,
                method,
                path,
                visit.dialect,
                visit.status,
                elapsed,
                visit.id,
            )
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._full.wait()
            await self.flush()

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
        """What is written once too often is left as it is, so a page goes when it is known to have arrived."""
        batch = [self._pages[place] for place in range(min(len(self._pages), 500))]
        await service.append(self._rt, batch)
        for page in batch:
            self._pages.popleft()
            self._packed -= page.size

    def _pack(self) -> None:
        self._full.clear()
        seen, self._seen = self._seen, []
        for page in rules.pack(seen, self._clean):
            self._pages.append(page)
            self._packed += page.size
        while self._packed > MOST_PACKED:
            lost = self._pages.popleft().size
            self._packed -= lost
            self.dropped += lost

    async def close(self) -> None:
        """After the last request."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while not await self.flush():
                    pass
