"""What the outside asks for: append what was seen, read it back, keep it for as long as is set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from merx.core.activity import steps, store
from merx.core.activity.model import Entry, Level, Page
from merx.kernel.context import Ctx
from merx.runtime import Runtime

_NO_SUCH_DAY = "23514"


async def append(rt: Runtime, pages: Sequence[Page]) -> None:
    """Writes pages of any tenants; those that were written before are left as they are. A day that nobody has made
    yet is made: the worker may have slept over midnight."""
    if not pages:
        return
    try:
        await store.append(rt.db, pages)
    except Exception as refused:
        if getattr(refused, "sqlstate", None) != _NO_SUCH_DAY:
            raise
        await keep(rt)
        await store.append(rt.db, pages)


async def keep(rt: Runtime) -> int:
    """The chore: makes the days to come, and drops the log of those that are past keeping."""
    return await store.keep(rt.db, datetime.now(UTC).date(), rt.settings.log_days)


async def list_entries(
    rt: Runtime,
    ctx: Ctx,
    start: datetime | None = None,
    end: datetime | None = None,
    level: Level | None = None,
    limit: int = 20,
    offset: int = 0,
) -> tuple[list[Entry], int]:
    """The tenant's requests, newest first, and how many there are. `start` and `end` are included, to the second."""
    ctx.require("logs:read")
    async with rt.db.begin(ctx) as tx:
        return await steps.read(tx, start, end, level, limit, offset)
