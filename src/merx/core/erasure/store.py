"""Writes erasures: who asked, when, and how it ended. Ids only, kept for good."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from merx.core.erasure.model import Erasure
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.ids import CustomerId

TABLES = ("erasures",)

INSERT = """
insert into erasures (tenant_id, id, customer_id, state, asked_by, asked_at, due_at) values ($1, $2, $3, 'waiting', $4, $5, $6)
"""
HASTEN = """
update erasures set due_at = least(due_at, $3) where tenant_id = $1 and customer_id = $2 and state = 'waiting'
"""
TAKE_BACK = """
update erasures set state = 'taken_back', taken_back_by = $3, ended_at = $4
where tenant_id = $1 and customer_id = $2 and state = 'waiting'
"""
CLAIM = """
update erasures e set due_at = $3
from (select d.id from erasures d where d.tenant_id = $1 and d.state in ('waiting', 'running') and d.due_at <= $2
  order by d.due_at limit 1 for no key update skip locked) due
where e.tenant_id = $1 and e.id = due.id
returning e.id, e.customer_id, e.asked_at, e.begun_at
"""
BEGIN = "update erasures set state = 'running', begun_at = $3 where tenant_id = $1 and id = $2 and state = 'waiting'"
POSTPONE = "update erasures set due_at = $3 where tenant_id = $1 and id = $2 and state in ('waiting', 'running')"
FINISH = "update erasures set state = 'done', ended_at = $3 where tenant_id = $1 and id = $2 and state = 'running'"


async def insert(tx: Tx, customer: CustomerId, due_at: datetime) -> None:
    await tx.run(INSERT, ids.new(), customer, tx.ctx.principal, tx.ctx.now, due_at)


async def hasten(tx: Tx, customer: CustomerId) -> None:
    await tx.run(HASTEN, customer, tx.ctx.now)


async def take_back(tx: Tx, customer: CustomerId) -> bool:
    """False where nothing waits, or it has begun."""
    return await tx.run(TAKE_BACK, customer, tx.ctx.principal, tx.ctx.now) == 1


async def claim(tx: Tx, until: datetime) -> Erasure | None:
    """One that is due, this worker's until then."""
    row = await tx.row(CLAIM, tx.ctx.now, until)
    return None if row is None else Erasure(row[0], CustomerId(row[1]), row[2], row[3])


async def begin(tx: Tx, erasure: UUID) -> bool:
    """False where it was taken back, or has begun."""
    return await tx.run(BEGIN, erasure, tx.ctx.now) == 1


async def postpone(tx: Tx, erasure: UUID, until: datetime) -> bool:
    """False where it has ended, or was taken back."""
    return await tx.run(POSTPONE, erasure, until) == 1


async def finish(tx: Tx, erasure: UUID) -> bool:
    """True for the one who finishes it."""
    return await tx.run(FINISH, erasure, tx.ctx.now) == 1
