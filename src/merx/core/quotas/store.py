"""The only SQL on rate_counters. It has no tenant and no row-level security: a bucket is a name, and counting goes on
where nobody has signed in yet. Each statement is a transaction of its own, so a rolled-back request stays counted."""

from __future__ import annotations

from typing import Any

from merx.db.database import Database

TABLES = ("rate_counters",)

ADD = """
insert into rate_counters as c (bucket, window_start, seconds, hits)
select h.bucket, h.start, h.seconds, greatest(0, h.amount)
from unnest($1::text[], $2::bigint[], $3::int[], $4::bigint[]) with ordinality as h (bucket, start, seconds, amount, n)
order by h.bucket
on conflict (bucket) do update set
  window_start = case when c.window_start + c.seconds <= $5 then excluded.window_start else c.window_start end,
  seconds = excluded.seconds,
  hits = case when c.window_start + c.seconds <= $5 then 0 else c.hits end + excluded.hits
returning bucket, hits, window_start + seconds as ends
"""


async def add(
    db: Database, buckets: list[str], starts: list[int], seconds: list[int], amounts: list[int], now: int
) -> dict[str, tuple[int, int]]:
    """(hits with these, when the window ends) of each bucket. The order of the rows is the order of the locks."""
    rows: list[Any] = await db.lookups(ADD, buckets, starts, seconds, amounts, now)
    return {row[0]: (row[1], row[2]) for row in rows}


GIVE_BACK = "update rate_counters set hits = greatest(0, hits - $2) where bucket = $1"


async def give_back(db: Database, bucket: str, amount: int) -> None:
    await db.lookups(GIVE_BACK, bucket, amount)


FORGET = "delete from rate_counters where window_start + seconds < $1"


async def forget(db: Database, now: int) -> None:
    await db.lookups(FORGET, now)
