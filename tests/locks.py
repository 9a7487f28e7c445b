"""For tests of what happens while somebody else waits for a lock."""

from __future__ import annotations

from tests.hooks import until

from merx.db.database import Tx

WAITING = """
select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))), $1::uuid
"""


async def somebody_waits(tx: Tx) -> None:
    """Until another transaction waits for a lock of this one. Not longer: it would give up after a second."""

    async def waits() -> bool:
        row = await tx.row(WAITING)
        return row is not None and bool(row[0])

    await until(waits)
