"""Writes pictures."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.media.model import KEPT_UNSEEN, LEAVING, MAX_PICTURES, Picture, Rendered
from merx.db.database import Tx

TABLES = ("pictures",)

SEEN_AGAIN = """
update pictures set seen_at = $3 where tenant_id = $1 and digest = $2 and ready and leaving_at is null
returning width, height
"""
EXPECT = f"""
insert into pictures as p (tenant_id, digest, width, height, seen_at, created_at)
select $1, $2::text, $3::int, $4::int, $5::timestamptz, $5::timestamptz
where (select count(*) from pictures c where c.tenant_id = $1) < {MAX_PICTURES}
on conflict (tenant_id, digest) do update
set seen_at = excluded.seen_at, leaving_at = null, ready = p.ready and p.leaving_at is null
where p.tenant_id = $1 and (p.leaving_at is null or p.leaving_at < $6)
returning ready
"""
KNOWN = "select 1 from pictures where tenant_id = $1 and digest = $2"
STORED = "update pictures set ready = true where tenant_id = $1 and digest = $2 and leaving_at is null"
PICTURE = "select width, height from pictures where tenant_id = $1 and digest = $2 and ready and leaving_at is null"
UNSEEN = """
select digest from pictures where tenant_id = $1 and seen_at <= $2 order by digest limit $3
for no key update skip locked
"""
SEEN = "update pictures set seen_at = $3 where tenant_id = $1 and digest = any($2::text[])"
LEAVE = """
update pictures set leaving_at = $3 where tenant_id = $1 and digest = any($2::text[])
  and (leaving_at is null or leaving_at < $4)
returning digest
"""
GONE = "delete from pictures where tenant_id = $1 and digest = any($2::text[]) and leaving_at = $3"


async def seen_again(tx: Tx, digest: str) -> Picture | None:
    """The picture, if it is there whole; it counts as uploaded now."""
    row = await tx.row(SEEN_AGAIN, digest, tx.ctx.now)
    return None if row is None else Picture(tx.ctx.tenant, digest, row[0], row[1])


async def expect(tx: Tx, digest: str, rendered: Rendered) -> bool | None:
    """Notes that its files are about to be stored; True where they are already, None where it is leaving just now, or
    where the shop has as many as it may."""
    now = tx.ctx.now
    row = await tx.row(EXPECT, digest, rendered.width, rendered.height, now, now - LEAVING)
    return None if row is None else bool(row[0])


async def known(tx: Tx, digest: str) -> bool:
    return await tx.row(KNOWN, digest) is not None


async def stored(tx: Tx, digest: str) -> None:
    await tx.run(STORED, digest)


async def picture(tx: Tx, digest: str) -> Picture | None:
    row = await tx.row(PICTURE, digest)
    return None if row is None else Picture(tx.ctx.tenant, digest, row[0], row[1])


async def unseen(tx: Tx, limit: int) -> list[str]:
    """Pictures that were not uploaded, nor found in use, for a while."""
    return [row[0] for row in await tx.rows(UNSEEN, tx.ctx.now - KEPT_UNSEEN, limit)]


async def seen(tx: Tx, digests: Sequence[str]) -> None:
    await tx.run(SEEN, list(digests), tx.ctx.now)


async def leave(tx: Tx, digests: Sequence[str]) -> list[str]:
    """Those of them that are this caller's to clear away."""
    now = tx.ctx.now
    return [row[0] for row in await tx.rows(LEAVE, list(digests), now, now - LEAVING)]


async def gone(tx: Tx, digests: Sequence[str]) -> int:
    """Forgets those that began to leave with `leave` at this very time."""
    return await tx.run(GONE, list(digests), tx.ctx.now)
