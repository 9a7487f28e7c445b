"""Store role: which uploaded pictures products show. It reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from merx.db.database import Tx

TABLES = ()

PICTURES_SHOWN = """
select distinct substring(i.url from '/media/[0-9a-f-]{36}/([0-9a-f]{32})-')
from products p cross join lateral jsonb_to_recordset(p.images) as i (url text)
where p.tenant_id = $1 and p.deleted_at is null and p.images <> '[]'
  and substring(i.url from '/media/[0-9a-f-]{36}/([0-9a-f]{32})-') = any($2::text[])
"""


async def pictures_shown(tx: Tx, digests: Sequence[str]) -> list[str]:
    """Those of them that some product has among its images, whatever host and size its address names."""
    return [row[0] for row in await tx.rows(PICTURES_SHOWN, list(digests))]
