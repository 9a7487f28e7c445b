"""Writes access_log and access_log_hours, through the one function that may write for many tenants at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from merx.core.activity.model import Level, Page
from merx.db.database import Database, Tx

TABLES = ("access_log", "access_log_hours")

APPEND = """
select append_access_log(
  $1::uuid[], $2::timestamptz[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::bytea[])
"""
KEEP = "select keep_access_log($1, $2)"

FORGET_CALLER = "select forget_caller($1, $2, $3, $4)"

_COUNTED: Mapping[Level | None, str] = {
    None: "infos + warns + errors",
    Level.INFO: "infos",
    Level.WARN: "warns",
    Level.ERROR: "errors",
}
_BETWEEN = "from access_log where tenant_id = $1 and at >= $2 and at <= $3"
TOTALS: Mapping[Level | None, str] = {
    level: f"select coalesce(sum({counted}), 0)::bigint {_BETWEEN} and {counted} > 0"
    for level, counted in _COUNTED.items()
}
HOURS: Mapping[Level | None, str] = {
    level: f"""
select hour, {counted} from access_log_hours
where tenant_id = $1 and hour >= $2 and hour <= $3 and {counted} > 0 order by hour desc
"""
    for level, counted in _COUNTED.items()
}
SECONDS: Mapping[Level | None, str] = {
    level: f"""
select at, before from (
  select at, n, (sum(n) over (order by at desc))::bigint - n as before from (
    select at, sum({counted})::bigint as n {_BETWEEN} and {counted} > 0
    group by at order by at desc limit $5::bigint) as newest) as counted
where before < $5::bigint and before + n > $4::bigint order by at desc
"""
    for level, counted in _COUNTED.items()
}
ENTRIES: Mapping[Level | None, str] = {
    level: f"""
select at, entries {_BETWEEN} and at = any($4::timestamptz[]) and {counted} > 0 order by at desc, id
"""
    for level, counted in _COUNTED.items()
}


async def append(db: Database, pages: Sequence[Page]) -> None:
    """All of them, of whichever tenants, in one statement."""
    await db.lookup(
        APPEND,
        [page.tenant for page in pages],
        [page.at for page in pages],
        [page.id for page in pages],
        [page.infos for page in pages],
        [page.warns for page in pages],
        [page.errors for page in pages],
        [page.entries for page in pages],
    )


async def forget_caller(tx: Tx, caller: UUID, since: datetime, until: datetime) -> None:
    """Who this caller was, and from where they called, from `since` on and before `until`; that somebody did stays."""
    await tx.row(FORGET_CALLER, caller, since, until)


async def keep(db: Database, today: date, days: int) -> int:
    """Makes the partitions around today; drops those older than `days`, and says how many."""
    row = await db.lookup(KEEP, today, days)
    return 0 if row is None else int(row[0])


async def hours(tx: Tx, start: datetime, end: datetime, level: Level | None) -> list[tuple[datetime, int]]:
    """How many entries each hour holds, newest first; empty ones are left out."""
    return [(row[0], row[1]) for row in await tx.rows(HOURS[level], start, end)]


async def total(tx: Tx, start: datetime, end: datetime, level: Level | None) -> int:
    """Counted page by page: for a part of an hour."""
    row = await tx.row(TOTALS[level], start, end)
    return 0 if row is None else int(row[0])


async def seconds(
    tx: Tx, start: datetime, end: datetime, level: Level | None, limit: int, offset: int
) -> tuple[list[datetime], int]:
    """The seconds that hold the entries from `offset` to `offset + limit`, newest first, and how many entries come
    before the first of them."""
    rows = await tx.rows(SECONDS[level], start, end, offset, offset + limit)
    return [row[0] for row in rows], rows[0][1] if rows else 0


async def entries(tx: Tx, moments: Sequence[datetime], level: Level | None) -> list[tuple[datetime, bytes]]:
    """The packed entries of these seconds, newest second first."""
    return [(row[0], row[1]) for row in await tx.rows(ENTRIES[level], moments[-1], moments[0], list(moments))]
