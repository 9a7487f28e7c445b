"""Reading a page of the log: which hours hold it, then which of their seconds, then what is packed in those. However
long the log is, that is one look at its hours and one into an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from merx.core.activity import rules, store
from merx.core.activity.model import Entry, Level
from merx.db.database import Tx

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)
_AHEAD = timedelta(days=1)
"""Clocks of several machines differ; what was written a moment ahead of ours is there all the same."""


async def read(
    tx: Tx, start: datetime | None, end: datetime | None, level: Level | None, limit: int, offset: int
) -> tuple[list[Entry], int]:
    """Newest first, both ends included to the second, and how many there are in all."""
    latest = tx.ctx.now + _AHEAD
    since = _EARLIEST if start is None else max(_EARLIEST, min(latest, start))
    since += timedelta(seconds=since.microsecond > 0) - timedelta(microseconds=since.microsecond)
    until = (latest if end is None else max(_EARLIEST, min(latest, end))).replace(microsecond=0)
    counts = await _hours(tx, since, until, level)
    total, newest, oldest, before = sum(count for _, count in counts), None, since, 0
    passed = 0
    for hour, count in counts:
        if newest is None and passed + count > offset:
            newest, before = hour, passed
        passed += count
        if newest is not None:
            oldest = hour
            if passed >= offset + limit:
                break
    if newest is None:
        return [], total
    first, last = max(since, oldest), min(until, newest + _HOUR - _SECOND)
    moments, skipped = await store.seconds(tx, first, last, level, limit, offset - before)
    if not moments:
        return [], total
    found = rules.unpack(await store.entries(tx, moments, level), level)
    return found[offset - before - skipped :][:limit], total


async def _hours(tx: Tx, since: datetime, until: datetime, level: Level | None) -> list[tuple[datetime, int]]:
    """What each hour holds between these seconds, newest first: the hours at both ends are counted themselves where
    only a part of them is meant."""
    if since > until:
        return []
    counts = dict(await store.hours(tx, _hour_of(since), _hour_of(until), level))
    for hour in {_hour_of(since), _hour_of(until)}:
        first, last = max(since, hour), min(until, hour + _HOUR - _SECOND)
        if hour in counts and (first > hour or last < hour + _HOUR - _SECOND):
            counts[hour] = await store.total(tx, first, last, level)
    return [(hour, count) for hour, count in counts.items() if count]


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
