"""A store that only reads: what callers are called, by their ids. The team by the part of their e-mail before the @,
keys and OAuth clients by the names they were given."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from merx.db.database import Tx

NAMES = """
select s.id, split_part(s.email, '@', 1) from members m join staff s on s.id = m.staff_id
where m.tenant_id = $1 and m.staff_id = any($2::uuid[])
union all
select k.id, k.name from api_keys k where k.tenant_id = $1 and k.id = any($2::uuid[])
union all
select c.id, c.name from oauth_clients c where c.tenant_id = $1 and c.id = any($2::uuid[])
"""


async def names(tx: Tx, wanted: Sequence[UUID]) -> dict[UUID, str]:
    """Of those that this tenant has; who left the team has no name here any more."""
    return {row[0]: row[1] for row in await tx.rows(NAMES, list(wanted))}
