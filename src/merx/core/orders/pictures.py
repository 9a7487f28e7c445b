"""Store role: which pictures orders show, as the products did when they were bought. It reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from merx.db.database import Tx

TABLES = ()

PICTURES_SHOWN = """
select distinct l.image from order_lines l where l.tenant_id = $1 and l.image is not null and l.image = any($2::text[])
"""


async def pictures_shown(tx: Tx, addresses: Sequence[str]) -> list[str]:
    """Those of these addresses that some order's line holds."""
    return [row[0] for row in await tx.rows(PICTURES_SHOWN, list(addresses))]
