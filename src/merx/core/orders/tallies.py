"""How much customers have ordered. Statements, and the rows they give; `people` beside this file is the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from merx.core.orders.figures import SOLD
from merx.db.database import Tx
from merx.kernel.ids import CustomerId

COUNTED = 500

TALLIES = """
select c.id, count(o.created_at), coalesce(sum(o.total_minor) filter (where o.status = any($3::text[])), 0)::bigint,
  max(o.created_at)
from unnest($2::uuid[]) as c (id) cross join lateral (
  select n.status, n.total_minor, n.created_at from orders n where n.tenant_id = $1 and n.customer_id = c.id
  order by n.created_at desc, n.id desc limit $4) o
group by c.id
"""


class Tally(msgspec.Struct, frozen=True):
    """Of somebody's newest orders, `COUNTED` at most: how many there are, what those came to that were sold."""

    orders: int = 0
    spent_minor: int = 0
    last_at: datetime | None = None

    @property
    def more(self) -> bool:
        return self.orders >= COUNTED


async def of(tx: Tx, customers: Sequence[CustomerId]) -> dict[CustomerId, Tally]:
    if not customers:
        return {}
    rows = await tx.rows(TALLIES, list(customers), [status.value for status in SOLD], COUNTED)
    return {CustomerId(row[0]): Tally(row[1], row[2], row[3]) for row in rows}
