"""Store of one kind of credential: the token that lets somebody choose a new password. Stored as a digest, one for a
person at a time, spent once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from merx.db.database import Tx
from merx.kernel.context import ActorKind

PUT_RESET = """
with earlier as (
  delete from credentials where tenant_id = $1 and actor_id = $4 and kind = 'reset')
insert into credentials (tenant_id, hash, kind, subject, actor, actor_id, scopes, expires_at, created_at)
values ($1, $2, 'reset', $4, $3, $4, '{}', $5, $6)
"""
SPEND_RESET = """
delete from credentials where tenant_id = $1 and hash = $2 and kind = 'reset' and expires_at > $3
returning actor, actor_id
"""

FORGET_RESETS = "delete from credentials where tenant_id = $1 and actor_id = $2 and kind = 'reset'"


async def put(tx: Tx, digest: bytes, actor: ActorKind, actor_id: UUID, expires_at: datetime) -> None:
    """In place of any that was sent before."""
    await tx.run(PUT_RESET, digest, actor.value, actor_id, expires_at, tx.ctx.now)


async def spend(tx: Tx, digest: bytes) -> tuple[ActorKind, UUID] | None:
    """Whose it was; None where it was spent, replaced or has run out. Two who spend it at once: one of them gets it."""
    row = await tx.row(SPEND_RESET, digest, tx.ctx.now)
    return None if row is None else (ActorKind(row[0]), row[1])


async def forget(tx: Tx, actor_id: UUID) -> None:
    """Whatever others there are: two that were made at the same moment did not see one another."""
    await tx.run(FORGET_RESETS, actor_id)
