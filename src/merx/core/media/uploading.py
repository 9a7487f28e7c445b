"""How a picture is taken in: outside any transaction it is decoded in a thread, two at a time with a short queue, and
stored. For this capability's service and for those above it."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from merx.core.media import rules, store
from merx.core.media.model import Leaving, Picture, Rendered, TooMany, name
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy
from merx.runtime import Runtime

AT_ONCE, QUEUE = 2, 20


async def store_picture(rt: Runtime, ctx: Ctx, data: bytes) -> Picture:
    """Checks it, makes its sizes and stores them. Who may is asked by the caller."""
    rules.check(data)
    ctx = ctx.repeatable()  # the same picture is the same row and the same files
    digest = rules.digest(data)
    async with rt.db.begin(ctx) as tx:
        found = await store.seen_again(tx, digest)
    if found is not None:
        return found
    rendered = await _threads.render(data)
    async with rt.db.begin(ctx) as tx:
        stored = await store.expect(tx, digest, rendered)
        if stored is None:
            raise Leaving() if await store.known(tx, digest) else TooMany()
    if not stored:
        # Before the row says that they are there, and after it exists: a crash between leaves nothing unaccounted for.
        # Whoever stores the same picture at the same time writes the same bytes.
        for size, content in rendered.files.items():
            await rt.media.put(name(ctx.tenant, digest, size), content)
        async with rt.db.begin(ctx) as tx:
            await store.stored(tx, digest)
    return Picture(ctx.tenant, digest, rendered.width, rendered.height)


class _Threads:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")
        self.waiting = 0

    async def render(self, data: bytes) -> Rendered:
        if self.waiting >= AT_ONCE + QUEUE:
            raise Busy(
                "Too many pictures are being uploaded at this moment; try again in a few seconds.", retry_after=5
            )
        self.waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self.pool, rules.render, data)
        running.add_done_callback(self._done)
        # Shielded: a thread can't be stopped, so an upload that was given up still takes its place until it is done.
        return await asyncio.shield(running)

    def _done(self, running: asyncio.Future[Rendered]) -> None:
        self.waiting -= 1
        if not running.cancelled():
            running.exception()  # heard, even where nobody waits any more


_threads = _Threads()


def _forked() -> None:
    global _threads
    _threads = _Threads()  # a thread does not live on in a child process


os.register_at_fork(after_in_child=_forked)
