"""Reading a page of the log: its seconds first, then what is packed in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from merx.core.activity import rules, store
from merx.core.activity.model import Entry, Level
from merx.db.database import Tx

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
"""Clocks of several machines differ; what was written a moment ahead of ours is there all the same."""


async def read(
    tx: Tx, start: datetime | None, end: datetime | None, level: Level | None, limit: int, offset: int
) -> tuple[list[Entry], int]:
    """Newest first, both ends included to the second, and how many there are in all."""
    since = max(_up_to_second(start), _EARLIEST) if start is not None else _EARLIEST
    until = min(end.replace(microsecond=0), tx.ctx.now + _AHEAD) if end is not None else tx.ctx.now + _AHEAD
    count = await store.total(tx, since, until, level)
    if offset >= count:
        return [], count
    moments, before = await store.seconds(tx, since, until, level, limit, offset)
    if not moments:
        return [], count
    found = rules.unpack(await store.entries(tx, moments, level), level)
    return found[offset - before :][:limit], count


def _up_to_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment or whole > _LAST else whole + timedelta(seconds=1)


_LAST = datetime(9999, 12, 30, tzinfo=UTC)
