"""The questions a worker asks across tenants. They give back kinds and ids, never what a tenant wrote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from merx.db.database import Database
from merx.kernel.ids import TenantId

TABLES = ()

WORK_DUE = """
select kind, tenant_id from work_due($1, $2::uuid[]) union all select kind, tenant_id from notifications_due($1)
union all select kind, tenant_id from erasures_due($1)
"""
STALE_ROWS = """
select kind, tenant_id from stale_rows($1) union all select kind, tenant_id from notifications_stale($1)
union all select kind, tenant_id from pictures_stale($1)
union all select kind, tenant_id from selling_stale($1)
"""


async def work_due(db: Database, now: datetime, busy: Sequence[TenantId]) -> list[tuple[str, TenantId]]:
    """Which tenants have work of which kind; `busy` have their deliveries in hand already."""
    return [(row[0], TenantId(row[1])) for row in await db.lookups(WORK_DUE, now, list(busy))]


async def stale_rows(db: Database, now: datetime) -> list[tuple[str, TenantId]]:
    return [(row[0], TenantId(row[1])) for row in await db.lookups(STALE_ROWS, now)]
